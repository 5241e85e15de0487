"""What a user sees: progress and notes on standard error, results on standard output."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.text import Text

from shgae.errors import printable
from shgae.execution import Progress, Silent

if TYPE_CHECKING:
    import rich.progress

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
    progress = Bar(console) if is_drawn else Lines(sys.stderr)
    try:
        yield progress
    finally:
        progress.close()


def _console(stream: TextIO) -> Console:
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


@dataclass
class _Task:
    what: str
    total: int
    unit: str
    done: int
    before: int
    """Units that an earlier run did: they say nothing about this run's speed."""
    began: float
    facts: str = ""

    def line(self, now: float) -> str:
        """How far it is: ``extract train: 300/5,000 people, 12 s left  loss 0.1``."""
        text = f"{self.what}: {self.done:,}/{self.total:,} {self.unit}"
        fresh, left = self.done - self.before, self.total - self.done
        if fresh > 0 and left > 0:
            text += f", {duration((now - self.began) / fresh * left)} left"
        return f"{text}  {self.facts}".rstrip()


class Lines:
    """Progress for logs and pipes: notes, and a line about every ten seconds of a long task."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, every: float = 10.0) -> None:
        self._stream: TextIO | None = stream
        self._clock, self._every = clock, every
        self._task: _Task | None = None
        self._spoke = self._has_spoken = 0.0

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        """See :class:`~shgae.execution.Progress`."""
        self._spoke = self._clock()
        self._has_spoken = False
        self._task = _Task(what, total, unit, done, done, self._spoke)

    def advance(self, amount: int = 1, facts: str = "") -> None:
        """See :class:`~shgae.execution.Progress`."""
        if self._task is None:
            return
        self._task.done += amount
        self._task.facts = facts or self._task.facts
        now = self._clock()
        if now - self._spoke >= self._every:
            self._spoke, self._has_spoken = now, True
            self.note(self._task.line(now))

    def finish(self) -> None:
        """See :class:`~shgae.execution.Progress`; a task that was reported on gets its last line."""
        if self._task and self._has_spoken:
            self.note(self._task.line(self._clock()))
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

    def record(self, row: Mapping[str, Any], *, of: int, best: bool) -> None:
        """See :class:`~shgae.execution.Progress`."""
        self.note(_epoch_line(row, of, best))

    def close(self) -> None:
        """Forgets the task, finished or not."""
        self._task = None


class Bar:
    """Progress for a terminal: a bar with the time left, gone when the task is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: rich.progress.Progress | None = None

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        """See :class:`~shgae.execution.Progress`."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.close()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.fields[unit]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[facts]}", markup=False),
            console=self._console,
            transient=True,
            refresh_per_second=4,
            redirect_stdout=False,
        )
        self._bar.add_task(what, total=total, completed=done, unit=unit, facts="")
        self._bar.start()

    def advance(self, amount: int = 1, facts: str = "") -> None:
        """See :class:`~shgae.execution.Progress`."""
        if self._bar:
            task = self._bar.tasks[0]
            self._bar.update(task.id, advance=amount, facts=facts or task.fields["facts"])

    def finish(self) -> None:
        """See :class:`~shgae.execution.Progress`."""
        self.close()

    def note(self, text: str) -> None:
        """See :class:`~shgae.execution.Progress`; the line stands above the bar."""
        self._console.print(Text(printable(text)), soft_wrap=True)

    def record(self, row: Mapping[str, Any], *, of: int, best: bool) -> None:
        """See :class:`~shgae.execution.Progress`."""
        self.note(_epoch_line(row, of, best))

    def close(self) -> None:
        """Takes the bar away and gives the terminal back its cursor."""
        if self._bar:
            self._bar.stop()
            self._bar = None


def _epoch_line(row: Mapping[str, Any], of: int, best: bool) -> str:
    numbers = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "epoch")
    return f"epoch {row['epoch']}/{of}  {numbers}{'  best' if best else ''}"


def duration(seconds: float) -> str:
    """A time for people: ``12 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
