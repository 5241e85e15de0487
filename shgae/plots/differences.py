"""Differences between arms with their intervals: a forest plot."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from shgae.plots.lettering import legible
from shgae.plots.style import COLOURS, new_figure, style

_MOST_QUESTION, _MOST_CONCLUSION = 100, 1000


@dataclass(frozen=True)
class DifferenceBar:
    """A difference of PCK, as a share (0.01 is one point)."""

    label: str
    """``full - none``"""
    question: str
    """What it answers."""
    value: float
    interval: tuple[float, float]
    """What counts: it allows for other photos and other seeds."""
    over_photos: tuple[float, float]
    over_seeds: tuple[float, float] | None
    by_seed: tuple[float, ...]
    fair: bool
    """An unfair one is drawn pale."""


def forest_plot(
    bars: Sequence[DifferenceBar], conclusion: str, *, confidence: str = "95", margin: float | None = None
) -> Figure:
    """Draws a row a difference (there may be none), the first on top, below the conclusion; a thin line for the
    interval that counts, a thick one for its part over photos, a dashed one below for its part over seeds,
    a dot a seed.

    ``confidence`` is that of the intervals, in per cent; ``margin`` the smallest difference that matters, as a share,
    which draws dotted lines on both sides of 0."""
    with style():
        figure = new_figure(7.5, 1.5 + 0.55 * max(len(bars), 1))
        axes = figure.subplots()
        axes.axvline(0, color="black", lw=0.8)
        for end in (-100 * margin, 100 * margin) if margin else ():
            axes.axvline(end, color="#555555", lw=0.9, linestyle=":")
        for row, bar in enumerate(bars):
            _draw(axes, row, bar)
        axes.set_yticks(range(len(bars)), [legible(bar.label) for bar in bars])
        axes.set_ylim(max(len(bars), 1) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"difference of PCK in points, with {confidence} % intervals", loc="left")
        figure.legend(handles=key(bars, margin), loc="outside lower left", ncols=5, fontsize=7, borderaxespad=2.2)
        figure.suptitle(
            "\n".join(textwrap.wrap(legible(conclusion, _MOST_CONCLUSION), 105)), fontsize=8, x=0.02, ha="left"
        )
    return figure


def key(bars: Sequence[DifferenceBar], margin: float | None) -> list[Line2D]:
    """What the lines mean; where seeds were not varied nothing is said of them alone."""
    grey = "#555555"
    dotted = [Line2D([], [], color=grey, lw=0.9, linestyle=":", label="margin")] if margin else []
    seeds = (
        Line2D([], [], color=grey, lw=0.9, linestyle="--", label="seeds alone"),
        Line2D([], [], color="black", marker=".", ms=4, linestyle="", label="single seeds"),
    )
    return [
        Line2D([], [], color=grey, lw=1.4, label="photos and seeds: this one counts"),
        Line2D([], [], color=grey, lw=4, alpha=0.6, label="photos alone"),
        *(seeds if any(bar.over_seeds or len(bar.by_seed) > 1 for bar in bars) else ()),
        *dotted,
    ]


def _draw(axes: Axes, row: int, bar: DifferenceBar) -> None:
    colour = (COLOURS[1] if row == 0 else COLOURS[0]) if bar.fair else "#999999"
    axes.plot([100 * end for end in bar.over_photos], [row, row], color=colour, lw=4, solid_capstyle="butt", alpha=0.6)
    axes.plot([100 * end for end in bar.interval], [row, row], color=colour, lw=1.4)
    if bar.over_seeds:
        axes.plot([100 * end for end in bar.over_seeds], [row + 0.2] * 2, "--", color=colour, lw=0.9)
    axes.plot([100 * one for one in bar.by_seed], [row] * len(bar.by_seed), ".", color="black", ms=4)
    axes.plot([100 * bar.value], [row], "D", color=colour, ms=5, mec="black", mew=0.6)
    # Within the axes whatever their limits: x in shares of the width, y in rows.
    # On white: a long one would be crossed by the line at 0.
    how: dict[str, Any] = {"fontsize": 6.5, "color": "#555555", "bbox": {"fc": "white", "ec": "none", "pad": 0.8}}
    axes.text(0.006, row - 0.3, legible(bar.question, _MOST_QUESTION), transform=axes.get_yaxis_transform(), **how)
