"""A changed crop: one map for its pixels and its joints, new ones in every epoch, the same for the same numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from shgae.arrays import Floats
from shgae.data.augmentation import DRAWS, augmentation_of, for_joints, warped
from shgae.data.datasets import to_images
from shgae.data.geometry import Square, to_crop
from shgae.data.photo_decoding import cut
from shgae.data.synthetic import SyntheticConfig, draw_photo
from shgae.errors import Refused
from shgae.recipe_parts import PARTS, PRESETS, AugmentConfig, with_parts
from shgae.recipes import RECIPES
from shgae.skeleton import COCO_PERSON, MPII_PERSON, Skeleton
from tests.builders.augmentations import MEAN, SIZE, augmentation

ANGLE, MIRROR = 0, 2


def uniforms(people: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((people, DRAWS))


def people(count: int, seed: int = 0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, SIZE, (count, 17, 2)).astype(np.float32), rng.integers(0, 3, (count, 17), np.uint8)


def noise(people: int = 2, size: int = SIZE) -> torch.Tensor:
    crops = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (people, size, size, 3), np.uint8))
    return to_images(crops, torch.tensor([[0, 0, size, size]] * people), MEAN)


def test_the_presets_are_those_of_the_papers() -> None:
    assert PRESETS["newell"] == {"rotation": 30, "scale": 0.25, "flip": 0.5, "colour": 0.2}
    assert {key: PRESETS["strong"][key] for key in ("rotation", "scale", "half_body")} == {
        **{"rotation": 45, "scale": 0.35, "half_body": 0.3}
    }


def test_a_part_of_its_own_counts_more_than_the_preset_and_all_at_zero_is_none() -> None:
    config = with_parts(AugmentConfig("newell", rotation=10, occlusion=1))
    assert (config.rotation, config.scale, config.occlusion, config.translation) == (10, 0.25, 1, 0)
    assert with_parts(config) == config
    assert with_parts(AugmentConfig("strong", *(0.0 for _ in PARTS))) == AugmentConfig()
    assert augmentation_of(AugmentConfig("newell", 0, 0, 0, 0, 0), COCO_PERSON, SIZE, "here") is None


@pytest.mark.parametrize("size", [128, 256])
def test_mirrored_twice_is_the_same(size: int) -> None:
    mirror = augmentation(size, flip=1.0)
    xy, v = people(2)
    changes = mirror.draw(uniforms(2), xy, v)
    images = noise(2, size)
    once = warped(images, mirror.warp(changes, size))
    assert torch.equal(once, images.flip(-1))
    assert torch.equal(warped(once, mirror.warp(changes, size)), images)
    there = mirror.joints(changes, xy, v)
    back, v_back = mirror.joints(changes, *there)
    np.testing.assert_allclose(back, xy, atol=1e-5)
    np.testing.assert_array_equal(v_back, v)
    left, right = COCO_PERSON.names.index("left_wrist"), COCO_PERSON.names.index("right_wrist")
    np.testing.assert_allclose(there[0][:, left], [size, 0] + xy[:, right] * [-1, 1], atol=1e-5)


@pytest.mark.parametrize("size", [128, 256])
def test_a_quarter_turn_moves_every_pixel_and_joint_to_exactly_one_place(size: int) -> None:
    turn = augmentation(size, rotation=90.0)
    xy, v = people(2)
    numbers = uniforms(2)
    numbers[:, ANGLE] = 0.0, 1.0  # the largest angle, either way
    changes = turn.draw(numbers, xy, v)
    images = noise(2, size)
    found = warped(images, turn.warp(changes, size))
    assert torch.equal(found[0], torch.rot90(images[0], 1, (1, 2)))
    assert torch.equal(found[1], torch.rot90(images[1], -1, (1, 2)))
    moved, _ = turn.joints(changes, xy, v)
    np.testing.assert_allclose(moved[0], np.stack((xy[0, :, 1], size - xy[0, :, 0]), -1), atol=1e-4)
    np.testing.assert_allclose(moved[1], np.stack((size - xy[1, :, 1], xy[1, :, 0]), -1), atol=1e-4)


@given(
    seed=st.integers(0, 10_000),
    rotation=st.floats(0, 180),
    scale=st.floats(0, 0.9),
    flip=st.floats(0, 1),
    translation=st.floats(0, 1),
    half_body=st.floats(0, 1),
)
@settings(max_examples=60)
def test_the_inverse_map_brings_joints_back(seed: int, **parts: float) -> None:
    if not any(parts.values()):
        return
    made = augmentation(**parts)
    xy, v = people(3, seed)
    changes = made.draw(uniforms(3, seed), xy, v)
    moved, _ = made.joints(changes, xy, v)
    turn, shift = changes.affine[:, :, :2], changes.affine[:, :, 2]
    back = (moved - shift[:, None]) @ np.linalg.inv(turn).swapaxes(1, 2)
    order = np.where(changes.mirrored[:, None], made.mirrored, np.arange(17))
    np.testing.assert_allclose(back, np.take_along_axis(xy, order[..., None], 1), atol=1e-3)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25)
def test_a_joint_counts_if_it_is_labelled_and_in_the_crop_and_is_hidden_under_the_rectangle(seed: int) -> None:
    made = augmentation(augment="strong", occlusion=1.0)  # type: ignore[arg-type]
    xy, v = people(4, seed)
    changes = made.draw(uniforms(4, seed), xy, v)
    moved, found = made.joints(changes, xy, v)
    for n in range(4):
        for joint in range(17):
            x, y = moved[n, joint].tolist()
            was = v[n, made.mirrored[joint] if changes.mirrored[n] else joint]
            x0, y0, x1, y1 = changes.hidden[n].tolist()
            if not (0 <= x <= SIZE and 0 <= y <= SIZE):
                was = 0
            elif x0 <= x < x1 and y0 <= y < y1:
                was = min(was, 1)
            assert found[n, joint] == was
    width, height = (changes.hidden[:, axis + 2] - changes.hidden[:, axis] for axis in (0, 1))
    assert ((np.minimum(width, height) >= 0.19 * SIZE) & (np.maximum(width, height) <= 0.41 * SIZE)).all()
    images = warped(noise(4) + 2, made.warp(changes, SIZE))
    for n, (x0, y0, x1, y1) in enumerate(changes.hidden.tolist()):
        assert not images[n, :, y0:y1, x0:x1].any()


def test_each_part_has_numbers_of_its_own() -> None:
    xy, v = people(50)
    less, more = augmentation(rotation=20.0), augmentation(rotation=20.0, colour=0.3, occlusion=0.5)
    one, other = (made.draw(uniforms(50), xy, v) for made in (less, more))
    np.testing.assert_array_equal(one.affine, other.affine)
    assert (one.gains == 1).all()
    assert (one.hidden[:, :2] == one.hidden[:, 2:]).all()
    assert 0.7 <= other.gains.min() < 0.75 < 1.25 < other.gains.max() <= 1.3
    assert 15 < (other.hidden[:, 2] > other.hidden[:, 0]).sum() < 35


def test_half_a_body_comes_into_the_middle_if_enough_of_it_is_labelled() -> None:
    made = augmentation(half_body=1.0)
    xy, v = people(40)
    v[:20] = 2
    v[20:] = np.arange(17) < 8  # less than half of the joints
    changes = made.draw(uniforms(40), xy, v)
    assert (changes.affine[20:] == [[1, 0, 0], [0, 1, 0]]).all()
    middle = []
    for n in range(20):
        moved, _ = made.joints(changes, xy, v)
        extent = [moved[n, np.array(half)] for half in (made.upper, made.lower)]
        middle.append([np.allclose((part.min(0) + part.max(0)) / 2, SIZE / 2, atol=1e-3) for part in extent])
    assert all(sum(found) >= 1 for found in middle)
    assert {found.index(True) for found in middle} == {0, 1}


def test_colours_are_multiplied_and_cut_at_white_and_beyond_the_photo_stays_the_mean() -> None:
    crops = torch.full((1, SIZE, SIZE, 3), 204, dtype=torch.uint8)  # 0.8
    images = to_images(crops, torch.tensor([[10, 0, SIZE, SIZE]]), MEAN, torch.tensor([[0.5, 1.0, 1.5]]))
    wanted = torch.tensor([0.4, 0.8, 1.0]) - torch.tensor(MEAN)
    torch.testing.assert_close(images[0, :, 5, 50], wanted)
    assert not images[0, :, :, :10].any()


class Marked:
    """Drawn photos on whose joints stand discs, of a colour a joint, cut into crops."""

    def __init__(self, photos: int) -> None:
        crops, xy, v = [], [], []
        self.colours = np.array([[40 + 12 * joint, 20 + 120 * (joint % 2), 240 - 12 * joint] for joint in range(17)])
        for index in range(photos):
            photo = draw_photo(SyntheticConfig(photos=photos, obstacles=0, bystanders=0, most_people=1), index)
            joints = np.array(photo.annotations[0]["keypoints"], np.float64).reshape(17, 3)
            image, (x, y, width, height) = Image.fromarray(photo.image), photo.annotations[0]["bbox"]
            side = 1.2 * max(width, height)
            square = Square(x + width / 2 - side / 2, y + height / 2 - side / 2, side)
            radius, pen = 5 * side / SIZE, ImageDraw.Draw(image)
            for joint, (jx, jy, labelled) in enumerate(joints.tolist()):
                if labelled:
                    pen.ellipse([jx - radius, jy - radius, jx + radius, jy + radius], tuple(self.colours[joint]))
            crops.append(cut(image, square, SIZE)[0])
            xy.append(to_crop(joints[:, :2], square, SIZE))
            v.append(joints[:, 2])
        self.xy, self.v = np.array(xy, np.float32), np.array(v, np.uint8)
        self.images = to_images(torch.from_numpy(np.array(crops)), torch.tensor([[0, 0, SIZE, SIZE]] * photos), MEAN)

    def is_clear(self, n: int, joint: int) -> bool:
        """No other disc lies over this joint's, and the crop's border is not near."""
        others = np.delete(self.xy[n], joint, 0)[np.delete(self.v[n], joint) > 0]
        far = (np.linalg.norm(others - self.xy[n, joint], axis=1) > 8).all()
        return bool(far and ((self.xy[n, joint] > 4) & (self.xy[n, joint] < SIZE - 4)).all())


def test_a_drawn_persons_joint_keeps_the_colour_of_its_body_part_after_any_change() -> None:
    marked, made = Marked(6), augmentation(augment="strong", colour=0.0, occlusion=0.0)  # type: ignore[arg-type]
    seen = 0
    for seed in range(8):
        changes = made.draw(uniforms(6, seed), marked.xy, marked.v)
        xy, v = made.joints(changes, marked.xy, marked.v)
        images = warped(marked.images, made.warp(changes, SIZE)) + torch.tensor(MEAN)[:, None, None]
        for n, joint in zip(*np.nonzero(v), strict=True):
            source = made.mirrored[joint] if changes.mirrored[n] else int(joint)
            x, y = np.floor(xy[n, joint]).astype(int).tolist()
            if marked.is_clear(n, source) and max(x, y) < SIZE:
                np.testing.assert_allclose(images[n, :, y, x] * 255, marked.colours[source], atol=25)
                seen += 1
    assert seen > 100


def test_what_cannot_be_done_with_these_joints_is_refused_with_a_way_out() -> None:
    nameless = Skeleton.from_names(("a", "b", "c"))
    with pytest.raises(Refused) as no_pairs:
        augmentation_of(AugmentConfig("newell"), nameless, SIZE, "data")
    assert (no_pairs.value.what, no_pairs.value.fix) == ("--flip", "--flip 0")
    with pytest.raises(Refused) as no_halves:
        augmentation_of(AugmentConfig("strong", flip=0.0), nameless, SIZE, "data")
    assert (no_halves.value.what, no_halves.value.fix) == ("--half-body", "--half-body 0")
    assert augmentation_of(AugmentConfig("strong", flip=0.0, half_body=0.0), nameless, SIZE, "data")


def test_auto_is_newell_and_mirrors_where_it_can() -> None:
    auto, nameless = AugmentConfig("auto"), Skeleton.from_names(("a", "b", "c"))
    assert for_joints(auto, COCO_PERSON) == with_parts(AugmentConfig("newell"))
    assert for_joints(auto, nameless) == with_parts(AugmentConfig("newell", flip=0.0))
    assert augmentation_of(auto, nameless, SIZE, "data")
    with pytest.raises(Refused, match="--flip"):
        augmentation_of(AugmentConfig("auto", flip=0.5), nameless, SIZE, "data")


def test_improved_trains_with_auto_and_original_with_none() -> None:
    for recipe, preset in (("improved", "auto"), ("original", "none")):
        stages = RECIPES[recipe]  # type: ignore[index]
        assert {stages.train.augment, stages.finetune.augment, stages.study.augment} == {preset}


@pytest.mark.parametrize("skeleton", [COCO_PERSON, MPII_PERSON])
def test_every_joint_belongs_to_one_half_of_the_body(skeleton: Skeleton) -> None:
    upper, lower = skeleton.halves()
    assert all(a != b for a, b in zip(upper, lower, strict=True))
    names = [name for name, below in zip(skeleton.names, lower, strict=True) if below]
    assert {name.rpartition("_")[2] for name in names} <= {"hip", "knee", "ankle", "pelvis"}


def test_the_fields_of_a_preset_are_parts() -> None:
    assert {name for preset in PRESETS.values() for name in preset} <= set(PARTS)
    assert [field.name for field in dataclasses.fields(AugmentConfig)] == ["augment", *PARTS]
