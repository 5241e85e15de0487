"""Splices and rate curves as people read them."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from rich.console import Console, RenderableType

from shgae.cli import tables as shown_tables
from shgae.cli.table_layout import FittedTable
from shgae.reporting import splice
from shgae.reporting.rate import rate_table
from shgae.reporting.table import Grid, pages
from tests.builders.findings import point, rate_report, splice_report
from tests.builders.pages import page


def shown(table: RenderableType | Grid) -> str:
    if isinstance(table, Grid):
        table = FittedTable(table)
    console = Console(file=io.StringIO(), width=160)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def row_of(text: str, name: str) -> str:
    (row,) = [line for line in text.splitlines() if line.split()[:1] == [name]]
    return " ".join(row.split())


def test_a_row_a_replacement_with_both_sides_and_what_is_recovered_of_the_cost_of_the_mean() -> None:
    text = shown(splice.replacements_table(splice_report()))
    assert "val: 1,234 people of 1,000 photos, stack 0" in text
    assert "id: what id is; ae: what ae is; mean: what mean is; zero: what zero is" in text
    assert row_of(text, "ae") == "ae 23.9 91 (81 to 101) 25.7 23.9 91 (81 to 101) 25.7"
    assert row_of(text, "zero") == "zero - -200 (-210 to -190) 25.7 - -200 (-210 to -190) 25.7"


def test_the_mean_recovers_nothing_of_its_own_cost_and_has_a_row_against_other_baselines() -> None:
    report = splice_report()
    assert row_of(shown(splice.replacements_table(report)), "mean") == "mean 20.0 0 25.7 20.0 0 25.7"
    table = splice.recovered_table(report)
    assert table.headings == ("measure", "ae of mean", "ae of zero", "mean of zero")
    assert table.rows[0] == ("PCK, skips on", "91 (81 to 101)", "86 (76 to 96)", "88 (78 to 98)")
    assert table.rows[1] == ("loss, skips on", "undefined", "-", "-")


def test_of_a_tuned_trunk_the_table_has_how_far_each_lies_behind_the_autoencoder() -> None:
    found = splice_report(is_tuned=True)
    text = shown(splice.replacements_table(found))
    assert "ae minus it" in text and "recovered" not in text
    assert row_of(text, "id") == "id 30.0 6.0 (5.0 to 7.0) 25.7 30.0 6.0 (5.0 to 7.0) 25.7"
    assert len(shown_tables.splice_tables(found)) == len(shown_tables.splice_tables(splice_report())) - 1 == 5


def test_the_worst_channel_is_the_highest_of_its_own_variance() -> None:
    text = shown(splice.fidelity_table(splice_report()))
    assert "0.88" in text and "0.288" in text and "-" in text


def test_the_glossary_explains_what_stands_in_the_tables() -> None:
    terms = re.findall(r"^\| ([^|]+) \|", page("glossary").text, re.MULTILINE)
    explained = {term for cell in terms for term in cell.split(", ")}
    _, sensitivity, fidelity, _ = splice.splice_tables(splice_report())
    _, *measures = (row[0].partition(",")[0] for row in sensitivity.rows)
    assert {*fidelity.headings[1:], *measures} - {"PCK", "loss"} <= explained
    untouched = rate_table(rate_report(point(50, 0.4, 0.2))).rows[-1][0], splice_report().replacements[0].name
    assert {*untouched, "effective dimension", "cloud of one mode", "copula"} <= explained


def test_the_code_in_a_few_lines() -> None:
    text = " ".join(shown(splice.code_lines(splice_report())).split())
    assert "4 units, 1 dead, 2 constant, a unit is active for 50 % of the people; it does not vary" in text
    assert "409 components hold 95 %; from somewhere" in text
    one = splice.code_lines(replace(splice_report(), bottleneck_components_95=1))
    assert "effective dimension 9.7, 1 component holds 95 %;" in one
    assert "at least 0.2" in text


def test_checks_say_passed_or_failed_and_by_how_much() -> None:
    rows = [line.split() for line in shown(splice.checks_table(splice_report())).splitlines()]
    assert ["one", "passed", "0"] in rows
    assert ["other", "failed", "2.5e-01"] in rows


def test_a_rate_has_a_row_a_rank_and_the_autoencoder_below() -> None:
    text = shown(rate_table(rate_report(point(50, 0.4, 0.239), rank=1000)))
    assert "autoencoder 50" in text and "untouched" in text and "4096*" in text
    assert row_of(text, "0") == "0 1 (0.99 to 1.01) 10.0 20.0 (19.0 to 21.0) 5.0 25.0 (24.0 to 26.0)"
    assert "0.0 (-1.0 to 1.0)" in text and "-0.0" not in text
    assert "autoencoder" not in shown(rate_table(rate_report()))


def test_the_same_tables_go_into_markdown_and_latex() -> None:
    files = pages(splice.splice_tables(splice_report()), "[b] & so on")
    # Without the blanks that make columns line up.
    lines = {name: [" ".join(line.split()) for line in data.decode().splitlines()] for name, data in files.items()}
    markdown, latex = "\n".join(lines["tables.md"]), "\n".join(lines["tables.tex"])
    assert "| ae | 23.9 | 91 (81 to 101) | 25.7 | 23.9 | 91 (81 to 101) | 25.7 |" in markdown
    assert markdown.endswith(r"\[b\] & so on")
    assert r"ae & 23.9 & 91 (81 to 101) & 25.7 & 23.9 & 91 (81 to 101) & 25.7 \\" in latex
    assert latex.count(r"\begin{table}") == 4
