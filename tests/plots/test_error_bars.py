"""A panel a model, in it a stacked bar for each joint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from shgae.evaluation.error_shares import ErrorTable
from shgae.evaluation.report import EvaluationReport
from shgae.metrics.error_kinds import KINDS
from shgae.plots.error_bars import error_bars
from shgae.plots.style import save_figure
from tests.builders.reports import error_shares, evaluation, scored

A = {"left_knee": (1.0, 0.0, 0.0, 0.0, 0.0), "nose": (0.0, 0.4, 0.0, 0.6, 0.0)}
B = {"left_knee": (0.2, 0.3, 0.5, 0.0, 0.0), "nose": (0.0, 0.1, 0.0, 0.0, 0.9)}
ALL = (0.5, 0.2, 0.3, 0.0, 0.0)


def report(*models: dict[str, tuple[float, ...]]) -> EvaluationReport:
    """Of models with these kinds of errors, and of one without; nobody has a tail."""
    rows = [scored(name, {joint: 0.3 for joint in (*A, "tail")}) for name in ("a", "_b$", *"cdefg")]
    found = [
        replace(
            row,
            errors=ErrorTable(
                error_shares(ALL), None, {k: error_shares(v) for k, v in one.items()} | {"tail": error_shares(ALL, 0)}
            ),
        )
        for row, one in zip(rows, models, strict=False)
    ]
    return evaluation(*found, rows[-1])


def test_bars_follow_each_other_and_end_at_100() -> None:
    found = error_bars(report(A, B), "title").axes
    assert len(found) == 2
    for axes, model in zip(found, (A, B), strict=True):
        bars = [[(bar.get_x(), bar.get_width()) for bar in kind] for kind in axes.containers]
        for row, shares in enumerate((ALL, *model.values())):
            assert [width for _, width in (kind[row] for kind in bars)] == pytest.approx([100 * s for s in shares])
            assert [start for start, _ in (kind[row] for kind in bars)] == pytest.approx(
                [100 * sum(shares[:place]) for place in range(len(KINDS))]
            )
    assert [label.get_text() for label in found[0].get_yticklabels()] == ["all joints", "left knee", "nose"]
    assert found[0].get_legend_handles_labels()[1] == list(KINDS)


def test_joints_without_a_bar_are_named_below_the_title() -> None:
    for note, heading in (("", "title"), ("left out: neck", "title\nleft out: neck")):
        assert error_bars(report(A), "title", note).legends[0].get_title().get_text() == heading


def test_each_panel_names_its_axis_so_that_nothing_lies_on_the_command() -> None:
    found = error_bars(report(A, B), "title").axes
    assert {axes.get_xlabel() for axes in found} == {"% of labelled joints"}
    assert not found[0].get_figure().get_supxlabel()  # type: ignore[union-attr]


@pytest.mark.parametrize("models", [[A], [A, B, B, B, B, B]])
def test_it_is_a_picture_of_one_model_and_of_many(tmp_path: Path, models: list[dict[str, tuple[float, ...]]]) -> None:
    save_figure(error_bars(report(*models), "title"), tmp_path / "x.png", "command")
    assert Image.open(tmp_path / "x.png").width >= 800


def test_panels_tell_models_apart_and_no_heading_is_cut(tmp_path: Path) -> None:
    found = report(A, B)
    rows = [replace(row, name=f"seed-{n}-of-a-study-with-many-arms-finetuned") for n, row in enumerate(found.models)]
    figure = error_bars(replace(found, models=tuple(rows)), "title", "Left out: " + "some_joint " * 30)
    save_figure(figure, tmp_path / "x.png", "command")
    assert [axes.get_title().replace("\n", "") for axes in figure.axes] == [row.name for row in rows[:2]]
    heading = figure.legends[0].get_title().get_window_extent()
    assert figure.bbox.x0 <= heading.x0 and heading.x1 <= figure.bbox.x1
