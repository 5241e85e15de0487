"""The convolutions of a network alone, back to back: no network is faster than they are."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn


class _Convolution(NamedTuple):
    """One convolution of a run."""

    module: nn.Conv2d
    """With weights of its own, as in the network."""
    given: Tensor
    """What goes in; convolutions of one input shape share it."""
    gradient: Tensor
    """Of what comes out; shared likewise."""


def convolutions_alone(network: nn.Module, run: Callable[[], object], dtype: torch.dtype) -> Callable[[], None]:
    """What runs the convolutions of a run of a network, in their order and at their sizes, and nothing else.

    Args:
        network: in train mode each convolution is followed by its backward pass.
        run: takes the network through all that is to count.
        dtype: of numbers and weights; they lie channels last.
    """
    shapes: list[tuple[nn.Conv2d, torch.Size]] = []

    def see(one: nn.Conv2d, given: tuple[Tensor]) -> None:
        shapes.append((one, given[0].shape))

    hooks = [one.register_forward_pre_hook(see) for one in network.modules() if isinstance(one, nn.Conv2d)]
    run()
    for hook in hooks:
        hook.remove()
    if not shapes:
        raise AssertionError("the run did not come through the network")
    return _Alone(shapes, dtype, back=network.training)


class _Alone:
    def __init__(self, shapes: list[tuple[nn.Conv2d, torch.Size]], dtype: torch.dtype, *, back: bool) -> None:
        self._back, tensors = back, dict[torch.Size, Tensor]()
        copies = {one: copy.deepcopy(one).to(dtype=dtype, memory_format=torch.channels_last) for one, _ in shapes}  # type: ignore[call-overload]

        def numbers(shape: torch.Size) -> Tensor:
            if shape not in tensors:
                made = torch.randn(shape).to(dtype, memory_format=torch.channels_last)
                tensors[shape] = made.requires_grad_(back and shape[1] > 3)  # images need no gradient
            return tensors[shape]

        self._convolutions = []
        for one, shape in shapes:
            with torch.no_grad():
                out = copies[one](numbers(shape)).shape
            self._convolutions.append(_Convolution(copies[one], numbers(shape), numbers(out).detach()))

    def __call__(self) -> None:
        with torch.inference_mode(not self._back):
            for module, given, gradient in self._convolutions:
                out = module(given)
                if self._back:
                    out.backward(gradient)
                    given.grad = module.weight.grad = None
                    if module.bias is not None:
                        module.bias.grad = None
