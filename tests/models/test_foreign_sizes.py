"""Tensors that claim more than their file holds: a file of 2 kB makes no network of gigabytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from shgae.errors import Refused
from shgae.models import foreign
from shgae.models.foreign import read_foreign
from shgae.models.foreign_tensors import NotPlain

GIGABYTE = 1 << 28
"""Of numbers of four bytes."""


def network(path: Path) -> dict[str, Tensor]:
    """What the reader would make of a file."""
    with path.open("rb") as file:
        return foreign.as_weights(foreign.find_network(foreign._load(file))[0], path.stat().st_size)


@pytest.mark.usefixtures("reads_here")
def test_a_tensor_with_a_stride_of_zero_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"state_dict": {"conv.weight": torch.zeros(1).expand(GIGABYTE)}}, path)
    assert path.stat().st_size < 4000
    with pytest.raises(Refused, match="1,073,741,824 bytes, the file holds 4 "):
        read_foreign(path)


@given(rows=st.integers(2, 400), step=st.integers(0, 30), columns=st.integers(1, 30))
def test_rows_that_lie_in_each_other_are_refused_where_they_claim_more_than_there_is(
    tmp_path_factory: pytest.TempPathFactory, rows: int, step: int, columns: int
) -> None:
    path = tmp_path_factory.mktemp("x") / "x.pth"
    stored = torch.arange((rows - 1) * step + columns, dtype=torch.float32)
    view = stored.as_strided((rows, columns), (step, 1))
    torch.save({"w": view}, path)
    if view.numel() > stored.numel():
        with pytest.raises(NotPlain):
            network(path)
    else:
        assert torch.equal(network(path)["w"], view)


def test_many_names_of_one_storage_are_refused_and_a_few_are_not(tmp_path: Path) -> None:
    stored = torch.rand(10_000)
    for count, is_refused in ((8, False), (200, True)):
        path = tmp_path / f"{count}.pth"
        torch.save({f"w{number}": stored for number in range(count)}, path)
        if is_refused:
            with pytest.raises(NotPlain, match="the file holds"):
                network(path)
        else:
            assert all(torch.equal(one, stored) for one in network(path).values())


def test_a_part_of_a_larger_storage_is_read(tmp_path: Path) -> None:
    stored = torch.rand(40, 40)
    torch.save({"w": stored.t()[3:7], "v": stored[:, 2]}, tmp_path / "x.pth")
    found = network(tmp_path / "x.pth")
    assert torch.equal(found["w"], stored.t()[3:7])
    assert torch.equal(found["v"], stored[:, 2])


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory limit is Linux's")
def test_a_file_that_takes_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_MEMORY_LIMIT", 8 << 20)
    torch.save({"x": torch.zeros(8 << 20)}, tmp_path / "large.pth")
    with pytest.raises(Refused, match="memory"):
        read_foreign(tmp_path / "large.pth")


def test_a_tensor_with_an_overlong_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({f"{'module.' * 200_000}x": torch.zeros(3)}, path)
    with pytest.raises(NotPlain, match="has 1,400,001 characters, more than 1,000"):
        network(path)
    torch.save({"x" * 1000: torch.zeros(3)}, path)
    assert network(path).keys() == {"x" * 1000}


@pytest.mark.usefixtures("reads_here")
def test_a_reader_without_memory_says_so_and_looks_for_no_other_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_memory(*_: object, **__: object) -> None:
        raise MemoryError

    torch.save({"x": torch.zeros(3)}, tmp_path / "x.pth")
    for function in ("reason", "wanted"):
        monkeypatch.setattr(foreign, function, without_memory)
    monkeypatch.setattr(torch, "load", without_memory)
    with pytest.raises(Refused, match="needs more memory than a checkpoint may"):
        read_foreign(tmp_path / "x.pth")


def test_a_reader_that_died_of_a_lack_of_memory_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"x": torch.zeros(3)}, tmp_path / "x.pth")
    for said, kind, why in (
        ("Traceback:\nMemoryError\n", Refused, "needs more memory than a checkpoint may"),
        ("Traceback:\nKeyError: 3\n", RuntimeError, "failed"),
    ):
        monkeypatch.setattr(
            foreign.reader_process, "ask", lambda *_, said=said: foreign.reader_process.Answer(1, b"", said)
        )
        with pytest.raises(kind, match=why):
            read_foreign(tmp_path / "x.pth")
