"""A number that is not finite ends a training at its very step, and so do weights that stand still."""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from shgae.artifacts.checkpoint import CHECKPOINT, load_checkpoint
from shgae.errors import Diverged, Interrupted
from shgae.execution import Execution
from shgae.recipes import FitConfig
from shgae.training import health, loop
from shgae.training.optim import build_optimizer
from tests.builders import line
from tests.builders.line import CONFIG, Fitting, Poison, StopAfter, content, network, trained
from tests.builders.poisons import POISONS, step_of
from tests.promises import Kept

LONG = dataclasses.replace(CONFIG, epochs=40)
"""120 steps: the watchdog looks twice."""


@POISONS
@pytest.mark.parametrize("row", [0, 3, 7])
def test_a_poisoned_sample_stops_at_its_step_and_leaves_the_last_checkpoint(
    tmp_path: Path, row: int, value: float
) -> None:
    trained(tmp_path / "whole", Execution())
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(3)))
    step, batch = step_of(row, 1, 10, CONFIG)
    with pytest.raises(Diverged) as ended:
        trained(tmp_path / "run", Execution(resume=True), Fitting(Poison(row, 1, value)))
    assert ended.value.exit_code == 4
    line = ended.value.line()
    assert f"training in epoch 2, step {step} (points {', '.join(map(str, batch))}): " in line
    assert "; gradient norm " in line
    assert "; learning rate 0.00" in line
    assert ("a step before" in line) == (step > 1), "a resumed run has no step before its first"
    _, position = load_checkpoint(tmp_path / "run.partial" / CHECKPOINT)
    assert (position.epoch, position.step) == (1, 0)
    trained(tmp_path / "run", Execution(resume=True))
    assert content(tmp_path / "run") == content(tmp_path / "whole")


@pytest.mark.torture
@pytest.mark.parametrize("epoch", range(CONFIG.epochs))
def test_every_sample_poisoned_in_every_way(tmp_path: Path, epoch: int, kept: Kept) -> None:
    values = (float("nan"), float("inf"), -float("inf"), 1e30, -1e30)
    for row, value in itertools.product(range(Fitting.samples), values):
        run = tmp_path / f"{row}-{value}"
        step, _ = step_of(row, epoch, Fitting.samples, CONFIG)
        with pytest.raises(Diverged, match=rf"epoch {epoch + 1}, step {step} "):
            trained(run, Execution(), Fitting(Poison(row, epoch, value)))
        partial = run.with_name(f"{run.name}.partial")
        assert partial.exists() == (epoch > 0)
        if epoch:
            arrays, position = load_checkpoint(partial / CHECKPOINT)
            assert (position.epoch, position.step) == (epoch, 0)
            assert all(np.isfinite(array).all() for array in arrays.values())
    promise = "A sample that is no number ends its training at its very step, and the last good state stays"
    kept(promise, Fitting.samples * len(values), "poisoned samples")


def test_a_gradient_that_is_no_number_stops_before_it_touches_a_weight(tmp_path: Path) -> None:
    class Cliff(Fitting):
        """In one batch of the second epoch the loss is finite and its gradient is not: the square root of zero."""

        batches = 0

        def loss(self, model: nn.Module, batch: Any, weight: int) -> torch.Tensor:
            loss = super().loss(model, batch, weight)
            self.batches += 1
            return loss + sum((p - p).abs().sqrt().sum() for p in model.parameters()) if self.batches == 5 else loss

    with pytest.raises(Diverged, match=r"epoch 2, step 2 \(.*gradient is not"):
        trained(tmp_path / "run", Execution(), Cliff())
    _, position = load_checkpoint(tmp_path / "run.partial" / CHECKPOINT)
    assert (position.epoch, position.step) == (1, 0)


def test_batch_statistics_that_blew_up_stop_at_once(tmp_path: Path) -> None:
    class Overflowing(Fitting):
        def loss(self, model: nn.Module, batch: Any, weight: int) -> torch.Tensor:
            model[1].running_var.fill_(float("inf"))  # type: ignore[index]
            return super().loss(model, batch, weight)

    with pytest.raises(Diverged, match="step 1 .*batch normalisation"):
        trained(tmp_path / "run", Execution(), Overflowing())
    assert not (tmp_path / "run.partial").exists()


