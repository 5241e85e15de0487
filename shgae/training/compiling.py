"""``--compile``: the passes of a training step compiled by ``torch.compile``.

Compiled are the forward and backward pass of whole batches, at the first one. Validation, a smaller last batch of an
epoch, optimizer and health stay as they are. On an NVIDIA or AMD GPU each pass is recorded as a graph
("reduce-overhead"), which one call launches, and cuDNN tries its algorithms. Fused kernels round differently, so
the last bits differ from those of a training without ``--compile``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from shgae.errors import shortened
from shgae.execution import Execution
from shgae.recipe_parts import RegularisationConfig
from shgae.recipes import FitConfig

BACKEND = "inductor"
_STRUCTURES = 64
"""Networks of other structure that one process may compile, such as the arms of a study; torch's own limit is 8."""
_UNCOMPILED = "note: --compile has no effect on this training"


class Compiled(nn.Module):
    """A network with passes that are compiled at the first call; where that fails, it runs as it is, which is said."""

    def __init__(self, model: nn.Module, *, graphs: bool, execution: Execution, rows: frozenset[int]) -> None:
        """The network with batches of these ``rows`` compiled."""
        super().__init__()
        self.model, self.graphs, self._progress, self._rows = model, graphs, execution.progress, rows
        mode = "reduce-overhead" if graphs else None
        # One graph or none: after half a forward pass, statistics of batch normalisation would be counted twice.
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _STRUCTURES)
        self._compiled: Any = torch.compile(model, fullgraph=True, dynamic=False, backend=BACKEND, mode=mode)
        self.fault: str | None = None
        """Why it runs as it is; None while it is compiled."""

    def forward(self, x: torch.Tensor) -> Any:
        """What the network gives of x, whatever shapes both have."""
        if self.fault is not None or len(x) not in self._rows:  # each further shape would be compiled for minutes
            return self.model(x)
        from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException  # seconds

        if self.graphs:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        from torch._functorch import config as functorch

        try:
            # The backward pass too: it would be compiled at its first call, where a failure ends the training.
            with functorch.patch(force_non_lazy_backward_lowering=True):
                return self._compiled(x)
        except (TorchDynamoException, FailOnRecompileLimitHit) as error:  # before a number was computed
            self.fault = _reason(error)
            self._progress.note(f"{_UNCOMPILED}: {self.fault}")
            return self.model(x)


def whole_rows(config: FitConfig, samples: int) -> frozenset[int]:
    """The rows of what a step of a whole batch passes at once: its batch, or each micro-batch of it."""
    batch = min(config.batch_size, samples)
    return frozenset((batch // config.micro_batches, -(-batch // config.micro_batches)))


def compiled(model: nn.Module, config: FitConfig, execution: Execution, rows: frozenset[int]) -> nn.Module:
    """What a training's steps call: the network itself, or with ``execution.compile`` a :class:`Compiled`, for batches
    of these ``rows``."""
    if not execution.compile:
        return model
    if fault := obstacle(config, execution):
        execution.progress.note(f"{_UNCOMPILED}: {fault}")
        return model
    on_gpu = next(model.parameters()).device.type == "cuda"
    on_cpu = "" if on_gpu else "; on CPUs nothing was gained where it was measured (docs/performance.md)"
    execution.progress.note(f"compiling at the first step, which may take minutes{on_cpu}")
    # A graph writes its results where those of its last run were; there gradients of micro-batches are added up.
    return Compiled(model, graphs=on_gpu and config.micro_batches == 1, execution=execution, rows=rows)


def described(network: nn.Module, config: FitConfig, execution: Execution) -> str:
    """What became of ``--compile``, for a manifest."""
    fault = network.fault if isinstance(network, Compiled) else obstacle(config, execution)
    if fault is not None:
        return f"no: {fault}"
    parts = [f"torch.compile, {BACKEND}"]
    if isinstance(network, Compiled) and network.graphs:
        parts.append("reduce-overhead")
    return ", ".join(parts + ["cudnn.benchmark"] * searches(network, execution))


def searches(network: nn.Module, execution: Execution) -> bool:
    """Whether cuDNN tries its algorithms for a compiled network."""
    on_gpu = next(network.parameters()).device.type == "cuda"
    return execution.compile and on_gpu and execution.deterministic == "off"


def obstacle(config: FitConfig, execution: Execution) -> str | None:
    """Why the passes cannot be taken as one piece, in words; None where they can."""
    if isinstance(config, RegularisationConfig) and config.dropout:
        return "--dropout changes the network at every step"
    if execution.world.size > 1 and config.micro_batches == 1:
        return "several processes normalise together, in the middle of the network (--micro-batches would not)"
    return None


def _reason(error: BaseException) -> str:
    inner = getattr(error, "inner_exception", error)  # what a backend raised
    lines = [line.strip() for line in str(inner).splitlines() if line.strip()]
    return shortened(lines[0] if lines else type(inner).__name__, 120)
