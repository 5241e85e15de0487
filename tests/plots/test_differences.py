"""The forest plot shows what it is given, alike twice, and can be empty."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from shgae.evaluation.study_differences import ArmComparison
from shgae.plots.differences import forest_plot, key
from shgae.plots.style import save_figure
from tests.builders.reports import compared, estimate

OF_SEEDS, OF_ONE = estimate(0.01, 0.03), estimate(0.02, 0.04, seeds=1)
GAIN, UNFAIR = compared("full", "none", OF_SEEDS), compared("full", "baseline", OF_ONE)


def figure_of(*differences: ArmComparison) -> Figure:
    return forest_plot(differences, "A sentence that says what may be concluded.", {("full", "none"): "Did it?"})


def drawn(path: Path, *differences: ArmComparison) -> np.ndarray:
    save_figure(figure_of(*differences), path, "shgae study")
    return np.asarray(Image.open(path).convert("RGB"))


def test_rows_are_the_differences_that_have_an_interval_each_with_its_question() -> None:
    axes = figure_of(GAIN, compared("pca", "none", None), UNFAIR).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["full - none", "full - baseline (unfair)"]
    assert [text.get_text() for text in axes.texts] == ["Did it?", ""]
    lines = [np.asarray(line.get_xdata(), np.float64).round(9).tolist() for line in axes.lines]
    assert [1, 3] in lines and [2] * 3 in lines and [2, 4] in lines


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
    assert [line.get_label() for line in key([OF_ONE], 0.01)] == ["photos alone (one run each)", "margin"]
    both = ["photos and seeds: this one counts", "photos alone", "seeds alone", "single seeds"]
    assert [line.get_label() for line in key([OF_SEEDS, OF_ONE], None)] == both
    tied = replace(OF_SEEDS, over_seeds=None)
    assert [line.get_label() for line in key([tied], None)] == ["photos alone", "single seeds"]


def test_nothing_to_compare_is_drawn_too(tmp_path: Path) -> None:
    assert drawn(tmp_path / "none.png").shape[1] > 300
