"""A study as tables, for people. Everything is read from the JSON that ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from shgae.cli.pace import duration

_LEFT = ("arm", "what", "difference", "finding", "question")


def study_tables(report: Mapping[str, Any]) -> list[Table]:
    """The arms, then their differences."""
    from shgae.stages import study_text

    arms = _table(study_text.title(report), study_text.ARM_HEADINGS, study_text.arm_rows(report))
    differences = _table(
        "differences of PCK (all labelled joints), in points",
        study_text.DIFFERENCE_HEADINGS,
        study_text.difference_rows(report),
    )
    return [arms, differences]


def rehearsal_table(dry_run: Mapping[str, Any]) -> Table:
    """What a study would make, a row for all seeds, and how long it takes."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for part in dry_run["parts"]:
        groups.setdefault((part["arm"], part["what"]), []).append(part)
    rows = []
    for (arm, what), parts in groups.items():
        missing = [part["seconds"] for part in parts if not part["there"]]
        each, whole = (duration(seconds) if missing else "-" for seconds in (max(missing, default=0), sum(missing)))
        rows.append((arm or "all", what, str(len(parts) - len(missing)), str(len(missing)), each, whole))
    return _table("what this study makes", ("arm", "what", "there already", "to make", "time each", "in all"), rows)


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=Text(f"\n{title}", style="bold"), title_justify="left")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in _LEFT else "right", overflow="fold")
    for cells in rows:
        table.add_row(*(Text(cell) for cell in cells))
    return table
