"""Curves over epochs, from the rows of ``history.jsonl``.

A row has ``epoch``, ``lr``, ``train_loss``, ``val_loss`` and either ``val_pck`` (0 to 1) or ``val_fvu``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from shgae.plots.lettering import label_of, legible, plain_powers
from shgae.plots.style import COLOURS, DASHES, MARKERS, Looks, columns_of, new_figure, style

Rows = Sequence[Mapping[str, Any]]
Runs = Mapping[str, Rows]
"""History rows by the name of the run."""
_LARGEST = 1e100
"""No loss is beyond it, and the squares of larger numbers overflow where ticks are placed."""
_MOST_MARKERS, _MOST_TITLE = 20, 24
_TWO_COLUMNS = 6
"""Epochs that a training must have for a second column by itself."""


class Score(NamedTuple):
    """What a history says besides its losses."""

    key: str
    name: str
    label: str
    scale: float
    rises: bool
    """Whether more is better."""


PCK = Score("val_pck", "PCK", "PCK, validation (%)", 100.0, True)
FVU = Score("val_fvu", "FVU", "FVU, validation (share of variance)", 1.0, False)


def score_of(rows: Rows) -> Score:
    """Networks are scored by PCK, autoencoders by the fraction of variance unexplained."""
    return PCK if PCK.key in rows[0] else FVU


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a value of a row is a number that can be drawn: NaN is, a whole number that no float holds is not."""
    return (type(value) is float and not _LARGEST < abs(value) < math.inf) or (
        type(value) is int and abs(value) < 2**53
    )


def second_column(epochs: int) -> int | None:
    """The epoch that a second column begins with, for the last two thirds of so many; None where they are too few."""
    return 1 + epochs // 3 if epochs >= _TWO_COLUMNS else None


def best_row(rows: Rows) -> Mapping[str, Any]:
    """The row of the best epoch: the first of equally good ones, as training keeps it."""
    score = score_of(rows)
    return (max if score.rises else min)(rows, key=lambda row: row[score.key])


def training_curves(runs: Runs) -> Figure:
    """Draws losses (left) and score (right), one row of panels a run of a network or autoencoder, the best epoch
    marked."""
    with style():
        figure = new_figure(7.5, 2.3 * len(runs) + 0.2)
        panels = figure.subplots(len(runs), 2, squeeze=False)
        for (name, rows), (left, right) in zip(runs.items(), panels, strict=True):
            _losses(left, name, rows)
            _score(right, name, rows)
    return figure


def study_curves(runs: Runs, first: int | None, looks: Looks | None = None) -> Figure:
    """Draws the original study's figure: losses above, score below; all epochs on the left, from ``first`` on
    on the right.

    Args:
        runs: all scored in the same way; a run that ended before ``first`` is on the left alone.
        first: the epoch that the right column begins with; None draws the left column alone.
        looks: of the runs, where other figures show some of them too.
    """
    numbers = _numbered(runs, looks)
    score = score_of(next(iter(runs.values())))
    with style():
        width = 8.5 if first else 6.0
        figure = new_figure(width, 5.6 + columns_of(map(label_of, runs), width)[1])
        panels = figure.subplots(2, 2 if first else 1, squeeze=False)
        for column, begin in enumerate([1, first] if first else [1]):
            for name, rows in runs.items():
                _overlay(panels[0][column], panels[1][column], numbers[name], rows, score, begin)
            title = "all epochs" if begin == 1 else f"from epoch {begin} on"
            panels[0][column].set(title=title, ylabel="loss (mean squared error)")
            panels[1][column].set(xlabel="epoch", ylabel=score.label)
            if score.rises and panels[1][column].get_ylim()[1] < 1:  # nothing found, and not a thousandth of it either
                panels[1][column].set_ylim(0, 1)
        for axes in panels.ravel():
            _whole_epochs(axes)
        keys = [
            _key("training", DASHES[3], lw=1.0, marker="o", ms=3.0, mfc="white", mew=0.6),
            _key("validation", "-", marker="o"),
        ]
        panels[0][0].legend(handles=keys, fontsize=8)
        panels[1][0].legend(handles=[_key("best epoch", "", marker="o", mfc="none", ms=9)], fontsize=8)
        if len(runs) > 1:
            _name_runs(figure, numbers)
        else:
            figure.suptitle(legible(next(iter(runs))), fontsize=9)
    return figure


