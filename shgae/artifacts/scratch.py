"""Temporary folders that do not outlive the programs that made them: what a killed one left, the next one clears.

A lock tells whether the program is still there.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from shgae.artifacts.locking import Lock
from shgae.errors import DiskError

_PREFIX = "shgae-"
_LOCK = ".lock"
_LOCKED_BY_NOW = 3600.0
"""Seconds after which a folder without a lock is one of a program that was killed before it made it."""


class _Lock(Lock):
    fix = "TMPDIR on another one"


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """A new temporary folder for the time of a block; clears those of programs that are not there any more."""
    clear_abandoned(Path(tempfile.gettempdir()))
    with (
        tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{purpose}-", ignore_cleanup_errors=True) as name,
        _Lock(Path(name) / _LOCK),
    ):
        yield Path(name)


def clear_abandoned(parent: Path) -> None:
    """Deletes the temporary folders in ``parent`` that killed programs of this user left."""
    with suppress(OSError):
        for folder in parent.glob(f"{_PREFIX}*"):
            with suppress(OSError, DiskError):
                if _is_own(folder) and _is_abandoned(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_own(folder: Path) -> bool:
    """Whether it is a folder, no link to one, and this user's: anybody may make names in a place for all."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def _is_abandoned(folder: Path) -> bool:
    if not (folder / _LOCK).is_file():
        return time.time() - folder.stat().st_mtime > _LOCKED_BY_NOW
    try:
        with _Lock(folder / _LOCK, timeout=0):
            return True
    except filelock.Timeout:
        return False
