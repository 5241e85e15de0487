"""Every convolution of a run counts, as often as it ran."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.benchmarks.convolutions import convolutions_alone

IMAGES = torch.randn(1, 3, 8, 8)


@pytest.fixture
def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 2, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("training", [True, False])
def test_each_runs_in_the_format_at_its_size_with_gradients_of_weights_and_inputs_but_images(
    network: nn.Sequential, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, training: bool
) -> None:
    network.train(training)
    seen: list[tuple[object, ...]] = []
    forward = nn.Conv2d.forward

    def spy(one: nn.Conv2d, given: torch.Tensor) -> torch.Tensor:
        out = forward(one, given)
        seen.append((given.dtype, tuple(given.shape), one.out_channels, given.requires_grad, out.requires_grad))
        return out

    alone = convolutions_alone(network, lambda: network[3](network(IMAGES)[:, [0, 0, 1, 1]]), dtype)
    monkeypatch.setattr(nn.Conv2d, "forward", spy)
    alone()
    inner = (dtype, (1, 4, 8, 8))
    first = (dtype, (1, 3, 8, 8), 4, False, training)
    assert seen == [first, *((*inner, channels, training, training) for channels in (4, 2, 2))]
    assert not any(module._forward_pre_hooks for module in network)


def test_the_network_keeps_its_weights_and_gets_no_gradient(network: nn.Sequential) -> None:
    before = [weight.clone() for weight in network.parameters()]
    convolutions_alone(network.train(), lambda: network(IMAGES), torch.float32)()
    assert all(torch.equal(*pair) for pair in zip(before, network.parameters(), strict=True))
    assert all(weight.grad is None for weight in network.parameters())


def test_a_run_that_misses_the_network_is_no_measurement(network: nn.Sequential) -> None:
    with pytest.raises(AssertionError, match="come through"):
        convolutions_alone(network, lambda: None, torch.float32)
