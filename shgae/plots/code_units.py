"""The units of a code, a row each: their values, what they draw, who has the highest values, what is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from shgae.analysis.latent.network import DecodedPose
from shgae.arrays import Floats, Floats32
from shgae.plots.lettering import legible
from shgae.plots.poses import HIDDEN, SIDES, View, draw_person
from shgae.plots.style import COLOURS, new_figure, style
from shgae.plots.traversals import UNSURE, draw_decoded
from shgae.skeleton import Skeleton

_HEADINGS = ("training people\nby value (log)", "decoded at\n-2 sd", "decoded at\nits mean", "decoded at\n+2 sd")
_MOST_JOINT = 16
_EXPLAINED = (
    "a row a unit, the costliest first; decoded: this unit moved, the others at their means, skips of the mean person"
)


@dataclass(frozen=True, eq=False)
class Portrait:
    """One unit."""

    name: str
    """With what is lost when it is held at its mean."""
    values: Floats32
    """(N,) of the training people."""
    decoded: DecodedPose
    """At -2, 0 and +2 standard deviations."""
    top: Sequence[View]
    """People with the highest values; may be none."""
    lost: Floats
    """(K,) PCK lost of each joint, a share; NaN where nobody has it."""


def code_units_figure(portraits: Sequence[Portrait], skeleton: Skeleton, title: str) -> Figure:
    """Draws up to a page of units."""
    people = max((len(one.top) for one in portraits), default=0)
    most = max((float(np.nanmax(np.abs(one.lost), initial=0.0)) for one in portraits), default=0.0) or 0.01
    widths = [1.1, 1, 1, 1, *([1] * people), max(2.2, 0.09 * len(skeleton))]
    with style():
        figure = new_figure(1.05 * sum(widths) + 0.6, 1.12 * len(portraits) + 0.95)
        panels: Any = figure.subplots(len(portraits), len(widths), squeeze=False, width_ratios=widths)
        for line, one in zip(panels, portraits, strict=True):
            _density(line[0], one)
            draw_decoded(line[1:4], one.decoded, skeleton)
            for axes in line[4:-1]:
                axes.set_axis_off()
            for axes, member in zip(line[4:-1], one.top, strict=False):
                axes.set_axis_on()
                draw_person(axes, member, skeleton)
            _bars(line[-1], one, most, skeleton)
        for axes, text in zip(panels[0][:4], _HEADINGS, strict=True):
            axes.set_title(text, fontsize=7)
        if people:
            panels[0][4].set_title("training people with the highest values", fontsize=7, loc="left")
        panels[0][-1].set_title("points of PCK lost with the\nunit held at its mean, by joint", fontsize=7)
        panels[-1][-1].set_xticks(
            range(len(skeleton)), [_short(name) for name in skeleton.names], rotation=90, fontsize=5
        )
        key = f"{SIDES}; hollow: {UNSURE}{f'; for people: {HIDDEN}' if people else ''}"
        figure.suptitle(f"{title}\n{_EXPLAINED}\n{key}", fontsize=9)
    return figure


def _density(axes: Any, one: Portrait) -> None:
    axes.hist(one.values, bins=24, color=COLOURS[0], log=True)
    axes.set(yticks=[])
    axes.yaxis.set_minor_locator(NullLocator())  # the logarithm's own ticks have labels as large as the picture
    axes.tick_params(labelsize=5)
    axes.grid(visible=False)
    axes.set_ylabel(one.name, rotation=0, ha="right", va="center", fontsize=7)


def _bars(axes: Any, one: Portrait, most: float, skeleton: Skeleton) -> None:
    axes.bar(range(len(skeleton)), 100 * one.lost, color=COLOURS[1])
    axes.axhline(0, color="black", lw=0.6)
    axes.set(ylim=(-110 * most, 110 * most), xticks=[])
    axes.tick_params(labelsize=5)


def _short(name: str) -> str:
    return legible(name.replace("left_", "l ").replace("right_", "r ").replace("_", " "), _MOST_JOINT)