def learning_rates(runs: Runs, looks: Looks | None = None) -> Figure:
    """Draws the learning rate at the end of each epoch, on a logarithmic axis."""
    numbers = _numbered(runs, looks)
    with style():
        figure = new_figure(6.0, 3.2 + columns_of(map(label_of, runs), 6.0)[1])
        axes = figure.subplots()
        lines = [[(row["epoch"], row["lr"]) for row in rows] for rows in runs.values()]
        for place, (name, line) in enumerate(zip(runs, lines, strict=True)):
            # Runs that are compared often have equal ones: what lies below shows at the rim.
            rim = lines[place + 1 :].count(line) * min(1.0, 4 / len(runs))
            look = _look(numbers[name], len(line)) | {"lw": 1.4 + 1.6 * rim, "ms": 3.5 + 2.2 * rim}
            axes.plot(*zip(*line, strict=True), **look)
        axes.set(title="learning rate", xlabel="epoch", ylabel="learning rate at the end of the epoch", yscale="log")
        plain_powers(axes.yaxis)
        _whole_epochs(axes)
        _name_runs(figure, numbers)
    return figure


def _overlay(losses: Axes, scores: Axes, number: int, rows: Rows, score: Score, begin: int) -> None:
    shown = [row for row in rows if row["epoch"] >= begin]
    if not shown:
        return
    epochs, look = [row["epoch"] for row in shown], _look(number, len(shown))
    dotted = look | {"linestyle": DASHES[3], "lw": 1.0, "ms": 3.0, "mfc": "white", "mew": 0.6}
    losses.plot(epochs, [row["train_loss"] for row in shown], **dotted)
    losses.plot(epochs, [row["val_loss"] for row in shown], **look)
    scores.plot(epochs, [score.scale * row[score.key] for row in shown], **look)
    best = best_row(rows)
    if best["epoch"] >= begin:
        ring: dict[str, Any] = {"marker": "o", "mfc": "none", "mec": look["color"], "ms": 9, "linestyle": ""}
        losses.plot([best["epoch"]], [best["val_loss"]], **ring)
        scores.plot([best["epoch"]], [score.scale * best[score.key]], **ring)


def _whole_epochs(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))  # 1: also where there is one epoch alone


def _look(number: int, points: int) -> dict[str, Any]:
    """A run is told by its colour, and in grey by dash and marker."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": DASHES[number % 3],  # dots are the training loss
        "marker": MARKERS[number % len(MARKERS)],
        "ms": 3.5,
        "lw": 1.4,
        "markevery": max(1, points // _MOST_MARKERS),
    }


def _key(label: str, dash: str, **look: Any) -> Line2D:
    settings: dict[str, Any] = {"color": "#555555", "ms": 3.5, "linestyle": dash} | look
    return Line2D([], [], **settings, label=label)


def _numbered(runs: Runs, looks: Looks | None) -> Looks:
    return {name: (looks or {}).get(name, place) for place, name in enumerate(runs)}


def _name_runs(figure: Figure, numbers: Looks) -> None:
    keys = [Line2D([], [], **_look(number, 1), label=label_of(name)) for name, number in numbers.items()]
    columns, _ = columns_of(map(label_of, numbers), figure.get_figwidth())
    figure.legend(handles=keys, loc="outside upper center", ncols=columns, fontsize=8, handlelength=3)


def _losses(axes: Axes, name: str, rows: Rows) -> None:
    epochs = [row["epoch"] for row in rows]
    for i, (key, label) in enumerate((("train_loss", "training"), ("val_loss", "validation"))):
        axes.plot(epochs, [row[key] for row in rows], DASHES[i], color=COLOURS[i], marker=".", label=label)
    axes.set(title=f"{legible(name, _MOST_TITLE)}: loss", xlabel="epoch", ylabel="mean squared error")
    _whole_epochs(axes)
    axes.legend()


def _score(axes: Axes, name: str, rows: Rows) -> None:
    score, best = score_of(rows), best_row(rows)
    axes.plot(
        [row["epoch"] for row in rows], [score.scale * row[score.key] for row in rows], color=COLOURS[2], marker="."
    )
    at = (best["epoch"], score.scale * best[score.key])
    axes.plot([at[0]], [at[1]], "o", mfc="none", ms=9, color=COLOURS[6], label=f"best: {at[1]:.3g}")
    axes.legend()
    what = "PCK" if score.rises else "variance unexplained"
    axes.set(title=f"{legible(name, _MOST_TITLE)}: {what}", xlabel="epoch", ylabel=score.label)
    _whole_epochs(axes)
