"""What several processes train in tests: a small network with batch norm, on samples of unequal weight."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from shgae.artifacts.checkpoint import HISTORY, MODEL
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.execution import Execution
from shgae.recipes import FitConfig, as_json
from shgae.training.loop import fit

CONFIG = FitConfig(epochs=5, batch_size=12, optimizer="rmsprop", lr=2e-3, schedule="plateau", precision="fp32")
"""20 steps: four an epoch, the last of one sample alone."""


class Blobs:
    """37 pictures (2, 4, 4) with three maps each, of which one to three count."""

    samples = 37

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.normal(1.0, 2.0, (self.samples, 2, 4, 4)).astype(np.float32)
        self.y = np.stack((self.x[:, 0], self.x[:, 1], self.x.sum(1)), 1)
        self.counted = (np.arange(3) < rng.integers(1, 4, (self.samples, 1))).astype(np.float32)

    def load(self, rows: Any, epoch: int) -> Any:
        return tuple(torch.from_numpy(array[rows]) for array in (self.x, self.y, self.counted))

    def weight(self, rows: Any, epoch: int) -> int:  # noqa: ARG002
        return int(self.counted[rows].sum()) * 16

    def loss(self, model: nn.Module, batch: Any, weight: int) -> torch.Tensor:
        x, y, counted = batch
        return ((model(x) - y).square().sum((2, 3)) * counted).sum() / weight

    def validate(self, model: nn.Module, execution: Execution) -> dict[str, float]:
        with torch.inference_mode():
            error = float((model(torch.from_numpy(self.x)) - torch.from_numpy(self.y)).square().mean())
        return {"val_loss": error}

    def score(self, values: Mapping[str, float]) -> float:
        return -values["val_loss"]

    def name_rows(self, rows: Any) -> str:
        return "pictures " + ", ".join(map(str, rows))


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 3, 1))


def trained(target: Path, execution: Execution, config: FitConfig = CONFIG, goal: Blobs | None = None) -> None:
    """Trains in a draft that is committed."""
    with new_artifact(
        target, kind="hourglass", config=as_json(config), parents={}, execution=execution, resumable=True
    ) as made:
        fit(network(), goal or Blobs(), config, made, execution)
        made.commit({}, volatile=(HISTORY,))


def outputs(run: Path) -> torch.Tensor:
    """What the best network of a run answers."""
    model = network().eval()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in load_tensors(run / MODEL).items()})
    with torch.inference_mode():
        found: torch.Tensor = model(torch.from_numpy(Blobs().x))
    return found
