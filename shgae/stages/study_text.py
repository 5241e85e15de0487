"""A study's report as tables of text, for Markdown and LaTeX; the command line shows the same rows.

Everything is read from the report's JSON, so a report that was stored can be shown again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_GROUPS = ("all", "v1", "v2")
ARM_HEADINGS = (
    "arm",
    "what",
    "PCK % all",
    "hidden (v=1)",
    "visible (v=2)",
    "by seed",
    "minus a",
    "parameters",
    "trained",
)
DIFFERENCE_HEADINGS = ("difference", "points", "95 %, both", "over photos", "over seeds", "finding", "question")
_TEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "~": r"\textasciitilde{}"}
_MINUS = re.compile(r"(?<=[ (])-(?=[ \d])|^-(?=\d)")

Row = tuple[str, ...]


def arm_rows(report: Mapping[str, Any]) -> list[Row]:
    """A row an arm, cells as of :data:`ARM_HEADINGS`; PCK of all, v = 1 and v = 2 in per cent, mean over seeds."""
    against_a = {one["arm"]: one["groups"]["all"] for one in report["differences"] if one["minus"] == "a"}
    rows: list[Row] = []
    for arm in report["arms"]:
        pck = [_percent(arm["pck"][group]) for group in _GROUPS]
        seeds = ", ".join(_percent(one["all"]) for one in arm["by_seed"])
        counts = [f"{arm[key]:,}" if arm[key] else "-" for key in ("parameters", "trained_parameters")]
        rows.append((arm["name"], arm["label"], *pck, seeds, _with_interval(against_a.get(arm["name"])), *counts))
    return rows


def difference_rows(report: Mapping[str, Any]) -> list[Row]:
    """A row a difference, cells as of :data:`DIFFERENCE_HEADINGS`; points of PCK of all labelled joints."""
    rows: list[Row] = []
    for one in report["differences"]:
        found = one["groups"]["all"]
        name = f"{one['arm']} - {one['minus']}"
        if found is None:
            rows.append((name, "-", "-", "-", "-", one["finding"], one["question"]))
            continue
        ranges = (_range(found), _range(found["over_photos"]), _range(found["over_seeds"]))
        rows.append((name, _signed(found["value"]), *ranges, one["finding"], one["question"]))
    return rows


def notes(report: Mapping[str, Any]) -> list[str]:
    """What stands below the tables: the budget, then what a reader must know."""
    return [budget_line(report["budget"], report["seeds"]), *report["cautions"]]


def budget_line(budget: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """The equal budget in one line."""
    given = budget["config"]
    seed = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    return (
        f"Equal budget, checked in the manifest of every arm: {budget['steps']:,} steps of {given['batch_size']} "
        f"({budget['epochs']} times {budget['people']:,} people), {given['optimizer']} {given['lr']:g} "
        f"{given['schedule']}, {given['precision']}, {seed}, data {budget['data'][:12]}, parent {budget['model'][:12]}."
    )


def title(report: Mapping[str, Any]) -> str:
    """What was compared on whom."""
    return f"{report['split']}: {report['persons']:,} people in {report['photos']:,} photos"


def markdown(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    tables = [
        _markdown_table(ARM_HEADINGS, arm_rows(report), "ll" + "r" * 7),
        _markdown_table(DIFFERENCE_HEADINGS, difference_rows(report), "lrrrrll"),
    ]
    below = "\n".join(f"- {note}" for note in notes(report))
    return "\n\n".join([f"**{report['conclusion']}**", title(report), *tables, below]) + "\n"


def latex(report: Mapping[str, Any]) -> str:
    """The report as two LaTeX tables; they need the package booktabs."""
    tables = [
        _latex_table(ARM_HEADINGS, arm_rows(report), "ll" + "r" * 7),
        _latex_table(DIFFERENCE_HEADINGS, difference_rows(report), "lrrrrll"),
    ]
    head = "".join(f"% {line}\n" for line in (report["conclusion"], title(report), *notes(report)))
    return head + "\n".join(tables)


def _markdown_table(headings: Row, rows: Sequence[Row], columns: str) -> str:
    rules = ["---:" if column == "r" else "---" for column in columns]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (headings, rules, *rows))


def _latex_table(headings: Row, rows: Sequence[Row], columns: str) -> str:
    body = "\n".join(" & ".join(map(_tex, cells)) + r" \\" for cells in rows)
    head = " & ".join(map(_tex, headings)) + r" \\"
    return "\n".join(
        [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", body, r"\bottomrule", r"\end{tabular}", ""]
    )


def _tex(text: str) -> str:
    escaped = "".join(_TEX.get(character, character) for character in text)
    return _MINUS.sub("$-$", escaped)  # where TeX would set a hyphen


def _with_interval(found: Mapping[str, Any] | None) -> str:
    return "-" if found is None else f"{_signed(found['value'])} ({_range(found)})"


def _range(interval: Mapping[str, Any] | None) -> str:
    return "-" if interval is None else f"{_signed(interval['low'])} to {_signed(interval['high'])}"


def _signed(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}"  # + 0.0: there is no minus zero


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
