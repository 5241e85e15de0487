"""Dropout of the bottleneck: which numbers a step drops follows from (seed, epoch, row), as noise does.

``torch.nn.Dropout`` would draw them from a state that no checkpoint holds and that other processes do not share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from shgae.arrays import Ints
from shgae.models.autoencoder import SIDE
from shgae.models.hourglass import StackedHourglass
from shgae.training.seeding import DROPOUT, sample_uniforms


@dataclass(frozen=True)
class Dropout:
    """How much is dropped of which bottlenecks."""

    share: float
    """Of the numbers that become 0, 0 <= share < 1."""
    stacks: int
    width: int
    seed: int

    def factors(self, rows: Ints, epoch: int) -> torch.Tensor:
        """What the bottlenecks of these rows are multiplied by: (N, S, C, 4, 4) float32, 0 or 1 / (1 - share)."""
        shape = (self.stacks, self.width, SIDE, SIDE)
        drawn = sample_uniforms(rows, int(np.prod(shape)), epoch=epoch, seed=self.seed, purpose=DROPOUT)
        factors = (drawn >= self.share).astype(np.float32) / np.float32(1 - self.share)
        return torch.from_numpy(factors.reshape(len(rows), *shape))


@contextmanager
def multiplied(model: nn.Module, factors: torch.Tensor | None) -> Iterator[None]:
    """Within it, a forward pass multiplies what enters the graft of each stack by these (N, S, C, 4, 4)."""
    if factors is None:
        yield
        return
    if not isinstance(model, StackedHourglass):
        raise TypeError("only an hourglass has bottlenecks")
    of_stacks = iter(factors.unbind(1))

    def drop(_: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (inputs[0] * next(of_stacks).to(inputs[0].dtype),)

    # Stacks run in their order; those that share an autoencoder call the same module, which has one hook.
    grafts = {model.hourglass(stack).graft for stack in range(len(model.stacks))}
    hooks = [graft.register_forward_pre_hook(drop) for graft in grafts]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
