"""Of what kinds the errors of models are, joint by joint: a panel a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shgae.plots.lettering import legible
from shgae.plots.style import COLOURS, HATCHES, new_figure, style

_PANEL, _NAMES, _ROW, _NARROWEST = 1.7, 1.6, 0.2, 6.5
"""Inches: a panel's width, that of the names of joints, a bar's height, and a figure's width at least."""
_GOOD = "#D9D9D9"
_ALL = "all joints"
_MOST_NAME, _MOST_TITLE = 24, 110


@dataclass(frozen=True)
class ErrorBars:
    """The shares of one model, each 0 to 1, in the order of the kinds."""

    name: str
    whole: tuple[float, ...]
    """Of all joints."""
    joints: Mapping[str, tuple[float, ...]]
    """In the order in which they are drawn, the same for all models."""


def error_bars(models: Sequence[ErrorBars], kinds: Sequence[str], title: str, note: str = "") -> Figure:
    """Draws a panel a model (at least one) with a stacked bar for each joint, and for all of them; the first of the
    kinds is no error, and grey. A note stands below the title."""
    joints = [_ALL, *models[0].joints]
    width = max(_NAMES + _PANEL * len(models), _NARROWEST)
    heading = "\n".join(legible(line, _MOST_TITLE) for line in (title, note) if line)
    with style():
        figure = new_figure(width, 1.2 + _ROW * len(joints))
        panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
        for axes, model in zip(panels, models, strict=True):
            _stack(axes, [model.whole, *model.joints.values()], kinds)
            axes.set_title(legible(model.name, _MOST_NAME), fontsize=8)
            axes.set_xlabel("% of labelled joints", fontsize=8)  # supxlabel would lie on the command at the foot
            axes.set(xlim=(0, 100), ylim=(len(joints) - 0.5, -0.6))
            axes.grid(visible=False, axis="y")
            axes.axhline(0.5, color="#555555", lw=0.6)
        panels[0].set_yticks(
            range(len(joints)), [legible(joint.replace("_", " "), _MOST_NAME) for joint in joints], fontsize=8
        )
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(kinds), fontsize=8, title=heading)
    return figure


def _stack(axes: Axes, rows: Sequence[tuple[float, ...]], kinds: Sequence[str]) -> None:
    left = [0.0] * len(rows)
    for place, kind in enumerate(kinds):
        wide = [100 * row[place] for row in rows]
        axes.barh(
            range(len(rows)), wide, 0.8, left,
            color=_GOOD if place == 0 else COLOURS[place % len(COLOURS)], hatch=HATCHES[place % len(HATCHES)],
            edgecolor="white", linewidth=0, label=kind,
        )  # fmt: skip
        left = [start + length for start, length in zip(left, wide, strict=True)]
