"""A study's report as tables, and the notes below them.

Everything is read from the report's JSON, so a report that was stored can be shown again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shgae.reporting.table import Grid, percent, points, span
from shgae.wording import counted, counted_people

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
_WORDS = ("what", "finding", "question")

Row = tuple[str, ...]


def _arm_rows(report: Mapping[str, Any]) -> list[Row]:
    """A row an arm, cells as of :data:`ARM_HEADINGS`; PCK of all, v = 1 and v = 2 in per cent, mean over seeds."""
    against_a = {one["arm"]: one["groups"]["all"] for one in report["differences"] if one["minus"] == "a"}
    rows: list[Row] = []
    for arm in report["arms"]:
        pck = [percent(arm["pck"][group]) for group in _GROUPS]
        seeds = ", ".join(percent(one["all"]) for one in arm["by_seed"])
        counts = [f"{arm[key]:,}" if arm[key] else "-" for key in ("parameters", "trained_parameters")]
        rows.append((arm["name"], arm["label"], *pck, seeds, _with_interval(against_a.get(arm["name"])), *counts))
    return rows


def _difference_rows(report: Mapping[str, Any]) -> list[Row]:
    """A row a difference, cells as of :data:`DIFFERENCE_HEADINGS`; points of PCK of all labelled joints."""
    rows: list[Row] = []
    for one in report["differences"]:
        found = one["groups"]["all"]
        name = f"{one['arm']} - {one['minus']}"
        if found is None:
            rows.append((name, "-", "-", "-", "-", one["finding"], one["question"]))
            continue
        ranges = (_range(found), _range(found["over_photos"]), _range(found["over_seeds"]))
        rows.append((name, points(found["value"]), *ranges, one["finding"], one["question"]))
    return rows


def notes(report: Mapping[str, Any]) -> list[str]:
    """What stands below the tables: the budget, then what a reader must know."""
    return [budget_line(report["budget"], report["seeds"]), *report["cautions"]]


def budget_line(budget: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """The equal budget in one line."""
    given = budget["config"]
    seed = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    steps, epochs = counted(budget["steps"], "step"), counted(budget["epochs"], "time")
    return (
        f"Equal budget, checked in the manifest of every arm: {steps} of {given['batch_size']} "
        f"({epochs} {counted_people(budget['people'])}), {given['optimizer']} {given['lr']:g} "
        f"{given['schedule']}, {given['precision']}, {seed}, data {budget['data'][:12]}, parent {budget['model'][:12]}."
    )


def _title(report: Mapping[str, Any]) -> str:
    """What was compared on whom."""
    people, photos = counted_people(report["persons"]), counted(report["photos"], "photo")
    return f"{report['split']}: {people} in {photos}"


def tables(report: Mapping[str, Any]) -> list[Grid]:
    """The arms, then their differences."""
    arms = Grid(_title(report), ARM_HEADINGS, tuple(_arm_rows(report)), words=_WORDS)
    differences = Grid(
        "Differences of PCK (all labelled joints), in points",
        DIFFERENCE_HEADINGS,
        tuple(_difference_rows(report)),
        words=_WORDS,
    )
    return [arms, differences]


def _with_interval(found: Mapping[str, Any] | None) -> str:
    return "-" if found is None else f"{points(found['value'])} ({_range(found)})"


def _range(interval: Mapping[str, Any] | None) -> str:
    return "-" if interval is None else span(interval["low"], interval["high"], points)
