"""A sheet of people: pictures of one next to each other, and a table of those that were left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from shgae.arrays import Floats32
from shgae.plots.lettering import legible
from shgae.plots.poses import View, draw_person
from shgae.plots.style import LEFT, MIDDLE, RIGHT, new_figure, side_colours, style
from shgae.skeleton import Skeleton

_COLUMNS = 8
"""Pictures next to each other, at most, unless a person has more."""
_PANEL, _GAP, _BETWEEN, _TITLE = 1.5, 0.06, 0.22, 0.26
"""Inches: a picture's side, between two of a person, between people, and for what stands above a picture."""
_EDGE, _HEAD, _FOOT = 0.15, 0.55, 0.25
"""Inches around everything, for heading and legend, for the command."""
_NARROWEST = 7.5
_LINE, _LETTER, _BOLD_LETTER = 0.19, 0.061, 0.083
"""Inches of the table's font, and of the heading's."""
_DIMMED = 0.45
_COLUMN_SPACE = 3
_ALL, _MOST_TITLE = 1000, 30
"""Characters of a text that fits anyhow, and above a picture."""


@dataclass(frozen=True)
class Dropped:
    """People that were left out for one reason."""

    source: str
    """The split that their JSON was given for."""
    reason: str
    people: int
    examples: tuple[str, ...]
    """Some of them, each in words."""

    def named(self, room: int) -> str:
        """As many of the examples as that many characters hold, each whole, and how many people are left."""
        for shown in range(len(self.examples), 0, -1):
            more = f" and {self.people - shown:,} more" if self.people > shown else ""
            text = ", ".join(self.examples[:shown])
            fitted = legible(text, room - len(more))
            if shown == 1 or fitted == legible(text, _ALL):
                return fitted + more
        return ""


def people_sheet(
    people: Sequence[Sequence[View]], dropped: Sequence[Dropped] | None, skeleton: Skeleton, heading: str
) -> Figure:
    """Draws a sheet: people (at least one), each with the same number of views next to each other, and a table of those
    who were dropped, if they are given."""
    views = len(people[0])
    across = min(max(_COLUMNS // views, 1), len(people))
    down = math.ceil(len(people) / across)
    group = views * _PANEL + (views - 1) * _GAP
    row = _PANEL + _TITLE
    table = 0 if dropped is None else (max(len(dropped), 1) + 3) * _LINE
    width = max(2 * _EDGE + across * group + (across - 1) * _BETWEEN, _NARROWEST)
    height = _HEAD + down * row + table + _FOOT
    with style():
        figure = new_figure(width, height)
        figure.set_layout_engine("none")  # every place is given in inches
        _head(figure, heading)
        for place, person in enumerate(people):
            left = _EDGE + place % across * (group + _BETWEEN)
            top = _HEAD + place // across * row + _TITLE
            for number, view in enumerate(person):
                _draw(figure, view, skeleton, left + number * (_PANEL + _GAP), top)
        if dropped is not None:
            _table(figure, dropped, _HEAD + down * row + _LINE)
    return figure


def with_maps(picture: Floats32, maps: Floats32, skeleton: Skeleton) -> Floats32:
    """A crop with its target maps over it, each in the colour of its joint's side.

    Args:
        picture: (H, W, 3) RGB in [0, 1].
        maps: (K, h, w), of which H and W are multiples; the highest value of all is drawn opaque.
        skeleton: the K joints.

    Returns:
        (H, W, 3): the crop in dark grey; cells stay squares.
    """
    colours = np.array([to_rgb(colour) for colour in side_colours(skeleton)], np.float32)
    opacity = maps / max(float(maps.max()), 1e-12)
    drawn = np.repeat(picture.mean(-1, keepdims=True), 3, -1) * np.float32(_DIMMED)
    for one, colour in zip(opacity, colours, strict=True):
        cells = np.kron(one, np.ones((len(picture) // len(one),) * 2, np.float32))[..., None]
        drawn = drawn * (1 - cells) + colour * cells
    return drawn.astype(np.float32)


def _head(figure: Figure, heading: str) -> None:
    room = int((figure.get_figwidth() - 2 * _EDGE) / _BOLD_LETTER)
    _text(figure, _EDGE, 0.12, heading, room, fontsize=9, fontweight="bold")
    how: dict[str, Any] = {"ls": "none", "marker": "o", "ms": 5}
    handles = [
        Line2D([], [], mfc=colour, mec="black", mew=0.7, label=label, **how)
        for colour, label in ((LEFT, "the person's left"), (RIGHT, "right"), (MIDDLE, "neither"))
    ]
    handles.append(Line2D([], [], mfc="black", mec=LEFT, mew=1.3, label="hidden (v = 1)", **how))
    figure.legend(
        handles=handles, ncol=len(handles), loc="upper left", fontsize=8, borderpad=0, borderaxespad=0,
        handletextpad=0.2, bbox_to_anchor=(_EDGE / figure.get_figwidth(), 1 - 0.36 / figure.get_figheight()),
    ).set_in_layout(False)  # fmt: skip


def _draw(figure: Figure, view: View, skeleton: Skeleton, left: float, top: float) -> None:
    width, height = figure.get_figwidth(), figure.get_figheight()
    axes = figure.add_axes((left / width, 1 - (top + _PANEL) / height, _PANEL / width, _PANEL / height))
    rows, columns = view.picture.shape[:2]
    # Pixel 0 of a crop reaches from 0 to 1.
    draw_person(axes, replace(view, picture=view.picture.clip(0, 1)), skeleton, extent=(0, columns, rows, 0))
    axes.spines[:].set_visible(False)
    axes.set_title(legible(view.title, _MOST_TITLE), fontsize=7, loc="left", pad=3)


def _table(figure: Figure, dropped: Sequence[Dropped], top: float) -> None:
    """People, split, reason and examples; of the last column as many as fit."""
    title = "People that were left out (their photos are not stored)"
    _text(figure, _EDGE, top, title, _ALL, fontsize=9, fontweight="bold")
    top += 1.3 * _LINE
    if not dropped:
        _text(figure, _EDGE, top, "nobody", _ALL, fontsize=8)
        return
    lines = [("people", "of", "why", "for example (annotation in photo)")]
    lines += [(f"{one.people:,}", one.source, one.reason, one.named(_ALL)) for one in dropped]
    for line, cells in enumerate(lines):
        left = _EDGE
        for column, cell in enumerate(cells):
            room = max(int((figure.get_figwidth() - left - _EDGE) / _LETTER), 4)
            if line and column == len(cells) - 1:
                cell = dropped[line - 1].named(room)
            weight = "bold" if line == 0 else "normal"
            _text(figure, left, top + line * _LINE, cell, room, fontsize=8, fontweight=weight)
            left += (max(len(legible(one[column], _ALL)) for one in lines) + _COLUMN_SPACE) * _LETTER


def _text(figure: Figure, left: float, top: float, text: str, room: int, **how: Any) -> None:
    place = left / figure.get_figwidth(), 1 - top / figure.get_figheight()
    figure.text(*place, legible(text, room), ha="left", va="top", in_layout=False, **how)
