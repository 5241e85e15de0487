"""Clusters of people: their silhouettes, and who is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from shgae.arrays import Bytes, Floats32
from shgae.plots.poses import HIDDEN, SIDES, draw_person
from shgae.plots.style import COLOURS, DASHES, new_figure, style
from shgae.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class Member:
    """A person to show."""

    crop: Bytes
    """(H, W, 3) RGB."""
    xy_crop: Floats32
    """(K, 2) labelled joints in pixels of the crop."""
    visibility: Bytes
    """(K,)."""


@dataclass(frozen=True)
class SilhouetteCurve:
    """Silhouettes of one space."""

    name: str
    ks: tuple[int, ...]
    silhouettes: tuple[float, ...]
    clouds: float | None
    """The highest silhouette of clouds of one mode, over all K; None where they were not asked."""


def silhouette_figure(curves: Sequence[SilhouetteCurve]) -> Figure:
    """Draws the mean silhouette over K, the highest one marked, with Kaufman and Rousseeuw's borders and what clouds of
    one mode reach."""
    ks = curves[0].ks
    silhouettes = [height for one in curves for height in (*one.silhouettes, one.clouds or 0.0)]
    with style():
        figure = new_figure(6.2, 3.4)
        axes = figure.subplots()
        for i, one in enumerate(curves):
            axes.plot(one.ks, one.silhouettes, DASHES[i], color=COLOURS[i], marker=".", label=one.name)
            best = int(np.argmax(one.silhouettes))
            axes.plot([one.ks[best]], [one.silhouettes[best]], "o", mfc="none", ms=10, color=COLOURS[i])
            if one.clouds is not None:
                label = "highest of clouds of one mode (dotted, each its colour)" if i == 0 else None
                axes.axhline(one.clouds, color=COLOURS[i], ls=(0, (1, 1)), lw=1.2, label=label, zorder=1.8)
        for height, said in ((0.25, "below: no substantial structure"), (0.5, "below: weak, could be artificial")):
            axes.axhline(height, color="#888888", lw=0.8, ls=":")
            # On white above the dotted line of the clouds, which would cross it, and below the curves.
            white: dict[str, Any] = {"fc": "white", "ec": "none", "pad": 0.8}
            how: dict[str, Any] = {"fontsize": 6.5, "color": "#555555", "bbox": white, "zorder": 1.9}
            axes.text(ks[-1], height - 0.012, said, va="top", ha="right", **how)
        axes.set(xlabel="clusters K", ylabel="mean silhouette")
        figure.legend(loc="outside upper center", fontsize=8)
        axes.set_ylim(min(0.0, *silhouettes) - 0.02, max(0.55, *silhouettes) + 0.05)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def mosaic_figure(groups: Sequence[tuple[str, Sequence[Member]]], skeleton: Skeleton, title: str) -> Figure:
    """Draws a row a cluster: the mean of its nearest people's crops, then those people (at least one, the nearest
    first) with their labels."""
    columns = 1 + max(len(members) for _, members in groups)
    with style():
        figure = new_figure(1.05 * columns + 0.9, 1.12 * len(groups) + 0.75)
        panels: Any = figure.subplots(len(groups), columns, squeeze=False)
        for line, (name, members) in zip(panels, groups, strict=True):
            for axes in line:
                axes.set_axis_off()
            mean = np.mean([member.crop for member in members], axis=0) / 255
            line[0].imshow(mean)
            line[0].set_axis_on()
            line[0].set(xticks=[], yticks=[], ylabel=name)
            line[0].yaxis.label.set(rotation=0, ha="right", va="center", fontsize=7)
            for axes, member in zip(line[1:], members, strict=False):
                draw_person(axes, member.crop, member.xy_crop, member.visibility, skeleton)
        panels[0][0].set_title("their mean", fontsize=7)
        panels[0][1].set_title("nearest to the centre ...", fontsize=7, loc="left")
        figure.suptitle(f"{title}\n{SIDES}; hollow: {HIDDEN}", fontsize=9)
    return figure
