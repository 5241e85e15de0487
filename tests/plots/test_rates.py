"""The rate curve is drawn, repeats itself to the byte, and shows what it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shgae.plots import rates
from shgae.plots.rates import rate_curve

KNOWN: dict[str, Any] = {"tuned": False, "trained_on": 9000, "determined": 4096}


def effect(pck: float | None) -> dict[str, Any]:
    lost = None if pck is None else {"value": 0.3 - pck, "low": 0.29 - pck, "high": 0.31 - pck}
    return {"pck": {"all": pck}, "pck_lost": lost}


def point(numbers: int, fvu: float | None, pck: float | None) -> dict[str, Any]:
    return {"numbers": numbers, "fvu": fvu, "skips_on": effect(pck), "skips_off": effect(pck and pck / 2)}


def report(code: dict[str, Any] | None, last: int = 4096) -> dict[str, Any]:
    points = [point(0, 1.0, 0.1), point(1, 0.9, 0.12), point(50, 0.3, 0.25), point(last, 0.0, 0.3)]
    untouched = {s: effect(0.3) for s in ("skips_on", "skips_off")}
    return {"points": points, "untouched": untouched, "autoencoder": code} | KNOWN


def drawn(path: Path, *given: Any, **more: Any) -> np.ndarray:
    rate_curve(report(*given, **more), path, "shgae rate")
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


def test_no_band_leaves_what_a_score_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    monkeypatch.setattr(rates, "save_figure", lambda figure, *_: found.extend(figure.axes))
    wide = report(None)
    for one in wide["points"]:
        one["skips_on"]["pck_lost"] = {"value": 0.2, "low": -0.9, "high": 0.4}
    rate_curve(wide, Path("x.png"), "shgae rate")
    heights = np.concatenate([band.get_paths()[0].vertices[:, 1] for band in found[0].collections])
    assert (heights.min(), heights.max()) == (0, 100)
    assert "95 % interval of the loss" in found[0].get_legend_handles_labels()[1]


def test_the_legend_covers_no_curve_and_not_the_autoencoder(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    monkeypatch.setattr(rates, "save_figure", lambda figure, *_: found.append(figure))
    rate_curve(report(point(50, 0.4, 0.2)), Path("x.png"), "shgae rate")
    assert all(axes.get_legend() is None for axes in found[0].axes)
    names = [text.get_text() for text in found[0].legends[0].get_texts()]
    assert names == ["bottleneck as it is", "skips on", "95 % interval of the loss", "skips off"]


@pytest.mark.parametrize("last", [64, 256, 1000])
def test_small_bottlenecks_are_drawn_too(tmp_path: Path, last: int) -> None:
    assert drawn(tmp_path / "small.png", point(6, 0.4, 0.2), last=last).shape[1] > 800


def test_without_intervals_there_is_no_band(tmp_path: Path) -> None:
    alone = report(point(50, 0.4, 0.2))
    for one in (*alone["points"], alone["autoencoder"]):
        one["skips_on"]["pck_lost"] = one["skips_off"]["pck_lost"] = None
    rate_curve(alone, tmp_path / "one.png", "shgae rate")
    assert (tmp_path / "one.png").is_file()


def test_nobody_with_a_joint_leaves_the_scores_empty(tmp_path: Path) -> None:
    empty = {"points": [point(0, None, None)], "autoencoder": point(6, None, None)} | KNOWN
    empty["untouched"] = {side: effect(None) for side in ("skips_on", "skips_off")}
    rate_curve(empty, tmp_path / "empty.png", "shgae rate")
    assert (tmp_path / "empty.png").is_file()


def test_directions_that_nobody_determines_are_shaded_and_a_tuned_trunk_is_called_that(tmp_path: Path) -> None:
    plain = drawn(tmp_path / "plain.png", None)
    for name, more in {"few": {"trained_on": 300, "determined": 299}, "tuned": {"tuned": True}}.items():
        rate_curve(report(None) | more, tmp_path / f"{name}.png", "shgae rate")
        assert not np.array_equal(np.asarray(Image.open(tmp_path / f"{name}.png")), plain)
