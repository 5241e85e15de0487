"""Losses equal plain loops, and noise is a thing of training alone."""

import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data.heatmaps import encode
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.recipes import HeatmapConfig
from shgae.training.objectives import PoseObjective, heatmap_errors
from tests.builders.augmentations import augmentation


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["masked", "empty"]))
def test_the_heatmap_loss_is_the_mean_over_the_maps_that_count(seed: int, unlabelled: str) -> None:
    rng = np.random.default_rng(seed)
    maps = torch.from_numpy(rng.normal(size=(3, 2, 4, 5, 5)).astype(np.float32))
    targets = torch.from_numpy(rng.normal(size=(3, 4, 5, 5)).astype(np.float32))
    visibility = torch.from_numpy(rng.integers(0, 3, (3, 4)).astype(np.uint8))
    sums, count = heatmap_errors(maps, targets, visibility, unlabelled)
    expected, cells = np.zeros(2), 0
    for n in range(3):
        for k in range(4):
            if unlabelled == "empty" or visibility[n, k] > 0:
                cells += 25
                for s in range(2):
                    expected[s] += float(((maps[n, s, k] - targets[n, k]) ** 2).sum())
    assert int(count) == cells
    np.testing.assert_allclose(sums.numpy(), expected, rtol=1e-4)


class Spy(nn.Module):
    """Answers a fixed map and keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen = images
        return self.answer.expand(len(images), 1, 17, 32, 32)


def objective(data: Path, **heatmap: object) -> PoseObjective:
    artifact = open_artifact(data, "data")
    config = HeatmapConfig(**heatmap)  # type: ignore[arg-type]
    train, val = Crops(artifact, "train"), Crops(artifact, "val")
    inference = Inference(torch.device("cpu"), "fp32", 4, artifact.facts["mean_rgb"])
    return PoseObjective(train, val, config, inference)


def test_a_network_sees_the_crop_minus_the_mean_and_zero_outside_the_photo(tiny_data: Path) -> None:
    goal, spy = objective(tiny_data), Spy()
    rows = np.arange(goal.samples)
    goal.loss(spy, goal.load(rows, 0), goal.weight(rows, 0))
    crops, people = goal.train.read(rows), goal.train.people
    mean = np.array(goal.inference.mean_rgb, np.float32)
    assert (people.valid != [0, 0, 128, 128]).any(), "some drawn person must stand at the border"
    for row in rows:
        x0, y0, x1, y1 = people.valid[row]
        expected = np.zeros((128, 128, 3), np.float32)
        expected[y0:y1, x0:x1] = crops[row, y0:y1, x0:x1] / np.float32(255) - mean
        np.testing.assert_allclose(spy.seen[row].permute(1, 2, 0).numpy(), expected, atol=1e-6)


def test_a_batch_without_any_label_gives_a_loss_of_zero(tiny_data: Path) -> None:
    goal = objective(tiny_data)
    batch = goal.load(np.arange(2), 0)
    blank = batch._replace(visibility=torch.zeros_like(batch.visibility))
    assert goal.loss(Spy(), blank, 0).item() == 0.0


@pytest.mark.parametrize("unlabelled", ["masked", "empty"])
def test_a_joint_outside_the_crop_counts_as_one_without_a_label_in_training_and_validation(
    tiny_data: Path, unlabelled: str
) -> None:
    for changes in (None, augmentation(rotation=1e-9)):
        goal = dataclasses.replace(objective(tiny_data, unlabelled=unlabelled), augmentation=changes)
        counted, squares = [], []
        for crops in (goal.train, goal.val):
            xy, v = crops.people.xy_crop, crops.people.visibility
            xy += 40
            seen = (v > 0) & (xy <= 128).all(-1)
            assert 0 < seen.sum() < (v > 0).sum()
            maps = encode(torch.from_numpy(xy), torch.from_numpy(np.where(seen, v, 0)), goal.heatmap, 128)
            counted.append(1024 * int(seen.sum() if unlabelled == "masked" else v.size))
            squares.append(float(maps.double().square().sum()))
        rows = np.arange(goal.samples)
        assert goal.weight(rows, 0) == counted[0]
        loss = goal.loss(Spy(), goal.load(rows, 0), goal.weight(rows, 0)).item()
        assert loss == pytest.approx(squares[0] / counted[0], rel=1e-5)
        assert goal.validate(Spy(), Execution())["val_loss"] == pytest.approx(squares[1] / counted[1], rel=1e-5)


def test_validation_does_not_depend_on_batch_size_or_threads(tiny_data: Path) -> None:
    goal, spy = objective(tiny_data), Spy()
    one = goal.validate(spy, Execution(workers=0))
    for size, workers in ((1, 0), (3, 2), (100, 1)):
        inference = dataclasses.replace(goal.inference, batch_size=size)
        other = dataclasses.replace(goal, inference=inference).validate(spy, Execution(workers=workers))
        assert other["val_pck"] == one["val_pck"]
        assert other["val_loss"] == pytest.approx(one["val_loss"], rel=1e-6)


def test_maps_that_are_no_numbers_give_a_validation_that_is_none(tiny_data: Path) -> None:
    spy = Spy()
    torch.nn.init.constant_(spy.answer, float("nan"))
    goal = objective(tiny_data)
    found = goal.validate(spy, Execution())
    assert np.isnan(goal.score(found))
    assert np.isnan(found["val_loss"])


def test_a_step_looks_at_nothing_that_lies_on_the_device(tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a GPU would stand still until the CPU has read it: on "meta" there are no values, so reading one raises."""
    meta = torch.device("meta")
    monkeypatch.setattr("shgae.inference.batches.autocast", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(torch.Tensor, "new_tensor", None)  # it copies from the CPU and waits
    here_only = torch.tensor
    monkeypatch.setattr(torch, "tensor", lambda data, dtype=None: here_only(data, dtype=dtype))
    here = objective(tiny_data)
    there = dataclasses.replace(here, inference=dataclasses.replace(here.inference, device=meta))
    rows = np.arange(4)
    batch = there.load(rows, 0)
    batch.valid[1, 0] = 5  # the photo does not reach everywhere
    loss = there.loss(Spy().to(meta), batch, there.weight(rows, 0))
    loss.backward()
    assert loss.device == meta
