"""What models find of each joint, side by side, from the report of ``shgae evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from shgae.plots.style import COLOURS, HATCHES, columns_of, legible, new_figure, save_figure, style
from shgae.wording import counted, counted_people

_GROUP = 0.8
"""Share of a joint's room that its bars take."""
_WIDTH = 7.5
_ALL = "all joints (PCK)"


def joint_bars(report: Mapping[str, Any], path: Path, command: str) -> None:
    """Draws a bar a model for each joint, and for all of them, with 95 % intervals over photos where there are any.

    Args:
        report: as ``shgae evaluate --json`` prints it.
        path: the PNG or SVG to write.
        command: what made the figure.
    """
    models = report["models"]
    joints = report.get("joints") or list(models[0]["joints"])
    with style():
        height = (1 + len(joints)) * (0.12 + 0.13 * len(models)) + 0.9
        columns, above = columns_of([model["name"] for model in models], _WIDTH)
        figure = new_figure(_WIDTH, max(height, 2.6) + above)
        axes = figure.subplots()
        for number, model in enumerate(models):
            _bars(axes, number, len(models), model, joints)
        counts = [models[0]["joints"][joint]["count"] for joint in joints]
        axes.set_yticks(
            range(len(joints) + 1),
            [_ALL, *(f"{_words(joint)} ({count:,})" for joint, count in zip(joints, counts, strict=True))],
        )
        axes.set_ylim(len(joints) + 0.55, -0.55)
        axes.axhline(0.5, color="#555555", lw=0.6)
        axes.grid(visible=False, axis="y")
        is_sure = any("interval" in joint for model in models for joint in model["joints"].values())
        whiskers = "with 95 % intervals over photos" if is_sure else "intervals of single joints: evaluate again"
        axes.set(xlabel=f"found, in % of the people who have the joint; {whiskers}")
        axes.set_xlim(0, max(axes.get_xlim()[1], 1))
        figure.legend(loc="outside upper center", ncols=columns, fontsize=8)
        axes.set_title(
            f"{counted_people(report['persons'])} of {counted(report['photos'], 'photo')}, split {report['split']}",
            fontsize=9,
        )
    save_figure(figure, path, command)


def _bars(axes: Axes, number: int, models: int, model: Mapping[str, Any], joints: Sequence[str]) -> None:
    whole = {"all": model["pck"]["all"], "interval": model.get("interval", {}).get("all")}
    thick = _GROUP / models
    for row, found in enumerate([whole, *(model["joints"][joint] for joint in joints)]):
        if found["all"] is None:
            continue
        y = row - _GROUP / 2 + (number + 0.5) * thick
        # The name stands once in the legend, whichever joint comes first.
        name = legible(model["name"])
        is_named = name in axes.get_legend_handles_labels()[1]
        axes.barh(
            y, 100 * found["all"], 0.9 * thick,
            color=COLOURS[number % len(COLOURS)], hatch=HATCHES[number % len(HATCHES)],
            edgecolor="white", linewidth=0, label=None if is_named else name,
        )  # fmt: skip
        sure = found.get("interval")
        if sure:
            axes.plot([100 * sure["low"], 100 * sure["high"]], [y, y], color="white", lw=2.4)
            axes.plot([100 * sure["low"], 100 * sure["high"]], [y, y], color="black", lw=1.0, marker="|", ms=3)


def _words(joint: str) -> str:
    return legible(joint.replace("_", " "))
