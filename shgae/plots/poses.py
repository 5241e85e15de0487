"""Joints and limbs drawn on crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from shgae.arrays import Array, Bytes, Floats, Floats32
from shgae.plots.lettering import legible
from shgae.plots.style import MIDDLE, new_figure, side_colours, style
from shgae.skeleton import Skeleton

_MOST_NAME = 20
"""Characters to the left of a row of pictures."""
SIDES = "orange: the person's left, blue: right"
"""What the colours of :func:`draw_person` mean."""
HIDDEN = "hidden (v = 1)"
"""What a hollow joint means where people's labels are drawn."""


@dataclass(frozen=True, eq=False)
class View:
    """One picture of a person."""

    picture: Array
    """(H, W, 3) RGB, 0 to 255 or floats in [0, 1]; or (H, W) of one channel."""
    xy: Array
    """(K, 2) joints in pixels of the picture."""
    visibility: Bytes
    """(K,) 2 for a filled joint, 1 for a hollow one, 0 for none."""
    title: str = ""


def prediction_sheet(
    crops: Floats32, truth: tuple[Floats32, Bytes], predicted: Sequence[tuple[str, Floats]], skeleton: Skeleton
) -> Figure:
    """Draws people in columns: the annotation in the first row, one row a model below it.

    Args:
        crops: (N, H, W, 3) RGB in [0, 1].
        truth: joints (N, K, 2) in crop pixels and visibility (N, K); v = 1 is drawn hollow, v = 0 left out.
        predicted: name of a model and its joints (N, K, 2) in crop pixels, drawn where the annotation has a label.
        skeleton: names and limbs of the K joints.
    """
    xy, visibility = truth
    rows = [("annotation", xy.astype(np.float64)), *predicted]
    with style():
        figure = new_figure(1.6 * len(crops), 1.6 * len(rows) + 0.4)
        panels = figure.subplots(len(rows), len(crops), squeeze=False)
        for line, (name, joints) in zip(panels, rows, strict=True):
            for person, axes in enumerate(line):
                draw_person(axes, View(crops[person], joints[person], visibility[person]), skeleton)
            line[0].set_ylabel(legible(name, _MOST_NAME))
        figure.suptitle(f"labelled joints; {SIDES}; hollow: {HIDDEN}", fontsize=8)
    return figure


def draw_person(axes: Axes, view: View, skeleton: Skeleton, **how: Any) -> None:
    """Draws joints and limbs on a picture; ``how`` are further arguments of ``imshow``."""
    xy, visibility = view.xy, view.visibility
    axes.imshow(view.picture, **how)
    axes.set(xticks=[], yticks=[], autoscale_on=False)  # joints may lie beyond the picture
    axes.grid(visible=False)
    sides = side_colours(skeleton)
    # A JSON may repeat a limb thousands of times.
    limbs = [(a, b) for a, b in dict.fromkeys(skeleton.limbs) if visibility[a] and visibility[b]]
    colours = [sides[a] if sides[a] == sides[b] else MIDDLE for a, b in limbs]
    # One collection for all limbs, each drawn twice: a line of its own for each takes longer.
    axes.add_collection(
        LineCollection(
            [xy[[a, b]] for a, b in limbs for _ in "ab"],
            colors=[one for colour in colours for one in ("black", colour)],
            linewidths=(2.6, 1.5),
            capstyle="projecting",
            zorder=2,
        )
    )
    joints = np.flatnonzero(visibility)
    own, is_filled = [sides[joint] for joint in joints.tolist()], visibility[joints] == 2
    axes.scatter(
        xy[joints, 0],
        xy[joints, 1],
        s=np.where(is_filled, 3.2, 4.0) ** 2,
        # A hole is black, or the limbs below would fill it.
        c=[colour if filled else "black" for colour, filled in zip(own, is_filled, strict=True)],
        edgecolors=["black" if filled else colour for colour, filled in zip(own, is_filled, strict=True)],
        linewidths=np.where(is_filled, 0.7, 1.1).tolist(),
        zorder=2.1,
    )
