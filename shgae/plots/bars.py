"""What models find of each joint, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shgae.metrics.statistics import Interval
from shgae.plots.lettering import label_of, legible
from shgae.plots.style import COLOURS, HATCHES, Looks, columns_of, new_figure, style

_MOST_JOINT = 30
_GROUP = 0.8
"""Share of a joint's room that its bars take."""
_WIDTH = 7.5
_MOST_TITLE = 110
_ALL = "all joints (PCK)"


@dataclass(frozen=True)
class Bar:
    """A share of people, 0 to 1; None is not drawn."""

    share: float | None
    interval: Interval | None
    """Over photos, if there is one."""
    count: int = 0
    """Of people who have the joint."""


@dataclass(frozen=True)
class ModelBars:
    """What one model found."""

    name: str
    whole: Bar
    """PCK of all joints."""
    joints: Mapping[str, Bar]
    """In the order in which they are drawn, the same for all models."""


def joint_bars(models: Sequence[ModelBars], title: str, looks: Looks | None = None) -> Figure:
    """Draws a bar for each of the models (at least one) at each joint, and at all of them, with 95 % intervals over
    photos where there are any."""
    joints = models[0].joints
    with style():
        height = (1 + len(joints)) * (0.12 + 0.13 * len(models)) + 0.9
        columns, above = columns_of([label_of(model.name) for model in models], _WIDTH)
        figure = new_figure(_WIDTH, max(height, 2.6) + above)
        axes = figure.subplots()
        for number, model in enumerate(models):
            _bars(axes, number, len(models), model, (looks or {}).get(model.name, number))
        labels = [f"{_words(joint)} ({bar.count:,})" for joint, bar in joints.items()]
        axes.set_yticks(range(len(joints) + 1), [_ALL, *labels])
        axes.set_ylim(len(joints) + 0.55, -0.55)
        axes.axhline(0.5, color="#555555", lw=0.6)
        axes.grid(visible=False, axis="y")
        is_sure = any(bar.interval for model in models for bar in model.joints.values())
        whiskers = "with 95 % intervals over photos" if is_sure else "without intervals of single joints"
        axes.set(xlabel=f"found, in % of the people who have the joint; {whiskers}")
        axes.set_xlim(0, max(axes.get_xlim()[1], 1))
        figure.legend(loc="outside upper center", ncols=columns, fontsize=8)
        axes.set_title(legible(title, _MOST_TITLE), fontsize=9)
    return figure


def _bars(axes: Axes, number: int, models: int, model: ModelBars, look: int) -> None:
    thick = _GROUP / models
    for row, bar in enumerate([model.whole, *model.joints.values()]):
        if bar.share is None:
            continue
        y = row - _GROUP / 2 + (number + 0.5) * thick
        # The name stands once in the legend, whichever joint comes first.
        name = label_of(model.name)
        is_named = name in axes.get_legend_handles_labels()[1]
        axes.barh(
            y, 100 * bar.share, 0.9 * thick,
            color=COLOURS[look % len(COLOURS)], hatch=HATCHES[look % len(HATCHES)],
            edgecolor="white", linewidth=0, label=None if is_named else name,
        )  # fmt: skip
        if bar.interval:
            ends = [100 * end for end in (bar.interval.low, bar.interval.high)]
            axes.plot(ends, [y, y], color="white", lw=2.4)
            axes.plot(ends, [y, y], color="black", lw=1.0, marker="|", ms=3)


def _words(joint: str) -> str:
    return legible(joint.replace("_", " "), _MOST_JOINT)
