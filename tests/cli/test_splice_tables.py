"""Splices and rate curves as people read them."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console, RenderableType

from shgae.cli import tables as shown_tables
from shgae.cli.tables import grid_table
from shgae.reporting import splice
from shgae.reporting.rate import rate_table
from shgae.reporting.table import Grid, pages


def shown(table: RenderableType | Grid) -> str:
    if isinstance(table, Grid):
        table = grid_table(table)
    console = Console(file=io.StringIO(), width=160)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def effect(pck: float | None) -> dict[str, Any]:
    lost = None if pck is None else {"value": 0.254 - pck, "low": -0.0001, "high": 0.3}
    return {"pck": {"all": pck}, "pck_lost": lost, "moved_share": 0.257}


def entry(name: str, share: float | None, measure: str = "pck", baseline: str = "zero") -> dict[str, Any]:
    interval = None if share is None else {"value": share, "low": share - 0.1, "high": share + 0.1}
    return {"replacement": name, "baseline": baseline, "measure": measure, "share": interval}


def report() -> dict[str, Any]:
    fidelity = {"fvu": 0.288, "fvu_uncentred": 0.12, "l2_ratio": 0.93, "relative_bias": 1.0, "cosine": None}
    fidelity |= {"error_by_channel": [0.2, 0.088], "spread_by_channel": [0.9, 0.1], "sign_floor": 0.2}
    replacements = [{"name": name, "meaning": f"what {name} is", "fidelity": fidelity} for name in ("id", "ae", "zero")]
    back = [entry("ae", 0.914), entry("ae", None, "loss"), entry("ae", 0.5, "maps")]
    side = {"effects": {"id": effect(0.254), "ae": effect(0.239), "zero": effect(None)}, "recovered": back}
    code = {"size": 4, "dead": 1, "constant": 2, "density": [0, 1, 0.5, 0.5]}
    code |= {"effective_dimension": None, "components_95": None}
    checks = [{"what": "one", "passed": True, "off_by": 0.0}, {"what": "other", "passed": False, "off_by": 0.25}]
    found = {"split": "val", "persons": 1234, "photos": 1000, "stack": 0, "tuned": False, "replacements": replacements}
    found |= {"skips_on": side, "skips_off": side, "code": code, "checks": checks, "says": ["So it is.", "[b]"]}
    return found | {"bottleneck_effective_dimension": 9.7, "bottleneck_components_95": 409, "training": "somewhere"}


def test_a_row_a_replacement_with_both_sides_and_what_is_given_back() -> None:
    text = shown(splice.replacements_table(report()))
    assert "val: 1,234 people of 1,000 photos, stack 0" in text
    assert "id: what id is; ae: what ae is; zero: what zero is" in text
    (row,) = [line for line in text.splitlines() if line.split()[:1] == ["ae"]]
    assert row.split() == ["ae", "23.9", "91", "(81", "to", "101)", "25.7", "23.9", "91", "(81", "to", "101)", "25.7"]
    (row,) = [line for line in text.splitlines() if line.split()[:1] == ["zero"]]
    assert row.split() == ["zero", "-", "-", "25.7", "-", "-", "25.7"]


def test_of_a_tuned_trunk_it_is_said_how_far_each_lies_behind_the_autoencoder() -> None:
    ahead = {"id": {"value": 0.06, "low": 0.05, "high": 0.07}, "zero": None}
    side = report()["skips_on"] | {"ae_ahead": ahead}
    found = report() | {"tuned": True, "skips_on": side, "skips_off": side}
    text = shown(splice.replacements_table(found))
    assert "behind ae" in text and "gives back" not in text
    (row,) = [line for line in text.splitlines() if line.split()[:1] == ["id"]]
    assert " ".join(row.split()) == "id 25.4 6.0 (5.0 to 7.0) 25.7 25.4 6.0 (5.0 to 7.0) 25.7"
    assert len(shown_tables.splice_tables(found)) == len(shown_tables.splice_tables(report())) - 1 == 5


def test_undefined_is_said_in_a_word() -> None:
    text = shown(splice.recovered_table(report()))
    assert "What ae gives back" in text
    assert "loss, skips on" in text and "undefined" in text


def test_the_worst_channel_is_the_highest_of_its_own_variance() -> None:
    text = shown(splice.fidelity_table(report()))
    assert "0.88" in text and "0.288" in text and "-" in text


def test_the_code_in_a_few_lines() -> None:
    text = " ".join(shown(splice.code_lines(report())).split())
    assert "4 units, 1 dead, 2 constant, a unit speaks for 50 % of the people; nothing in it varies" in text
    assert "409 components hold 95 %; from somewhere" in text
    one = splice.code_lines(report() | {"bottleneck_components_95": 1})
    assert "effective dimension 9.7, 1 component holds 95 %;" in one
    assert "cannot get below FVU 0.2" in text


def test_checks_say_passed_or_failed_and_by_how_much() -> None:
    rows = [line.split() for line in shown(splice.checks_table(report())).splitlines()]
    assert ["one", "passed", "0"] in rows
    assert ["other", "failed", "2.5e-01"] in rows


def test_sentences_are_shown_as_they_are() -> None:
    assert shown(shown_tables.sentences(report())).splitlines() == ["So it is.", "[b]"]


def test_a_rate_has_a_row_a_rank_and_the_autoencoder_below() -> None:
    curve = ((0, 1.0, 0.1), (50, 0.3, None))
    points = [{"numbers": k, "fvu": fvu, "skips_on": effect(p), "skips_off": effect(p)} for k, fvu, p in curve]
    code = {"numbers": 50, "fvu": 0.4, "skips_on": effect(0.239), "skips_off": effect(0.239)}
    untouched = {side: effect(0.254) for side in ("skips_on", "skips_off")}
    found = {"split": "val", "persons": 5, "photos": 4, "stack": 1, "points": points, "autoencoder": code}
    found |= {"tuned": False, "trained_on": 9000, "determined": 4096}
    text = shown(rate_table(found | {"untouched": untouched}))
    assert "autoencoder 50" in text and "untouched" in text
    assert "15.4 (0.0 to 30.0)" in text and "-0.0" not in text
    without = shown(rate_table(found | {"untouched": untouched, "autoencoder": None}))
    assert "autoencoder" not in without


def test_the_same_tables_go_into_markdown_and_latex() -> None:
    files = pages(splice.splice_tables(report()), "[b] & so on")
    # Without the blanks that make columns line up.
    lines = {name: [" ".join(line.split()) for line in data.decode().splitlines()] for name, data in files.items()}
    markdown, latex = "\n".join(lines["tables.md"]), "\n".join(lines["tables.tex"])
    assert "| ae | 23.9 | 91 (81 to 101) | 25.7 | 23.9 | 91 (81 to 101) | 25.7 |" in markdown
    assert markdown.endswith("[b] & so on")
    assert r"ae & 23.9 & 91 (81 to 101) & 25.7 & 23.9 & 91 (81 to 101) & 25.7 \\" in latex
    assert latex.count(r"\begin{table}") == 4
