"""What a user sees: progress and notes on standard error, results on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from rich.console import Console

from shgae.cli.progress.lines import Lines
from shgae.cli.progress.screen import Screen
from shgae.execution import Progress, Silent

if TYPE_CHECKING:
    from shgae.cli.outcome import Outcome

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
    with suppress(OSError):  # the terminal may be closed
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
