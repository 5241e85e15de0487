"""Temporary folders go with their program; those of killed ones are cleared, and nobody else's."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import filelock
import pytest

from shgae.artifacts import scratch as module
from shgae.artifacts.scratch import clear_abandoned, scratch
from shgae.errors import DiskError
from tests.artifacts.conftest import WithoutFlock


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def left(place: Path, name: str = "shgae-x", *, locked: bool = True, at: float | None = None) -> Path:
    folder = place / name
    folder.mkdir()
    if locked:
        (folder / ".lock").write_text("")
    if at is not None:
        os.utime(folder, (at, at))
    return folder


def test_a_folder_is_there_for_the_block_and_gone_after_it(place: Path) -> None:
    with scratch("read") as folder:
        assert folder.is_dir() and folder.name.startswith("shgae-read-") and folder.parent == place
        (folder / "a").write_text("x")
        clear_abandoned(place)
        assert (folder / "a").exists(), "its program is at work"
    assert list(place.iterdir()) == []


def test_what_a_killed_program_left_is_cleared_by_the_next_one(place: Path) -> None:
    torn, other = left(place), left(place, "others-x")
    with scratch("read"):
        assert not torn.exists() and other.exists()


def test_a_folder_without_a_lock_is_spared_for_an_hour(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    young, old = (left(place, f"shgae-{at}", locked=False, at=at) for at in (1000, 999))
    monkeypatch.setattr(time, "time", lambda: 4600.0)
    clear_abandoned(place)
    assert young.exists() and not old.exists()


def test_a_file_that_cannot_be_deleted_costs_nothing_but_itself(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, unlink = {"a", "b", "c"}, os.unlink
    kept = dict[str, str]()

    def stubborn(path: str, **options: Any) -> None:
        name = Path(path).name
        if name in names and kept.setdefault("first", name) == name:
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", stubborn)
    torn = left(place)
    for name in names:
        (torn / name).touch()
    with scratch("read") as folder:
        assert [path.name for path in torn.iterdir()] == [kept["first"]]
        for name in names:
            (folder / name).touch()
    assert [path.name for path in folder.iterdir()] == [kept["first"]]


def test_a_folder_that_is_locked_is_spared(place: Path) -> None:
    folder = left(place)
    with filelock.FileLock(folder / ".lock"):
        clear_abandoned(place)
        assert folder.exists()
    clear_abandoned(place)
    assert not folder.exists()


def test_a_link_a_file_and_somebody_elses_folder_are_spared_and_not_locked(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, locked = module._Lock, []

    def watched(path: Path, **options: Any) -> filelock.BaseFileLock:
        locked.append(path.parent)
        return lock(path, **options)

    away, mine = left(place, "away"), left(place)
    (place / "shgae-link").symlink_to(away)
    (place / "shgae-file").write_text("")
    os.utime(place / "shgae-file", (1000, 1000))
    monkeypatch.setattr(module, "_Lock", watched)
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "getuid", lambda: 12345)
        clear_abandoned(place)
    assert mine.exists() and not locked
    clear_abandoned(place)
    assert (away / ".lock").exists() and (place / "shgae-file").exists() and (place / "shgae-link").is_symlink()
    assert not mine.exists() and locked == [mine]


def test_a_place_without_locks_is_named_with_the_way_to_another(place: Path, without_flock: WithoutFlock) -> None:
    without_flock(errno.ENOLCK)
    torn = left(place)
    with pytest.raises(DiskError, match=r"lock in .*\.lock: this file system has no locks\. Try: TMPDIR"), scratch("x"):
        pytest.fail("it is not locked")
    assert list(place.iterdir()) == [torn], "nobody knows whether its program is at work"
