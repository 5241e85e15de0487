"""Progress as plain lines, for files and pipes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from shgae.cli.progress.eta import Pace, Task
from shgae.cli.progress.screen import Notes, epoch_line
from shgae.errors import printable
from shgae.execution import Progress


class Lines(Progress):
    """Progress for logs and pipes: notes, and of a long task a line soon after it began, then every ten seconds."""

    def __init__(
        self, stream: TextIO, clock: Callable[[], float] = time.monotonic, *, first: float = 3.0, every: float = 10.0
    ) -> None:
        self._stream: TextIO | None = stream
        self._clock, self._first, self._every = clock, first, every
        self._task: Task | None = None
        self._pace: Pace | None = None
        self._spoke = 0.0
        self._told: int | None = None
        self._notes = Notes()

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        self._spoke = self._clock()
        self._told = None
        self._task = Task(what, total, unit, done, self._clock)
        if self._pace:
            self._pace.start(self._task)

    def advance(self, amount: int = 1, facts: str = "") -> None:
        if self._task is None:
            return
        now = self._clock()
        self._task.advance(amount, facts)
        wait = self._every if self._told else self._first
        if now - self._spoke >= wait and (self._told or self._task.done < self._task.total):
            self._spoke, self._told = now, self._task.done
            self.note(self._task.line())

    def finish(self) -> None:
        """See :class:`~shgae.execution.Progress`; a task that was reported on gets its last line, once."""
        if self._task and self._told not in (None, self._task.done):
            self.note(self._task.line())
        if self._pace and self._task:
            self._pace.finish()
        self._task = None

    def note(self, text: str) -> None:
        if self._stream is None or self._notes.repeats(text):
            return
        try:
            self._stream.write(f"{printable(text)}\n")
            self._stream.flush()
        except OSError:
            self._stream = None  # a reader that left, or a full log disk, is not a reason to end a training

    def training(self, rows: Sequence[Mapping[str, Any]], *, of: int, best_epoch: int) -> None:  # noqa: ARG002
        self._pace = Pace(of, len(rows), self._clock)

    def record(self, row: Mapping[str, Any], *, of: int, best: bool) -> None:
        left = ""
        if self._pace:
            self._pace.record()
            left = self._pace.sentence()
        self.note(epoch_line(row, of, best) + (f"  {left}" if left else ""))
        if row["epoch"] >= of:
            self._pace = None

    def close(self) -> None:
        """Forgets the task, finished or not."""
        self._task = None
