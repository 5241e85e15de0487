"""The pose finder: what it says of photos, whole or boxed, and of a person that a detector found twice."""

from __future__ import annotations

import copy
import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shgae.data.boxes import Box
from shgae.data.photos import BoxedPhoto
from shgae.inference.pose_finder import PoseFinder, in_groups, without_doubles
from shgae.metrics.oks import coco_sigmas
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.skeleton import COCO_PERSON
from tests.builders.photo_models import (
    CONFIG,
    CPU,
    joints,
    make_model,
    noise,
)


@dataclasses.dataclass(frozen=True)
class Bounds:
    """A model without margin: a box of 128 x 128 whole pixels is a crop, pixel by pixel."""

    loaded: LoadedHourglass
    folder: Path


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Bounds:
    folder = tmp_path_factory.mktemp("exact")
    return Bounds(load_hourglass(make_model(folder / "model", margin=0.0)), folder)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    left=st.integers(-60, 130),
    top=st.integers(-60, 90),
    decode=st.sampled_from(["argmax", "quarter"]),
)
def test_a_mirrored_photo_has_mirrored_joints_under_the_flip_test(
    exact: Bounds, seed: int, left: int, top: int, decode: Any
) -> None:
    width, height = 200, 160
    photo = noise(seed, width, height)
    mirrored = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    config = dataclasses.replace(CONFIG, flip_test=True, decode=decode)
    asked = []
    for number, (picture, x) in enumerate(((photo, left), (mirrored, width - left - 128))):
        picture.save(exact.folder / f"{number}.png")
        asked.append(BoxedPhoto(exact.folder / f"{number}.png", f"{number}", number, (Box((x, top, 128, 128)),)))
    (rows,) = PoseFinder(exact.loaded, config, CPU, 0).over([tuple(asked)])
    one, other = (joints(row["people"][0]) for row in rows)
    for joint, partner in enumerate((2, 1, 0, 3)):
        # Cells of a crop begin at its left border, at pixel 0, and the last one at pixel 124 of 127: columns 1 to 31
        # mirror into each other exactly, and column 0, the border itself, into none. At columns 1 and 31 the quarter
        # offset sees column 0 or no neighbour: a quarter of a cell, one crop pixel.
        column = round((one[joint, 0] - left) / 4)
        partners_column = round((other[partner, 0] - (width - left - 128)) / 4)
        if 0 in (column, partners_column):
            continue
        assert partners_column == 32 - column
        bound = 1 if decode == "quarter" and column in (1, 31) else 0
        assert abs(one[joint, 0] + other[partner, 0] - width) <= bound + 1e-3
        assert one[joint, 1:].tolist() == pytest.approx(other[partner, 1:].tolist(), abs=1e-3)


def test_without_the_flip_test_a_mirrored_photo_has_other_joints(exact: Bounds) -> None:
    noise(5, 128, 128).save(exact.folder / "a.png")
    noise(5, 128, 128).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(exact.folder / "b.png")
    asked = tuple(BoxedPhoto(exact.folder / f"{name}.png", name, 0) for name in "ab")
    (rows,) = PoseFinder(exact.loaded, CONFIG, CPU, 0).over([asked])
    one, other = (joints(row["people"][0]) for row in rows)
    assert np.abs(one[:, 0] + other[[2, 1, 0, 3], 0] - 128).max() > 8


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 8))
def test_groups_are_full_batches_of_whole_photos_in_order(people: list[int], batch_size: int) -> None:
    photos = [BoxedPhoto(Path(f"{n}"), f"{n}", n, (Box((0, 0, 1, 1)),) * count) for n, count in enumerate(people)]
    groups = in_groups(photos, batch_size)
    assert [photo for group in groups for photo in group] == photos
    sizes = [sum(photo.people for photo in group) for group in groups]
    assert all(size <= batch_size or len(group) == 1 for size, group in zip(sizes, groups, strict=True))
    for size, following in zip(sizes, groups[1:], strict=False):
        assert size + following[0].people > batch_size, "the next photo had no room"


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (2, 3), (64, 0)])
def test_each_joint_is_the_highest_cell_of_its_map_in_photo_pixels_by_hand(
    exact: Bounds, batch_size: int, workers: int
) -> None:
    photos, corners = [], [[(0, 0), (30, 20), (72, 32)], [], [(5, 9)]]
    for number, places in enumerate(corners):
        path = exact.folder / f"by hand {number}.png"
        noise(number, 200, 160).save(path)
        boxes = tuple(Box((x, y, 128, 128), score=0.5, annotation_id=10 * number + x) for x, y in places)
        photos.append(BoxedPhoto(path, path.name, 7 + number, boxes))
    config = dataclasses.replace(CONFIG, batch_size=batch_size, decode="argmax")
    groups = in_groups(photos, batch_size)
    rows = [row for group in PoseFinder(exact.loaded, config, CPU, workers).over(groups) for row in group]
    assert [row["file_name"] for row in rows] == [photo.file_name for photo in photos]
    for photo, places, row in zip(photos, corners, rows, strict=True):
        assert (row["fault"], row["beyond"], len(row["people"])) == (None, 0, len(places))
        pixels = np.asarray(Image.open(photo.path), np.float32) / 255 - np.array([0.4, 0.5, 0.6], np.float32)
        for (x, y), entry in zip(places, row["people"], strict=True):
            crop = torch.from_numpy(pixels[y : y + 128, x : x + 128].transpose(2, 0, 1).copy())[None]
            with torch.no_grad():
                maps = exact.loaded.module(crop)[0, -1].numpy()
            for joint, (found_x, found_y, score) in enumerate(joints(entry).tolist()):
                row_of, column = np.unravel_index(maps[joint].argmax(), (32, 32))
                assert (found_x, found_y) == (x + 4 * column + 0.5, y + 4 * row_of + 0.5)
                assert score == pytest.approx(maps[joint].max(), abs=1e-3)
            assert entry["score"] == pytest.approx(0.5 * maps.max((1, 2)).mean(), abs=1e-3)
            assert (entry["image_id"], entry["annotation_id"]) == (photo.image_id, 10 * (photo.image_id - 7) + x)


