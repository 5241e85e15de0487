"""Batch normalisation: of all processes' rows as torch's of the whole batch, and statistics that stay or move."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from shgae.training import collectives
from shgae.training.batch_norm import GpuSyncedBatchNorm, SyncedBatchNorm2d, statistics_kept, synchronise

CHANNELS = 3


class Meeting:
    """Threads in the place of processes: all of them leave with the sum of what each one brought."""

    def __init__(self, size: int) -> None:
        self._brought: list[torch.Tensor] = []
        self._barrier = threading.Barrier(size, timeout=20)
        self.count = 0

    def add(self, tensor: torch.Tensor) -> None:
        self._brought.append(tensor.clone())
        self._barrier.wait()
        total = torch.stack(self._brought).sum(0)
        if self._barrier.wait() == 0:
            self._brought.clear()
            self.count += 1
        self._barrier.wait()
        tensor.copy_(total)


def side_by_side(works: Sequence[Callable[[], Any]]) -> tuple[list[Any], Meeting]:
    """What each of several processes makes, and their meeting."""
    meeting = Meeting(len(works))
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(works)) as pool:
        patch.setattr(collectives, "add", meeting.add)
        return [one.result() for one in [pool.submit(work) for work in works]], meeting


def filled(norm: nn.BatchNorm2d, seed: int) -> nn.BatchNorm2d:
    """With weights and statistics of its own."""
    numbers = torch.Generator().manual_seed(seed)
    for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
        assert tensor is not None
        tensor.copy_(torch.rand(CHANNELS, generator=numbers) + 0.5)
    return norm


def rows(seed: int, count: int) -> torch.Tensor:
    """(count, CHANNELS, 4, 2), far from a mean of 0 and a variance of 1."""
    return 3 * torch.randn(count, CHANNELS, 4, 2, generator=torch.Generator().manual_seed(seed)) + 5


def trained(norm: nn.BatchNorm2d, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """A step with a loss that weighs every number of the output otherwise: output, gradients and statistics."""
    x = x.clone().requires_grad_()
    y = norm.train()(x)
    (y * x.detach().sin()).sum().backward()
    assert x.grad is not None and norm.weight.grad is not None and norm.bias.grad is not None
    return {"y": y.detach(), "x": x.grad, "weight": norm.weight.grad, "bias": norm.bias.grad} | dict(
        norm.named_buffers()
    )


@settings(max_examples=25)
@given(
    st.integers(0, 1000), st.lists(st.integers(0, 4), min_size=1, max_size=3).filter(any), st.sampled_from([0.1, 0.3])
)
def test_together_processes_compute_what_torch_does_on_the_whole_batch(
    seed: int, counts: list[int], momentum: float
) -> None:
    """One of them may have no rows."""
    whole = rows(seed, sum(counts))
    how: dict[str, Any] = {"eps": 0.01, "momentum": momentum}
    wanted = trained(filled(nn.BatchNorm2d(CHANNELS, **how), seed), whole)
    norms = [filled(SyncedBatchNorm2d(CHANNELS, **how), seed) for _ in counts]
    parts = [
        lambda norm=norm, part=part: trained(norm, part) for norm, part in zip(norms, whole.split(counts), strict=True)
    ]
    found, _ = side_by_side(parts)
    for name in ("y", "x"):
        torch.testing.assert_close(torch.cat([one[name] for one in found]), wanted[name], rtol=1e-4, atol=1e-5)
    for name in ("weight", "bias"):
        total = torch.stack([one[name] for one in found]).sum(0)
        torch.testing.assert_close(total, wanted[name], rtol=1e-4, atol=1e-4)
    for one in found:
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            torch.testing.assert_close(one[name], wanted[name], rtol=1e-5, atol=1e-5)


def test_a_norm_without_a_momentum_moves_its_statistics_by_a_tenth() -> None:
    x = rows(0, 5)
    norms = [filled(SyncedBatchNorm2d(CHANNELS, momentum=momentum), 1) for momentum in (None, 0.1)]  # type: ignore[arg-type]
    first, second = (side_by_side([lambda norm=norm: trained(norm, x)])[0][0] for norm in norms)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_norm_in_evaluation_asks_nobody_and_uses_its_statistics() -> None:
    norm = filled(SyncedBatchNorm2d(CHANNELS), 2).eval()
    found, meeting = side_by_side([lambda: norm(rows(1, 4))])
    torch.testing.assert_close(found[0], filled(nn.BatchNorm2d(CHANNELS), 2).eval()(rows(1, 4)))
    assert meeting.count == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_normalised_in_single_and_comes_out_half(dtype: torch.dtype) -> None:
    x = rows(3, 6).to(dtype)
    norm = SyncedBatchNorm2d(CHANNELS)
    found = side_by_side([lambda: norm(x)])[0][0]
    assert found.dtype == dtype
    wanted = SyncedBatchNorm2d(CHANNELS)
    assert torch.equal(found, side_by_side([lambda: wanted(x.float())])[0][0].to(dtype))
    assert norm.running_var is not None and norm.running_var.dtype == torch.float32


@pytest.mark.parametrize("kind", [nn.BatchNorm2d, SyncedBatchNorm2d])
def test_only_the_first_micro_batch_moves_the_running_statistics(kind: type[nn.BatchNorm2d]) -> None:
    norm = kind(CHANNELS).train()
    x = rows(4, 4)

    def steps() -> None:
        expected = norm(x)
        before = {name: tensor.clone() for name, tensor in norm.state_dict().items()}
        with statistics_kept(norm, updated=False):
            assert torch.equal(norm(x), expected)
        assert all(torch.equal(tensor, before[name]) for name, tensor in norm.state_dict().items())
        with statistics_kept(norm, updated=True):
            norm(x)
        assert int(norm.num_batches_tracked) == 2  # type: ignore[arg-type]

    side_by_side([steps])


def test_after_an_error_too_statistics_move_again() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Sequential(nn.BatchNorm2d(2)))
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    with pytest.raises(KeyError), statistics_kept(model, updated=False):
        assert [norm.track_running_stats for norm in norms] == [False, False]
        raise KeyError
    assert [norm.track_running_stats for norm in norms] == [True, True]


def network() -> nn.Module:
    inner = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1), filled(nn.BatchNorm2d(CHANNELS, 0.02, 0.4), 5).eval())
    return nn.Sequential(filled(nn.BatchNorm2d(CHANNELS), 6), inner, nn.BatchNorm1d(4), nn.SyncBatchNorm(CHANNELS))


def test_synchronising_changes_what_2d_norms_are_and_nothing_that_they_hold() -> None:
    model = network()
    before, parameters = model.state_dict(keep_vars=True), dict(model.named_parameters())
    synchronise(model)
    assert [type(module) for module in model.modules()] == [
        nn.Sequential,
        SyncedBatchNorm2d,
        nn.Sequential,
        nn.Conv2d,
        SyncedBatchNorm2d,
        nn.BatchNorm1d,
        nn.SyncBatchNorm,
    ]
    after = model.state_dict(keep_vars=True)
    assert list(after) == list(before)
    assert all(after[name] is tensor for name, tensor in before.items())
    assert all(parameters[name] is parameter for name, parameter in model.named_parameters())
    first, second = model[0], model[1][1]  # type: ignore[index]
    assert (first.eps, first.momentum, first.training) == (1e-5, 0.1, True)
    assert (second.eps, second.momentum, second.training) == (0.02, 0.4, False)
    second_time = list(model.modules())
    synchronise(model)
    assert all(one is other for one, other in zip(second_time, model.modules(), strict=True))


def test_on_a_gpu_norms_become_torchs_own() -> None:
    with FakeTensorMode():
        model = nn.Sequential(nn.BatchNorm2d(CHANNELS, 0.02, 0.4, device="cuda"))
        synchronise(model)
    assert isinstance(model[0], GpuSyncedBatchNorm)
    assert (model[0].num_features, model[0].eps, model[0].momentum) == (CHANNELS, 0.02, 0.4)
    assert model[0].weight.device.type == "cuda"


@pytest.mark.parametrize(("count", "given"), [(2, torch.float16), (0, torch.float32)])
def test_on_a_gpu_only_a_process_without_rows_goes_in_as_single(
    monkeypatch: pytest.MonkeyPatch, count: int, given: torch.dtype
) -> None:
    seen: list[torch.dtype] = []

    def forward(_: nn.Module, x: torch.Tensor) -> torch.Tensor:
        seen.append(x.dtype)
        return 2 * x

    monkeypatch.setattr(nn.SyncBatchNorm, "forward", forward)
    x = rows(0, count).half()
    found = GpuSyncedBatchNorm(CHANNELS)(x)
    assert seen == [given]
    assert found.dtype == torch.float16 and torch.equal(found, 2 * x)
