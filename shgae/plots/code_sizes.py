"""PCK against the size of the code, before and after fine-tuning, next to that many principal components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from shgae.evaluation.study_report import CodeSizes
from shgae.plots.lettering import label_of
from shgae.plots.style import COLOURS, DASHES, MARKERS, new_figure, style


def code_size_figure(found: CodeSizes, levels: Mapping[str, float | None]) -> Figure:
    """Draws PCK over the size of the code; ``levels`` are networks without one, by name: PCK, 0 to 1."""
    curves = {
        "autoencoder, after fine-tuning": _points([(one.size, one.after) for one in found.sizes]),
        "autoencoder, before": _points([(one.size, one.before) for one in found.sizes]),
        "principal components, not fine-tuned": _points(found.components),
    }
    with style():
        figure = new_figure(6.5, 4.0)
        axes = figure.subplots()
        known = {name: 100 * level for name, level in levels.items() if level is not None}
        for place, (name, level) in enumerate(known.items()):
            axes.axhline(level, color="#555555", lw=0.9, linestyle=DASHES[2 + place % 2], label=label_of(name))
        for place, (name, points) in enumerate(curves.items()):
            if points:
                look: dict[str, Any] = {"color": COLOURS[place], "marker": MARKERS[place], "label": label_of(name)}
                axes.plot(*zip(*points, strict=True), DASHES[place], ms=4, **look)
        single = _points([(one.size, score) for one in found.sizes for score in one.after_by_seed])
        if single and len(found.seeds) > 1:
            axes.plot(*zip(*single, strict=True), ".", color="black", ms=3, label="single seeds")
        if chosen := _points([(found.chosen, found.best.after)]):
            axes.plot(*chosen[0], "D", ms=10, mfc="none", mec="black", label="chosen on val")
        axes.set_xscale("log")
        ticks = sorted({size for points in curves.values() for size, _ in points})
        axes.set_xticks(ticks, [str(size) for size in ticks])
        axes.minorticks_off()
        axes.set(xlabel="numbers that pass the bottleneck", ylabel="PCK (%)")
        if axes.get_ylim()[1] < 1:  # nothing found, and not a thousandth of it either
            axes.set_ylim(0, 1)
        figure.legend(loc="outside upper center", ncols=3, fontsize=7)
    return figure


def _points(curve: Sequence[tuple[int, float | None]]) -> list[tuple[int, float]]:
    """What a logarithmic axis can show."""
    return [(size, 100 * share) for size, share in curve if share is not None and size > 0]
