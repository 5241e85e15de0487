"""The forest plot shows what it is given, alike twice, and can be empty."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from shgae.plots.differences import DifferenceBar, forest_plot, key
from shgae.plots.style import save_figure

GAIN = DifferenceBar("e - a", "Did it?", 0.01, (-0.01, 0.03), (0.002, 0.018), (-0.01, 0.03), (0.005, 0.015), True)
UNFAIR = DifferenceBar("e - parent (unfair)", "as reported", 0.03, (0.02, 0.04), (0.02, 0.04), None, (0.03,), False)


def drawn(path: Path, *bars: DifferenceBar) -> np.ndarray:
    save_figure(forest_plot(bars, "A sentence that says what may be concluded."), path, "shgae study")
    return np.asarray(Image.open(path).convert("RGB"))


def test_equal_differences_give_equal_bytes_and_others_do_not(tmp_path: Path) -> None:
    drawn(tmp_path / "a.png", GAIN, UNFAIR)
    drawn(tmp_path / "b.png", GAIN, UNFAIR)
    drawn(tmp_path / "c.png", UNFAIR, GAIN)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()


def test_the_unfair_row_is_grey_and_without_colour(tmp_path: Path) -> None:
    assert np.ptp(drawn(tmp_path / "grey.png", UNFAIR).astype(int), axis=-1).max() < 10
    assert np.ptp(drawn(tmp_path / "colour.png", GAIN).astype(int), axis=-1).max() > 100


def test_the_key_names_seeds_where_they_were_varied() -> None:
    assert [line.get_label() for line in key([UNFAIR], 0.01)] == ["photos alone (one run each)", "margin"]
    both = ["photos and seeds: this one counts", "photos alone", "seeds alone", "single seeds"]
    assert [line.get_label() for line in key([GAIN, UNFAIR], None)] == both
    tied = replace(GAIN, over_seeds=None)
    assert [line.get_label() for line in key([tied], None)] == ["photos alone", "single seeds"]


def test_nothing_to_compare_is_drawn_too(tmp_path: Path) -> None:
    assert drawn(tmp_path / "none.png").shape[1] > 300
