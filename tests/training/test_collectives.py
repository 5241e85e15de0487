"""Sums and copies of several processes, and one line where a process is gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.distributed as dist

from shgae.errors import PeerLost
from shgae.execution import ProcessGroup
from shgae.training.collectives import add, cause, take_from_first
from tests.builders.processes import together

BOTH = {"all_reduce": add, "broadcast": take_from_first}
"""By the call of torch that they make."""


def test_all_processes_get_the_sum_or_what_the_first_one_has() -> None:
    def work(world: ProcessGroup) -> list[list[list[float]]]:
        added, taken = (torch.tensor([[1.0, 2.0], [world.rank, 0.5]]) for _ in range(2))
        add(added)
        take_from_first(taken)
        return [added.tolist(), taken.tolist()]

    assert together(3, work) == [[[[3, 6], [0 + 1 + 2, 1.5]], [[1, 2], [0, 0.5]]]] * 3


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    def raises(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(dist, name, raises)
    monkeypatch.setattr(dist, "get_rank", lambda: 41)


@pytest.mark.parametrize("name", BOTH)
def test_a_collective_that_fails_tells_of_a_lost_process_and_its_cause(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    error = dist.DistBackendError("NCCL error\n  in a file: 7\nLast error:\nsocket\n\tclosed")
    failing(monkeypatch, name, error)
    with pytest.raises(PeerLost) as lost:
        BOTH[name](torch.zeros(1))
    assert lost.value.exit_code == 5
    assert "41" in lost.value.where
    assert "(socket closed)" in lost.value.why and "NCCL" not in lost.value.why
    assert lost.value.__cause__ is error
    assert "\n" not in lost.value.line() and lost.value.fix


@pytest.mark.parametrize("name", BOTH)
def test_a_bug_is_no_lost_process(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    failing(monkeypatch, name, ValueError("the tensors must be contiguous"))
    with pytest.raises(ValueError, match="contiguous"):
        BOTH[name](torch.zeros(1))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", ""),
        ("  Connection reset \n by\tpeer ", "Connection reset by peer"),
        ("one Last error: two Last error: three", "three"),
        ("x" * 200, "x" * 200),
    ],
)
def test_a_cause_is_the_last_error_on_one_line(said: str, told: str) -> None:
    assert cause(RuntimeError(said)) == told


@pytest.mark.parametrize("make", [RuntimeError, OSError])
def test_a_long_cause_is_cut_to_200_characters(make: Callable[[str], BaseException]) -> None:
    assert len(cause(make("x" * 201))) == 200
    told = cause(make("word " * 41))
    assert told.startswith("word word") and 150 < len(told) <= 200
