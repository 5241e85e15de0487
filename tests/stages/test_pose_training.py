"""What a pose training writes is the best epoch's network, and what it says of it is true."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shgae.artifacts.compatibility import TRAVELS
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import read_rows
from shgae.execution import Execution
from shgae.models.zoo import build_hourglass, load_hourglass
from shgae.recipes import HeatmapConfig, TrainConfig
from shgae.stages import pose_training
from shgae.stages.pose_training import FitResult, fit_pose
from tests.builders.chain import Notes
from tests.builders.networks import MEAN, first_people, random_hourglass
from tests.builders.tiny import TINY

CONFIG = dataclasses.replace(TINY, limit=4, sigma_visible=2.0, unlabelled="empty")


@dataclass(frozen=True)
class Made:
    """A short training of a network whose stem is frozen."""

    data: Path
    path: Path
    result: FitResult


def begin(data: Path, output: Path, config: TrainConfig = CONFIG, execution: Execution | None = None) -> FitResult:
    spec, prepared = random_hourglass().spec, open_artifact(data)
    model = build_hourglass(spec, seed=3)
    model.stem.requires_grad_(requires_grad=False)
    facts = {key: prepared.facts[key] for key in TRAVELS} | {"spec": spec.to_json(), "mean_rgb": list(MEAN)}
    how = execution or Execution(workers=0)
    return fit_pose(model, facts, config, {"data": prepared}, output, how)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Made:
    path = tmp_path_factory.mktemp("fitted") / "run"
    return Made(tiny_data, path, begin(tiny_data, path))


def test_the_scores_of_the_best_epoch_are_those_of_the_written_weights_by_a_loop(made: Made) -> None:
    facts = open_artifact(made.path).facts
    _, batch, images = first_people(made.data, "val", limit=4)
    with torch.no_grad():
        maps = load_hourglass(made.path).module(images)[:, -1].numpy()
    squares, hits = 0.0, []
    for person, joint in np.ndindex(4, 17):
        target, (x, y) = np.zeros((32, 32)), batch.xy_crop[person, joint].tolist()
        labelled = int(batch.visibility[person, joint])
        if labelled and min(x, y) >= 0 and max(x, y) <= 128:
            cell_x, cell_y = (min(round(int(place) / 4), 31) for place in (x, y))
            sigma = CONFIG.sigma_visible if labelled == 2 else CONFIG.sigma_hidden
            for row, column in np.ndindex(32, 32):
                away = (abs(column - cell_x), abs(row - cell_y))
                if max(away) <= int(4 * sigma + 0.5):
                    target[row, column] = math.exp(-(away[0] ** 2 + away[1] ** 2) / (2 * sigma**2))
            found_y, found_x = divmod(int(maps[person, joint].argmax()), 32)
            hits.append((person, math.hypot(found_x - cell_x, found_y - cell_y) < 1.6))
        squares += float(((maps[person, joint] - target) ** 2).sum())
    shares = [np.mean([hit for who, hit in hits if who == person]) for person in {who for who, _ in hits}]
    assert CONFIG.peak == "one"
    assert facts["val_loss"] == pytest.approx(squares / (4 * 17 * 32 * 32), rel=1e-4)
    assert facts["val_pck"] == pytest.approx(np.mean(shares), abs=1e-6)


def test_the_manifest_tells_what_learned_and_the_history_is_no_part_of_the_id(made: Made) -> None:
    artifact = open_artifact(made.path, "hourglass")
    model = load_hourglass(made.path).module
    stem = sum(weights.numel() for weights in model.stem.parameters())
    whole = sum(weights.numel() for weights in model.parameters())
    rows = list(read_rows(made.path / "history.jsonl"))
    best = max(rows, key=lambda row: (row["val_pck"], -row["epoch"]))
    facts = artifact.facts
    assert (facts["parameters"], facts["trained_parameters"]) == (whole, whole - stem)
    assert (facts["epochs"], facts["best_epoch"]) == (CONFIG.epochs, best["epoch"])
    assert HeatmapConfig(**facts["heatmap"]) == HeatmapConfig(sigma_visible=2.0, unlabelled="empty", peak="one")
    assert [name for name, entry in artifact.manifest.files.items() if entry.volatile] == ["history.jsonl"]
    told = made.result.to_json()
    assert (told["id"], told["parameters"], told["trained_parameters"]) == (artifact.id, whole, whole - stem)
    assert [row["epoch"] for row in told["history"]] == [1, 2]


def test_what_was_frozen_did_not_move_and_the_rest_did(made: Made) -> None:
    before, after = build_hourglass(random_hourglass().spec, seed=3), load_hourglass(made.path).module
    moved = {name for name, weights in before.named_parameters() if not torch.equal(weights, after.get_parameter(name))}
    assert moved
    assert not [name for name in moved if name.startswith("stem.")]


def test_options_that_say_auto_are_written_as_they_were_resolved(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def end(model: Any, objective: Any, config: TrainConfig, *_: Any) -> Any:
        given.extend((model, objective, config))
        raise KeyboardInterrupt

    monkeypatch.setattr(pose_training, "fit", end)
    config = dataclasses.replace(CONFIG, augment="auto", scale=0.1, precision="auto", dropout=0.25)
    said = Notes()
    with pytest.raises(KeyboardInterrupt):
        begin(tiny_data, tmp_path / "run", config, Execution(workers=0, progress=said))
    _, objective, resolved = given
    assert resolved.precision in ("fp32", "bf16")
    assert (resolved.augment, resolved.rotation, resolved.scale, resolved.flip) == ("newell", 30, 0.1, 0.5)
    assert "augmentation: newell, scale 0.1" in said.said
    assert objective.augmentation is not None
    assert objective.dropout is not None
    assert (len(objective.train), len(objective.val)) == (4, 4)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        begin(tiny_data, tmp_path / "run", dataclasses.replace(config, augment="none"), Execution(progress=said))
    assert "augmentation: none, scale 0.1" in said.said
