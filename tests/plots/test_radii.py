"""PCK over radii: a panel a measure, a line a model, the area in the legend."""

from __future__ import annotations

from pathlib import Path

from shgae.metrics.pckh import Curve
from shgae.plots.radii import RadiusPanel, radius_curves
from shgae.plots.style import save_figure

LOW, HIGH = Curve((0.0, 0.25, 0.5), (0.0, 0.2, 0.4), 0.2), Curve((0.0, 0.25, 0.5), (0.1, 0.9, 1.0), 0.725)
PANELS = [
    RadiusPanel("PCKh", "the head size", [("a", LOW), ("b_$x$", HIGH)], [("mean pose", LOW)]),
    RadiusPanel("PCK by torso", "the torso", [("a", HIGH)], []),
]


def test_a_line_a_model_in_per_cent_and_its_area_in_the_legend() -> None:
    first, second = radius_curves(PANELS, "10 people").axes
    assert [list(line.get_xdata()) for line in first.lines] == [[0, 0.25, 0.5]] * 3
    assert [list(line.get_ydata()) for line in first.lines] == [[0, 20, 40], [10, 90, 100], [0, 20, 40]]
    assert first.get_legend_handles_labels()[1] == ["a (AUC 20.0 %)", "b_$x$ (AUC 72.5 %)", "mean pose (AUC 20.0 %)"]
    assert len({(line.get_color(), line.get_linestyle()) for line in first.lines}) == 3
    assert "head size" in first.get_xlabel()
    assert (first.get_xlim(), first.get_ylim()) == ((0, 0.5), (0, 100))
    assert len(second.lines) == 1


def test_it_is_drawn_equally_twice(tmp_path: Path) -> None:
    suffixes = (".png", ".svg")
    for name in "xy":
        figure = radius_curves(PANELS, "10 people")
        save_figure(figure, [tmp_path / f"{name}{suffix}" for suffix in suffixes], "shgae plot")
    for suffix in suffixes:
        assert (tmp_path / f"x{suffix}").read_bytes() == (tmp_path / f"y{suffix}").read_bytes()
