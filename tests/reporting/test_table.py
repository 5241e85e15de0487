from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.evaluation.study_differences import Range
from shgae.metrics.statistics import Interval
from shgae.reporting.table import Grid, interval_points, p_value, pages, percent, points, signed_points, span, stated

GRID = Grid("50 % of run_1", ("model", "PCK"), (("a|b", "1.0"), ("x_y & co", "-")), "first\nsecond", aside=1)


def test_markdown_escapes_what_would_be_markup() -> None:
    assert GRID.markdown().splitlines() == [
        r"**50 % of run\_1**",
        "",
        "| model     |   PCK |",
        "|:----------|------:|",
        r"| a\|b      |   1.0 |",
        r"| x\_y & co |     - |",
        "",
        "first  ",
        "second",
    ]


def test_latex_needs_no_package_and_sets_apart_what_is_no_result() -> None:
    assert [" ".join(line.split()) for line in GRID.latex().splitlines()] == [
        r"\begin{table}",
        r"\centering",
        r"\begin{tabular}{lr}",
        r"\hline",
        r"model & PCK \\",
        r"\hline",
        r"a\textbar{}b & 1.0 \\",
        r"\hline",
        r"x\_y \& co & - \\",
        r"\hline",
        r"\end{tabular}",
        r"\caption{50 \% of run\_1. first. second.}",
        r"\end{table}",
    ]


@pytest.mark.parametrize("name", ["[left]", "*left"])
def test_no_first_cell_is_an_option_of_the_end_of_the_row_before(name: str) -> None:
    rows = Grid("title", ("joint", "PCK"), (("nose", "1"), (name, "2"))).latex().splitlines()
    assert next(row.strip() for row in rows if "left" in row).startswith(("{[}left]", "{*}left"))


NAMES = st.text(st.sampled_from("ab |\\_$&;<>\n\r\t\x1b\x07\u202e\u2028\u200b\udce9%#{}^~*`éあ"), max_size=12)


@given(said=NAMES)
def test_no_text_below_a_table_becomes_markup_or_leaves_its_comment(said: str) -> None:
    files = pages([GRID], f"one {said}\ntwo")
    below = files["tables.md"].decode().rpartition("second\n\n")[2]
    assert len(below.split("\n")) == 3 + said.count("\n")
    assert not re.search(r"(?<!\\)(?:\\\\)*[|<*`$]", below)
    above = files["tables.tex"].decode().partition("\\begin{table}")[0].rstrip("\n").split("\n")
    assert all(line.startswith("% ") and line.isprintable() for line in above)


