"""Batch normalisation of a step that is cut into micro-batches, or shared by several processes.

Each micro-batch is normalised by its own mean and variance, and running statistics come from the first one only.
Without micro-batches, several processes normalise by the mean and variance of the whole batch, as one process does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from shgae.training import collectives


@contextmanager
def statistics_kept(model: nn.Module, *, updated: bool) -> Iterator[None]:
    """Unless they are to be updated, running statistics stay as they are within; nothing else changes."""
    norms = [] if updated else [module for module in model.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def synchronise(model: nn.Module) -> None:
    """Makes every 2-D batch normalisation one over all processes, in place; names and weights stay.

    On GPUs it is torch's, which refuses CPUs (torch 2.13).
    """
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                on_gpu = child.weight.device.type == "cuda"
                synced = (GpuSyncedBatchNorm if on_gpu else SyncedBatchNorm2d)(child.num_features, child.eps)
                synced.momentum, synced.training = child.momentum, child.training
                synced.weight, synced.bias = child.weight, child.bias
                synced._buffers = child._buffers
                setattr(parent, name, synced)


class GpuSyncedBatchNorm(nn.SyncBatchNorm):
    """torch's own, which in half precision gathers a process without rows in another format than the others (2.13)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> the same shape and dtype; N may be 0."""
        synced: torch.Tensor = super().forward(x if x.numel() else x.float())
        return synced.to(x.dtype)


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation; its mean and variance in training are those of all processes' rows; some may have none."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> the same shape and dtype."""
        if not self.training:
            return super().forward(x)
        wide = x.float()
        size = wide.new_full((1,), wide.numel() / self.num_features)
        sums = _sum(torch.cat((wide.sum((0, 2, 3)), size)))
        count, mean = sums[-1].detach(), sums[:-1] / sums[-1].detach()
        centred = wide - mean[:, None, None]
        variance = _sum(centred.square().sum((0, 2, 3))) / count
        if self.track_running_stats:
            self._update(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    def _update(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Moves the running statistics towards a batch's mean and unbiased variance."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
        self.num_batches_tracked.add_(1)


class _Sum(torch.autograd.Function):
    """The sum over all processes; each one's gradient is the sum of all gradients."""

    @staticmethod
    def forward(_ctx: Any, values: torch.Tensor) -> torch.Tensor:
        total = values.clone()
        collectives.add(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        return _Sum.forward(ctx, grad)


def _sum(values: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return total
