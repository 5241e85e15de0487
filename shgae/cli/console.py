"""What a user sees: progress and notes on standard error, results on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from shgae.cli.progress.lines import Lines
from shgae.cli.progress.screen import Screen
from shgae.errors import DiskError, printable, printable_lines
from shgae.execution import Progress

if TYPE_CHECKING:
    from shgae.cli.command import Outcome
    from shgae.reporting.table import Grid

_PIPE_WIDTH = 160
"""Columns of a table that goes into a file or a pipe, where no terminal says how many there are."""
_LEAST_WIDTH = 40
"""Columns below which tables would lose what they hold."""


def show(outcome: Outcome, *, as_json: bool, quiet: bool) -> None:
    """Prints a result on standard output: one JSON object, or tables, the artefact and the next command.

    Raises:
        DiskError: there is no room for it where standard output goes.
    """
    try:
        _show(outcome, as_json=as_json, quiet=quiet)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise DiskError("disk or I/O", "standard output", why, "another place for it") from error


def _show(outcome: Outcome, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(outcome.result, allow_nan=False) + "\n")
        return
    console = _console(sys.stdout)
    if console.width < _LEAST_WIDTH:
        console.width = _LEAST_WIDTH if sys.stdout.isatty() else _PIPE_WIDTH
    for table in map(_safe, outcome.tables):
        with console.capture() as captured:
            console.print(table, soft_wrap=isinstance(table, str))
        sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())
    made = outcome.result
    if "id" in made and "output" in made:
        sys.stdout.write(printable(f"{made['kind']} {made['id'][:12]} in {made['output']}") + "\n")
    if outcome.then and not quiet:
        sys.stdout.write(printable(f"next: {outcome.then}") + "\n")


def _safe(table: RenderableType | Grid) -> RenderableType:
    """What rich draws; a text without what a terminal would obey; tables see to theirs themselves."""
    from shgae.cli.table_layout import FittedTable
    from shgae.reporting.table import Grid

    if isinstance(table, Grid):
        return FittedTable(table)
    if isinstance(table, Text):
        table.plain = printable_lines(table.plain)
    return printable_lines(table) if isinstance(table, str) else table


def error_line(text: str) -> None:
    """Prints ``error: ...`` on standard error, always as one line."""
    line = " ".join(printable(text).split())
    try:
        sys.stderr.write(f"error: {line}\n")
        sys.stderr.flush()
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - a closed terminal: Python flushes once more at exit


@contextmanager
def drawn(*, quiet: bool) -> Iterator[Progress]:
    """The progress of a command: a bar on a terminal, lines elsewhere, nothing when quiet."""
    if quiet:
        yield Progress()
        return
    console = _console(sys.stderr)
    is_drawn = sys.stderr.isatty() and console.is_terminal and not console.is_dumb_terminal
    progress = Screen(_console(_Terminal(sys.stderr))) if is_drawn else Lines(sys.stderr)
    try:
        yield progress
    finally:
        progress.close()


class _Terminal:
    """A terminal that may go away: then nothing is shown any more, and the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _console(stream: Any) -> Console:
    width = None if stream.isatty() or os.environ.get("COLUMNS", "").isdigit() else _PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
