"""Of what kinds the errors of models are, joint by joint: a panel a model."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shgae.evaluation.error_shares import ErrorShares
from shgae.evaluation.report import EvaluationReport
from shgae.metrics.error_kinds import KINDS
from shgae.plots.lettering import legible
from shgae.plots.style import COLOURS, HATCHES, new_figure, style

_PANEL, _NAMES, _ROW, _NARROWEST = 1.7, 1.6, 0.2, 6.5
"""Inches: a panel's width, that of the names of joints, a bar's height, and a figure's width at least."""
_GOOD = "#D9D9D9"
_ALL = "all joints"
_MOST_NAME, _LETTERS_PER_INCH = 24, 14


def error_bars(report: EvaluationReport, title: str, note: str = "") -> Figure:
    """Draws a panel for each model with kinds of errors (at least one): a stacked bar for each joint that has labels,
    and for all of them; the first of the kinds is no error, and grey. A note stands below the title."""
    models = [(row.name, row.errors) for row in report.models if row.errors and row.errors.all.labels]
    joints = [joint for joint in report.joints if models[0][1].joints[joint].labels]
    width = max(_NAMES + _PANEL * len(models), _NARROWEST)
    heading = "\n".join(legible(line, int(_LETTERS_PER_INCH * width)) for line in (title, note) if line)
    above = [textwrap.fill(legible(name), _MOST_NAME) for name, _ in models]
    with style():
        lines = heading.count("\n") + max(one.count("\n") for one in above)
        figure = new_figure(width, 1.2 + _ROW * (1 + len(joints)) + 0.16 * lines)
        panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
        for axes, name, (_, errors) in zip(panels, above, models, strict=True):
            _stack(axes, [errors.all, *(errors.joints[joint] for joint in joints)])
            axes.set_title(name, fontsize=8)
            axes.set_xlabel("% of labelled joints", fontsize=8)  # supxlabel would lie on the command at the foot
            axes.set(xlim=(0, 100), ylim=(len(joints) + 0.5, -0.6))
            axes.grid(visible=False, axis="y")
            axes.axhline(0.5, color="#555555", lw=0.6)
        names = [_ALL, *(legible(joint.replace("_", " "), _MOST_NAME) for joint in joints)]
        panels[0].set_yticks(range(len(names)), names, fontsize=8)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(KINDS), fontsize=8, title=heading)
    return figure


def _stack(axes: Axes, rows: Sequence[ErrorShares]) -> None:
    left = np.zeros(len(rows))
    for place, kind in enumerate(KINDS):
        wide = np.array([100 * (row.shares[kind] or 0.0) for row in rows])
        axes.barh(
            range(len(rows)), wide, 0.8, left,
            color=_GOOD if place == 0 else COLOURS[place % len(COLOURS)], hatch=HATCHES[place % len(HATCHES)],
            edgecolor="white", linewidth=0, label=kind,
        )  # fmt: skip
        left = left + wide