@settings(max_examples=200, deadline=None)
@given(names=st.lists(NAMES, min_size=2, max_size=2), title=NAMES, caption=NAMES)
def test_no_name_breaks_a_row_or_reaches_a_reader_as_a_control_character(names, title, caption) -> None:
    grid = Grid(title, ("model", names[0]), ((names[1], "1.0"), ("b", names[0])), caption)
    allowed = set("\n")
    for text in (grid.markdown(), grid.latex()):
        text.encode()
        assert all(one.isprintable() or one in allowed for one in text)
    rows = [line for line in grid.markdown().splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert [len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows] == [3] * 4, "bars that are not escaped"
    body = grid.latex().partition(r"\begin{tabular}")[2].partition(r"\end{tabular}")[0]
    assert sum(line.endswith(r"\\") for line in body.splitlines()) == 3
    assert [len(re.findall(r"(?<!\\)&", line)) for line in body.splitlines() if line.endswith(r"\\")] == [1] * 3


def test_a_table_without_rows_still_has_its_columns() -> None:
    assert r"\begin{tabular}{lr}" in Grid("t", ("a", "b"), ()).latex()


def test_columns_without_a_value_can_be_left_out() -> None:
    grid = Grid("t", ("model", "PCK", "GFLOP", "what"), (("-", "1.0", "-", ""), ("-", "-", "-", "x")), words=("what",))
    filled = grid.filled()
    assert (filled.headings, filled.rows) == (("model", "PCK", "what"), (("-", "1.0", ""), ("-", "-", "x")))
    assert filled.is_left == (True, False, True)
    empty = Grid("t", ("model", "PCK"), ())
    assert empty.filled() == empty


def test_a_backslash_is_not_escaped_twice() -> None:
    assert r"\textbackslash{}\{\textasciicircum{}" in Grid("\\{^", ("a",), ()).latex()
    assert r"\\\_" in Grid("\\_", ("a",), ()).markdown()


def test_nothing_is_set_apart_where_every_row_is_a_result() -> None:
    assert Grid("t", ("a", "b"), (("1", "2"),)).latex().count(r"\hline") == 3


def test_columns_of_words_read_from_the_left() -> None:
    grid = Grid("t", ("arm", "points", "finding"), (("e - a", "-0.5", "not shown"),), words=("finding",))
    assert [len(part) > 2 and part.endswith(":") for part in grid.markdown().splitlines()[3].split("|")[1:-1]] == [
        False,
        True,
        False,
    ]
    assert r"\begin{tabular}{lrl}" in grid.latex()


def test_tex_gets_minus_signs_where_it_would_set_hyphens() -> None:
    grid = Grid("t", ("a",), (("e - a (-1.0 to -0.5)",), ("-0.5",), ("x-y, pre-trained",), ("-",)))
    lines = [line.strip() for line in grid.latex().splitlines() if line.endswith(r"\\")][1:]
    assert [" ".join(line.split()) for line in lines] == [
        r"e $-$ a ($-$1.0 to $-$0.5) \\",
        r"$-$0.5 \\",
        r"x-y, pre-trained \\",
        r"- \\",
    ]


def test_texts_stand_below_the_tables_and_in_tex_above_them_as_comments() -> None:
    files = pages([GRID], "one\ntwo", "three")
    assert files["tables.md"].decode().endswith("one\ntwo\n\nthree\n")
    assert files["tables.tex"].decode().startswith("% one\n% two\n% three\n\n\\begin{table}")
    assert pages([GRID])["tables.tex"].decode().startswith(r"\begin{table}")


def test_a_loss_is_told_without_a_sign_and_never_as_minus_zero_or_as_less_than_it_is() -> None:
    assert interval_points(Interval(0.021, -0.005, 0.047, 0.01)) == "2.1 (-0.5 to 4.7)"
    assert interval_points(Interval(-1e-9, -1e-8, 0.0, 0.01)) == "0.0 (0.0 to 0.0)"
    assert interval_points(Interval(0.01, 0.0003, 0.02, 0.01)) == "1.0 (0.03 to 2.0)", "above 0"
    assert interval_points(None) == "-"


def test_of_nothing_that_differs_there_is_no_interval() -> None:
    none = Interval(0.0, 0.0, 0.0, 0.0)
    assert interval_points(none) == "0.0 (no difference)"
    assert signed_points(none) == "+0.0 (no difference)"


@pytest.mark.parametrize(("share", "text"), [(None, "-"), (0.4331, "43.3"), (1.0, "100.0"), (0.0, "0.0")])
def test_shares_are_per_cent(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_differences_are_signed_points() -> None:
    assert [points(one) for one in (0.033, -0.002, 0.0, -1e-9, None)] == ["+3.3", "-0.2", "+0.0", "+0.0", "-"]
    assert [points(one) for one in (-0.0001, 0.0004, 0.00002)] == ["-0.01", "+0.04", "+0.002"]
    assert [stated(one) for one in (0.01, 0.0025, 0.7 / 100)] == ["1.0", "0.25", "0.7"]
    assert span(Range(-0.012, 0.05), points) == "-1.2 to +5.0"
    assert span(Range(0.1, 0.2)) == "10.0 to 20.0"
    assert span(None) == "-"


@pytest.mark.parametrize(
    ("p", "said"),
    [(None, "-"), (0.5, "0.5"), (0.04995, "0.04995"), (0.049999999, "0.049999999"), (0.05, "0.05"), (0.05004, "0.05")]
    + [(0.0123456, "0.0123"), (0.0, "<1e-300"), (1e-9, "1e-09")],
)
def test_a_p_is_on_its_side_of_the_level(p: float | None, said: str) -> None:
    assert p_value(p) == said
