"""The reference implementations' own numbers, through the same doors that a user goes.

The cases lie next to this file. Weights are not kept but made (:func:`fill`); of maps every fourth row and column is
kept, from the second row and the third column on.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import shgae
from shgae.arrays import Array
from shgae.data.heatmaps import cells, encode
from shgae.execution import Execution
from shgae.metrics.pck import count
from shgae.metrics.people import People, Points
from shgae.metrics.pose_scores import score
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.recipes import RECIPES
from shgae.skeleton import COCO_PERSON
from shgae.stages import import_model

GOLDEN = Path(__file__).parent
CODE = AutoencoderSpec(width=256, code_size=50, output="relu")
NEWELL = HourglassSpec(keypoints=16, residual="newell", stem=(64, 128, 256), bottleneck=2, head="newell")
SPECS = {
    "seed_hourglass": HourglassSpec(keypoints=17),
    "seed_autoencoder": CODE,
    "seed_grafted": HourglassSpec(keypoints=17).with_graft(CODE),
    "bearpaw_hg1": NEWELL,
    "bearpaw_hg2": dataclasses.replace(NEWELL, stacks=2, grafts=()),
    "princeton_hg2": dataclasses.replace(NEWELL, stacks=2, grafts=(), stem=(64, 128, 128)),
}
Open = Callable[[str], Any]


def fill(key: str, shape: list[int], salt: int) -> Array:
    """One tensor of a golden case: the weights are not stored but made."""
    n = np.random.default_rng(zlib.crc32(key.encode()) + salt).standard_normal(shape)
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if key.endswith("running_var"):
        return np.exp(0.1 * n).astype(np.float32)
    if len(shape) <= 1:
        return (0.1 * n + (1.0 if key.endswith("weight") else 0.0)).astype(np.float32)
    return (n / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def images(salt: int) -> torch.Tensor:
    numbers = np.random.default_rng(1234 + salt).uniform(-0.5, 0.5, (2, 3, 256, 256))
    return torch.from_numpy(numbers.astype(np.float32))


@pytest.fixture
def imported(tmp_path: Path) -> Open:
    def open_case(name: str) -> Any:
        case = json.loads((GOLDEN / f"{name}.json").read_text())
        weights = {key: torch.from_numpy(fill(key, shape, case["salt"])) for key, shape in case["tensors"].items()}
        torch.save(weights, tmp_path / "x.pth")
        made = import_model.run(tmp_path / "x.pth", tmp_path / name, Execution()).artifact
        assert made.facts["spec"] == SPECS[name].to_json()
        return (shgae.open_autoencoder if made.manifest.kind == "autoencoder" else shgae.open_model)(made.path)

    return open_case


def assert_close(found: torch.Tensor, wanted: Array) -> None:
    """Within 1e-4 of the largest value."""
    assert found.shape == wanted.shape
    assert np.abs(found.numpy() - wanted).max() < 1e-4 * np.abs(wanted).max()


def thinned(maps: torch.Tensor) -> torch.Tensor:
    return maps[..., 1::4, 2::4]


@pytest.mark.usefixtures("reads_here")
@torch.no_grad()
def test_the_studys_hourglass(imported: Open) -> None:
    model, wanted = imported("seed_hourglass"), np.load(GOLDEN / "seed_hourglass.npz")
    assert_close(thinned(model(images(0))[:, 0]), wanted["heatmaps"])
    assert_close(model.bottleneck(images(0)), wanted["bottleneck"])


@torch.no_grad()
def test_the_studys_autoencoder(imported: Open) -> None:
    model, wanted = imported("seed_autoencoder"), np.load(GOLDEN / "seed_autoencoder.npz")
    bottleneck = torch.from_numpy(wanted["bottleneck"])
    assert_close(model.encode(bottleneck), wanted["latent"])
    assert_close(model(bottleneck), wanted["reconstruction"])


@pytest.mark.usefixtures("reads_here")
@torch.no_grad()
def test_the_studys_grafted_hourglass(imported: Open) -> None:
    model, wanted = imported("seed_grafted"), np.load(GOLDEN / "seed_grafted.npz")
    assert_close(thinned(model(images(0))[:, 0]), wanted["heatmaps"])


@pytest.mark.usefixtures("reads_here")
@torch.no_grad()
@pytest.mark.parametrize("name", ["bearpaw_hg1", "bearpaw_hg2", "princeton_hg2"])
def test_other_peoples_hourglasses(imported: Open, name: str) -> None:
    model, wanted = imported(name), np.load(GOLDEN / f"{name}.npz")
    assert_close(thinned(model(images(0))), wanted["heatmaps"])
    assert_close(model.bottleneck(images(0)), wanted["bottleneck"])


def test_the_studys_target_heatmaps() -> None:
    people = np.load(GOLDEN / "metrics.npz")
    xy_crop, visibility = (torch.from_numpy(people[name][:4]) for name in ("keypoints", "visibility"))
    maps = encode(xy_crop, visibility, RECIPES["original"].train, 256)
    assert np.abs(maps.numpy() - people["target_heatmaps"]).max() < 1e-6


def test_the_studys_pck() -> None:
    people, wanted = np.load(GOLDEN / "metrics.npz"), json.loads((GOLDEN / "metrics.json").read_text())
    true_cells = cells(torch.from_numpy(people["keypoints"]), 256).cells.numpy()
    found = count(people["prediction"], true_cells, people["visibility"], 64).pck()
    assert vars(found) == {
        "all": pytest.approx(wanted["seed_pck_annotated"], abs=1e-9),
        "v1": pytest.approx(wanted["seed_pck_hidden_only"], abs=1e-9),
        "v2": pytest.approx(wanted["seed_pck_visible_only"], abs=1e-9),
    }


def test_mmposes_pck_of_the_box() -> None:
    golden, wanted = np.load(GOLDEN / "metrics.npz"), json.loads((GOLDEN / "metrics.json").read_text())
    keypoints, visibility, predicted = (golden[name] for name in ("keypoints", "visibility", "prediction"))
    box = np.concatenate([np.zeros_like(golden["box_size"]), golden["box_size"]], axis=1)
    each = np.arange(len(keypoints))
    names = COCO_PERSON.names
    people = People(names, keypoints, visibility, predicted, visibility, 64, box, photo_id=each, annotation_id=each)
    points = Points(4.0 * predicted, predicted, np.ones(len(keypoints)), decoding="4 x cell")
    found = {metric.name: metric for metric in score(points, people).metrics}
    for radius in ("0.05", "0.1", "0.2"):
        values, golden_values = found[f"box_pck@{radius}/joint"], wanted[f"mmpose_bbox_pck_{radius}"]
        assert values.all == pytest.approx(golden_values["mean"], abs=1e-9)
        assert [values.joints[name] for name in names] == pytest.approx(golden_values["per_joint"], abs=1e-9)
