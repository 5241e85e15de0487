"""Learning rates follow their recipes; an optimizer's state survives as arrays."""

import copy
import importlib

import numpy as np
import pytest
import torch
from torch import nn

from shgae.errors import Refused
from shgae.recipes import RECIPES, FitConfig
from shgae.training.optim import build_optimizer, learning_rate, load_optimizer, optimizer_arrays


def test_the_autoencoders_rate_halves_every_25_epochs() -> None:
    config = RECIPES["original"].pretrain_ae
    rates = [learning_rate(config, epoch=e, step=0, steps=10, plateau_factor=1.0) for e in (0, 24, 25, 50, 99)]
    assert rates == pytest.approx([5e-4, 5e-4, 2.5e-4, 1.25e-4, 6.25e-5])


def test_the_plateau_factor_multiplies_the_rate() -> None:
    config = RECIPES["original"].train
    assert learning_rate(config, epoch=30, step=3, steps=10, plateau_factor=0.2) == pytest.approx(5e-5)


def test_cosine_warms_up_then_falls_to_one_per_cent() -> None:
    config = FitConfig(schedule="cosine", lr=1.0, epochs=100)
    rates = [learning_rate(config, epoch=e, step=0, steps=10, plateau_factor=1.0) for e in range(100)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(1.0, abs=1e-2)
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[-1] < 0.02


@pytest.mark.parametrize("name", ["rmsprop", "adam", "sgd"])
def test_an_optimizer_goes_on_as_if_its_state_had_never_left(name: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    config = FitConfig(optimizer=name, lr=0.01)  # type: ignore[arg-type]
    optimizer = build_optimizer(model, config)
    x = torch.randn(5, 3, 6, 6)

    def step(m: nn.Module, o: torch.optim.Optimizer) -> None:
        o.zero_grad()
        m(x).square().mean().backward()
        o.step()

    for _ in range(3):
        step(model, optimizer)
    other = copy.deepcopy(model)
    restored = build_optimizer(other, config)
    load_optimizer(other, restored, optimizer_arrays(model, optimizer))
    step(model, optimizer)
    step(other, restored)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", ["rmsprop", "adam", "sgd"])
def test_an_optimizer_does_what_its_formula_says_however_weights_lie_in_memory(
    name: str, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    model = nn.Conv2d(3, 4, 3).to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = build_optimizer(model, FitConfig(optimizer=name, lr=0.01))  # type: ignore[arg-type]
    weight = model.weight.detach().double().clone()
    first, second = torch.zeros_like(weight), torch.zeros_like(weight)
    for step in range(1, 4):
        optimizer.zero_grad()
        model(torch.randn(5, 3, 6, 6).to(memory_format=layout)).square().mean().backward()
        assert model.weight.grad is not None
        gradient = model.weight.grad.double()
        optimizer.step()
        if name == "sgd":
            first = 0.9 * first + gradient
            weight -= 0.01 * first
        elif name == "rmsprop":
            second = 0.99 * second + 0.01 * gradient**2
            weight -= 0.01 * gradient / (second.sqrt() + 1e-8)
        else:
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            weight -= 0.01 * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        torch.testing.assert_close(model.weight.detach().double(), weight, rtol=1e-5, atol=1e-6)


def test_a_foreign_optimizer_state_is_refused() -> None:
    model = nn.Linear(2, 2)
    optimizer = build_optimizer(model, FitConfig())
    with pytest.raises(Refused, match="fits no weight"):
        load_optimizer(model, optimizer, {"other.exp_avg": np.zeros(3, np.float32)})


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("adam", "exp_avg_sq", np.full((2, 2), -1, np.float32)),
        ("adam", "step", np.float32(-1)),
        ("adam", "step", np.zeros((2, 2), np.float32)),
        ("adam", "exp_avg", np.float32(0)),
        ("adam", "exp_avg", None),
        ("adam", "max_exp_avg_sq", np.zeros((2, 2), np.float32)),
        ("rmsprop", "square_avg", np.full((2, 2), -1, np.float32)),
        ("rmsprop", "square_avg", np.full((2, 2), 1e300)),
        ("sgd", "step", np.float32(1)),
    ],
)
def test_a_state_that_this_optimizer_cannot_have_is_refused(name: str, key: str, value: np.ndarray | None) -> None:
    model = nn.Linear(2, 2)
    config = FitConfig(optimizer=name)  # type: ignore[arg-type]
    optimizer = build_optimizer(model, config)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    arrays = optimizer_arrays(model, optimizer)
    load_optimizer(model, build_optimizer(model, config), arrays)
    arrays[f"weight.{key}"] = value
    with pytest.raises(Refused, match=f"weight.{'exp_avg_sq|weight.step' if value is None else key}"):
        load_optimizer(
            model, build_optimizer(model, config), {name: one for name, one in arrays.items() if one is not None}
        )


@pytest.mark.parametrize("name", ["rmsprop", "adam"])
def test_a_loaded_state_lies_where_a_fresh_one_would_on_any_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fused kernels on a GPU want the count of steps there too; "meta" stands for the GPU."""
    checks = importlib.import_module("torch.optim.optimizer")
    monkeypatch.setattr(checks, "_get_fused_kernels_supported_devices", lambda: ["cpu", "cuda", "meta"])
    config = FitConfig(optimizer=name)  # type: ignore[arg-type]
    here, there = nn.Linear(2, 3), nn.Linear(2, 3, device="meta")
    optimizer, fresh, loaded = (build_optimizer(model, config) for model in (here, there, there))
    for model, one in ((here, optimizer), (there, fresh)):
        model(torch.ones(1, 2, device=model.weight.device)).sum().backward()
        one.step()
    load_optimizer(there, loaded, optimizer_arrays(here, optimizer))
    for parameter in there.parameters():
        places = [{key: value.device for key, value in one.state[parameter].items()} for one in (fresh, loaded)]
        assert places[0] == places[1]
        assert places[0], "there must be a state"
