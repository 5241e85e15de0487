"""What models find of each joint, side by side."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shgae.evaluation.report import EvaluationReport
from shgae.plots.lettering import label_of, legible
from shgae.plots.style import COLOURS, HATCHES, Looks, columns_of, new_figure, style

_MOST_JOINT = 30
_GROUP = 0.8
"""Share of a joint's room that its bars take."""
_WIDTH = 7.5
_MOST_TITLE = 110
_ALL = "all joints (PCK)"


def joint_bars(report: EvaluationReport, title: str, looks: Looks | None = None) -> Figure:
    """Draws a bar for each model at each joint, and at all of them, with 95 % intervals over photos where there are
    any."""
    models, joints = report.models, report.joints
    with style():
        height = (1 + len(joints)) * (0.12 + 0.13 * len(models)) + 0.9
        columns, above = columns_of([label_of(model.name) for model in models], _WIDTH)
        figure = new_figure(_WIDTH, max(height, 2.6) + above)
        axes = figure.subplots()
        for number, model in enumerate(models):
            _bars(axes, report, number, (looks or {}).get(model.name, number))
        names = [legible(joint.replace("_", " "), _MOST_JOINT) for joint in joints]
        counts = [models[0].joints[joint].count for joint in joints]
        labels = [f"{name} ({count:,})" for name, count in zip(names, counts, strict=True)]
        axes.set_yticks(range(len(joints) + 1), [_ALL, *labels])
        axes.set_ylim(len(joints) + 0.55, -0.55)
        axes.axhline(0.5, color="#555555", lw=0.6)
        axes.grid(visible=False, axis="y")
        is_sure = any(one.interval for model in models for one in model.joints.values())
        whiskers = "with 95 % intervals over photos" if is_sure else "without intervals of single joints"
        axes.set(xlabel=f"found, in % of the people who have the joint; {whiskers}")
        axes.set_xlim(0, max(axes.get_xlim()[1], 1))
        figure.legend(loc="outside upper center", ncols=columns, fontsize=8)
        axes.set_title(legible(title, _MOST_TITLE), fontsize=9)
    return figure


def _bars(axes: Axes, report: EvaluationReport, number: int, look: int) -> None:
    model, thick = report.models[number], _GROUP / len(report.models)
    found = [(model.pck.all, model.interval.all if model.interval else None)]
    found += [(model.joints[joint].all, model.joints[joint].interval) for joint in report.joints]
    places = (row - _GROUP / 2 + (number + 0.5) * thick for row in range(len(found)))
    bars = [(y, share, interval) for y, (share, interval) in zip(places, found, strict=True) if share is not None]
    if bars:
        heights, shares, _ = zip(*bars, strict=True)
        axes.barh(
            heights, [100 * share for share in shares], 0.9 * thick,
            color=COLOURS[look % len(COLOURS)], hatch=HATCHES[(look + look // len(COLOURS)) % len(HATCHES)],
            edgecolor="white", linewidth=0, label=label_of(model.name),
        )  # fmt: skip
    for y, _, interval in bars:
        if interval:
            ends = [100 * interval.low, 100 * interval.high]
            axes.plot(ends, [y, y], color="white", lw=2.4)
            axes.plot(ends, [y, y], color="black", lw=1.0, marker="|", ms=3)
