"""PCK of each joint with skips switched off, as a table of colours and numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from shgae.arrays import Floats
from shgae.plots.lettering import legible
from shgae.plots.style import new_figure, style

_MOST_NAME = 30


def heat_table(values: Floats, rows: Sequence[str], columns: Sequence[str], title: str) -> Figure:
    """Draws shares (R, C), 0 to 1, in per cent as a table with cells that are the darker the higher; NaN is white."""
    with style():
        figure = new_figure(0.62 * len(columns) + 2.2, 0.27 * len(rows) + 1.5)
        axes = figure.subplots()
        shown = 100 * values
        top = max(float(np.nanmax(shown, initial=0.0)), 1e-9)
        image = axes.imshow(shown, cmap="Blues", vmin=0.0, vmax=top, aspect="auto")
        for (r, c), value in np.ndenumerate(shown):
            if np.isfinite(value):
                colour = "white" if _is_dark(image.cmap(value / top)) else "black"
                axes.text(c, r, f"{value:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
        axes.set_yticks(range(len(rows)), [legible(name, _MOST_NAME) for name in rows], fontsize=7)
        labels = [legible(name, _MOST_NAME) for name in columns]
        axes.set_xticks(range(len(columns)), labels, fontsize=7, rotation=45, ha="right")
        axes.grid(visible=False)
        axes.set_title(f"{title} (%)", fontsize=9, loc="left")
    return figure


def _is_dark(colour: tuple[float, float, float, float]) -> bool:
    red, green, blue, _ = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
