"""What the loop's tests train: a line through ten points, in a draft, stopped after any step."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from shgae.artifacts.checkpoint import CHECKPOINT, HISTORY, MODEL
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.tables import read_rows
from shgae.artifacts.tensors import load_tensors
from shgae.execution import Execution, StopFlag
from shgae.recipes import FitConfig, as_json
from shgae.training.loop import FitSummary, fit
from shgae.training.seeding import sample_noise

CONFIG = FitConfig(epochs=3, batch_size=4, optimizer="adam", lr=0.01, schedule="cosine", precision="fp32")
STEPS = 3 * 3


class StopAfter(StopFlag):
    """A signal that comes after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def __bool__(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self.signal_number = signal.SIGTERM
        return super().__bool__()


class Poison(NamedTuple):
    """A value in the place of a sample's own, in one epoch, counted from 0."""

    row: int
    epoch: int
    value: float


class Fitting:
    """Ten points of a noisy line; batch norm is in it because its statistics are state too."""

    samples = 10

    def __init__(self, poison: Poison | None = None) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(10, 3)).astype(np.float32)
        self.y = self.x.sum(1, keepdims=True)
        self.poison = poison

    def load(self, rows: Any, epoch: int) -> Any:
        noise = sample_noise(rows, (3,), epoch=epoch, seed=0)
        x = self.x[rows] + 0.1 * noise
        if self.poison and epoch == self.poison.epoch:
            x[rows == self.poison.row] = self.poison.value
        return rows, torch.from_numpy(x), torch.from_numpy(self.y[rows])

    def weight(self, rows: Any, epoch: int) -> int:  # noqa: ARG002
        return len(rows)

    def loss(self, model: nn.Module, batch: Any, weight: int) -> torch.Tensor:
        _, x, y = batch
        return (model(x) - y).square().sum() / weight

    def validate(self, model: nn.Module, execution: Execution) -> dict[str, float]:
        assert not model.training
        with torch.inference_mode():
            error = float((model(torch.from_numpy(self.x)) - torch.from_numpy(self.y)).square().mean())
        return {"val_loss": error}

    def score(self, values: Mapping[str, float]) -> float:
        return -values["val_loss"]

    def name_rows(self, rows: Any) -> str:
        return "points " + ", ".join(map(str, rows))


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))


@contextmanager
def drafted(target: Path, execution: Execution, config: FitConfig = CONFIG) -> Iterator[Draft]:
    with new_artifact(
        target, kind="hourglass", config=as_json(config), parents={}, execution=execution, resumable=True
    ) as made:
        yield made


def trained(target: Path, execution: Execution, goal: Fitting | None = None, config: FitConfig = CONFIG) -> FitSummary:
    with drafted(target, execution, config) as made:
        summary = fit(network(), goal or Fitting(), config, made, execution)
        made.commit({}, volatile=(HISTORY,))
    return summary


def content(run: Path) -> dict[str, Any]:
    tensors = {**load_tensors(run / MODEL), **{f"c.{k}": v for k, v in load_tensors(run / CHECKPOINT).items()}}
    return {name: array.tobytes() for name, array in tensors.items()}


def history(run: Path) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in read_rows(run / HISTORY)]
