"""The rate curve is drawn, repeats itself to the byte, and shows what it was given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shgae.plots.rates import rate_curve
from shgae.plots.style import save_figure
from tests.builders.findings import CURVE, Interval, effect, point, rate_report


def drawn(path: Path, *given: Any, **more: Any) -> np.ndarray:
    save_figure(rate_curve(rate_report(*given, **more)), path, "shgae rate")
    return np.asarray(Image.open(path))


def test_it_is_drawn_alike_twice(tmp_path: Path) -> None:
    for name in "ab":
        drawn(tmp_path / f"{name}.png", point(50, 0.4, 0.2))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_autoencoder_is_seen_where_it_lies(tmp_path: Path) -> None:
    pictures = [
        drawn(tmp_path / f"{i}.png", code)
        for i, code in enumerate((None, point(50, 0.4, 0.2), point(50, 0.4, 0.15), point(50, 0.6, 0.2)))
    ]
    for i, one in enumerate(pictures):
        assert not any(np.array_equal(one, other) for other in pictures[:i])


def test_no_band_leaves_what_a_score_can_be() -> None:
    wide = replace(effect(0.1), pck_lost=Interval(0.2, -0.9, 0.4, 0.1))
    axes = rate_curve(rate_report(points=tuple(replace(one, skips_on=wide) for one in CURVE))).axes[0]
    heights = np.concatenate([band.get_paths()[0].vertices[:, 1] for band in axes.collections])
    assert (heights.min(), heights.max()) == (0, 100)


def test_names_stand_above_the_axes_and_cover_no_curve() -> None:
    figure = rate_curve(rate_report(point(50, 0.4, 0.2), rank=299))
    assert all(axes.get_legend() is None and not axes.texts for axes in figure.axes)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        "bottleneck as it is",
        "skips on",
        "95 % interval of the points lost",
        "autoencoder (code size 50)",
        "skips off",
        "beyond 299 components, all that 300 training people span",
    ]


@pytest.mark.parametrize("last", [64, 256, 1000])
def test_small_bottlenecks_are_drawn_too(tmp_path: Path, last: int) -> None:
    points = (*CURVE[:3], point(last, 0.0, 0.3))
    assert drawn(tmp_path / "small.png", point(6, 0.4, 0.2), points).shape[1] > 800


def test_without_intervals_there_is_no_band() -> None:
    alone = tuple(point(one.n_components, one.fvu, 0.2, alone=True) for one in CURVE)
    figure = rate_curve(rate_report(point(50, 0.4, 0.2), alone))
    assert len(figure.axes[0].collections) == 0


def test_nobody_with_a_joint_leaves_the_scores_empty() -> None:
    report = rate_report(point(6, None, None), (point(0, None, None),), None)
    assert len(rate_curve(report).axes[0].lines) == 0


def test_directions_that_nobody_determines_are_shaded_and_a_tuned_trunk_is_called_that(tmp_path: Path) -> None:
    plain = drawn(tmp_path / "plain.png")
    assert not np.array_equal(drawn(tmp_path / "few.png", rank=299), plain)
    assert not np.array_equal(drawn(tmp_path / "tuned.png", is_tuned=True), plain)
