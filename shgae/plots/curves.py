"""Curves over epochs, from the rows of ``history.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from shgae.plots.style import COLOURS, DASHES, new_figure, save_figure, style

Rows = Sequence[Mapping[str, Any]]


def training_curves(runs: Mapping[str, Rows], path: Path, command: str) -> None:
    """Draws losses (left) and score (right), one row of panels a run, the best epoch marked.

    Args:
        runs: history rows by the name of the run; a row has ``epoch``, ``train_loss``, ``val_loss`` and either
            ``val_pck`` (0 to 1) or ``val_fvu``.
        path: the PNG to write.
        command: what made the figure.
    """
    with style():
        figure = new_figure(7.5, 2.3 * len(runs) + 0.2)
        panels = figure.subplots(len(runs), 2, squeeze=False)
        for (name, rows), (left, right) in zip(runs.items(), panels, strict=True):
            _losses(left, name, rows)
            _score(right, name, rows)
    save_figure(figure, path, command)


def _losses(axes: Axes, name: str, rows: Rows) -> None:
    epochs = [row["epoch"] for row in rows]
    for i, (key, label) in enumerate((("train_loss", "training"), ("val_loss", "validation"))):
        axes.plot(epochs, [row[key] for row in rows], DASHES[i], color=COLOURS[i], marker=".", label=label)
    axes.set(title=f"{name}: loss", xlabel="epoch", ylabel="mean squared error")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def _score(axes: Axes, name: str, rows: Rows) -> None:
    epochs = [row["epoch"] for row in rows]
    if "val_pck" in rows[0]:
        values, label, best = [100 * row["val_pck"] for row in rows], "PCK, validation (%)", max
    else:
        values, label, best = [row["val_fvu"] for row in rows], "FVU, validation", min
    axes.plot(epochs, values, color=COLOURS[2], marker=".")
    at = values.index(best(values))
    axes.plot([epochs[at]], [values[at]], "o", mfc="none", ms=9, color=COLOURS[6])
    axes.annotate(f"best {values[at]:.3g}", (epochs[at], values[at]), (6, -14), textcoords="offset points", ha="right")
    axes.set(title=f"{name}: {'PCK' if best is max else 'variance unexplained'}", xlabel="epoch", ylabel=label)
    axes.margins(y=0.25)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
