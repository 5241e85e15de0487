"""A grid in a terminal of any width: no number and no word is broken, if need be columns go to a table of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from shgae.reporting.table import Grid

_BROKEN = 4
"""A word of more than the width divided by this may be broken."""


class FittedTable:
    """A grid with its title above and its caption below, both as wide as the terminal."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See rich's protocol of consoles."""
        if self._grid.title:
            yield Text(f"\n{self._grid.title}", style="bold")
        for part in in_parts(self._grid, options.max_width):
            yield from _drawn(part, options.max_width)
        if self._grid.caption:
            yield Text(self._grid.caption, style="table.caption")


def in_parts(grid: Grid, width: int) -> list[Grid]:
    """A grid of which the words do not fit next to each other as several: the columns that do, each number on one
    line, then the others, each time after the first column.

    A word that is longer than the width divided by :data:`_BROKEN`, such as a path, is broken instead."""
    words = [min(word, width // _BROKEN) for word in _longest_words(grid)]
    if sum(words) <= _tight_room(width, len(words)):
        return [grid]
    for place in (place for place, is_left in enumerate(grid.is_left) if not is_left):
        cell = max((cell_len(row[place]) for row in grid.rows), default=0)
        words[place] = max(words[place], min(cell, width // _BROKEN))
    parts = [[0]]
    for place in range(1, len(words)):
        columns = [*parts[-1], place]
        if len(columns) > 2 and sum(words[one] for one in columns) > _room(width, len(columns)):
            columns = [0, place]
            parts.append(columns)
        parts[-1] = columns
    return [
        replace(
            grid,
            headings=tuple(grid.headings[one] for one in columns),
            rows=tuple(tuple(row[one] for one in columns) for row in grid.rows),
        )
        for columns in parts
    ]


def _drawn(grid: Grid, width: int) -> RenderResult:
    columns = len(grid.headings)
    is_tight = sum(_longest_words(grid)) > _room(width, columns)
    widths = column_widths(grid, _tight_room(width, columns) if is_tight else _room(width, columns))
    padding = (0, 1, 0, 0) if is_tight else (0, 1)
    table = Table(box=box.SIMPLE_HEAD, show_edge=not is_tight, pad_edge=not is_tight, padding=padding)
    for place, (heading, is_left) in enumerate(zip(grid.headings, grid.is_left, strict=True)):
        side: Literal["left", "right"] = "left" if is_left else "right"
        table.add_column(Text(heading), justify=side, overflow="fold", width=widths[place])
    for place, row in enumerate(grid.rows):
        table.add_row(*map(Text, row), style="dim" if place >= len(grid.rows) - grid.aside else "")
    yield from ("", table, "") if is_tight else (table,)


def _room(width: int, columns: int) -> int:
    return width - 3 * columns - 1


def _tight_room(width: int, columns: int) -> int:
    return width - 2 * columns + 1


def column_widths(grid: Grid, room: int) -> list[int]:
    """Characters for each column, of so many in all.

    Where not all fit on one line, the columns share the room so that no row is much taller than the others: cells are
    wrapped between words, headings before cells. Words are broken, the longest first, where not even they find room.
    """
    columns = list(zip(grid.headings, *grid.rows, strict=True))
    whole = [max(map(cell_len, column)) for column in columns]
    if sum(whole) <= room:
        return whole
    widths = _longest_words(grid)
    while sum(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    while True:
        # The tallest column that can be made lower with what is left.
        spare = room - sum(widths)
        ways = []
        for place, column in enumerate(columns):
            now = _height(column, widths[place])
            enough = range(widths[place] + 1, min(widths[place] + spare, whole[place]) + 1)
            lower = next((width for width in enough if _height(column, width) < now), None)
            if lower is not None:
                ways.append((now, widths[place] - lower, place, lower))
        if not ways:
            return widths
        _, _, place, lower = max(ways)
        widths[place] = lower


def _height(column: Sequence[str], width: int) -> tuple[int, int]:
    """Lines of the tallest cell of a column, and of its heading, which is the first of its texts."""
    heading, *cells = (_lines(text, width) for text in column)
    return max(cells, default=1), heading


def _lines(text: str, width: int) -> int:
    lines, used = 1, 0
    for word in map(cell_len, text.split()):
        if used and used + 1 + word > width:
            lines, used = lines + 1, 0
        used += word + (used > 0)
    return lines


def _longest_words(grid: Grid) -> list[int]:
    columns = zip(grid.headings, *grid.rows, strict=True)
    return [max(cell_len(word) for text in column for word in (text.split() or [""])) for column in columns]
