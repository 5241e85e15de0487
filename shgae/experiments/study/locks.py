"""Two processes never make the same part: whoever holds its lock makes it, the others do something else or wait.

The locks are files in the folder ``.locks`` of the study; the system drops one when its holder dies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from shgae.artifacts.locking import Lock

LOCKS = ".locks"


@contextmanager
def held(study: Path, name: str) -> Iterator[bool]:
    """Whether this process alone makes the part of this name within; False where another one does."""
    try:
        lock = Lock(_path(study, name)).acquire(timeout=0)
    except filelock.Timeout:
        yield False
        return
    with lock:
        yield True


def waited_for(study: Path, name: str) -> filelock.BaseFileLock:
    """Within it, this process alone holds the lock of this name; waits for it."""
    return Lock(_path(study, name))


def is_held(study: Path, name: str) -> bool:
    """Whether some process makes the part of this name right now."""
    if not _path(study, name, make=False).exists():
        return False
    with held(study, name) as mine:
        return not mine


def _path(study: Path, name: str, *, make: bool = True) -> Path:
    folder = study / LOCKS
    if make:
        folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name.replace('/', '--')}.lock"
