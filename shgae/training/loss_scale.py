"""Loss scaling for fp16: its smallest numbers lie above many gradients of a heatmap loss (1e-8 to 1e-6).

The loss is multiplied by a power of two before the backward pass and the gradients are divided by it afterwards, which
is exact. A gradient that overflows halves the scale and its step is left out; after many sound steps the scale doubles
(Micikevicius et al., 2018, "Mixed precision training"). The scale is part of a training's position, so a resumed
training goes on with it exactly.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import nn

from shgae.artifacts.checkpoint import Position
from shgae.recipes import Precision

FIRST_SCALE = 2.0**16
GROWS_AFTER = 2000
"""Sound steps in a row after which the scale doubles."""


def first_position(precision: Precision) -> Position:
    """Where a training in that number format begins; only fp16 needs a scale other than 1."""
    return Position(scale=FIRST_SCALE if precision == "fp16" else 1.0)


def unscale(model: nn.Module, scale: float) -> None:
    """Divides all gradients, in place, by a power of two."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    torch._foreach_mul_(gradients, 1 / scale)


def after_step(at: Position, *, overflowed: bool, scales: bool) -> Position:
    """The position with the scale of the next step; ``overflowed``: a gradient of this one was infinite or NaN;
    ``scales``: the number format needs a scale at all."""
    if overflowed:
        return dataclasses.replace(at, scale=at.scale / 2, grown=0)
    if not scales:
        return at
    if at.grown + 1 == GROWS_AFTER:
        return dataclasses.replace(at, scale=at.scale * 2, grown=0)
    return dataclasses.replace(at, grown=at.grown + 1)
