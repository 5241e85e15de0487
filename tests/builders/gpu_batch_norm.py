"""torch's synchronised batch norm on a CPU: its Python is the real one, its five CUDA kernels are stand-ins.

The stand-ins compute what the kernels compute, and refuse the dtypes that the kernels refuse (torch 2.13,
aten/src/ATen/native/cuda/Normalization.cuh).
"""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from torch import nn

from shgae.training import batch_norm


def _wide(values: torch.Tensor) -> torch.Tensor:
    return values[:, None, None]


def _stats(x: torch.Tensor, eps: float) -> tuple[torch.Tensor, torch.Tensor]:
    assert x.numel(), "the kernel divides by the number of rows"
    variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
    return mean, (variance + eps).rsqrt()


def _gather_stats(
    x: torch.Tensor,
    mean_all: torch.Tensor,
    invstd_all: torch.Tensor,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    momentum: float,
    eps: float,
    counts: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    wanted = x.dtype if running_mean is None else running_mean.dtype
    assert counts.dtype == wanted, f"expected scalar type {wanted} but found {counts.dtype}"
    assert mean_all.dtype == invstd_all.dtype == torch.float32
    shares = (counts / counts.sum())[:, None]
    mean = (mean_all * shares).sum(0)
    variance = ((invstd_all.square().reciprocal() - eps + (mean_all - mean).square()) * shares).sum(0)
    if running_mean is not None and running_var is not None:
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(variance * counts.sum() / (counts.sum() - 1), momentum)
    return mean, (variance + eps).rsqrt()


def _normalise(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, mean: torch.Tensor, invstd: torch.Tensor, eps: float
) -> torch.Tensor:
    return ((x.float() - _wide(mean)) * _wide(invstd * weight) + _wide(bias)).to(x.dtype)


def _reduce(
    grad: torch.Tensor, x: torch.Tensor, mean: torch.Tensor, invstd: torch.Tensor, weight: torch.Tensor, *_: bool
) -> tuple[torch.Tensor, ...]:
    assert grad.dtype == x.dtype
    sum_dy = grad.float().sum((0, 2, 3))
    sum_dy_xmu = (grad.float() * (x.float() - _wide(mean))).sum((0, 2, 3))
    return sum_dy, sum_dy_xmu, sum_dy_xmu * invstd, sum_dy


def _backward(
    grad: torch.Tensor,
    x: torch.Tensor,
    mean: torch.Tensor,
    invstd: torch.Tensor,
    weight: torch.Tensor,
    sum_dy: torch.Tensor,
    sum_dy_xmu: torch.Tensor,
    counts: torch.Tensor,
) -> torch.Tensor:
    assert sum_dy.dtype == torch.float32
    share = 1 / counts.sum()
    pull = (x.float() - _wide(mean)) * _wide(invstd.square() * sum_dy_xmu * share)
    return ((grad.float() - _wide(sum_dy * share) - pull) * _wide(invstd * weight)).to(x.dtype)


def pretend_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch norms that are synchronised become those of GPUs, and run here."""
    real = nn.SyncBatchNorm.forward

    def forward(self: nn.SyncBatchNorm, x: torch.Tensor) -> torch.Tensor:
        with mock.patch.object(torch._C, "_get_privateuse1_backend_name", lambda: "cpu"):
            return real(self, x)

    monkeypatch.setattr(nn.SyncBatchNorm, "forward", forward)
    monkeypatch.setattr(batch_norm, "SyncedBatchNorm2d", batch_norm.GpuSyncedBatchNorm)
    monkeypatch.setattr(torch, "batch_norm_stats", _stats)
    monkeypatch.setattr(torch, "batch_norm_gather_stats_with_counts", _gather_stats)
    monkeypatch.setattr(torch, "batch_norm_elemt", _normalise)
    monkeypatch.setattr(torch, "batch_norm_backward_reduce", _reduce)
    monkeypatch.setattr(torch, "batch_norm_backward_elemt", _backward)
