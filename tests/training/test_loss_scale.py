"""fp16 trains with a scaled loss: exactly, resumably, and no overflow is taken for a fault."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from shgae.artifacts.checkpoint import CHECKPOINT, Position, load_checkpoint, read_position, save_checkpoint
from shgae.artifacts.tensors import read_note
from shgae.errors import Diverged, Interrupted
from shgae.execution import Execution
from shgae.training import health, loss_scale
from shgae.training.health import WATCHED_STEPS
from shgae.training.loss_scale import FIRST_SCALE, after_step, unscale
from tests.builders.blobs import CONFIG as BLOBS
from tests.builders.blobs import Blobs
from tests.builders.blobs import trained as blobs_trained
from tests.builders.line import CONFIG, Fitting, StopAfter, content, history, network, trained
from tests.builders.processes import together

FP16 = dataclasses.replace(CONFIG, precision="fp16")


class InFp16(Fitting):
    """The line, its forward pass in fp16; some steps' gradients are larger than the format's numbers."""

    def __init__(self, too_steep: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.steps, self.too_steep = 0, too_steep

    def loss(self, model: nn.Module, batch: Any, weight: int) -> torch.Tensor:
        self.steps += 1
        with torch.autocast("cpu", torch.float16):
            _, x, y = batch
            found = model(x)
        found = found.float()
        if self.steps in self.too_steep:
            found = found + (found - found.detach()) * 60_000  # the same value, a gradient 60,001 times as large
        return (found - y).square().sum() / weight


@given(scale=st.integers(1, 30), values=st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=8))
def test_scaling_is_exact(scale: int, values: list[float]) -> None:
    model = nn.Linear(len(values), 1, bias=False)
    gradient = torch.tensor([values]) + torch.tensor(2.0**-20)
    model.weight.grad = gradient * 2.0**scale
    unscale(model, 2.0**scale)
    assert torch.equal(model.weight.grad, gradient)


def test_the_scale_follows_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_scale, "GROWS_AFTER", 3)
    at = loss_scale.first_position("fp16")
    scales = []
    for overflowed in (True, False, False, True, False, False, False, False):
        at = after_step(at, overflowed=overflowed, scales=True)
        scales.append((at.scale / FIRST_SCALE, at.grown))
    assert scales == [(0.5, 0), (0.5, 1), (0.5, 2), (0.25, 0), (0.25, 1), (0.25, 2), (0.5, 0), (0.5, 1)]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_other_formats_have_no_scale_and_leave_no_trace_of_one(tmp_path: Path, precision: Any) -> None:
    assert after_step(loss_scale.first_position(precision), overflowed=False, scales=False) == Position()
    trained(tmp_path / "run", Execution(), config=dataclasses.replace(CONFIG, precision=precision))
    assert not {"scale", "grown"} & read_note(tmp_path / "run" / CHECKPOINT).keys()


def test_an_old_checkpoint_loads_and_a_new_one_keeps_its_scale(tmp_path: Path) -> None:
    for position in (Position(epoch=3), Position(epoch=3, scale=512.0, grown=7)):
        save_checkpoint(tmp_path / "c.safetensors", {"model.x": np.zeros(1)}, position)
        assert read_position(tmp_path / "c.safetensors") == position


def test_a_step_that_overflows_is_left_out_and_the_scale_halves(tmp_path: Path) -> None:
    """At 2^16 the gradient of the third step overflows fp16, as that of many first steps does."""
    before = network().state_dict()
    trained(tmp_path / "run", Execution(), InFp16(too_steep=(3,)), FP16)
    arrays, position = load_checkpoint(tmp_path / "run" / CHECKPOINT)
    steps = {int(array) for name, array in arrays.items() if name.endswith(".step")}
    skipped = round(np.log2(FIRST_SCALE / position.scale))
    assert skipped >= 1
    assert steps == {9 - skipped}, "the optimizer takes part in the other steps only"
    assert len(history(tmp_path / "run")) == 3
    assert not np.array_equal(arrays["model.0.weight"], before["0.weight"].numpy())


@pytest.mark.parametrize("step", [1, 3, 4, 8])
def test_fp16_resumes_exactly(tmp_path: Path, step: int) -> None:
    trained(tmp_path / "whole", Execution(), InFp16(too_steep=(2, 5)), FP16)
    goal = InFp16(too_steep=(2, 5))
    with pytest.raises(Interrupted):
        trained(tmp_path / "torn", Execution(stop=StopAfter(step)), goal, FP16)
    trained(tmp_path / "torn", Execution(resume=True), goal, FP16)
    assert content(tmp_path / "torn") == content(tmp_path / "whole")
    assert history(tmp_path / "torn") == history(tmp_path / "whole")
    positions = [load_checkpoint(tmp_path / run / CHECKPOINT)[1] for run in ("torn", "whole")]
    assert positions[0] == positions[1]
    assert positions[0].scale < FIRST_SCALE


def test_a_gradient_that_no_scale_helps_ends_the_training(tmp_path: Path) -> None:
    class Broken(InFp16):
        def loss(self, model: nn.Module, batch: Any, weight: int) -> torch.Tensor:
            loss = super().loss(model, batch, weight)
            return loss + sum((p - p).abs().sqrt().sum() for p in model.parameters())

    config = dataclasses.replace(FP16, epochs=7)
    with pytest.raises(Diverged, match=r"epoch 6, step 2 .*gradient"):
        trained(tmp_path / "run", Execution(), Broken(), config)


def test_a_loss_or_a_statistic_that_is_no_number_is_a_fault_at_any_scale() -> None:
    for loss, statistics in ((float("nan"), 1.0), (1.0, float("inf"))):
        assert health.StepStatistics(loss, 1.0, statistics, FIRST_SCALE).fault()
    assert health.StepStatistics(1.0, float("inf"), 1.0, FIRST_SCALE).fault() is None


def test_the_watchdog_counts_the_steps_that_were_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    look = health.Watchdog.look
    monkeypatch.setattr(health.Watchdog, "look", lambda self, *what: seen.append(what) or look(self, *what))
    trained(tmp_path / "run", Execution(), InFp16(too_steep=(1, 2, 7)), FP16)
    skipped = round(np.log2(FIRST_SCALE / load_checkpoint(tmp_path / "run" / CHECKPOINT)[1].scale))
    assert len(seen) == 9 - skipped < 9 < WATCHED_STEPS
    assert all(np.isfinite(reading.gradient) for reading, _ in seen)


def test_fp16_comes_close_to_float32(tmp_path: Path) -> None:
    trained(tmp_path / "fp32", Execution())
    trained(tmp_path / "fp16", Execution(), InFp16(), FP16)
    losses = [[row["val_loss"] for row in history(tmp_path / run)] for run in ("fp32", "fp16")]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.2)


def test_two_processes_scale_as_one_does(tmp_path: Path) -> None:
    class Halved(Blobs):
        def loss(self, model: Any, batch: Any, weight: int) -> torch.Tensor:
            with torch.autocast("cpu", torch.float16):
                maps = model(batch[0])
            return super().loss(lambda _: maps.float(), batch, weight) * 100  # type: ignore[arg-type]

    config = dataclasses.replace(BLOBS, precision="fp16", micro_batches=2, epochs=2)
    blobs_trained(tmp_path / "one", Execution(), config, Halved())
    ends = together(2, lambda world: blobs_trained(tmp_path / "two", Execution(world=world), config, Halved()))
    assert ends == [None, None]
    assert content(tmp_path / "one") == content(tmp_path / "two")
    one, two = (read_position(tmp_path / run / CHECKPOINT) for run in ("one", "two"))
    assert (one.scale, one.grown) == (two.scale, two.grown)
    assert one.scale < FIRST_SCALE
