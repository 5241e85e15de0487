"""Dropout of the bottleneck and weight decay: what they touch, and that chance is a function of the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.hourglass import StackedHourglass
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass
from shgae.recipes import FitConfig, TrainConfig
from shgae.stages import train
from shgae.training.dropout import Dropout, multiplied
from shgae.training.optim import build_optimizer
from tests.builders.tiny import REGULAR


def network(stacks: int = 1) -> StackedHourglass:
    spec = HourglassSpec(keypoints=3, crop_size=128, residual="newell", stacks=stacks, width=8)
    return build_hourglass(spec, seed=0).eval()


def test_so_much_is_dropped_and_the_mean_stays() -> None:
    factors = Dropout(0.25, 2, 16, seed=0).factors(np.arange(20), epoch=1)
    assert factors.shape == (20, 2, 16, 4, 4)
    assert factors.unique().tolist() == pytest.approx([0, 4 / 3])
    assert abs(float(factors.mean()) - 1) < 0.03


def test_what_is_dropped_is_a_rows_own_in_an_epoch() -> None:
    drop = Dropout(0.5, 1, 8, seed=3)
    whole = drop.factors(np.arange(6), epoch=2)
    assert torch.equal(drop.factors(np.array([4, 1]), epoch=2), whole[[4, 1]])
    assert not torch.equal(drop.factors(np.arange(6), epoch=3), whole)


def test_it_is_the_bottleneck_that_is_multiplied_of_each_stack_once() -> None:
    model, images = network(), torch.rand(2, 3, 128, 128)
    factors = Dropout(0.5, 1, 8, seed=0).factors(np.arange(2), epoch=0)
    with torch.no_grad():
        at = model.descend(images)
        wanted = model.ascend(at, at.bottleneck * factors[:, 0])
        plain = model(images)
        with multiplied(model, factors):
            found = model(images)
        assert torch.equal(found[:, -1], wanted)
        assert not torch.equal(found, plain)
        assert torch.equal(model(images), plain), "afterwards nothing is multiplied"


def test_stacks_that_share_an_autoencoder_have_factors_of_their_own() -> None:
    model, images = network(2), torch.rand(1, 3, 128, 128)
    model.hourglass(1).graft = model.hourglass(0).graft
    ones = torch.ones(1, 2, 8, 4, 4)
    with torch.no_grad():
        plain = model(images)
        for stack in (0, 1):
            factors = ones.clone()
            factors[:, stack] = 0
            with multiplied(model, factors):
                found = model(images)
            assert torch.equal(found[:, 0], plain[:, 0]) == (stack == 1)
            assert not torch.equal(found[:, 1], plain[:, 1])


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
def test_weight_decay_shrinks_weights_and_leaves_biases_and_norms_alone(optimizer: str) -> None:
    model = network()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    config = TrainConfig(optimizer=optimizer, weight_decay=0.5, lr=0.01)  # type: ignore[arg-type]
    chosen = build_optimizer(model, config)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for group in chosen.param_groups:
        group["lr"] = 0.02  # as the schedule sets it
    chosen.step()
    for name, parameter in model.named_parameters():
        share = 1 - 0.5 * 0.02 if parameter.ndim > 1 else 1
        torch.testing.assert_close(parameter.detach(), before[name] * share)


@pytest.mark.parametrize("optimizer", ["rmsprop", "sgd"])
def test_weight_decay_acts_apart_from_the_gradient(optimizer: str) -> None:
    models = [network(), network()]
    configs = [TrainConfig(optimizer=optimizer, weight_decay=decay, lr=0.01) for decay in (0.0, 0.5)]  # type: ignore[arg-type]
    before = {name: parameter.detach().clone() for name, parameter in models[0].named_parameters()}
    for model, config in zip(models, configs, strict=True):
        chosen = build_optimizer(model, config)
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        chosen.step()
    for (name, plain), decayed in zip(models[0].named_parameters(), models[1].parameters(), strict=True):
        lost = 0.5 * 0.01 * before[name] if plain.ndim > 1 else 0
        torch.testing.assert_close(decayed.detach(), plain.detach() - lost)


def test_adam_without_weight_decay_is_adam() -> None:
    assert type(build_optimizer(network(), FitConfig(optimizer="adam"))) is torch.optim.Adam


def test_a_refused_training_leaves_nothing(tiny_data: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        train.run(tiny_data, tmp_path / "run", REGULAR, Execution(device="abacus"))
    assert list(tmp_path.iterdir()) == []
