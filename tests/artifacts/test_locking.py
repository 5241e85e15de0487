"""A lock on file systems that have none: one that is known by what its file says, or one line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import filelock
import pytest

from shgae.artifacts.folders import locked
from shgae.artifacts.locking import Lock, is_native
from shgae.errors import DiskError, Refused
from shgae.execution import Execution
from shgae.experiments.study import locks
from tests.artifacts.conftest import WithoutFlock

KILLED = """
import errno, fcntl, os, signal
from pathlib import Path
from shgae.artifacts.folders import locked
def missing(*_):
    raise OSError(errno.ENOSYS, "Function not implemented")
fcntl.flock = missing
with locked(Path("lock"), Path("x")):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOLCK])
def test_a_file_system_without_locks_is_told_with_its_place_and_a_way_out(
    tmp_path: Path, without_flock: WithoutFlock, number: int
) -> None:
    without_flock(number)
    said = r"lock in .*lock: this file system has no locks\. Try: --output on another one\."
    for lock in (
        locked(tmp_path / "lock", tmp_path),
        locks.held(tmp_path, "a"),
        locks.waited_for(tmp_path, "a", Execution()),
    ):
        with pytest.raises(DiskError, match=said), lock:
            pytest.fail("it is not locked")


def test_another_fault_of_a_lock_stays_what_it_is(tmp_path: Path, without_flock: WithoutFlock) -> None:
    without_flock(errno.EIO)
    with pytest.raises(OSError, match="Input/output"), Lock(tmp_path / "lock"):
        pytest.fail("it is not locked")


def test_where_the_file_is_the_lock_it_excludes_others_by_name_and_without_a_warning(
    tmp_path: Path, without_flock: WithoutFlock
) -> None:
    without_flock(errno.ENOSYS)
    with warnings.catch_warnings(), locked(tmp_path / "lock", tmp_path):
        warnings.simplefilter("error")
        with (
            pytest.raises(Refused, match=f": process {os.getpid()} is writing it"),
            locked(tmp_path / "lock", tmp_path),
        ):
            pytest.fail("two hold one lock")
    with locked(tmp_path / "lock", tmp_path):
        pass


def test_where_the_file_is_the_lock_that_of_a_killed_process_is_taken(
    tmp_path: Path, without_flock: WithoutFlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (killed.returncode, killed.stderr) == (-9, "")
    assert (tmp_path / "lock").exists()
    without_flock(errno.ENOSYS)
    with locked(tmp_path / "lock", tmp_path):
        pass


def test_a_lock_of_the_system_is_told_from_one_of_a_file(tmp_path: Path, without_flock: WithoutFlock) -> None:
    with Lock(tmp_path / "a") as lock:
        assert is_native(lock)
    without_flock(errno.ENOSYS)
    with Lock(tmp_path / "b") as lock:
        assert not is_native(lock)
    assert isinstance(lock, filelock.BaseFileLock)
