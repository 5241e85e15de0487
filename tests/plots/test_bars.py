"""A bar a model for each joint; intervals where the report has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes

from shgae.plots import bars
from shgae.plots.bars import joint_bars


def model(name: str, shares: list[float | None], *, sure: bool = True) -> dict[str, Any]:
    interval = {"low": 0.1, "high": 0.4}
    joints = {
        f"left_{i}": {"all": share, "count": 10} | ({"interval": interval if share else None} if sure else {})
        for i, share in enumerate(shares)
    }
    return {"name": name, "pck": {"all": 0.3}, "interval": {"all": interval}, "joints": joints}


def report(*models: dict[str, Any]) -> dict[str, Any]:
    return {"models": list(models), "persons": 10, "photos": 7, "split": "test"}


@pytest.fixture
def axes(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    found: list[Axes] = []
    monkeypatch.setattr(bars, "save_figure", lambda figure, *_: found.extend(figure.axes))
    return found


def test_every_joint_has_a_bar_a_model_and_an_interval(axes: list[Axes]) -> None:
    joint_bars(report(model("a", [0.2, 0.4]), model("b", [0.3, 0.1])), Path("x.png"), "shgae plot")
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


def test_joints_stand_in_the_order_of_the_skeleton(axes: list[Axes]) -> None:
    joint_bars(report(model("a", [0.2, 0.4])) | {"joints": ["left_1", "left_0"]}, Path("x.png"), "shgae plot")
    assert [label.get_text() for label in axes[0].get_yticklabels()][1:] == ["left 1 (10)", "left 0 (10)"]
    assert [round(bar.get_width(), 6) for bar in axes[0].patches] == [30, 40, 20]


def test_bars_of_a_joint_do_not_overlap(axes: list[Axes]) -> None:
    joint_bars(report(*(model(str(i), [0.2]) for i in range(9))), Path("x.png"), "shgae plot")
    spans = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bar in axes[0].patches)
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))


def test_a_joint_that_nobody_has_is_left_out_and_an_old_report_is_said_to_have_no_intervals(axes: list[Axes]) -> None:
    joint_bars(report(model("a", [None, 0.2], sure=False)), Path("x.png"), "shgae plot")
    assert len(axes[0].patches) == 2
    assert "evaluate again" in axes[0].get_xlabel()


def test_one_person_is_no_people(axes: list[Axes]) -> None:
    joint_bars(report(model("a", [0.2])) | {"persons": 1, "photos": 1}, Path("x.png"), "shgae plot")
    assert "1 person of 1 photo," in axes[0].get_title()


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_it_is_drawn_alike_twice(tmp_path: Path, suffix: str) -> None:
    for name in "xy":
        joint_bars(
            report(model("_a", [0.2, 0.4]), model("$b$", [0.3, 0.1])), tmp_path / f"{name}{suffix}", "shgae plot"
        )
    assert (tmp_path / f"x{suffix}").read_bytes() == (tmp_path / f"y{suffix}").read_bytes()
