"""Clusters of people: how well they keep apart, and who is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from shgae.plots.poses import draw_person
from shgae.plots.style import COLOURS, new_figure, style
from shgae.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class Member:
    """A person to show."""

    crop: npt.NDArray[np.uint8]
    """(H, W, 3) RGB."""
    xy_crop: npt.NDArray[np.float32]
    """(K, 2) labelled joints in pixels of the crop."""
    visibility: npt.NDArray[np.uint8]
    """(K,)."""


def silhouette_figure(ks: Sequence[int], silhouettes: Sequence[float], space: str) -> Figure:
    """Draws the mean silhouette over K, the highest one marked, with Kaufman and Rousseeuw's borders."""
    with style():
        figure = new_figure(5.2, 3.0)
        axes = figure.subplots()
        axes.plot(ks, silhouettes, color=COLOURS[0], marker=".")
        best = int(np.argmax(silhouettes))
        axes.plot([ks[best]], [silhouettes[best]], "o", mfc="none", ms=10, color=COLOURS[6])
        for height, said in ((0.25, "below: no substantial structure"), (0.5, "below: weak, could be artificial")):
            axes.axhline(height, color="#888888", lw=0.8, ls=":")
            axes.text(ks[-1], height - 0.012, said, fontsize=6.5, color="#555555", va="top", ha="right")
        axes.set(xlabel="clusters K", ylabel="mean silhouette", title=f"K-means by {space}")
        axes.set_ylim(min(0.0, *silhouettes) - 0.02, max(0.55, *silhouettes) + 0.05)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def mosaic_figure(groups: Sequence[tuple[str, Sequence[Member]]], skeleton: Skeleton, title: str) -> Figure:
    """Draws a row a cluster: the mean of its nearest people's crops, then those people with their labels.

    Args:
        groups: name of each cluster and its people nearest to the centre, the nearest first; at least one each.
        skeleton: names and limbs of the joints.
        title: what stands above.
    """
    columns = 1 + max(len(members) for _, members in groups)
    with style():
        figure = new_figure(1.05 * columns + 0.9, 1.12 * len(groups) + 0.6)
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
        figure.suptitle(title, fontsize=9)
    return figure
