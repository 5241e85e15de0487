"""Joints are found alike in a photo and its mirror image, and photos are grouped into full batches."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shgae.data.boxes import Box
from shgae.data.photos import BoxedPhoto
from shgae.inference.pose_finder import PoseFinder, in_groups
from shgae.models.zoo import LoadedHourglass, load_hourglass
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
