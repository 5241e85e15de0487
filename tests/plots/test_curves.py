"""The study's curves: both columns, every run, the best epoch, in both formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shgae.plots.curves import best_row, learning_rates, score_of, study_curves
from shgae.plots.style import MARKERS, save_figure


def network(epochs: int, shift: float = 0.0) -> list[dict[str, Any]]:
    rows = [{"epoch": e, "lr": 1e-3 / e, "train_loss": 9 / e, "val_loss": 10 / e + shift} for e in range(1, epochs + 1)]
    return [row | {"val_pck": 0.5 - abs(row["epoch"] - epochs + 1) / 99 + shift} for row in rows]


def code(epochs: int) -> list[dict[str, Any]]:
    rows = network(epochs)
    return [{key: row[key] for key in row if key != "val_pck"} | {"val_fvu": 1 / row["epoch"]} for row in rows]


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_the_right_column_shows_the_epochs_from_there_on_and_is_fitted_to_them() -> None:
    whole, late = study_curves({"run": network(20)}, 11).axes[:2]
    assert [line.get_xdata()[0] for line in late.lines[:2]] == [11, 11]
    assert whole.get_ylim()[1] > 9
    assert late.get_ylim()[1] < 1.1
    assert late.get_title() == "from epoch 11 on"


def test_there_are_only_whole_epochs_even_where_there_is_one_alone() -> None:
    axes = study_curves({"run": network(2), "other": network(1)}, 2).axes
    for one, epochs in zip(axes, [[1, 2], [2], [1, 2], [2]], strict=True):
        low, high = one.get_xlim()
        assert [tick for tick in one.get_xticks() if low <= tick <= high] == epochs


def test_without_a_first_epoch_there_is_one_column() -> None:
    assert len(study_curves({"run": network(4)}, None).axes) == 2


def test_every_run_has_its_best_epoch_ringed_and_a_look_of_its_own() -> None:
    runs = {str(i): network(8 + i, i / 99) for i in range(7)}
    axes = study_curves(runs, None).axes
    scores = axes[1].lines
    rings = [line for line in scores if line.get_linestyle() == "None"]
    assert [list(line.get_xdata()) for line in rings] == [[8 + i - 1] for i in range(7)]
    looks = {(line.get_color(), line.get_marker()) for line in scores if line not in rings}
    assert len(looks) == 7
    assert len({line.get_marker() for line in scores if line not in rings}) == 7, "grey tells them by marker"
    training = [line for line in axes[0].lines if line.get_linestyle() == ":"]
    assert [line.get_marker() for line in training] == list(MARKERS), "those of training too"


def test_a_run_that_ended_before_is_on_the_left_alone() -> None:
    axes = study_curves({"long": network(20), "short": network(5)}, 11).axes
    assert len(axes[0].lines) == 6
    assert len(axes[1].lines) == 3


def test_the_best_epoch_is_the_first_of_equals_and_the_lowest_of_an_autoencoder() -> None:
    rows = [row | {"val_pck": 0.5} for row in network(3)]
    assert best_row(rows)["epoch"] == 1
    assert best_row(code(4))["epoch"] == 4
    assert (score_of(rows).name, score_of(code(2)).name) == ("PCK", "FVU")


def test_equal_learning_rates_do_not_hide_each_other() -> None:
    axes = learning_rates({"a": network(5), "b": network(5), "c": network(6)}).axes
    a, b, c = (line.get_linewidth() for line in axes[0].lines)
    assert a > b == c


def test_names_from_folders_are_drawn_as_they_are(tmp_path: Path) -> None:
    suffixes = (".png", ".svg")
    runs = {"_a$b$": code(9), "x" * 70: code(7), "\N{SNOWMAN}\x07": code(3)}
    for name, figure in (("a", study_curves(runs, 4)), ("b", learning_rates(runs))):
        save_figure(figure, [tmp_path / f"{name}{suffix}" for suffix in suffixes], "shgae plot")
    assert all((tmp_path / f"a{suffix}").stat().st_size > 5000 for suffix in suffixes)


def test_more_runs_make_another_picture_and_the_command_is_under_it(tmp_path: Path) -> None:
    pictures = []
    for i, (runs, command) in enumerate([(1, "a"), (2, "a"), (2, "b")]):
        figure = study_curves({str(n): network(9, n / 99) for n in range(runs)}, 4)
        save_figure(figure, tmp_path / f"{i}.png", command)
        pictures.append(pixels(tmp_path / f"{i}.png"))
    assert pictures[0].shape == pictures[1].shape and (pictures[0] != pictures[1]).any()
    assert (pictures[1] != pictures[2]).any(2).nonzero()[0].min() > pictures[1].shape[0] - 20


def test_however_many_equal_learning_rates_there_are_their_lines_stay_lines() -> None:
    widths = [line.get_linewidth() for line in learning_rates({str(n): network(5) for n in range(12)}).axes[0].lines]
    assert widths == sorted(set(widths), reverse=True) and widths[0] < 10


def test_learning_rates_close_to_each_other_are_labelled_without_markup(tmp_path: Path) -> None:
    figure = learning_rates({"run": [row | {"lr": 1e-3 * 0.99 ** row["epoch"]} for row in network(9)]})
    save_figure(figure, tmp_path / "rates.png", "")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels(which="both")]
    assert "9.1×10⁻⁴" in labels and not any("$" in label for label in labels)


def test_a_pck_of_nothing_is_not_drawn_in_the_middle_of_numbers_below_nothing() -> None:
    axes = study_curves({"run": [row | {"val_pck": 0.0} for row in network(9)]}, 4).axes
    assert [one.get_ylim() for one in axes[2:]] == [(0, 1)] * 2
