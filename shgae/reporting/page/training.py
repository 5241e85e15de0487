"""The trainings of a page: curves over each other, and every number of their histories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.tables import read_rows
from shgae.plots.curves import Score, best_row, is_number, score_of, second_column, study_curves
from shgae.reporting.page.html import Block, Details, Figure, Section
from shgae.reporting.page.images import of_figure
from shgae.reporting.page.inputs import Given
from shgae.reporting.table import Grid, percent

_KINDS = (("hourglass", "Networks"), ("autoencoder", "Autoencoders"))
_LOSSES = ("train_loss", "val_loss")


@dataclass(frozen=True)
class _Run:
    given: Given
    rows: tuple[Mapping[str, float], ...]
    """What is not finite in the file is not a number here."""
    score: Score

    @property
    def drawable(self) -> list[Mapping[str, float]]:
        """Rows that lack nothing."""
        return [row for row in self.rows if not any(map(math.isnan, row.values()))]


def training_section(given: Sequence[Given]) -> Section | None:
    """Networks and autoencoders that have a history; None where there is none."""
    parts = []
    for kind, title in _KINDS:
        runs = [run for one in given if one.kind == kind and one.has(HISTORY) and (run := _run(one)).rows]
        if runs:
            parts.append(Section(f"training-{kind}", title, _blocks(runs)))
    return Section("training", "Training", parts=tuple(parts)) if parts else None


def _run(one: Given) -> _Run:
    rows = list(read_rows(one.artifact.open(HISTORY)))
    score = score_of(rows or [{}])
    return _Run(one, tuple(_numbers(row, score) for row in rows), score)


def _numbers(row: Mapping[str, Any], score: Score) -> dict[str, float]:
    found = {key: row.get(key) for key in ("epoch", *_LOSSES, score.key, "lr")}
    return {
        key: float(value) if is_number(value) and math.isfinite(value) else math.nan for key, value in found.items()
    }


def _blocks(runs: Sequence[_Run]) -> tuple[Block, ...]:
    score = runs[0].score
    headings = ("training", "epochs", "best epoch", f"best {score.name}, validation", "parameters")
    best = Grid("Best epochs: their weights were kept", headings, tuple(_summary(run) for run in runs))
    blocks: list[Block] = [best]
    drawn = {run.given.name: run.drawable for run in runs if run.drawable}
    if drawn:
        alt = f"Losses and {score.name} over epochs of {', '.join(drawn)}; the numbers stand below"
        caption = f"Losses (above) and {score.name} (below) over epochs; dotted: training."
        figure = study_curves(drawn, second_column(max(map(len, drawn.values()))), runs[0].given.looks)
        blocks.insert(0, Figure((of_figure(figure, alt),), caption))
    return (*blocks, *(Details(f"The history of {run.given.name} as numbers", (_history(run),)) for run in runs))


def _summary(run: _Run) -> tuple[str, ...]:
    facts, epochs = run.given.artifact.facts, f"{len(run.rows)}"
    parameters = f"{facts['parameters']:,}" if "parameters" in facts else "-"
    if not run.drawable:
        return (run.given.name, epochs, "-", "-", parameters)
    best = best_row(run.drawable)
    return (run.given.name, epochs, f"{best['epoch']:.0f}", _shown(best[run.score.key], run.score), parameters)


def _history(run: _Run) -> Grid:
    headings = ("epoch", "training loss", "validation loss", run.score.name, "learning rate")
    rows = tuple(
        (f"{row['epoch']:.0f}", *(_plain(row[key]) for key in _LOSSES), _shown(row[run.score.key], run.score))
        + (_plain(row["lr"]),)
        for row in run.rows
    )
    return Grid(f"History of {run.given.name}", headings, rows)


def _shown(value: float, score: Score) -> str:
    if math.isnan(value):
        return "-"
    return f"{percent(value)} %" if score.rises else _plain(value)


def _plain(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"
