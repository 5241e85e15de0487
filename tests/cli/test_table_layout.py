"""Tables in terminals of any width."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from shgae.cli.table_layout import FittedTable, column_widths, in_parts
from shgae.reporting.table import Grid

ARMS = Grid(
    "arms",
    ("arm", "what", "PCK % all", "by seed", "minus a", "parameters"),
    (
        ("a", "no autoencoder", "29.8", "30.0, 30.2", "-", "2,930,812"),
        (
            "c",
            "linear autoencoder, from principal components",
            "29.2",
            "28.8, 30.1",
            "-0.6 (-2.1 to +0.8)",
            "3,344,558",
        ),
    ),
    "a line below the table that is as long as the terminal is wide, and longer than the table",
    words=("what",),
)


def lines_of(grid: Grid, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    console.print(FittedTable(grid))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [120, 100, 80, 60])
def test_no_word_and_no_number_is_broken_where_all_find_room(width: int) -> None:
    lines = lines_of(ARMS, width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert all(word in words for text in (*ARMS.headings, *ARMS.rows[0], *ARMS.rows[1]) for word in text.split())


WIDE = Grid(
    "wide",
    (*ARMS.headings, "trained parameters", "GFLOP", "question"),
    tuple((*row, row[-1], "2.44", "Did the pre-trained autoencoder earn its place?") for row in ARMS.rows),
    words=("what", "question"),
    aside=1,
)


@pytest.mark.parametrize("width", [80, 60, 50])
def test_columns_that_find_no_room_go_to_a_table_below_after_the_first_column(width: int) -> None:
    parts = in_parts(WIDE, width)
    assert len(parts) > 1
    assert all(part.headings[0] == "arm" and part.aside == 1 for part in parts)
    assert [heading for part in parts for heading in part.headings[1:]] == [*WIDE.headings[1:]]
    assert all([row[0] for row in part.rows] == ["a", "c"] for part in parts)
    assert tuple(text for part in parts for text in part.rows[1][1:]) == WIDE.rows[1][1:]
    lines = lines_of(WIDE, width)
    assert max(map(len, lines)) <= width
    said = " ".join(lines).split()
    assert all(word in said for row in (WIDE.headings, *WIDE.rows) for text in row for word in text.split())
    assert sum("wide" in line for line in lines) == 1, "one title"


def test_a_table_is_not_split_for_a_long_name_alone() -> None:
    rows = (("runs/2026/a-name-of-far-more-letters-than-there-is-room-for/finetuned", "29.8", "30.0"),)
    grid = Grid("", ("model", "PCK %", "hidden"), rows)
    assert in_parts(grid, 60) == [grid]
    assert in_parts(Grid("", WIDE.headings, ()), 30)


def test_headings_are_wrapped_before_cells() -> None:
    grid = Grid("", ("model", "points of all labelled joints"), (("baseline", "+1.1 (+0.2 to +2.1)"),))
    lines = lines_of(grid, 36)
    assert any("+1.1 (+0.2 to +2.1)" in line for line in lines)
    assert not any("points of all labelled joints" in line for line in lines)


def test_columns_share_what_room_there_is_so_that_rows_stay_low() -> None:
    found = ("finetuned - grafted", "+12.1 (+10.4 to +13.9)", "+11.0 (+7.1 to +15.1)", "+12.5 (+10.7 to +14.4)", "2.5")
    grid = Grid(
        "", ("difference", "points all", "points hidden (v=1)", "points visible (v=2)", "smallest"), 3 * (found,)
    )
    lines = [line for line in lines_of(grid, 80) if line.strip()]
    rule = next(place for place, line in enumerate(lines) if "\u2500" in line)
    assert len(lines) - rule - 1 == 2 * 3, "two lines a row"


def test_captions_are_as_wide_as_the_terminal_however_narrow_the_table_is() -> None:
    assert Grid("", ("a",), (("1",),), ARMS.caption).caption in lines_of(Grid("", ("a",), (("1",),), ARMS.caption), 100)


@given(
    cells=st.lists(st.lists(st.text("ab ", max_size=30), min_size=4, max_size=4), min_size=1, max_size=4),
    room=st.integers(4, 150),
)
def test_widths_fill_no_more_than_the_room_and_break_words_only_for_want_of_it(
    cells: list[list[str]], room: int
) -> None:
    grid = Grid("", tuple("wxyz"), tuple(map(tuple, cells)))
    widths = column_widths(grid, room)
    columns = list(zip(grid.headings, *cells, strict=True))
    words = [max(len(word) for text in column for word in text.split() or [""]) for column in columns]
    assert sum(widths) <= room
    assert all(width >= 1 for width in widths)
    if sum(words) <= room:
        assert all(width >= word for width, word in zip(widths, words, strict=True))
    if sum(max(map(len, column)) for column in columns) <= room:
        assert widths == [max(map(len, column)) for column in columns]
