"""Batches of changed crops: mirrored photos give mirrored ones, context is the photo's, each sample stands alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data.augmentation import DRAWS, Augmentation
from shgae.data.datasets import PoseBatch, batch_images, load_augmented_batch, load_pose_batch, to_images
from shgae.data.geometry import Square
from shgae.data.photo_decoding import cut
from shgae.execution import Execution
from shgae.recipes import PrepareConfig, Split
from shgae.skeleton import COCO_PERSON
from shgae.stages import prepare
from shgae.training.seeding import sample_uniforms
from tests.builders.augmentations import MEAN, augmentation


def batch_of(data: Path, made: Augmentation, epoch: int = 0, **numbers: float) -> tuple[PoseBatch, torch.Tensor]:
    """All training rows, changed, and what a network sees of them."""
    artifact = open_artifact(data, "data")
    crops = Crops(artifact, "train")
    rows = np.arange(len(crops))
    drawn = sample_uniforms(rows, DRAWS, epoch=epoch, seed=0)
    batch = load_augmented_batch(crops, rows, made, drawn)
    return batch, batch_images(batch, artifact.facts["mean_rgb"])


def mirror_photos(source: prepare.Source, folder: Path) -> prepare.Source:
    """The photos mirrored, and a JSON in which left and right have changed places."""
    document: dict[str, Any] = json.loads(source.annotations.read_text())
    widths = {image["id"]: image["width"] for image in document["images"]}
    (folder / "photos").mkdir(parents=True)
    for image in document["images"]:
        name = Path(image["file_name"]).with_suffix(".png")
        with Image.open(source.photos / image["file_name"]) as photo:
            photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "photos" / name)
        image["file_name"] = name.name
    order = list(range(17))
    for a, b in COCO_PERSON.flip_pairs:
        order[a], order[b] = b, a
    for person in document["annotations"]:
        width = widths[person["image_id"]]
        joints = np.array(person["keypoints"]).reshape(-1, 3)[order]
        joints[:, 0] = np.where(joints[:, 2] > 0, width - joints[:, 0], 0)
        person["keypoints"] = joints.ravel().tolist()
        person["bbox"][0] = width - person["bbox"][0] - person["bbox"][2]
    (folder / "people.json").write_text(json.dumps(document))
    return prepare.Source(folder / "people.json", folder / "photos")


def test_mirrored_photos_with_swapped_names_give_the_mirrored_batch(
    tmp_path: Path, tiny_data: Path, drawn: dict[Split, prepare.Source]
) -> None:
    sources: dict[Split, prepare.Source] = {"train": mirror_photos(drawn["train"], tmp_path / "mirrored")}
    prepare.run(sources, tmp_path / "data", PrepareConfig(crop_size=128), Execution())
    artifact = open_artifact(tmp_path / "data", "data")
    crops = Crops(artifact, "train")
    theirs = load_pose_batch(crops, np.arange(len(crops)))
    ours, images = batch_of(tiny_data, augmentation(flip=1.0))
    np.testing.assert_array_equal(ours.visibility, theirs.visibility)
    labelled = theirs.visibility > 0
    np.testing.assert_allclose(ours.xy_crop[labelled], theirs.xy_crop[labelled], atol=1e-4)
    mean = open_artifact(tiny_data).facts["mean_rgb"]
    expected = to_images(theirs.crops, theirs.valid, mean)
    assert float((images - expected).abs().max()) <= 2.01 / 255


@pytest.fixture(scope="module")
def wide_data(tmp_path_factory: pytest.TempPathFactory, drawn: dict[Split, prepare.Source]) -> Path:
    """The tiny data with context."""
    output = tmp_path_factory.mktemp("wide") / "data"
    prepare.run(drawn, output, PrepareConfig(crop_size=128, context=1.5), Execution())
    return output


def test_context_changes_no_bit_of_a_crop_or_a_joint(tiny_data: Path, wide_data: Path) -> None:
    plain, wide = (open_artifact(path, "data") for path in (tiny_data, wide_data))
    assert wide.facts["mean_rgb"] == plain.facts["mean_rgb"]
    for split in ("train", "val", "test"):
        one, other = Crops(plain, split), Crops(wide, split)
        rows = np.arange(len(one))
        np.testing.assert_array_equal(one.read(rows), other.read(rows))
        assert (one.stored_size, other.stored_size) == (128, 192)
        for name in ("xy_crop", "visibility", "valid", "square"):
            np.testing.assert_array_equal(getattr(one.people, name), getattr(other.people, name))


def test_context_brings_in_what_the_photo_shows_around_the_crop(
    wide_data: Path, drawn: dict[Split, prepare.Source]
) -> None:
    artifact = open_artifact(wide_data, "data")
    crops, mean = Crops(artifact, "train"), artifact.facts["mean_rgb"]
    rows = np.arange(len(crops))
    numbers = np.full((len(rows), DRAWS), 0.75)  # 16 pixels to the right and down
    batch = load_augmented_batch(crops, rows, augmentation(translation=0.25), numbers)
    around = to_images(torch.from_numpy(crops.read(rows, context=True)), batch.valid, mean)
    torch.testing.assert_close(batch_images(batch, mean), around[:, :, 16:144, 16:144], atol=1e-4, rtol=0)
    assert around[:, :, 16:32].any(), "somebody stands far from the photo's border"
    one = Square(*crops.people.square[0].tolist())
    with Image.open(drawn["train"].photos / f"{crops.people.photo_id[0]:012d}.jpg") as photo:
        seen = cut(photo.convert("RGB"), Square(one.x0 - one.side / 4, one.y0 - one.side / 4, one.side * 1.5), 192)[0]
    assert np.abs(seen.astype(int) - crops.read(rows[:1], context=True)[0]).max() <= 2


def test_a_sample_does_not_depend_on_its_batch(wide_data: Path) -> None:
    artifact = open_artifact(wide_data, "data")
    crops, made = Crops(artifact, "train"), augmentation(augment="strong")  # type: ignore[arg-type]

    def seen(rows: npt.NDArray[np.int64]) -> list[torch.Tensor]:
        batch = load_augmented_batch(crops, rows, made, sample_uniforms(rows, DRAWS, epoch=3, seed=1))
        return [batch_images(batch, MEAN), batch.xy_crop, batch.visibility]

    whole = seen(np.arange(len(crops)))
    assert [part.shape[0] for part in seen(np.arange(0))] == [0, 0, 0]
    assert whole[0].is_contiguous(memory_format=torch.channels_last)
    for row in (0, 3, 4):
        for one, all_of_them in zip(seen(np.array([row])), whole, strict=True):
            assert torch.equal(one[0], all_of_them[row])


def test_a_batch_goes_to_its_device_without_its_rectangles(wide_data: Path) -> None:
    batch, _ = batch_of(wide_data, augmentation(occlusion=1.0))
    there = batch.to(torch.device("meta"))
    assert there.warp is not None
    assert (there.warp.sampling.device.type, there.warp.hidden.device.type) == ("meta", "cpu")
    assert batch_images(there, MEAN).device.type == "meta"
