"""Is a training well? Its numbers must be finite at every step, and its weights must move.

A loss, gradient or batch statistic that is not finite ends the training, on a CPU before the step touches a weight.
A GPU is not waited for: its numbers are read when the next step is under way, and before anything is saved. And
weights that stand still end it too: the original study's resume gave its optimizer copies of the weights, and so the
last epochs trained nothing, unnoticed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils import get_total_norm

from shgae.inference.device import fetch

WATCHED_STEPS = 50
"""Over so many steps some weight must have moved."""
_ENTRIES = 64
"""Numbers looked at in each weight tensor: biases and scales, which start near 0, show the smallest moves."""
_TINY_LR = 1e-6
"""Below this learning rate all moves may be lost in float32's rounding, and weights may stand still."""


class StepStatistics(NamedTuple):
    """What a step is judged by."""

    loss: float
    gradient: float
    """Euclidean norm of the gradient over all weights that learn."""
    statistics: float
    """The largest running statistic of batch normalisation, without its sign."""
    scale: float = 1.0
    """What the loss was multiplied by before the backward pass, and ``gradient`` is divided by."""

    @property
    def overflowed(self) -> bool:
        """Whether the scale was too large for the number format: no fault, for a smaller one helps."""
        return self.scale > 1 and not math.isfinite(self.gradient)

    def fault(self) -> str | None:
        """What is not finite, in words; None for a sound step."""
        if not math.isfinite(self.loss):
            return f"the loss became {self.loss}"
        if not math.isfinite(self.gradient) and not self.overflowed:
            return f"the gradient is not finite (the loss is {self.loss:.3g})"
        if not math.isfinite(self.statistics):
            return f"a statistic of batch normalisation is not finite (the loss is {self.loss:.3g})"
        return None


class Measured:
    """What :func:`measure` found, on its way from the device."""

    def __init__(self, numbers: torch.Tensor, scale: float) -> None:
        self._scale, self._numbers = scale, fetch(numbers)

    def read(self) -> StepStatistics:
        """Waits for the numbers."""
        loss, gradient, statistics = self._numbers().tolist()
        return StepStatistics(loss, gradient / self._scale, statistics, self._scale)


def measure(model: nn.Module, loss: torch.Tensor, scale: float = 1.0) -> Measured:
    """Looks at a step after its backward pass and before its weights change; waits for nothing.

    Args:
        model: with gradients that are ``scale`` times too large.
        loss: () of the step, not scaled.
        scale: a power of two.
    """
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    statistics = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    # Of statistics no sum of squares: variances of the original residual reach 1e19, of which the square is no float32.
    none = loss.new_zeros(())  # of no statistics torch gives a number on the CPU, which a GPU would be waited for
    norms = get_total_norm(gradients), get_total_norm(statistics, norm_type=math.inf) if statistics else none
    return Measured(torch.stack([loss.detach(), *(norm.to(loss.device) for norm in norms)]), scale)


class Watchdog:
    """Sees to it that an optimizer moves the weights of a network."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._optimizer = optimizer
        self._steps, self._pull, self._before = 0, 0.0, self._sample()

    def look(self, reading: StepStatistics, lr: float) -> str | None:
        """Looks at a network after a step; what is wrong with it, in words, or None. Most steps are only counted."""
        self._steps += 1
        self._pull = max(self._pull, reading.gradient)
        if self._steps < WATCHED_STEPS:
            return None
        before, pull = self._before, self._pull
        self._steps, self._pull, self._before = 0, 0.0, self._sample()
        owned = {id(one) for group in self._optimizer.param_groups for one in group["params"]}
        if any(id(parameter) not in owned for parameter in self._trained):
            return "the optimizer does not own all weights that are to learn"
        # With a tiny learning rate weights may stand still, unless there is nothing at all that pulls at them.
        if torch.equal(before, self._before) and (pull == 0 or lr >= _TINY_LR):
            why = "every gradient is 0" if pull == 0 else f"the gradient's norm is up to {pull:.3g}"
            return f"no weight moved in {WATCHED_STEPS} steps, {why}"
        return None

    @torch.no_grad()
    def _sample(self) -> torch.Tensor:
        # Of a weight of several axes its first row: flattening all of it might copy it.
        rows = [parameter if parameter.ndim <= 1 else parameter[0] for parameter in self._trained]
        return torch.cat([row.flatten()[:_ENTRIES] for row in rows])
