"""A GPU is not waited for: each step is judged when the next one is under way, and nothing else changes."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shgae.artifacts.checkpoint import CHECKPOINT, load_checkpoint
from shgae.data.augmentation import Warp
from shgae.data.datasets import PoseBatch, pinned
from shgae.errors import Diverged, Interrupted
from shgae.execution import Execution
from shgae.recipes import FitConfig
from shgae.training import health, loop
from shgae.training.seeding import epoch_order
from tests.builders.line import CONFIG, STEPS, Fitting, Poison, StopAfter, content, history, trained

GPU = torch.device("cuda:0")


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU is treated as a GPU is."""
    monkeypatch.setattr(loop, "reads_late", lambda *_: True)


def test_gpus_are_read_late_and_not_where_the_numbers_decide() -> None:
    assert loop.reads_late(GPU, CONFIG)
    assert not loop.reads_late(torch.device("cpu"), CONFIG)
    assert not loop.reads_late(GPU, dataclasses.replace(CONFIG, precision="fp16"))


@pytest.mark.parametrize("step", [1, 3, 4, STEPS - 1])
def test_read_late_a_training_has_the_same_bits_whole_and_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    trained(tmp_path / "at-once", Execution())
    monkeypatch.setattr(loop, "reads_late", lambda *_: True)
    trained(tmp_path / "late", Execution())
    with pytest.raises(Interrupted):
        trained(tmp_path / "torn", Execution(stop=StopAfter(step)))
    trained(tmp_path / "torn", Execution(resume=True))
    for run in ("late", "torn"):
        assert content(tmp_path / run) == content(tmp_path / "at-once")
        assert history(tmp_path / run) == history(tmp_path / "at-once")


def test_each_step_is_read_after_the_next_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: None
) -> None:
    order: list[str] = []
    measure, read = loop.measure, health.Measured.read

    def measured(*what: Any) -> health.Measured:
        order.append("measured")
        return measure(*what)

    def reading(self: health.Measured) -> health.StepStatistics:
        order.append("read")
        return read(self)

    monkeypatch.setattr(loop, "measure", measured)
    monkeypatch.setattr(health.Measured, "read", reading)
    trained(tmp_path / "run", Execution(), config=dataclasses.replace(CONFIG, epochs=1))
    assert order == ["measured", "measured", "read", "measured", "read", "read"]


@pytest.mark.parametrize("row", range(0, 10, 2))
@pytest.mark.parametrize("stopped", [False, True])
def test_the_faulty_step_is_named_and_nothing_of_it_is_saved(
    tmp_path: Path, late: None, row: int, stopped: bool
) -> None:
    """Even if a signal comes right after that step."""
    place = epoch_order(10, epoch=1, seed=CONFIG.seed, shuffle=True).tolist().index(row) // CONFIG.batch_size
    stop = StopAfter(3 + place + 1) if stopped else StopAfter(10**9)
    with pytest.raises(Diverged, match=rf"epoch 2, step {place + 1} \(points [\d, ]*{row}[,)].*nan"):
        trained(tmp_path / "run", Execution(stop=stop), Fitting(Poison(row, 1, float("nan"))))
    arrays, position = load_checkpoint(tmp_path / "run.partial" / CHECKPOINT)
    assert (position.epoch, position.step) == (1, 0)
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_weights_that_stand_still_are_found_out_late_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: None
) -> None:
    def idle(model: Any, config: FitConfig) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(model.parameters())
        optimizer.step = lambda: None  # type: ignore[assignment,method-assign]
        return optimizer

    monkeypatch.setattr(loop, "build_optimizer", idle)
    with pytest.raises(Diverged, match="epoch 17, step 2: no weight moved"):
        trained(tmp_path / "run", Execution(), config=dataclasses.replace(CONFIG, epochs=20))


def test_a_save_waits_for_the_device_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are looked at all together; each bool() of a tensor would wait."""
    asked = []
    truth = torch.Tensor.__bool__
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda self: asked.append(self) or truth(self))
    saves = []
    save = loop.save_checkpoint
    monkeypatch.setattr(loop, "save_checkpoint", lambda *what: saves.append(len(asked)) or save(*what))
    trained(tmp_path / "run", Execution(), config=dataclasses.replace(CONFIG, optimizer="sgd"))
    assert np.diff(saves).max() == 1


def test_batches_for_a_gpu_are_pinned_in_the_thread_that_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def pin(self: torch.Tensor) -> torch.Tensor:
        threads.append(threading.current_thread())
        return self + 0

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    monkeypatch.setattr(loop, "pinned", lambda batch, _device: pinned(batch, GPU))
    trained(tmp_path / "run", Execution(workers=2), config=dataclasses.replace(CONFIG, epochs=1))
    assert len(threads) == 2 * 3
    assert threading.main_thread() not in threads
    batch = PoseBatch(np.arange(2), *(torch.zeros(2) for _ in range(4)))
    assert pinned(batch, torch.device("cpu")) is batch
    there = pinned(batch, GPU)
    assert isinstance(there, PoseBatch)
    assert there.rows is batch.rows
    assert there.crops is not batch.crops
    warp = Warp(torch.zeros(2, 2, 3), torch.zeros(2, 3), torch.zeros(2, 4, dtype=torch.int64), 128)
    inner = pinned(batch._replace(warp=warp), GPU).warp
    assert isinstance(inner, Warp) and inner.crop_size == 128
    assert inner.sampling is not warp.sampling and inner.gains is not warp.gains
