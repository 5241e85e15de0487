"""Splices and rate curves for the terminal: the tables of :mod:`shgae.stages.splice_tables`, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from shgae.cli.fitting import FittedTable
from shgae.cli.tables import grid_table
from shgae.stages import splice_tables as tables


def splice_tables(report: Mapping[str, Any]) -> list[FittedTable | Text]:
    """Everything that a splice says, one under the other."""
    *others, checks = map(grid_table, tables.splice_tables(report))
    return [*others, Text(tables.code_lines(report)), checks, sentences(report)]


def rate_tables(report: Mapping[str, Any]) -> list[FittedTable | Text]:
    """Everything that a rate curve says."""
    return [grid_table(tables.rate_table(report)), sentences(report)]


def sentences(report: Mapping[str, Any]) -> Text:
    """What it means."""
    return Text("\n".join(report["says"]))
