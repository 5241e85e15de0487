"""Score and variance unexplained against the number of dimensions that pass the bottleneck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shgae.plots.lettering import label_of
from shgae.plots.style import COLOURS, DASHES, MARKERS, new_figure, style

_ZERO = 0.5
"""Where 0 stands on a logarithmic axis."""


@dataclass(frozen=True)
class ScoreCurve:
    """PCK over ranks, in per cent."""

    name: str
    untouched: float
    """Of the bottleneck as it is."""
    scores: tuple[float, ...]
    """A rank each."""
    band: tuple[tuple[float, float], ...] | None
    """Its 95 % interval, low and high, a rank each; None without."""
    autoencoder: float | None


@dataclass(frozen=True)
class Level:
    """What another program put in the bottleneck's place: a line across, for its dimensions are not counted."""

    name: str
    scores: tuple[float, ...]
    """PCK in per cent, on each curve."""
    fvu: float | None


@dataclass(frozen=True)
class Ranks:
    """Everything in the figure."""

    ranks: tuple[int, ...]
    """Rising, from 0."""
    curves: tuple[ScoreCurve, ...]
    """None where nobody has a joint."""
    fvu: tuple[float | None, ...]
    """A rank each."""
    code_size: int | None
    """Where the autoencoder stands; None without one."""
    code_fvu: float | None
    rank: int
    """Of the components; what lies beyond is shaded."""
    shaded: str
    """Why, in words."""
    untouched: str
    """What the bottleneck as it is is called."""
    given: tuple[Level, ...] = ()


def rate_curve(found: Ranks) -> Figure:
    """Draws PCK (left) and FVU (right) over the number of principal components, the autoencoder as a point."""
    with style():
        figure = new_figure(8.5, 3.8)
        left, right = figure.subplots(1, 2)
        _scores(left, found)
        _unexplained(right, found)
        for axes in (left, right):
            if max(found.ranks) > found.rank:
                span = (_place(found.rank), max(found.ranks))
                axes.axvspan(*span, color="#888888", alpha=0.12, linewidth=0, label=found.shaded)
            _ticks(axes, found.ranks)
        _legend(figure, left, right)
    return figure


def _legend(figure: Figure, *axes: Axes) -> None:
    """Above both pictures: on them it would cover curves, bands or the autoencoder."""
    handles = {}
    for one in axes:
        handles.update(dict(zip(*one.get_legend_handles_labels()[::-1], strict=True)))
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=3, fontsize=8)


def _scores(axes: Axes, found: Ranks) -> None:
    x = [_place(rank) for rank in found.ranks]
    for i, one in enumerate(found.curves):
        colour, first = COLOURS[i], i == 0
        axes.axhline(one.untouched, color=colour, linewidth=0.8, alpha=0.6, label=found.untouched if first else None)
        axes.plot(x, one.scores, DASHES[i], color=colour, marker=".", label=one.name)
        if one.band:
            low, high = zip(*one.band, strict=True)
            name = "95 % interval of the points lost" if first else None
            axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0, label=name)
        if found.code_size is not None and one.autoencoder is not None:
            _autoencoder(axes, found.code_size, one.autoencoder, colour, first)
        for number, level in enumerate(found.given):
            _level(axes, number, level.scores[i], colour, level.name if first else None)
    axes.set(title="PCK", ylabel="PCK (%)")
    if axes.get_ylim()[1] < 1:  # nothing found, and not a thousandth of it either
        axes.set_ylim(0, 1)


def _unexplained(axes: Axes, found: Ranks) -> None:
    known = [(_place(rank), fvu) for rank, fvu in zip(found.ranks, found.fvu, strict=True) if fvu is not None]
    axes.plot([x for x, _ in known], [fvu for _, fvu in known], color=COLOURS[2], marker=".")
    if found.code_size is not None and found.code_fvu is not None:
        _autoencoder(axes, found.code_size, found.code_fvu, COLOURS[2], not found.curves)
    for number, level in enumerate(found.given):
        if level.fvu is not None:
            _level(axes, number, level.fvu, COLOURS[2], None if found.curves else level.name)
    axes.set(title="variance unexplained", ylabel="FVU")
    axes.set_ylim(bottom=0)


def _autoencoder(axes: Axes, size: int, value: float, colour: str, named: bool) -> None:
    label = f"autoencoder (code size {size})" if named else None
    axes.plot([_place(size)], [value], "D", ms=7, mfc=colour, mec=COLOURS[6], zorder=3, label=label)


def _level(axes: Axes, number: int, value: float, colour: str, name: str | None) -> None:
    """A line across; marks tell several apart, also in grey."""
    marker = MARKERS[number % len(MARKERS)]
    how: dict[str, Any] = {"marker": marker, "ms": 5, "mfc": "white", "mec": colour, "color": colour, "lw": 0.9}
    label = label_of(name) if name is not None else None
    how |= {"markevery": [1, 2], "transform": axes.get_yaxis_transform()}
    axes.plot([0.0, 0.03, 0.97, 1.0], [value] * 4, ls=(0, (5, 2)), label=label, **how)


def _ticks(axes: Axes, ranks: Sequence[int]) -> None:
    axes.set_xscale("log")
    decades = [k for k in (1, 10, 100, 1000) if k <= max(ranks)]
    last = [max(ranks)] if max(ranks) not in decades and max(ranks) > 2 * max(decades, default=0) else []
    ticks = [0, *decades, *last]
    axes.set_xticks([_place(k) for k in ticks], [str(k) for k in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("principal components, or code size")


def _place(rank: int) -> float:
    return rank or _ZERO
