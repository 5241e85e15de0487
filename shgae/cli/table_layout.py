"""A grid in a terminal of any width: no number and no word is broken while there is room for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from shgae.reporting.table import Grid

_LONGEST = 24
"""Cells up to so many characters stay on one line where that is possible."""


class FittedTable:
    """A grid with its title above and its caption below, both as wide as the terminal."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See rich's protocol of consoles."""
        grid, columns = self._grid, len(self._grid.headings)
        room, tight_room = options.max_width - 3 * columns - 1, options.max_width - 2 * columns + 1
        is_tight = sum(_longest_words(grid)) > room
        widths = column_widths(grid, tight_room if is_tight else room)
        padding = (0, 1, 0, 0) if is_tight else (0, 1)
        table = Table(box=box.SIMPLE_HEAD, show_edge=not is_tight, pad_edge=not is_tight, padding=padding)
        for place, (heading, is_left) in enumerate(zip(grid.headings, grid.is_left, strict=True)):
            side: Literal["left", "right"] = "left" if is_left else "right"
            table.add_column(Text(heading), justify=side, overflow="fold", width=widths[place])
        for place, row in enumerate(grid.rows):
            table.add_row(*map(Text, row), style="dim" if place >= len(grid.rows) - grid.aside else "")
        if grid.title:
            yield Text(f"\n{grid.title}", style="bold")
        yield from ("", table, "") if is_tight else (table,)
        if grid.caption:
            yield Text(grid.caption, style="table.caption")


def column_widths(grid: Grid, room: int) -> list[int]:
    """Characters for each column, of so many in all.

    What is longer than its column is wrapped between words: first headings, then long cells, then all. Words are
    broken, the longest first, where not even they find room.
    """
    columns = list(zip(grid.headings, *grid.rows, strict=True))
    widths = _longest_words(grid)
    while sum(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    cells = ([size for size in map(cell_len, column[1:]) if size <= _LONGEST] for column in columns)
    widths = _grown(widths, [max(sizes, default=0) for sizes in cells], room)
    return _grown(widths, [max(map(cell_len, column)) for column in columns], room)


def _grown(widths: Sequence[int], wish: Sequence[int], room: int) -> list[int]:
    """Widths on the way to those that are wished for: those that lack least first, alike those that lack as much."""
    grown, spare = list(widths), max(room - sum(widths), 0)
    lacks = sorted(
        (max(wanted - width, 0), place) for place, (width, wanted) in enumerate(zip(widths, wish, strict=True))
    )
    for done, (lack, place) in enumerate(lacks):
        alike = sum(1 for other, _ in lacks[done:] if other == lack)
        more = min(lack, spare // alike)
        grown[place] += more
        spare -= more
    return grown


def _longest_words(grid: Grid) -> list[int]:
    columns = zip(grid.headings, *grid.rows, strict=True)
    return [max(cell_len(word) for text in column for word in (text.split() or [""])) for column in columns]
