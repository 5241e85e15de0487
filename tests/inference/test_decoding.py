"""Places of joints in maps: how they are found, and what the facts of a network say of its targets."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch.nn import functional

from shgae.artifacts.store import Artifact
from shgae.data.datasets import PoseBatch, to_images
from shgae.data.heatmaps import dark_offset, decode, quarter_offset
from shgae.inference.batches import Inference
from shgae.inference.decoding import decoding_words, note_unpaired, perfect_height, places_of, target_sigma
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import LoadedHourglass
from shgae.recipes import CellRule, Decode, DecodeConfig
from shgae.skeleton import Skeleton
from tests.builders.chain import Notes
from tests.builders.manifests import MANIFEST

MEAN = (0.5, 0.25, 0.75)
INFERENCE = Inference(torch.device("cpu"), "fp32", 8, MEAN)
THREE = Skeleton.from_names(["left_hand", "nose", "right_hand"])
SIDE = 8
"""Cells of a map."""


def colours_as_maps(images: torch.Tensor) -> torch.Tensor:
    """Two stacks; in the second every colour is a joint, averaged over squares of 4 x 4 pixels."""
    blurred = functional.avg_pool2d(images, 4)
    return torch.stack((torch.full_like(blurred, 9.0), blurred), 1)


def network(crop_size: int = 4 * SIDE, **facts: Any) -> LoadedHourglass:
    artifact = Artifact(Path("some/model"), dataclasses.replace(MANIFEST, kind="hourglass", facts=facts))
    return LoadedHourglass(colours_as_maps, HourglassSpec(keypoints=3), artifact, THREE, MEAN, crop_size)  # type: ignore[arg-type]


def crops(seed: int) -> tuple[PoseBatch, torch.Tensor]:
    """Two people, one of them partly outside the photo, and their maps (2, 3, SIDE, SIDE)."""
    pixels = np.random.default_rng(seed).integers(0, 256, (2, 4 * SIDE, 4 * SIDE, 3), dtype=np.uint8)
    valid = torch.tensor([(0, 0, 32, 32), (5, 0, 32, 30)])
    batch = PoseBatch(
        np.arange(2), torch.from_numpy(pixels), valid, torch.zeros(2, 3, 2), torch.full((2, 3), 2, dtype=torch.uint8)
    )
    return batch, colours_as_maps(to_images(batch.crops, valid, MEAN))[:, -1]


def with_mirror(batch: PoseBatch, maps: torch.Tensor, rule: CellRule) -> torch.Tensor:
    """The mean with the maps of the mirror image, mirrored back a cell at a time."""
    images = to_images(batch.crops, batch.valid, MEAN).numpy()[..., ::-1].copy()
    other = colours_as_maps(torch.from_numpy(images))[:, -1]
    found = torch.empty_like(maps)
    for joint, partner in enumerate((2, 1, 0)):
        for column in range(SIDE):
            back = SIDE - 1 - column if rule == "floor" else min(SIDE - column, SIDE - 1)
            found[:, joint, :, column] = (maps[:, joint, :, column] + other[:, partner, :, back]) / 2
    return found


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_without_a_flip_test_the_highest_cell_is_found_by_looking_at_every_cell(seed: int) -> None:
    batch, maps = crops(seed)
    found = places_of(network(), batch, maps, INFERENCE, DecodeConfig())
    for person, joint in itertools.product(range(2), range(3)):
        y, x = np.unravel_index(int(maps[person, joint].argmax()), (SIDE, SIDE))
        assert found[person, joint].tolist() == [x, y]


@pytest.mark.parametrize("rule", ["round", "floor"])
@settings(max_examples=20)
@given(seed=st.integers(0, 1000), how=st.sampled_from(["argmax", "quarter", "dark"]))
def test_a_flip_test_takes_the_mean_of_both_maps_and_gives_back_what_it_lags(
    rule: CellRule, seed: int, how: Decode
) -> None:
    """By ``round`` half a crop pixel: an eighth of a cell, along x alone."""
    batch, maps = crops(seed)
    before = maps.clone()
    found = places_of(network(cell_rule=rule), batch, maps, INFERENCE, DecodeConfig(how, flip_test=True))
    plain = places_of(network(), batch, with_mirror(batch, maps, rule), INFERENCE, DecodeConfig(how))
    torch.testing.assert_close(found, plain - torch.tensor([0.125 if rule == "round" else 0.0, 0.0]))
    assert torch.equal(maps, before), "the maps are used again"


def test_quarter_and_dark_move_the_highest_cell_and_dark_by_the_sigma_of_the_networks_targets() -> None:
    batch, _ = crops(0)
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
    bell = torch.exp(-((x - 5.3) ** 2 + (y - 5.8) ** 2) / 2 / 1.5**2)
    maps = bell.expand(2, 3, 12, 12)
    cells = decode(maps).cells
    told = network(heatmap={"sigma_visible": 1.5, "sigma_hidden": 3.0})
    quarter = places_of(told, batch, maps, INFERENCE, DecodeConfig("quarter"))
    assert torch.equal(quarter, quarter_offset(maps, cells)) and quarter[0, 0].tolist() == [5.25, 5.75]
    dark = places_of(told, batch, maps, INFERENCE, DecodeConfig("dark"))
    assert torch.equal(dark, dark_offset(maps, cells, 1.5)) and dark[0, 0].tolist() == pytest.approx(
        [5.3, 5.8], abs=0.1
    )
    assert torch.equal(
        places_of(network(), batch, maps, INFERENCE, DecodeConfig("dark")), dark_offset(maps, cells, 2.0)
    )


def test_the_targets_sigma_is_that_of_a_visible_joint_and_2_where_nobody_knows() -> None:
    assert target_sigma({"heatmap": {"sigma_visible": 1.5, "sigma_hidden": 3.0}}) == 1.5
    assert target_sigma({"heatmap": {"sigma_hidden": 3.0}}) == target_sigma({}) == 2.0


@pytest.mark.parametrize("crop_size", [128, 256])
@pytest.mark.parametrize("sigma", [0.8, 2.0])
def test_a_perfect_map_of_mass_1_is_as_high_as_scipys(crop_size: int, sigma: float) -> None:
    """Not as high as that of a hidden joint, which is another one."""
    facts = {"peak": "mass", "sigma_visible": sigma, "sigma_hidden": 1.2}
    one = np.zeros((crop_size // 4, crop_size // 4))
    one[crop_size // 8, crop_size // 8] = 1
    height = perfect_height(network(crop_size, heatmap=facts))
    assert height == pytest.approx(gaussian_filter(one, sigma).max(), rel=1e-5)
    assert height == pytest.approx(1 / (2 * math.pi * sigma**2), rel=0.05)


def test_a_perfect_map_with_a_peak_of_1_or_of_unknown_targets_is_1_high() -> None:
    assert perfect_height(network(heatmap={"peak": "one", "sigma_visible": 0.8})) == 1
    assert perfect_height(network(heatmap={})) == perfect_height(network()) == 1


def test_every_way_of_finding_points_has_words_of_its_own() -> None:
    ways = [DecodeConfig(how, flip) for how in ("argmax", "quarter", "dark") for flip in (False, True)]
    words = [decoding_words(way) for way in ways]
    assert len(set(words)) == 6
    assert all(flipped.startswith(plain) for plain, flipped in zip(words[::2], words[1::2], strict=True))


def test_a_flip_test_says_which_joints_it_cannot_swap() -> None:
    for names, said in (
        (["left_hand", "right_hand", "nose"], []),
        (["nose", "chin"], ["no joint of some/model"]),
        (["left_hand", "right_hand", "paw A", "paw B"], ["leaves in place: paw A, paw B ("]),
    ):
        notes = Notes()
        note_unpaired(Skeleton.from_names(names), Path("some/model"), notes)
        assert [part in text for part, text in zip(said, notes.said, strict=True)] == [True] * len(said)
