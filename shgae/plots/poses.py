"""Joints and limbs drawn on crops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from shgae.plots.lettering import legible
from shgae.plots.style import LEFT, MIDDLE, RIGHT, new_figure, save_figure, style
from shgae.skeleton import Skeleton

_MOST_NAME = 20
"""Characters beside a row of pictures."""


def prediction_sheet(
    crops: npt.NDArray[np.float32],
    truth: tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]],
    predicted: Sequence[tuple[str, npt.NDArray[np.float64]]],
    skeleton: Skeleton,
    path: Path,
    command: str,
) -> None:
    """Draws people in columns: the annotation in the first row, one row a model below it.

    Args:
        crops: (N, H, W, 3) RGB in [0, 1].
        truth: joints (N, K, 2) in crop pixels and visibility (N, K); v = 1 is drawn hollow, v = 0 left out.
        predicted: name of a model and its joints (N, K, 2) in crop pixels, drawn where the annotation has a label.
        skeleton: names and limbs of the K joints.
        path: the PNG, SVG or PDF to write.
        command: what made the figure.
    """
    xy, visibility = truth
    rows = [("annotation", xy.astype(np.float64)), *predicted]
    with style():
        figure = new_figure(1.6 * len(crops), 1.6 * len(rows) + 0.4)
        panels = figure.subplots(len(rows), len(crops), squeeze=False)
        for line, (name, joints) in zip(panels, rows, strict=True):
            for person, axes in enumerate(line):
                draw_person(axes, crops[person], joints[person], visibility[person], skeleton)
            line[0].set_ylabel(legible(name, _MOST_NAME))
        figure.suptitle("labelled joints; orange: the person's left, blue: right; hollow: hidden (v = 1)", fontsize=8)
    save_figure(figure, path, command)


def draw_person(
    axes: Axes,
    crop: npt.NDArray[Any],
    xy: npt.NDArray[Any],
    visibility: npt.NDArray[np.uint8],
    skeleton: Skeleton,
    **how: Any,
) -> None:
    """Draws joints and limbs on a picture.

    Args:
        axes: where.
        crop: (H, W, 3) RGB or (H, W) of one channel.
        xy: (K, 2) joints in pixels of the crop.
        visibility: (K,) 2 for a filled joint, 1 for a hollow one, 0 for none.
        skeleton: names and limbs.
        how: further arguments of ``imshow``.
    """
    axes.imshow(crop, **how)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    sides = side_colours(skeleton)
    for a, b in dict.fromkeys(skeleton.limbs):  # a JSON may repeat a limb thousands of times
        if visibility[a] and visibility[b]:
            colour = sides[a] if sides[a] == sides[b] else MIDDLE
            axes.plot(xy[[a, b], 0], xy[[a, b], 1], color="black", lw=2.6)
            axes.plot(xy[[a, b], 0], xy[[a, b], 1], color=colour, lw=1.5)
    for joint in np.flatnonzero(visibility):
        colour = sides[int(joint)]
        # A hole is black, or the limbs below would fill it.
        filled: dict[str, Any] = {"ms": 3.2, "mfc": colour, "mec": "black", "mew": 0.7}
        hollow: dict[str, Any] = {"ms": 4.0, "mfc": "black", "mec": colour, "mew": 1.1}
        axes.plot(*xy[joint], "o", **(filled if visibility[joint] == 2 else hollow))


def side_colours(skeleton: Skeleton) -> list[str]:
    """The colour of each joint, by the side that its name tells."""
    return [LEFT if "left" in name else RIGHT if "right" in name else MIDDLE for name in skeleton.names]
