"""Differences between arms with their intervals: a forest plot."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from shgae.evaluation.study_differences import ArmComparison, Estimate
from shgae.plots.lettering import legible
from shgae.plots.style import COLOURS, new_figure, style

_MOST_QUESTION, _MOST_CONCLUSION = 100, 1000


def forest_plot(
    differences: Sequence[ArmComparison],
    conclusion: str,
    questions: Mapping[tuple[str, str], str],
    *,
    confidence: str = "95",
) -> Figure:
    """Draws a row a difference that has an interval (there may be none), the first on top, below the conclusion; a thin
    line for the interval over photos and seeds, a thick one for that over photos, a dashed one below for that over
    seeds, a dot a seed; unfair ones are pale, and dotted lines on both sides of 0 are the margin.

    ``questions`` says what an arm minus another answers; ``confidence`` is that of the intervals, in per cent.
    """
    margin = differences[0].margin if differences else None
    bars = [(one, found) for one in differences if (found := one.groups.all)]
    with style():
        figure = new_figure(7.5, 1.5 + 0.55 * max(len(bars), 1))
        axes = figure.subplots()
        axes.axvline(0, color="black", lw=0.8)
        for end in (-100 * margin, 100 * margin) if margin else ():
            axes.axvline(end, color="#555555", lw=0.9, linestyle=":")
        for row, (one, found) in enumerate(bars):
            _draw(axes, row, one, found, questions.get((one.arm, one.minus), ""))
        labels = [f"{one.arm} - {one.minus}" + ("" if one.fair else " (unfair)") for one, _ in bars]
        axes.set_yticks(range(len(bars)), [*map(legible, labels)])
        axes.set_ylim(max(len(bars), 1) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"difference of PCK in points, with {confidence} % intervals", loc="left")
        handles = key([found for _, found in bars], margin)
        figure.legend(handles=handles, loc="outside lower left", ncols=5, fontsize=7, borderaxespad=2.2)
        lines = textwrap.wrap(legible(conclusion, _MOST_CONCLUSION), 105)
        figure.suptitle("\n".join(lines), fontsize=8, x=0.02, ha="left")
    return figure


def key(bars: Sequence[Estimate], margin: float | None) -> list[Line2D]:
    """What the lines mean; where no interval allows for other seeds nothing is said of one that does."""
    grey = "#555555"
    over_seeds, runs = any(bar.over_seeds for bar in bars), max((len(bar.by_seed) for bar in bars), default=0)
    both = Line2D([], [], color=grey, lw=1.4, label="photos and seeds: this one counts")
    one_each = " (one run each)" if runs == 1 and not over_seeds else ""
    seeds = Line2D([], [], color=grey, lw=0.9, linestyle="--", label="seeds alone")
    single = Line2D([], [], color="black", marker=".", ms=4, linestyle="", label="single seeds")
    return [
        *([both] if over_seeds else ()),
        Line2D([], [], color=grey, lw=4, alpha=0.6, label=f"photos alone{one_each}"),
        *([seeds] if over_seeds else ()),
        *([single] if runs > 1 else ()),
        *([Line2D([], [], color=grey, lw=0.9, linestyle=":", label="margin")] if margin else ()),
    ]


def _draw(axes: Axes, row: int, one: ArmComparison, found: Estimate, question: str) -> None:
    colour = (COLOURS[1] if row == 0 else COLOURS[0]) if one.fair else "#999999"
    over_photos = [100 * found.over_photos.low, 100 * found.over_photos.high]
    axes.plot(over_photos, [row, row], color=colour, lw=4, solid_capstyle="butt", alpha=0.6)
    if found.over_seeds:
        axes.plot([100 * found.low, 100 * found.high], [row, row], color=colour, lw=1.4)
        over_seeds = [100 * found.over_seeds.low, 100 * found.over_seeds.high]
        axes.plot(over_seeds, [row + 0.2] * 2, "--", color=colour, lw=0.9)
    axes.plot([100 * each for each in found.by_seed], [row] * len(found.by_seed), ".", color="black", ms=4)
    axes.plot([100 * found.value], [row], "D", color=colour, ms=5, mec="black", mew=0.6)
    # Within the axes whatever their limits: x in shares of the width, y in rows.
    # On white: a long one would be crossed by the line at 0.
    how: dict[str, Any] = {"fontsize": 6.5, "color": "#555555", "bbox": {"fc": "white", "ec": "none", "pad": 0.8}}
    axes.text(0.006, row - 0.3, legible(question, _MOST_QUESTION), transform=axes.get_yaxis_transform(), **how)
