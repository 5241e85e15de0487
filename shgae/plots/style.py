"""One look for every figure: readable in grey and by colour-blind readers, equal bytes for equal input."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.style import context

from shgae.artifacts.durable import write_bytes
from shgae.plots.lettering import FAMILY, MONOSPACE, legible, make_legible
from shgae.skeleton import Skeleton

# Okabe and Ito, "Color Universal Design" (2008); dashes tell the lines apart in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo", "+++")
"""Tell lines and bars apart in grey, as many as there are colours."""
Looks = Mapping[str, int]
"""The place of a name's colour and hatch among the seven, where figures are to agree on it."""
SUFFIXES = (".png", ".svg", ".pdf")
"""Formats of :func:`save_figure`."""
LEFT, RIGHT, MIDDLE = "#E69F00", "#56B4E9", "#F0F0F0"
"""Limbs of the person's left and right side, and those in the middle."""

_SETTINGS: Any = {
    "font.family": FAMILY,
    "font.size": 9,
    "text.parse_math": False,  # names hold dollars
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.hashsalt": "shgae",
    "pdf.fonttype": 42,  # outlines that stay text: type 3 is refused by some publishers
}

_DPI = 130
_FOOT = "command"
_LEGEND_LETTERS_PER_INCH = 14
_LETTERS_PER_INCH = 18
"""Of the foot's font."""
_METADATA: Any = {
    ".png": {"Software": None},
    ".svg": {"Creator": None, "Date": None, "Format": None, "Type": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
"""What the library would write about itself and the time."""


def side_colours(skeleton: Skeleton) -> list[str]:
    """The colour of each joint, by the person's side that it is of (:meth:`~shgae.skeleton.Skeleton.sides`)."""
    colours = {"left": LEFT, "right": RIGHT, None: MIDDLE}
    return [colours[side] for side in skeleton.sides()]


def looks_of(names: Iterable[str]) -> Looks:
    """A look for each name; none where there are more names than colours, so that each figure counts its own."""
    looks = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return looks if len(looks) <= len(COLOURS) else {}


def style() -> AbstractContextManager[None]:
    """The look, for everything drawn inside the ``with`` block, whatever a user's own matplotlibrc says."""
    return context(_SETTINGS, after_reset=True)


def columns_of(names: Iterable[str], width: float) -> tuple[int, float]:
    """How many columns a legend above a figure of that width can have, and its height; both in inches."""
    lengths = [len(name) for name in names]
    columns = max(1, min(len(lengths), int(width * _LEGEND_LETTERS_PER_INCH / (max(lengths) + 9))))
    return columns, 0.17 * math.ceil(len(lengths) / columns)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; width and height in inches."""
    with style():
        figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
        # Room at the lower border for the command that made the figure.
        figure.get_layout_engine().set(rect=(0, 0.12 / height, 1, 1 - 0.12 / height))  # type: ignore[union-attr, call-arg]
        FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path | Sequence[Path], command: str) -> None:
    """Writes a PNG, an SVG or a PDF, by the path's suffix, whole or not at all, with the command that made it at its
    foot.

    Equal figures give equal bytes: no format holds a time, a version or a random name.

    Args:
        figure: of :func:`new_figure`.
        path: ends in ``.png``, ``.svg`` or ``.pdf``; several are written of one figure.
        command: see :func:`shgae.artifacts.command_line.stamp`; one too long for the figure loses its middle, and an
            empty one leaves the foot empty.
    """
    with style():
        _sign(figure, command)
        make_legible(figure)
        if (layout := figure.get_layout_engine()) is not None:
            # Once, so that every format has the same places. With any engine left, even "none", savefig would draw
            # everything twice.
            layout.execute(figure)
            figure.set_layout_engine(None)
    for one in (path,) if isinstance(path, Path) else path:
        buffer = io.BytesIO()
        with style():
            figure.savefig(buffer, format=one.suffix[1:], dpi=_DPI, metadata=_METADATA[one.suffix])
        write_bytes(one, buffer.getvalue())


def _sign(figure: Figure, command: str) -> None:
    for text in [text for text in figure.texts if text.get_gid() == _FOOT]:
        text.remove()
    if not command:
        return
    room = int(figure.get_figwidth() * _LETTERS_PER_INCH)
    figure.text(
        *(0.995, 0.03 / figure.get_figheight(), legible(command, room, family=MONOSPACE)),
        ha="right", va="bottom", fontsize=6, color="#666666", family=MONOSPACE, gid=_FOOT,
    )  # fmt: skip
