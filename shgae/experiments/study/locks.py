"""Two processes never make the same part: whoever holds its lock makes it, the others do something else or wait.

The locks are files in the folder ``.locks`` of the study; the system drops one when its holder dies.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from shgae.artifacts.locking import Lock
from shgae.execution import Execution

LOCKS = ".locks"
PAUSE = 0.2
"""Seconds between two looks at what other processes do."""


class Patience:
    """Waiting for other processes: what they do is said once, and a signal ends it."""

    def __init__(self, study: Path, execution: Execution) -> None:
        self._study, self._execution = study, execution
        self._has_said = False

    def say(self, what: str) -> None:
        """Says, the first time, for what is waited: ``which makes seed-0/autoencoder``."""
        if not self._has_said:
            self._execution.progress.note(f"waiting for another process, {what}")
        self._has_said = True

    def wait(self, what: str) -> None:
        """A moment; raises :class:`~shgae.errors.Interrupted` where a signal came."""
        self.say(what)
        self._execution.stop.raise_if_set(self._study, "the same command again")
        time.sleep(PAUSE)


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


@contextmanager
def waited_for(study: Path, name: str, execution: Execution) -> Iterator[None]:
    """Within it, this process alone holds the lock of this name; waits for it, see :class:`Patience`."""
    patience = Patience(study, execution)
    while True:
        with held(study, name) as mine:
            if mine:
                yield
                return
        patience.wait(f"which writes {name}")


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
