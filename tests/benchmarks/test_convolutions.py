"""Every convolution of a run counts, as often as it ran."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.benchmarks import convolutions
from tests.benchmarks.convolutions import seconds_alone

NETWORK = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 2, 1))
IMAGES = torch.randn(1, 4, 8, 8)


def test_alike_convolutions_are_timed_once_and_counted_each(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[object] = []
    monkeypatch.setattr(
        convolutions, "_seconds", lambda one, dtype, back: timed.append((one.shape, dtype, back)) or 0.5
    )
    assert seconds_alone(NETWORK.eval(), lambda: NETWORK(NETWORK[:3](IMAGES)), torch.float32) == 5 * 0.5
    assert timed == [((1, 4, 8, 8), torch.float32, False)] * 2
    assert not any(module._forward_pre_hooks for module in NETWORK)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_training_takes_the_way_back_too(dtype: torch.dtype) -> None:
    assert seconds_alone(NETWORK.eval(), lambda: NETWORK(IMAGES), dtype) > 0
    assert seconds_alone(NETWORK.train(), lambda: NETWORK(IMAGES), dtype) > 0


def test_a_run_that_misses_the_network_is_no_measurement() -> None:
    with pytest.raises(AssertionError, match="did not come through"):
        seconds_alone(NETWORK, lambda: None, torch.float32)
