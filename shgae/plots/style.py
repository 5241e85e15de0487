"""One look for every figure: readable in grey and by colour-blind readers, equal bytes for equal input."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from shgae.artifacts.tensors import write_bytes

# Okabe and Ito, "Color Universal Design" (2008); dashes tell the lines apart in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
LEFT, RIGHT, MIDDLE = "#E69F00", "#56B4E9", "#F0F0F0"
"""Limbs of the person's left and right side, and those in the middle."""

_SETTINGS: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.hashsalt": "shgae",
}


def style() -> AbstractContextManager[None]:
    """The look, for everything drawn inside the ``with`` block."""
    return rc_context(_SETTINGS)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; width and height in inches."""
    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        # Room at the lower border for the command that made the figure.
        figure.get_layout_engine().set(rect=(0, 0.12 / height, 1, 1 - 0.12 / height))  # type: ignore[union-attr, call-arg]
        FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path, command: str) -> None:
    """Writes a PNG, whole or not at all, with the command that made it in its lower right corner."""
    figure.text(0.995, 0.005, command, ha="right", va="bottom", fontsize=6, color="#666666", family="monospace")
    buffer = io.BytesIO()
    with style():
        # Without the library's name and version the bytes depend on the picture alone.
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())
