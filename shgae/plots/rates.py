"""Score and variance unexplained against the number of numbers that pass the bottleneck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from shgae.plots.style import COLOURS, DASHES, new_figure, save_figure, style
from shgae.wording import counted, counted_people

_SIDES = (("skips_on", "skips on"), ("skips_off", "skips off"))
_ZERO = 0.5
"""Where 0 stands on a logarithmic axis."""


def rate_curve(report: Mapping[str, Any], path: Path, command: str) -> None:
    """Draws PCK (left) and FVU (right) over the number of principal components, the autoencoder as a point.

    Args:
        report: as ``shgae rate --json`` prints it.
        path: the PNG or SVG to write.
        command: what made the figure.
    """
    with style():
        figure = new_figure(8.5, 3.6)
        left, right = figure.subplots(1, 2)
        _scores(left, report)
        if left.lines:  # not on the axes, where curves, bands and the autoencoder are
            figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8)
        _unexplained(right, report)
        for axes in (left, right):
            ks = [point["numbers"] for point in report["points"]]
            _ranks(axes, ks)
            if max(ks) > report["determined"]:
                _beyond(axes, report["determined"], report["trained_on"], max(ks))
    save_figure(figure, path, command)


def _scores(axes: Axes, report: Mapping[str, Any]) -> None:
    points, code = report["points"], report["autoencoder"]
    x = [_place(point["numbers"]) for point in points]
    without = "autoencoder taken out" if report["tuned"] else "bottleneck as it is"
    for i, (side, label) in enumerate(_SIDES):
        colour = COLOURS[i]
        whole = report["untouched"][side]["pck"]["all"]
        if whole is None:
            continue
        axes.axhline(100 * whole, color=colour, linewidth=0.8, alpha=0.6, label=without if i == 0 else None)
        axes.plot(x, [100 * p[side]["pck"]["all"] for p in points], DASHES[i], color=colour, marker=".", label=label)
        lost = [point[side]["pck_lost"] for point in points]
        if None not in lost:  # as it is where everybody is in one photo
            # The interval of the loss, hung below the untouched score; a PCK below 0 or above 100 % there is none.
            low, high = ([min(max(100 * (whole - one[end]), 0), 100) for one in lost] for end in ("high", "low"))
            band = "95 % interval of the loss" if i == 0 else None
            axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0, label=band)
        if code:
            _code(axes, code["numbers"], 100 * code[side]["pck"]["all"], colour, i == 0)
    axes.set(title="PCK", ylabel="PCK (%)")
    if axes.get_ylim()[1] < 1:  # nothing found, and not a thousandth of it either
        axes.set_ylim(0, 1)


def _unexplained(axes: Axes, report: Mapping[str, Any]) -> None:
    points, code = report["points"], report["autoencoder"]
    known = [(_place(point["numbers"]), point["fvu"]) for point in points if point["fvu"] is not None]
    axes.plot([x for x, _ in known], [fvu for _, fvu in known], color=COLOURS[2], marker=".")
    if code and code["fvu"] is not None:
        _code(axes, code["numbers"], code["fvu"], COLOURS[2], True)
    axes.set(title="variance unexplained", ylabel="FVU")
    axes.set_ylim(bottom=0)


def _code(axes: Axes, numbers: int, value: float, colour: str, named: bool) -> None:
    axes.plot([_place(numbers)], [value], "D", ms=7, mfc=colour, mec=COLOURS[6], zorder=3)
    if named:
        ground = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.5}  # a curve may run below it
        axes.annotate("autoencoder", (_place(numbers), value), (8, -12), textcoords="offset points", bbox=ground)


def _beyond(axes: Axes, determined: int, people: int, last: int) -> None:
    axes.axvspan(_place(determined), last, color="#888888", alpha=0.12, linewidth=0)
    text = f"{counted(determined, 'direction')} determined by {counted_people(people)}"
    axes.text(
        *((_place(determined) * last) ** 0.5, 0.5, text),
        transform=axes.get_xaxis_transform(), rotation=90, ha="center", va="center", fontsize=6.5, color="#555555",
    )  # fmt: skip


def _ranks(axes: Axes, ks: Sequence[int]) -> None:
    axes.set_xscale("log")
    decades = [k for k in (1, 10, 100, 1000) if k <= max(ks)]
    last = [max(ks)] if max(ks) not in decades and max(ks) > 2 * max(decades, default=0) else []
    ticks = [0, *decades, *last]
    axes.set_xticks([_place(k) for k in ticks], [str(k) for k in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("principal components (numbers in the code)")


def _place(numbers: int) -> float:
    return numbers or _ZERO
