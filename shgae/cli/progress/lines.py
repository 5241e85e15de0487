"""Progress as plain lines, for files and pipes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from shgae.cli.progress.tracked import Tracked, epoch_line
from shgae.errors import printable

_FIRST, _EVERY = 3.0, 10.0
"""Seconds until a task has its first line, and between two."""


class Lines(Tracked):
    """Progress for logs and pipes: notes, and of a long task a line soon after it began, then every ten seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._stream: TextIO | None = stream
        self._spoke = 0.0
        self._told: int | None = None

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        self._spoke = self._clock()
        self._told = None
        super().start(what, total, unit, done)

    def advance(self, amount: int = 1, facts: str = "") -> None:
        if self._task is None:
            return
        now = self._clock()
        self._task.advance(amount, facts)
        wait = _EVERY if self._told else _FIRST
        if now - self._spoke >= wait and (self._told or self._task.done < self._task.total):
            self._spoke, self._told = now, self._task.done
            self.note(self._task.line())

    def finish(self) -> None:
        """See :class:`~shgae.execution.Progress`; a task that was reported on gets its last line, once."""
        if self._task and self._told not in (None, self._task.done):
            self.note(self._task.line())
        super().finish()

    def record(self, row: Mapping[str, Any], *, of: int, best: bool) -> None:
        super().record(row, of=of, best=best)
        left = self._pace.sentence() if self._pace else ""
        self.note(epoch_line(row, of, best) + (f"  {left}" if left else ""))

    def _say(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(f"{printable(line)}\n")
            self._stream.flush()
        except OSError:
            self._stream = None  # a reader that left, or a full log disk, is not a reason to end a training
