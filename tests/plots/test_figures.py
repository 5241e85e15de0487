"""Figures are drawn, repeat themselves to the byte, and show what they were given."""

from pathlib import Path

import numpy as np
from PIL import Image

from shgae.plots.curves import training_curves
from shgae.plots.poses import prediction_sheet
from shgae.plots.style import save_figure
from shgae.skeleton import COCO_PERSON

HISTORY = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1.2 / e, "val_pck": 0.1 * e, "lr": 1e-3} for e in range(1, 5)]
CODE = [{"epoch": e, "train_loss": 3 / e, "val_loss": 4 / e, "val_fvu": 0.9 / e, "lr": 1e-3} for e in range(1, 5)]


def sheet(path: Path, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    crops = rng.uniform(size=(3, 32, 32, 3)).astype(np.float32)
    xy = rng.uniform(2, 30, (3, 17, 2)).astype(np.float32)
    visibility = rng.integers(0, 3, (3, 17)).astype(np.uint8)
    figure = prediction_sheet(crops, (xy, visibility), [("model", xy.astype(np.float64) + shift)], COCO_PERSON)
    save_figure(figure, path, "shgae x")
    return np.asarray(Image.open(path))


def test_curves_of_networks_and_autoencoders_are_drawn_alike_twice(tmp_path: Path) -> None:
    for name in ("a", "b"):
        figure = training_curves({"baseline": HISTORY, "autoencoder": CODE})
        save_figure(figure, tmp_path / f"{name}.png", "shgae demo")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = Image.open(tmp_path / "a.png")
    assert picture.width > 800 and picture.height > 500
    assert set(picture.info) <= {"dpi"}, "times or versions would change the bytes"


def test_a_sheet_has_a_row_for_the_annotation_and_one_for_each_model(tmp_path: Path) -> None:
    picture = sheet(tmp_path / "sheet.png")
    assert picture.shape[1] > 1.3 * picture.shape[0]


def test_other_predictions_make_another_picture(tmp_path: Path) -> None:
    assert not np.array_equal(sheet(tmp_path / "a.png"), sheet(tmp_path / "b.png", shift=5.0))


def test_one_epoch_can_be_drawn(tmp_path: Path) -> None:
    save_figure(training_curves({"short": HISTORY[:1]}), tmp_path / "one.png", "shgae demo")
    assert (tmp_path / "one.png").is_file()
