"""Bottleneck tensors that lie on the device: a step has the bits that it has when they are read and sent one by one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from shgae.artifacts.activations import Activations
from shgae.artifacts.store import open_artifact
from shgae.execution import Execution
from shgae.recipes import AutoencoderConfig
from shgae.stages import pretrain_ae
from shgae.training import objectives
from shgae.training.objectives import ActivationBatch, ReconstructionObjective, ResidentBatch, moved, resident
from tests.builders.chain import Chain
from tests.builders.tiny import TINY_AE

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")


def activations(chain: Chain, split: str = "train") -> Activations:
    return Activations(open_artifact(chain.activations), split)


@pytest.mark.parametrize("at_once", [1, 3, 4096])
def test_all_rows_are_there_in_their_order(chain: Chain, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(objectives, "_MOVED", at_once)
    rows = activations(chain)
    np.testing.assert_array_equal(moved(rows, CPU).numpy(), rows.read(np.arange(len(rows))))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_what_a_step_sees_is_the_same_to_the_bit(chain: Chain, noise: float) -> None:
    config: AutoencoderConfig = dataclasses.replace(TINY_AE, noise=noise)
    train, val = activations(chain), activations(chain, "val")
    read = ReconstructionObjective(train, val, config, CPU, "fp32")
    there = dataclasses.replace(read, there=moved(train, CPU))
    rows = np.array([5, 0, 3, 7])
    assert isinstance(read.load(rows, 1), ActivationBatch)
    assert isinstance(there.load(rows, 1), ResidentBatch)
    for one, other in zip(read._on_device(read.load(rows, 1)), there._on_device(there.load(rows, 1)), strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()


def test_a_training_on_resident_rows_is_the_same_artefact(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrain_ae, "resident", lambda rows, device: moved(rows, device))
    made = pretrain_ae.run(chain.activations, tmp_path / "here", TINY_AE, Execution()).artifact
    assert made.id == open_artifact(chain.autoencoder).id


def test_they_lie_on_a_gpu_that_has_twice_their_room(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = activations(chain)
    size = 4 * rows.read(np.arange(len(rows))).size
    asked: list[torch.device] = []
    monkeypatch.setattr(objectives, "moved", lambda _, device: asked.append(device))
    for free in (2 * size - 2, 2 * size):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device, free=free: (free, 1 << 40))
        resident(rows, GPU)
        assert asked == [GPU] * (free >= 2 * size)
    assert resident(rows, CPU) is None