def test_a_photo_that_cannot_be_read_or_has_boxes_beyond_it_says_so_and_the_others_go_on(exact: Bounds) -> None:
    noise(1, 60, 50).save(exact.folder / "good.png")
    (exact.folder / "torn.png").write_bytes(b"torn")
    inside, beyond = Box((5, 5, 20, 20)), Box((500, 500, 20, 20))
    photos = tuple(
        BoxedPhoto(exact.folder / f"{name}.png", name, 0, boxes)
        for name, boxes in (("torn", (inside,)), ("good", (beyond, inside, beyond)))
    )
    ((torn, good),) = PoseFinder(exact.loaded, CONFIG, CPU, 0).over([photos])
    assert torn["fault"]
    assert torn["people"] == []
    assert (good["fault"], good["beyond"], len(good["people"])) == (None, 2, 1)


JOINTS = ("left_hand", "nose", "right_hand")
SIGMAS = np.array([0.05, 0.1, 0.2])
PLACES = ((10.0, 10.0), (15.0, 5.0), (20.0, 10.0))


def person(
    score: float,
    places: tuple[tuple[float, float], ...] = PLACES,
    box: tuple[float, float, float, float] = (5, 0, 20, 30),
    **more: Any,
) -> dict[str, Any]:
    """Somebody with joints at these places; their scores do not matter."""
    keypoints = [number for x, y in places for number in (x, y, 0.3 * score)]
    return {"keypoints": keypoints, "score": score, "bbox": list(box), **more}


def moved(by: float, joint: int) -> tuple[tuple[float, float], ...]:
    return tuple((x + by, y) if at == joint else (x, y) for at, (x, y) in enumerate(PLACES))


def row(*people: dict[str, Any]) -> dict[str, Any]:
    return {"file_name": "a.jpg", "fault": None, "beyond": 2, "people": list(people), "sha256": "ab"}


def scores(found: dict[str, Any]) -> list[float]:
    return [one["score"] for one in found["people"]]


def test_of_two_equal_people_the_better_stays_and_the_rest_of_the_row_too() -> None:
    given = row(person(0.4, annotation_id=3), person(0.9, annotation_id=4, category_id=1), person(0.2, moved(99, 0)))
    before = copy.deepcopy(given)
    found = without_doubles(given, JOINTS, 0.9, SIGMAS)
    assert given == before
    best = {key: value for key, value in given["people"][1].items() if key != "annotation_id"}
    assert found == before | {"people": [best, given["people"][2]], "suppressed": 1}


@pytest.mark.parametrize("joint", range(3))
def test_an_oks_up_to_the_limit_is_kept_and_a_little_more_is_dropped(joint: int) -> None:
    """Boxes of 600 and 1000 pixels; one joint lies 5 pixels away."""
    one, other = person(0.9), person(0.8, moved(5.0, joint), (0, 0, 40, 25))
    oks = (2 + math.exp(-(5.0**2) / (2 * 800 * (2 * SIGMAS[joint]) ** 2))) / 3
    for limit, kept in ((oks + 1e-6, [0.9, 0.8]), (oks - 1e-6, [0.9])):
        found = without_doubles(row(one, other), JOINTS, limit, SIGMAS)
        assert scores(found) == kept
        assert found["suppressed"] == 2 - len(kept)


@pytest.mark.parametrize("which", [0, 1])
def test_a_joint_that_is_undecided_in_either_person_tells_nothing(which: int) -> None:
    people = [person(0.9), person(0.8, moved(500, 1))]

    def kept() -> list[float]:
        return scores(without_doubles(row(*people), JOINTS, 0.9, SIGMAS))

    assert kept() == [0.9, 0.8]
    people[which]["undecided"] = ["nose"]
    assert kept() == [0.9]
    people[which]["undecided"] = ["left_hand", "right_hand"]
    assert kept() == [0.9, 0.8]


def test_those_who_stay_keep_their_order() -> None:
    people = [person(score, moved(100.0 * place, 0)) for place, score in enumerate((0.2, 0.8, 0.5, 0.9))]
    people.insert(2, person(0.1, moved(100.0, 0)))
    assert scores(without_doubles(row(*people), JOINTS, 0.9, SIGMAS)) == [0.2, 0.8, 0.5, 0.9]


def test_a_photo_without_people_stays_one() -> None:
    assert without_doubles(row(), JOINTS, 0.9, SIGMAS) == row() | {"suppressed": 0}


def test_without_sigmas_they_are_cocos() -> None:
    """All joints 3 pixels away, on people of 600 pixels."""
    names = tuple(COCO_PERSON.names)
    places = tuple((10.0 * joint, 5.0) for joint in range(17))
    one, other = person(0.9, places), person(0.8, tuple((x, y + 3) for x, y in places))
    oks = np.mean([math.exp(-9 / (2 * 600 * (2 * sigma) ** 2)) for sigma in coco_sigmas()])
    assert scores(without_doubles(row(one, other), names, float(oks) + 1e-6, None)) == [0.9, 0.8]
    assert scores(without_doubles(row(one, other), names, float(oks) - 1e-6, None)) == [0.9]