def test_a_reading_is_what_the_step_had() -> None:
    model = network()
    loss = model(torch.ones(4, 3)).sum()
    loss.backward()
    found = health.measure(model, loss).read()
    gradients = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).double()
    statistics = torch.cat([b.flatten() for b in model.buffers() if b.is_floating_point()]).double()
    assert found.loss == float(loss.detach())
    assert found.gradient == pytest.approx(float(gradients.norm()), rel=1e-5)
    assert found.statistics == float(statistics.abs().max())


@pytest.mark.parametrize(("variance", "is_sound"), [(1e30, True), (float("inf"), False), (float("nan"), False)])
def test_a_large_variance_is_no_fault_and_one_that_is_not_finite_is(variance: float, is_sound: bool) -> None:
    model = network()
    loss = model(torch.ones(4, 3)).sum()
    loss.backward()
    model[1].running_var[0] = variance  # type: ignore[index]
    assert (health.measure(model, loss).read().fault() is None) is is_sound


def of_copies(model: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
    """The study's mistake: an optimizer that owns copies of the weights, gradients and all."""
    optimizer = build_optimizer(copy.deepcopy(model), config)
    originals = [one for one in model.parameters() if one.requires_grad]

    def step(closure: Any = None) -> None:
        for mine, original in zip(optimizer.param_groups[0]["params"], originals, strict=True):
            mine.grad = original.grad
        type(optimizer).step(optimizer)

    optimizer.step = step  # type: ignore[assignment,method-assign]
    return optimizer


def test_an_optimizer_that_owns_copies_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "build_optimizer", of_copies)
    with pytest.raises(Diverged, match="does not own") as ended:
        trained(tmp_path / "run", Execution(), config=LONG)
    assert ended.value.exit_code == 4
    assert "epoch 17, step 2:" in ended.value.line(), "that is step 50"


def test_it_is_found_out_after_a_resume_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(10)), config=LONG)
    monkeypatch.setattr(loop, "build_optimizer", of_copies)
    with pytest.raises(Diverged, match="epoch 20, step 3: .*does not own"):
        trained(tmp_path / "run", Execution(resume=True), config=LONG)


@pytest.mark.parametrize("lr", [1e-2, 1e-5])
def test_an_optimizer_that_does_nothing_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lr: float
) -> None:
    def idle(model: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
        optimizer = build_optimizer(model, config)
        optimizer.step = lambda: None  # type: ignore[assignment,method-assign]
        return optimizer

    monkeypatch.setattr(loop, "build_optimizer", idle)
    config = dataclasses.replace(LONG, lr=lr, schedule="plateau")
    with pytest.raises(Diverged, match="50 steps, .*norm"):
        trained(tmp_path / "run", Execution(), config=config)


def test_a_dead_network_is_found_out(tmp_path: Path) -> None:
    class Dead(Fitting):
        def loss(self, model: nn.Module, batch: Any, weight: int) -> torch.Tensor:
            return super().loss(model, batch, weight) * 0

    with pytest.raises(Diverged, match="50 steps, every gradient"):
        trained(tmp_path / "run", Execution(), Dead(), LONG)


@pytest.mark.parametrize("lr", [1e-30, 1e-7, 1e-5])
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
def test_a_tiny_learning_rate_is_no_fault(
    tmp_path: Path, optimizer: Any, lr: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained_before() -> nn.Module:
        model = network()
        model[1].bias.data += 0.5  # type: ignore[index]  # of a new network it is 0, and shows the smallest move
        return model

    monkeypatch.setattr(line, "network", trained_before)
    config = dataclasses.replace(LONG, epochs=18, optimizer=optimizer, lr=lr, schedule="plateau")
    assert len(trained(tmp_path / "run", Execution(), config=config).history) == 18


def test_weights_that_are_frozen_may_stand_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @functools.wraps(network)
    def with_a_frozen_trunk() -> nn.Module:
        model = network()
        for parameter in model[0].parameters():  # type: ignore[index]
            parameter.requires_grad_(False)
        return model

    monkeypatch.setattr(line, "network", with_a_frozen_trunk)
    before = with_a_frozen_trunk().state_dict()["0.weight"].numpy()
    trained(tmp_path / "run", Execution(), config=LONG)
    after, _ = load_checkpoint(tmp_path / "run" / CHECKPOINT)
    np.testing.assert_array_equal(after["model.0.weight"], before)
