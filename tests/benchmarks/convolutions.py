"""The convolutions of a network alone, each at its own size: no network is faster than they are."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

_ROUNDS = 3


class _Convolution(NamedTuple):
    """One of a run; alike ones are timed once."""

    options: tuple[Any, ...]
    """Of :class:`torch.nn.Conv2d`, up to the padding."""
    shape: torch.Size
    """Of what goes in."""


def seconds_alone(network: nn.Module, run: Callable[[], object], dtype: torch.dtype) -> float:
    """How long the convolutions of a run would take if there were nothing else, on numbers that are in the caches.

    Args:
        network: in train mode the way back is timed too.
        run: takes the network through all that is to count.
        dtype: of the numbers; they lie channels last.
    """
    seen: Counter[_Convolution] = Counter()

    def see(one: nn.Conv2d, given: tuple[torch.Tensor]) -> None:
        options = one.in_channels, one.out_channels, one.kernel_size, one.stride, one.padding
        seen[_Convolution(options, given[0].shape)] += 1

    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    hooks = [one.register_forward_pre_hook(see) for one in convolutions]
    run()
    for hook in hooks:
        hook.remove()
    if not seen:
        raise AssertionError("the run did not come through the network")
    return sum(times * _seconds(one, dtype, network.training) for one, times in seen.items())


def _seconds(convolution: _Convolution, dtype: torch.dtype, back: bool) -> float:
    x = torch.randn(convolution.shape).to(dtype, memory_format=torch.channels_last)
    x.requires_grad_(back and x.shape[1] > 3)  # images need no gradient
    one = nn.Conv2d(*convolution.options).to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    taken = []
    for _ in range(_ROUNDS + 1):
        gradient = torch.randn_like(one(x))
        begun = time.perf_counter()
        with torch.set_grad_enabled(back):
            out = one(x)
        if back:
            out.backward(gradient)
        taken.append(time.perf_counter() - begun)
        one.zero_grad(set_to_none=True)
        x.grad = None
    return statistics.median(taken[1:])
