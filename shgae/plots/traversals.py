"""A traversal of a latent space, decoded, and the nearest real people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shgae.analysis.latent.network import DecodedPose
from shgae.plots.poses import HIDDEN, SIDES, View, draw_person
from shgae.plots.style import new_figure, style
from shgae.skeleton import Skeleton

_SURE = 0.3
"""Decoded joints with a map lower than this share of the row's highest are drawn hollow."""
UNSURE = f"map under {_SURE:g} of the row's highest"
"""What a hollow joint means where decoded joints are drawn."""


def traversal_figure(
    rows: Sequence[tuple[str, DecodedPose]],
    nearest: Sequence[View] | None,
    steps: Sequence[float],
    skeleton: Skeleton,
    title: str,
) -> Figure:
    """Draws a row for each way of decoding, a pose at each of the steps (S,) in standard deviations, and one of the
    nearest real people, a person a step."""
    lines = len(rows) + (nearest is not None)
    with style():
        figure = new_figure(1.15 * len(steps) + 0.9, 1.2 * lines + 0.85)
        panels: Any = figure.subplots(lines, len(steps), squeeze=False)
        for line, (name, pose) in zip(panels, rows, strict=False):
            draw_decoded(line, pose, skeleton)
            _label(line[0], name)
        if nearest is not None:
            for axes, member in zip(panels[-1], nearest, strict=True):
                draw_person(axes, member, skeleton)
            _label(panels[-1][0], "nearest\nperson")
        for axes, c in zip(panels[0], steps, strict=True):
            axes.set_title("mean" if c == 0 else f"{c:+g} sd", fontsize=8)
        of_people = f"; for people: {HIDDEN}" if nearest is not None else ""
        figure.suptitle(f"{title}\n{SIDES}; hollow: {UNSURE}{of_people}", fontsize=9)
    return figure


def draw_decoded(line: Sequence[Axes], pose: DecodedPose, skeleton: Skeleton) -> None:
    """Draws a row of decoded joints, a step each."""
    best = max(float(pose.height.max()), 1e-9)
    how: dict[str, Any] = {"cmap": "gray", "vmin": 0.0, "vmax": best, "extent": extent_of(4 * pose.heat.shape[-1])}
    for axes, heat, xy, height in zip(line, pose.heat, pose.xy_crop, pose.height, strict=True):
        seen = np.where(height >= _SURE * best, 2, 1).astype(np.uint8)
        draw_person(axes, View(heat, xy, seen), skeleton, **how)


def extent_of(side: int) -> tuple[float, float, float, float]:
    """Where the cells of a map lie in a crop of so many pixels: cell c around 4 * c + 0.5
    (:func:`shgae.data.heatmaps.map_to_crop`)."""
    return (-1.5, side - 1.5, side - 1.5, -1.5)


def _label(axes: Any, text: str) -> None:
    axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=7)
