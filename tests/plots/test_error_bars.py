"""A panel a model, in it a stacked bar for each joint."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from shgae.plots.error_bars import ErrorBars, error_bars
from shgae.plots.style import save_figure

KINDS = ("good", "jitter", "miss")
A = ErrorBars("a", (0.5, 0.2, 0.3), {"left_knee": (1.0, 0.0, 0.0), "nose": (0.0, 0.4, 0.6)})
B = ErrorBars("_b$", (0.1, 0.2, 0.7), {"left_knee": (0.2, 0.3, 0.5), "nose": (0.0, 0.1, 0.9)})


def test_bars_follow_each_other_and_end_at_100() -> None:
    found = error_bars([A, B], KINDS, "title").axes
    assert len(found) == 2
    for axes, model in zip(found, (A, B), strict=True):
        bars = [[(bar.get_x(), bar.get_width()) for bar in kind] for kind in axes.containers]
        for row, shares in enumerate((model.whole, *model.joints.values())):
            assert [width for _, width in (kind[row] for kind in bars)] == pytest.approx([100 * s for s in shares])
            assert [start for start, _ in (kind[row] for kind in bars)] == pytest.approx(
                [100 * sum(shares[:place]) for place in range(3)]
            )
    assert [label.get_text() for label in found[0].get_yticklabels()] == ["all joints", "left knee", "nose"]
    assert found[0].get_legend_handles_labels()[1] == list(KINDS)


def test_joints_without_a_bar_are_named_below_the_title() -> None:
    for note, heading in (("", "title"), ("left out: neck", "title\nleft out: neck")):
        assert error_bars([A], KINDS, "title", note).legends[0].get_title().get_text() == heading


def test_each_panel_names_its_axis_so_that_nothing_lies_on_the_command() -> None:
    found = error_bars([A, B], KINDS, "title").axes
    assert {axes.get_xlabel() for axes in found} == {"% of labelled joints"}
    assert not found[0].get_figure().get_supxlabel()  # type: ignore[union-attr]


@pytest.mark.parametrize("models", [[A], [A, B, B, B, B, B]])
def test_it_is_a_picture_of_one_model_and_of_many(tmp_path: Path, models: list[ErrorBars]) -> None:
    save_figure(error_bars(models, KINDS, "title"), tmp_path / "x.png", "command")
    assert Image.open(tmp_path / "x.png").width >= 800
