"""Splices and rate curves as tables, by hand."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from shgae.reporting import splice
from shgae.reporting.rate import rate_table
from shgae.reporting.table import Grid, pages
from tests.builders.findings import point, rate_report, splice_report
from tests.builders.pages import page


def row_of(grid: Grid, name: str) -> tuple[str, ...]:
    (row,) = [row[1:] for row in grid.rows if row[0] == name]
    return row


def test_a_row_a_replacement_with_both_sides_and_what_is_recovered_of_the_cost_of_the_mean() -> None:
    grid = splice.replacements_table(splice_report())
    assert row_of(grid, "ae") == ("23.9", "91 (81 to 101)", "25.7") * 2
    assert row_of(grid, "zero") == ("-", "-200 (-210 to -190)", "25.7") * 2
    assert row_of(grid, "mean") == ("20.0", "0", "25.7") * 2


def test_the_mean_has_a_row_against_other_baselines() -> None:
    table = splice.recovered_table(splice_report())
    assert table.headings == ("measure", "ae of mean", "ae of zero", "mean of zero")
    assert table.rows[0] == ("PCK, skips on", "91 (81 to 101)", "86 (76 to 96)", "88 (78 to 98)")
    assert table.rows[1] == ("loss, skips on", "undefined", "-", "-")


def test_of_a_tuned_trunk_the_table_has_how_far_each_lies_behind_the_autoencoder() -> None:
    found = splice_report(is_tuned=True)
    grid = splice.replacements_table(found)
    assert grid.headings[2] == "ae minus it, points, skips on"
    assert row_of(grid, "id") == ("30.0", "6.0 (5.0 to 7.0)", "25.7") * 2
    assert len(splice.splice_tables(found)) == len(splice.splice_tables(splice_report())) - 1 == 3


@pytest.mark.parametrize(
    ("is_tuned", "standing"),
    [
        (False, "recovered: of the PCK that the training mean costs, with its 95 % interval over photos"),
        (True, "ae minus it: points of PCK, with its 95 % interval over photos"),
    ],
)
def test_the_title_says_of_whom_and_the_caption_what_each_number_and_replacement_is(
    is_tuned: bool, standing: str
) -> None:
    grid = splice.replacements_table(splice_report(is_tuned=is_tuned))
    assert grid.title == "val: 1,234 people of 1,000 photos, stack 0"
    assert grid.caption.splitlines() == [
        standing,
        "moved: maps with their peak more than 5 % of the side away from where id has it",
        "id: what id is; ae: what ae is; mean: what mean is; zero: what zero is",
    ]


def test_the_worst_channel_is_the_highest_of_its_own_variance() -> None:
    grid = splice.fidelity_table(splice_report())
    assert grid.headings[3] == "worst channel"
    assert row_of(grid, "ae") == ("0.288 (0.278 to 0.298)", "0.12", "0.88", "0.93", "1", "-")


def test_the_glossary_explains_what_stands_in_the_tables() -> None:
    terms = re.findall(r"^\| ([^|]+) \|", page("glossary").text, re.MULTILINE)
    explained = {term for cell in terms for term in cell.split(", ")}
    _, sensitivity, fidelity, _ = splice.splice_tables(splice_report())
    _, *measures = (row[0].partition(",")[0] for row in sensitivity.rows)
    assert {*fidelity.headings[1:], *measures} - {"PCK", "loss"} <= explained
    untouched = rate_table(rate_report(point(50, 0.4, 0.2))).rows[-1][0], splice_report().replacements[0].name
    assert {*untouched, "effective dimension", "cloud of one mode", "copula"} <= explained


def test_the_code_in_a_few_lines() -> None:
    report = splice_report()
    lines = [
        "bottleneck: effective dimension 9.7, 409 components hold 95 %; from somewhere",
        "FVU of a decoder that ends in a ReLU: at least 0.2",
        "code: 4 units, 1 dead, 2 constant, a unit is active for 50 % of the people; it does not vary",
    ]
    assert splice.code_lines(report).splitlines() == lines
    one = "bottleneck: effective dimension 9.7, 1 component holds 95 %; from somewhere"
    assert splice.code_lines(replace(report, bottleneck_components_95=1)).splitlines() == [one, *lines[1:]]


def test_checks_say_passed_or_failed_and_by_how_much() -> None:
    rows = splice.checks_table(splice_report()).rows
    assert list(rows) == [("one", "passed", "0"), ("other", "failed", "2.5e-01")]


def test_a_rate_has_a_row_a_rank_and_the_autoencoder_below() -> None:
    grid = rate_table(rate_report(point(50, 0.4, 0.239), rank=1000))
    assert [row[0] for row in grid.rows] == ["0", "1", "50", "4096*", "autoencoder 50", "untouched"]
    assert row_of(grid, "0") == ("1 (0.99 to 1.01)", "10.0", "20.0 (19.0 to 21.0)", "5.0", "25.0 (24.0 to 26.0)")
    assert row_of(grid, "untouched")[2] == "0.0 (-1.0 to 1.0)", "zero has no sign"
    assert not [row for row in rate_table(rate_report()).rows if "autoencoder" in row[0]]


def test_the_same_tables_go_into_markdown_and_latex() -> None:
    files = pages(splice.splice_tables(splice_report()), "[b] & so on")
    # Without the blanks that make columns line up.
    lines = {name: [" ".join(line.split()) for line in data.decode().splitlines()] for name, data in files.items()}
    assert "| ae | 23.9 | 91 (81 to 101) | 25.7 | 23.9 | 91 (81 to 101) | 25.7 |" in lines["tables.md"]
    assert lines["tables.md"][-1] == r"\[b\] & so on"
    assert r"ae & 23.9 & 91 (81 to 101) & 25.7 & 23.9 & 91 (81 to 101) & 25.7 \\" in lines["tables.tex"]
    assert sum(line.startswith(r"\begin{table}") for line in lines["tables.tex"]) == 4
