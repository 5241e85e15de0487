"""A study as tables, for people. Everything is read from the JSON that ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from shgae.cli.fitting import FittedTable
from shgae.cli.pace import duration
from shgae.cli.tables import grid_table
from shgae.stages.grids import Grid


def study_tables(report: Mapping[str, Any]) -> list[FittedTable | Text]:
    """The arms, their differences, and what both allow to say."""
    from shgae.stages import study_text

    said = Text("\n".join([report["conclusion"], *study_text.notes(report)]))
    return [*map(grid_table, study_text.tables(report)), said]


def rehearsal_table(dry_run: Mapping[str, Any]) -> FittedTable:
    """What a study would make, a row for all seeds, and how long it takes."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for part in dry_run["parts"]:
        groups.setdefault((part["arm"], part["what"]), []).append(part)
    rows = []
    for (arm, what), parts in groups.items():
        missing = [part["seconds"] for part in parts if not part["there"]]
        each, whole = (duration(seconds) if missing else "-" for seconds in (max(missing, default=0), sum(missing)))
        rows.append((arm or "all", what, str(len(parts) - len(missing)), str(len(missing)), each, whole))
    headings = ("arm", "what", "there already", "to make", "time each", "in all")
    return grid_table(Grid("what this study makes", headings, tuple(rows), words=("what",)))
