"""Score and variance unexplained against the number of dimensions that pass the bottleneck."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shgae.analysis.effects import BySkips, Effect
from shgae.analysis.rate.report import GivenPoint, RatePoint, RateReport
from shgae.plots.lettering import label_of
from shgae.plots.style import COLOURS, DASHES, MARKERS, new_figure, style
from shgae.wording import counted, counted_people

_ZERO = 0.5
"""Where 0 stands on a logarithmic axis."""
_EffectOf = Callable[[RatePoint | GivenPoint | BySkips[Effect]], Effect]
_SIDES: Mapping[str, _EffectOf] = {"skips on": attrgetter("skips_on"), "skips off": attrgetter("skips_off")}


def rate_curve(report: RateReport) -> Figure:
    """Draws PCK (left) and FVU (right) over the number of principal components, the autoencoder as a point."""
    ranks = [one.n_components for one in report.points]
    sides = {name: of for name, of in _SIDES.items() if of(report.untouched).pck.all is not None}
    with style():
        figure = new_figure(8.5, 3.8)
        left, right = figure.subplots(1, 2)
        _scores(left, report, sides)
        _unexplained(right, report, is_named=not sides)
        for axes in (left, right):
            if ranks[-1] > report.rank:
                span = (_place(report.rank), ranks[-1])
                axes.axvspan(*span, color="#888888", alpha=0.12, linewidth=0, label=beyond(report))
            _ticks(axes, ranks)
        _legend(figure, left, right)
    return figure


def beyond(report: RateReport) -> str:
    """Which ranks the training people do not determine."""
    return f"beyond {counted(report.rank, 'component')}, all that {counted_people(report.trained_on, 'training')} span"


def _legend(figure: Figure, *axes: Axes) -> None:
    """Above both pictures: on them it would cover curves, bands or the autoencoder."""
    handles = {}
    for one in axes:
        handles.update(dict(zip(*one.get_legend_handles_labels()[::-1], strict=True)))
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=3, fontsize=8)


def _scores(axes: Axes, report: RateReport, sides: Mapping[str, _EffectOf]) -> None:
    x, code = [_place(one.n_components) for one in report.points], report.autoencoder
    for i, (name, effect_of) in enumerate(sides.items()):
        colour, is_first = COLOURS[i], i == 0
        untouched = "autoencoder taken out" if report.tuned else "bottleneck as it is"
        whole, effects = _score(effect_of(report.untouched)), [effect_of(one) for one in report.points]
        axes.axhline(whole, color=colour, linewidth=0.8, alpha=0.6, label=untouched if is_first else None)
        axes.plot(x, [_score(one) for one in effects], DASHES[i], color=colour, marker=".", label=name)
        losses = [(one.pck_lost.high, one.pck_lost.low) for one in effects if one.pck_lost]
        if len(losses) == len(effects):
            # The interval of the loss, hung below the untouched score; a PCK below 0 or above 100 % does not exist.
            low, high = (whole - 100 * np.array(losses).T).clip(0, 100)
            band = "95 % interval of the points lost" if is_first else None
            axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0, label=band)
        if code:
            _autoencoder(axes, code.n_components, _score(effect_of(code)), colour, is_first)
        for number, (given, level) in enumerate(report.given.items()):
            _level(axes, number, _score(effect_of(level)), colour, given if is_first else None)
    axes.set(title="PCK", ylabel="PCK (%)")
    if axes.get_ylim()[1] < 1:  # nothing found, and not a thousandth of it either
        axes.set_ylim(0, 1)


def _score(one: Effect) -> float:
    return 100 * (one.pck.all or 0.0)


def _unexplained(axes: Axes, report: RateReport, *, is_named: bool) -> None:
    known = [(_place(one.n_components), one.fvu) for one in report.points if one.fvu is not None]
    axes.plot([x for x, _ in known], [fvu for _, fvu in known], color=COLOURS[2], marker=".")
    if report.autoencoder and report.autoencoder.fvu is not None:
        _autoencoder(axes, report.autoencoder.n_components, report.autoencoder.fvu, COLOURS[2], is_named)
    for number, (name, level) in enumerate(report.given.items()):
        if level.fvu is not None:
            _level(axes, number, level.fvu, COLOURS[2], name if is_named else None)
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
