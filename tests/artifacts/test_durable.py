"""A file is written whole or not at all, whatever fails."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.durable import replacing, sync, write_bytes
from shgae.artifacts.tables import append_row, write_json, write_rows
from shgae.artifacts.tensors import save_tensors
from tests.builders.artefacts import everything, recorded
from tests.builders.tensor_files import A


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_files_have_the_mode_that_the_umask_asks_for(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        save_tensors(tmp_path / "tensors", {"a": A})
        write_json(tmp_path / "json", {})
        write_rows(tmp_path / "rows", [{}])
        append_row(tmp_path / "appended", {})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("tensors", "json", "rows", "appended"), 0o666 & ~mask)


def test_a_file_is_written_then_synced_then_renamed_then_its_folder_synced(tmp_path: Path) -> None:
    with recorded() as disk:
        write_bytes(tmp_path / "x", b"hello")
    sibling = f".x.{os.getpid()}.tmp"
    assert disk.calls == [("fsync", sibling, 5), ("replace", sibling, "x"), ("fsync", tmp_path.name, None)]


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("call", [0, 1, 2])
def test_a_write_that_fails_leaves_the_old_content_or_the_new_and_nothing_beside_it(
    tmp_path: Path, call: int, old: bytes | None
) -> None:
    path = tmp_path / "x"
    if old:
        path.write_bytes(old)
    with pytest.raises(OSError, match="No space"), recorded(fails_at=call):
        write_bytes(path, b"new")
    renamed = call == 2
    assert everything(tmp_path) == ({"x": b"new"} if renamed else {"x": old} if old else {})


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted as Linux tells them")
def test_what_is_written_and_synced_does_not_stay_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        write_bytes(tmp_path / "x", b"new")
        sync(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_write_that_fails_says_where_unless_the_system_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    with pytest.raises(OSError, match="No space") as caught, recorded(fails_at=0):
        write_bytes(path, b"new")
    assert caught.value.filename == str(path)

    def full(*_: Any) -> Any:
        raise OSError(24, "Too many open files", "elsewhere")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="Too many open files: 'elsewhere'"):
        write_bytes(path, b"new")


def test_a_keyboard_interrupt_while_writing_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert everything(tmp_path) == {"x": b"old"}
