"""``--cuda-graphs``: the passes of a training step, recorded once and then launched as a whole.

A step of the hourglass is more than a thousand kernels, and a fast GPU waits for their launches. Recorded are the
forward and backward pass of whole batches, at the first one, by ``torch.cuda.make_graphed_callables``. The same
kernels run in the same order, so no bit should change; the first step compares. Validation, a smaller last batch of an
epoch, loss, optimizer and health stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch
from torch import nn

from shgae.data.datasets import PINNING
from shgae.errors import shortened
from shgae.execution import Execution
from shgae.recipes import FitConfig
from shgae.training.compiling import obstacle

DEVICES = ("cuda",)
"""Where there are such graphs; torch calls AMD's by this name too."""
_UNRECORDED = "note: --cuda-graphs has no effect on this training"
_NEAR = 1.25
"""Replayed numbers may differ from those of a plain pass by so many times what another order of the batch's rows does
to them: two passes of a GPU need not have equal bits, and a recorded one may take other algorithms of cuDNN. In bf16
rounding alone moves the gradient of new weights by 30 to 66 % of its norm."""


class Recorded(nn.Module):
    """A network with passes that are recorded at the first call; where that fails, it runs as it is, which is said."""

    def __init__(self, model: nn.Module, execution: Execution, rows: frozenset[int]) -> None:
        """The network with batches of these ``rows``, of one size, recorded."""
        super().__init__()
        self.model, self._progress, self._rows = model, execution.progress, rows
        self._replay: Callable[[torch.Tensor], torch.Tensor] | None = None
        self.fault: str | None = None
        """Why it runs as it is; None while it is recorded, or was not called yet."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the network gives of x, whatever shapes both have; the next call overwrites it."""
        fits = self.fault is None and len(x) in self._rows
        if fits and self._replay is None:
            self._record(x)
        return self._replay(x) if fits and self._replay is not None else self.model(x)

    def _record(self, x: torch.Tensor) -> None:
        """Records both passes, and compares a replay; the statistics of batch normalisation do not see any of it."""
        before = [buffer.clone() for buffer in self.model.buffers()]

        def put_back() -> None:
            for buffer, value in zip(self.model.buffers(), before, strict=True):
                buffer.copy_(value)

        kind = x.device.type
        # A cast that autocast keeps from outside a graph would be a cast of old weights in it.
        uncached = torch.autocast(
            kind, torch.get_autocast_dtype(kind), enabled=torch.is_autocast_enabled(kind), cache_enabled=False
        )
        try:
            with uncached, _alone_on(x.device):
                wanted, reordered = _numbers(self.model, x), _numbers(self.model, x.flip(0))
                reordered[0] = reordered[0].flip(0)
                passes = _Passes(self.model)
                replay = cast(
                    nn.Module, torch.cuda.make_graphed_callables(passes, (x.clone(),), allow_unused_input=True)
                )
                found = _numbers(replay, x)
            allowed = _apart(wanted, reordered)
            if all(one <= _NEAR * most for one, most in zip(_apart(wanted, found), allowed, strict=True)):
                self._replay = replay.forward
                # Else module and forward hold each other, and the graph's memory, until Python looks for such rings.
                passes.__dict__.pop("forward", None)
            else:
                self.fault = "its replay gives other numbers"
        except RuntimeError as error:  # out of memory, or an operation that cannot be recorded
            self.fault = shortened(" ".join(str(error).split()) or type(error).__name__, 120)
        finally:
            put_back()
        if self.fault is not None:
            self._progress.note(f"{_UNRECORDED}: {self.fault}")


class _Passes(nn.Module):
    """The network under another name: what is recorded loses its own ``forward``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> Any:
        return self.model(x)


def _numbers(network: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Copies of the output and of the gradient of each weight that learns; it is that of half the output's norm, which
    is small enough for fp16."""
    out = network(x)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    pull = (out.detach() / out.detach().float().norm()).to(out.dtype)
    slopes = torch.autograd.grad(out, weights, pull, materialize_grads=True)
    return [one.detach().clone() for one in (out, *slopes)]


def _apart(some: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> tuple[float, float]:
    """How far two lists of :func:`_numbers` are apart: the norm of what differs in the output, and in all gradients.

    Not a weight's by itself: that of a bias before batch normalisation is 0 but for rounding. What is not finite in
    fp16 counts as 0.
    """
    output, *gradients = (
        float((one.float().nan_to_num(0, 0, 0) - other.float().nan_to_num(0, 0, 0)).norm())
        for one, other in zip(some, others, strict=True)
    )
    return output, math.hypot(*gradients)


@contextmanager
def _alone_on(device: torch.device) -> Iterator[None]:
    """Makes a GPU the current one, and its stream as it was after a failure; no other thread pins memory meanwhile."""
    with ExitStack() as stack:
        stack.enter_context(PINNING)
        if device.type == "cuda":
            stack.enter_context(torch.cuda.device(device))
            stack.enter_context(torch.cuda.stream(torch.cuda.current_stream(device)))
        yield


def recorded(model: nn.Module, config: FitConfig, execution: Execution, rows: frozenset[int]) -> nn.Module:
    """What a training's steps call under ``execution.cuda_graphs``: :class:`Recorded`, or the network as it is."""
    if fault := _obstacle(model, config, execution):
        execution.progress.note(f"{_UNRECORDED}: {fault}")
        return model
    return Recorded(model, execution, rows)


def described(network: nn.Module, config: FitConfig, execution: Execution) -> str:
    """What became of ``--cuda-graphs``, for a manifest."""
    fault = network.fault if isinstance(network, Recorded) else _obstacle(network, config, execution)
    return "recorded" if fault is None else f"no: {fault}"


def _obstacle(model: nn.Module, config: FitConfig, execution: Execution) -> str | None:
    if execution.compile:
        return "--compile records graphs of its own"
    device = next(model.parameters()).device.type
    if device not in DEVICES:
        return f"{device} has none"
    if config.micro_batches > 1:
        return "a graph writes where its last run did, and gradients of --micro-batches are added up there"
    return obstacle(config, execution)
