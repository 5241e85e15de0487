"""A poisoned sample in the real trainings: it stops them at its step, and the line names everybody in the batch."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data.datasets import to_images
from shgae.errors import Diverged
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import autocast
from shgae.recipes import Precision
from shgae.stages import pretrain_ae, train
from shgae.training import objectives
from shgae.training.seeding import sample_noise
from tests.builders.chain import Chain
from tests.builders.poisons import POISONS, step_of
from tests.builders.tiny import TINY, TINY_AE


@POISONS
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_poisoned_person_is_named_with_the_batch(
    tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch, precision: Precision, value: float
) -> None:
    config = dataclasses.replace(TINY, precision=precision, epochs=1)
    poisoned = 2

    def forward(self: Inference, model: nn.Module, batch: Any) -> torch.Tensor:
        images = to_images(batch.crops, batch.valid, self.mean_rgb)
        images[torch.from_numpy(batch.rows == poisoned)] = value
        with autocast(self.device, self.precision):
            return model(images)  # type: ignore[no-any-return]

    monkeypatch.setattr(Inference, "forward", forward)
    with pytest.raises(Diverged, match="epoch 1, step ") as ended:
        train.run(tiny_data, tmp_path / "run", config, Execution())
    people = Crops(open_artifact(tiny_data, "data"), "train", None).people.annotation_id
    step, batch = step_of(poisoned, 0, len(people), config)
    assert f"step {step} (people {', '.join(str(people[row]) for row in batch)}): " in ended.value.line()
    assert not (tmp_path / "run.partial").exists(), "there was nothing to keep"


@POISONS
def test_a_poisoned_bottleneck_is_named_with_the_batch(
    tmp_path: Path, chain: Chain, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    def noise(rows: Any, shape: Any, *, epoch: int, seed: int) -> Any:
        e = sample_noise(rows, shape, epoch=epoch, seed=seed)
        e[rows == 5] = value
        return e

    monkeypatch.setattr(objectives, "sample_noise", noise)
    with pytest.raises(Diverged, match=r"epoch 1, step \d \(activation rows .*\)"):
        pretrain_ae.run(chain.activations, tmp_path / "run", TINY_AE, Execution())
