"""What a user sees: progress and notes on standard error, results on standard output."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console

from shgae.cli.live import Screen, epoch_line
from shgae.cli.pace import Pace, Task
from shgae.errors import printable
from shgae.execution import Progress, Silent

if TYPE_CHECKING:
    from shgae.cli.command import Outcome

_PIPE_WIDTH = 160
"""Columns of a table that goes into a file or a pipe, where no terminal says how many there are."""


def show(outcome: Outcome, *, as_json: bool, quiet: bool) -> None:
    """Prints a result on standard output: one JSON object, or tables, the artefact and the next command."""
    if as_json:
        sys.stdout.write(json.dumps(outcome.result, allow_nan=False) + "\n")
        return
    console = _console(sys.stdout)
    for table in outcome.tables:
        with console.capture() as captured:
            console.print(table, soft_wrap=isinstance(table, str))
        sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())
    made = outcome.result
    if "id" in made and "output" in made:
        sys.stdout.write(f"{made['kind']} {made['id'][:12]} in {made['output']}\n")
    if outcome.then and not quiet:
        sys.stdout.write(f"next: {outcome.then}\n")


def error_line(text: str) -> None:
    """Prints ``error: ...`` on standard error, always as one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    sys.stderr.write(f"error: {line}\n")


@contextmanager
def drawn(*, quiet: bool) -> Iterator[Progress]:
    """The progress of a command: a bar on a terminal, lines elsewhere, nothing when quiet."""
    if quiet:
        yield Silent()
        return
    console = _console(sys.stderr)
    is_drawn = sys.stderr.isatty() and console.is_terminal and not console.is_dumb_terminal
    progress = Screen(console) if is_drawn else Lines(sys.stderr)
    try:
        yield progress
    finally:
        progress.close()


def _console(stream: TextIO) -> Console:
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


class Lines:
    """Progress for logs and pipes: notes, and a line about every ten seconds of a long task."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, every: float = 10.0) -> None:
        self._stream: TextIO | None = stream
        self._clock, self._every = clock, every
        self._task: Task | None = None
        self._pace: Pace | None = None
        self._spoke = 0.0
        self._told: int | None = None

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        """See :class:`~shgae.execution.Progress`."""
        self._spoke = self._clock()
        self._told = None
        self._task = Task(what, total, unit, done, self._spoke)
        if self._pace:
            self._pace.start(self._task)

    def advance(self, amount: int = 1, facts: str = "") -> None:
        """See :class:`~shgae.execution.Progress`."""
        if self._task is None:
            return
        now = self._clock()
        self._task.advance(amount, facts, now)
        if now - self._spoke >= self._every:
            self._spoke, self._told = now, self._task.done
            self.note(self._task.line(now))

    def finish(self) -> None:
        """See :class:`~shgae.execution.Progress`; a task that was reported on gets its last line, once."""
        if self._task and self._told not in (None, self._task.done):
            self.note(self._task.line(self._clock()))
        if self._pace and self._task:
            self._pace.finish()
        self._task = None

    def note(self, text: str) -> None:
        """See :class:`~shgae.execution.Progress`."""
        if self._stream is None:
            return
        try:
            self._stream.write(f"{printable(text)}\n")
            self._stream.flush()
        except OSError:
            self._stream = None  # a reader that left, or a full log disk, is no reason to end a training

    def training(self, rows: Sequence[Mapping[str, Any]], *, of: int, best_epoch: int) -> None:  # noqa: ARG002
        """See :class:`~shgae.execution.Progress`."""
        self._pace = Pace(of, len(rows), self._clock)

    def record(self, row: Mapping[str, Any], *, of: int, best: bool) -> None:
        """See :class:`~shgae.execution.Progress`."""
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
