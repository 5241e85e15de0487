"""Clusters of people: their silhouettes, and who is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from shgae.analysis.latent.clusters import Clusters
from shgae.plots.poses import HIDDEN, SIDES, View, draw_person
from shgae.plots.style import COLOURS, DASHES, new_figure, style
from shgae.skeleton import Skeleton

_NARROWEST = 7.5
"""Inches that the title of a mosaic takes."""


def silhouette_figure(spaces: Sequence[Clusters]) -> Figure:
    """Draws the mean silhouette over K, the highest one marked, with Kaufman and Rousseeuw's borders and what clouds of
    one mode reach."""
    heights = [0.0]
    with style():
        figure = new_figure(6.2, 3.4)
        axes = figure.subplots()
        for i, one in enumerate(spaces):
            ks, silhouettes = [each.k for each in one.tried], [each.silhouette for each in one.tried]
            axes.plot(ks, silhouettes, DASHES[i], color=COLOURS[i], marker=".", label=one.space)
            axes.plot([one.best.k], [one.best.silhouette], "o", mfc="none", ms=10, color=COLOURS[i])
            heights += silhouettes
            if one.one_mode:
                clouds = max(one.one_mode.elliptical + one.one_mode.copula)
                label = "highest of clouds of one mode (dotted, each its colour)" if i == 0 else None
                axes.axhline(clouds, color=COLOURS[i], ls=(0, (1, 1)), lw=1.2, label=label, zorder=1.8)
                heights.append(clouds)
        for height, said in ((0.25, "below: no substantial structure"), (0.5, "below: weak, could be artificial")):
            axes.axhline(height, color="#888888", lw=0.8, ls=":")
            # On white above the dotted line of the clouds, which would cross it, and below the curves.
            white: dict[str, Any] = {"fc": "white", "ec": "none", "pad": 0.8}
            how: dict[str, Any] = {"fontsize": 6.5, "color": "#555555", "bbox": white, "zorder": 1.9}
            axes.text(spaces[0].tried[-1].k, height - 0.012, said, va="top", ha="right", **how)
        axes.set(xlabel="clusters K", ylabel="mean silhouette")
        figure.legend(loc="outside upper center", fontsize=8)
        axes.set_ylim(min(heights) - 0.02, max(0.55, *heights) + 0.05)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return figure


def mosaic_figure(groups: Sequence[tuple[str, Sequence[View]]], skeleton: Skeleton, title: str) -> Figure:
    """Draws a row a cluster: the mean of its nearest people's crops, then those people (at least one, the nearest
    first) with their labels."""
    columns = 1 + max(len(members) for _, members in groups)
    with style():
        figure = new_figure(max(1.05 * columns + 0.9, _NARROWEST), 1.12 * len(groups) + 0.75)
        panels: Any = figure.subplots(len(groups), columns, squeeze=False)
        for line, (name, members) in zip(panels, groups, strict=True):
            for axes in line:
                axes.set_axis_off()
            mean = np.mean([member.picture for member in members], axis=0) / 255
            line[0].imshow(mean)
            line[0].set_axis_on()
            line[0].set(xticks=[], yticks=[], ylabel=name)
            line[0].yaxis.label.set(rotation=0, ha="right", va="center", fontsize=7)
            for axes, member in zip(line[1:], members, strict=False):
                draw_person(axes, member, skeleton)
        panels[0][0].set_title("their mean", fontsize=7)
        panels[0][1].set_title("nearest to the centre ...", fontsize=7, loc="left")
        figure.suptitle(f"{title}\n{SIDES}; hollow: {HIDDEN}", fontsize=9)
    return figure
