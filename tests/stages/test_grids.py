from __future__ import annotations

import pytest

from shgae.stages.grids import Grid, percent, points, span

GRID = Grid("50 % of run_1", ("model", "PCK"), (("a|b", "1.0"), ("x_y & co", "-")), "first\nsecond", aside=1)


def test_markdown_escapes_what_would_be_markup() -> None:
    assert GRID.markdown().splitlines() == [
        r"**50 % of run\_1**",
        "",
        "| model | PCK |",
        "| --- | ---: |",
        r"| a\|b | 1.0 |",
        r"| x\_y & co | - |",
        "",
        "first  ",
        "second",
    ]


def test_latex_needs_no_package_and_sets_apart_what_is_no_result() -> None:
    assert GRID.latex().splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\begin{tabular}{lr}",
        r"\hline",
        r"model & PCK \\",
        r"\hline",
        r"a|b & 1.0 \\",
        r"\hline",
        r"x\_y \& co & - \\",
        r"\hline",
        r"\end{tabular}",
        r"\caption{50 \% of run\_1. first. second.}",
        r"\end{table}",
    ]


def test_a_backslash_is_not_escaped_twice() -> None:
    assert r"\textbackslash{}\{\textasciicircum{}" in Grid("\\{^", ("a",), ()).latex()
    assert r"\\\_" in Grid("\\_", ("a",), ()).markdown()


def test_nothing_is_set_apart_where_every_row_is_a_result() -> None:
    assert Grid("t", ("a", "b"), (("1", "2"),)).latex().count(r"\hline") == 3


@pytest.mark.parametrize(("share", "text"), [(None, "-"), (0.4331, "43.3"), (1.0, "100.0"), (0.0, "0.0")])
def test_shares_are_per_cent(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_differences_are_signed_points() -> None:
    assert [points(one) for one in (0.033, -0.002, 0.0, None)] == ["+3.3", "-0.2", "+0.0", "-"]
    assert span(-0.012, 0.05, points) == "-1.2 to +5.0"
    assert span(0.1, 0.2) == "10.0 to 20.0"
