"""A bar a model for each joint; intervals where the report has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from shgae.evaluation.report import Row
from shgae.plots.bars import joint_bars
from shgae.plots.style import save_figure
from tests.builders.reports import evaluation, interval, scored


def model(name: str, shares: list[float | None], *, sure: bool = True) -> Row:
    return scored(
        name, {f"left_{i}": share for i, share in enumerate(shares)}, sure=interval(0.1, 0.4) if sure else None
    )


def drawn(*models: Row) -> Figure:
    return joint_bars(evaluation(*models), "10 people of 7 photos")


def test_every_joint_has_a_bar_a_model_and_an_interval() -> None:
    axes = drawn(model("a", [0.2, 0.4]), model("b", [0.3, 0.1])).axes
    assert [round(bar.get_width(), 6) for bar in axes[0].patches] == [30, 20, 40, 30, 30, 10]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [
        "all joints (PCK)",
        "left 0 (10)",
        "left 1 (10)",
    ]
    black = [line for line in axes[0].lines if line.get_color() == "black"]
    assert [list(line.get_xdata()) for line in black] == [[10, 40]] * 6
    assert axes[0].get_legend_handles_labels()[1] == ["a", "b"]
    assert len({bar.get_hatch() for bar in axes[0].patches}) == 2, "grey tells them by hatch"
    assert "95 % intervals" in axes[0].get_xlabel()


def test_bars_of_a_joint_do_not_overlap() -> None:
    axes = drawn(*(model(str(i), [0.2]) for i in range(9))).axes
    spans = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bar in axes[0].patches)
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))


def test_a_joint_that_nobody_has_is_left_out_and_where_no_joint_has_an_interval_it_is_said() -> None:
    axes = drawn(model("a", [None, 0.2], sure=False)).axes
    assert len(axes[0].patches) == 2
    assert "without intervals" in axes[0].get_xlabel()


def test_joints_stand_in_the_order_of_the_report_whatever_that_of_a_row() -> None:
    report = replace(evaluation(model("a", [0.1, 0.2])), joints=("left_1", "left_0"))
    axes = joint_bars(report, "title").axes[0]
    assert [round(bar.get_width(), 6) for bar in axes.patches] == [30, 20, 10]
    assert [label.get_text() for label in axes.get_yticklabels()][1:] == ["left 1 (10)", "left 0 (10)"]


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_it_is_drawn_alike_twice(tmp_path: Path, suffix: str) -> None:
    for name in "xy":
        figure = drawn(model("_a", [0.2, 0.4]), model("$b$", [0.3, 0.1]))
        save_figure(figure, tmp_path / f"{name}{suffix}", "shgae plot")
    assert (tmp_path / f"x{suffix}").read_bytes() == (tmp_path / f"y{suffix}").read_bytes()


def test_a_dozen_models_have_a_look_each() -> None:
    bars = drawn(*(model(str(i), [0.2]) for i in range(12))).axes[0].patches
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 12
