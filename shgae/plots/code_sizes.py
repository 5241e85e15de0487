"""PCK against the size of the code, before and after fine-tuning, next to that many principal components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from shgae.plots.lettering import label_of
from shgae.plots.style import COLOURS, DASHES, MARKERS, new_figure, style

Point = tuple[int, float]
"""A size and PCK in per cent."""


@dataclass(frozen=True)
class SizeCurves:
    """Everything in the figure."""

    curves: Mapping[str, Sequence[Point]]
    """By name, rising in size; a curve without a point is left out."""
    single: Sequence[Point]
    """Of single seeds, on the curve that has several."""
    levels: Mapping[str, float]
    """Networks without a code, by name: PCK in per cent."""
    chosen: Point | None
    """The size that was chosen, and its PCK."""


def code_size_figure(found: SizeCurves) -> Figure:
    """Draws PCK over the size of the code."""
    with style():
        figure = new_figure(6.5, 4.0)
        axes = figure.subplots()
        for place, (name, level) in enumerate(found.levels.items()):
            axes.axhline(level, color="#555555", lw=0.9, linestyle=DASHES[2 + place % 2], label=label_of(name))
        for place, (name, points) in enumerate(found.curves.items()):
            if points:
                sizes, scores = zip(*points, strict=True)
                axes.plot(
                    sizes,
                    scores,
                    DASHES[place],
                    color=COLOURS[place],
                    marker=MARKERS[place],
                    ms=4,
                    label=label_of(name),
                )
        if found.single:
            sizes, scores = zip(*found.single, strict=True)
            axes.plot(sizes, scores, ".", color="black", ms=3, label="single seeds")
        if found.chosen:
            axes.plot([found.chosen[0]], [found.chosen[1]], "D", ms=10, mfc="none", mec="black", label="chosen on val")
        axes.set_xscale("log")
        ticks = sorted({size for points in found.curves.values() for size, _ in points})
        axes.set_xticks(ticks, [str(size) for size in ticks])
        axes.minorticks_off()
        axes.set(xlabel="numbers that pass the bottleneck", ylabel="PCK (%)")
        if axes.get_ylim()[1] < 1:  # nothing found, and not a thousandth of it either
            axes.set_ylim(0, 1)
        figure.legend(loc="outside upper center", ncols=3, fontsize=7)
    return figure
