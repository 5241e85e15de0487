"""Sheets show the people that were asked for, as the annotation has them and as a training sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.cli.app import main
from shgae.data.augmentation import augmentation_of
from shgae.data.datasets import batch_images
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.recipe_parts import HeatmapConfig, ShowConfig
from shgae.skeleton import Skeleton
from shgae.stages import show
from shgae.training.objectives import PoseObjective
from tests.builders.chain import Notes


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "made" / "sheet.png"


def shown(data: Path, sheet: Path, predictions: Path | None = None, **config: Any) -> show.ShowResult:
    return show.run(data, predictions, sheet, ShowConfig(**config), Execution(force=True))


def opened(data: Path, split: str = "train") -> Crops:
    return Crops(open_artifact(data, "data"), split)


def predicted(data: Path, path: Path, off: np.ndarray, missed: tuple[int, ...] = ()) -> Path:
    """Predictions of the test split that lie so many pixels of the crop right of the annotation."""
    crops = opened(data, "test")
    people = crops.people
    scale = people.square[:, 2] / crops.crop_size
    xy = (people.xy_crop + np.stack((off, 0 * off), -1)[:, None]) * scale[:, None, None] + people.square[:, None, :2]
    entries = [
        {
            "annotation_id": int(people.annotation_id[row]),
            "keypoints": np.concatenate((xy[row], np.ones((xy.shape[1], 1))), 1).ravel().tolist(),
            "found": row not in missed,
        }
        for row in range(len(people))
    ]
    path.write_text(json.dumps(entries))
    return path


def test_people_of_train_are_drawn_by_the_seed_with_their_annotation(tiny_data: Path, sheet: Path) -> None:
    result, people = shown(tiny_data, sheet, people=5), opened(tiny_data).people
    assert result.split == "train" and len(result.rows) == 5
    assert result.annotation_ids == tuple(people.annotation_id[list(result.rows)])
    for row, (view,) in zip(result.rows, result.views, strict=True):
        assert np.array_equal(view.xy, people.xy_crop[row])
        assert np.array_equal(view.visibility, people.visibility[row])
        assert np.array_equal(np.round(255 * view.picture), opened(tiny_data).filled(np.array([row]))[0])
    others = {shown(tiny_data, sheet, people=5, seed=seed).rows for seed in range(4)}
    assert result.rows in others and len(others) > 1
    assert Image.open(sheet).width > 500


def test_everybody_is_drawn_where_there_are_no_more(tiny_data: Path, sheet: Path) -> None:
    assert shown(tiny_data, sheet, people=64, limit=3).rows == (0, 1, 2)


def test_equal_sheets_have_equal_bytes(tiny_data: Path, sheet: Path) -> None:
    def made() -> bytes:
        shown(tiny_data, sheet, people=2, targets=True, dropped=True)
        return sheet.read_bytes()

    assert made() == made()


@pytest.mark.parametrize("seed", [0, 7])
def test_six_epochs_are_those_of_a_training(tiny_data: Path, sheet: Path, seed: int) -> None:
    data, crops = open_artifact(tiny_data, "data"), opened(tiny_data)
    mean = data.facts["mean_rgb"]
    result = shown(tiny_data, sheet, people=3, augment="strong", seed=seed)
    skeleton = Skeleton.from_json(data.facts["skeleton"])
    changes = augmentation_of(ShowConfig(augment="strong"), skeleton, crops.crop_size, tiny_data)
    inference = Inference(torch.device("cpu"), "fp32", 4, mean)
    training = PoseObjective(crops, crops, HeatmapConfig(), inference, changes, seed)
    for epoch in range(6):
        batch = training.load(np.array(result.rows), epoch)
        images = batch_images(batch, mean).permute(0, 2, 3, 1) + torch.tensor(mean)
        for person, views in enumerate(result.views):
            assert views[1 + epoch].title == f"epoch {epoch + 1}" and len(views) == 7
            assert np.array_equal(views[1 + epoch].xy, batch.xy_crop[person])
            assert np.array_equal(views[1 + epoch].visibility, batch.visibility[person])
            assert np.array_equal(views[1 + epoch].picture, images[person])


def test_target_maps_are_brightest_at_their_joints(tiny_data: Path, sheet: Path) -> None:
    result = shown(tiny_data, sheet, people=4, targets=True, sigma_visible=0.5, sigma_hidden=0.5)
    for person, maps in result.views:
        assert not maps.visibility.any()
        colour = np.ptp(maps.picture, axis=-1) > 0.2  # the crop below is grey
        sides = [i for i, name in enumerate(Skeleton.from_json(facts(tiny_data)["skeleton"]).names) if "_" in name]
        for joint in sides:
            x, y = person.xy[joint].clip(0, 127)
            nearby = colour[max(int(y) - 4, 0) : int(y) + 5, max(int(x) - 4, 0) : int(x) + 5]
            assert nearby.any() or not person.visibility[joint]


def facts(data: Path) -> dict[str, Any]:
    return dict(open_artifact(data, "data").facts)


def test_the_worst_prediction_comes_first_and_somebody_not_found_before(
    tiny_data: Path, sheet: Path, tmp_path: Path
) -> None:
    people = opened(tiny_data, "test").people
    off = np.random.default_rng(0).permutation(len(people)).astype(float)
    missed = int(np.argsort(off)[2])
    file = predicted(tiny_data, tmp_path / "predictions.json", off, (missed,))
    result = shown(tiny_data, sheet, file, people=4)
    expected = [missed, *[int(row) for row in np.argsort(-off) if row != missed]][:4]
    assert result.split == "test" and list(result.rows) == expected
    assert result.errors is not None and result.errors[0] is None
    assert result.errors[1:] == pytest.approx(off[expected[1:]], abs=2e-3)
    assert not result.views[0][1].visibility.any()
    for row, (annotation, prediction) in zip(result.rows[1:], result.views[1:], strict=True):
        drawn = people.visibility[row] > 0
        assert np.array_equal(annotation.visibility, people.visibility[row])
        assert np.array_equal(prediction.visibility, np.where(drawn, 2, 0))
        assert prediction.xy[drawn] == pytest.approx(annotation.xy[drawn] + [off[row], 0], abs=1e-3)


def test_joints_that_were_not_found_are_neither_drawn_nor_ranked_by(
    tiny_data: Path, sheet: Path, tmp_path: Path
) -> None:
    people = opened(tiny_data, "test").people
    off = np.arange(len(people), dtype=float)
    file = predicted(tiny_data, tmp_path / "predictions.json", off)
    entries = json.loads(file.read_text())
    lost = int(np.flatnonzero(people.visibility[0])[0])
    entries[0]["keypoints"][3 * lost : 3 * lost + 3] = [0.0] * 3
    entries[1]["keypoints"] = [0.0] * 51
    file.write_text(json.dumps(entries))
    result = shown(tiny_data, sheet, file, people=len(people))
    assert list(result.rows) == [1, *range(len(people) - 1, 1, -1), 0]
    assert result.errors is not None
    assert result.errors[0] is None and result.errors[-1] == pytest.approx(0, abs=2e-3)
    assert result.views[0][1].title == "not found" and not result.views[0][1].visibility.any()
    last = result.views[-1][1]
    assert last.title == "0.0 crop px off, 1 not found"
    assert not last.visibility[lost] and last.visibility.sum() > 0


def test_predictions_of_nobody_in_the_split_are_told(tiny_data: Path, sheet: Path, tmp_path: Path) -> None:
    file = predicted(tiny_data, tmp_path / "predictions.json", np.zeros(len(opened(tiny_data, "test").people)))
    entries, notes = json.loads(file.read_text()), Notes()
    file.write_text(json.dumps([*entries, entries[0] | {"annotation_id": 10**9}]))
    show.run(tiny_data, file, sheet, ShowConfig(people=1), Execution(force=True, progress=notes))
    assert any("1 of the predictions" in said and str(file) in said for said in notes.said)


def test_those_left_out_are_counted_by_reason(tiny_data: Path, sheet: Path) -> None:
    dropped = shown(tiny_data, sheet, people=1, dropped=True).dropped
    assert dropped
    by_reason: dict[str, int] = {}
    for one in dropped:
        by_reason[one.reason] = by_reason.get(one.reason, 0) + one.people
    assert by_reason == facts(tiny_data)["dropped"]
    assert [one.people for one in dropped] == sorted((one.people for one in dropped), reverse=True)
    assert shown(tiny_data, sheet, people=1).dropped is None


def test_only_train_is_changed_in_training(tiny_data: Path, sheet: Path) -> None:
    with pytest.raises(Refused, match="--split train"):
        shown(tiny_data, sheet, split="val", rotation=10.0)
    assert not sheet.exists()


@pytest.mark.parametrize("name", ["sheet.jpg", "sheet"])
def test_a_sheet_is_a_png_or_an_svg(tiny_data: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="not end in"):
        shown(tiny_data, tmp_path / name)


def test_the_command_tells_whom_it_drew(
    tiny_data: Path, sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    off = np.arange(len(opened(tiny_data, "test")), dtype=float)
    file = predicted(tiny_data, tmp_path / "predictions.json", off)
    words = ["show", str(tiny_data), str(file), "-o", str(sheet), "--people", "2", "--json", "--quiet"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["row"] for one in told["people"]] == [len(off) - 1, len(off) - 2]
    assert [one["error"] for one in told["people"]] == pytest.approx([off[-1], off[-2]], abs=2e-3)
    before = sheet.read_bytes()
    assert main(words) == 2, "it exists"
    assert sheet.read_bytes() == before
