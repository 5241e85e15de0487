"""Detections: scores by HRNet's rule, people found twice kept once, and results for COCO's own numbers."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from shgae.data.heatmaps import encode
from shgae.errors import Refused
from shgae.evaluation.official import read_truth
from shgae.recipes import HeatmapConfig
from shgae.skeleton import COCO_PERSON
from shgae.stages import predict
from tests.builders.photo_models import CONFIG, FOUR, HOW, entries, joints, make_model, say

pytestmark = pytest.mark.usefixtures("sketched")

SIGMAS = [0.05, 0.05, 0.05, 0.05]


def heights(maps: list[list[float]]) -> torch.Tensor:
    """(N, 4, 32, 32): peaks of these heights, all in one place."""
    found = torch.zeros(len(maps), 4, 32, 32)
    found[:, :, 16, 16] = torch.tensor(maps)
    return found


def detections(folder: Path, rows: list[dict[str, Any]]) -> tuple[Path, Path]:
    """A photo, and boxes in it."""
    Image.new("RGB", (100, 100)).save(folder / "7.png")
    whole = [{"image_id": 7, "category_id": 1} | row for row in rows]
    (folder / "b.json").write_text(json.dumps(whole))
    (folder / "s.json").write_text(json.dumps(SIGMAS))
    return folder / "7.png", folder / "b.json"


def found(folder: Path, model: Path, sigmas: Path | None = None, **options: Any) -> list[dict[str, Any]]:
    name = f"out-{len(list(folder.iterdir()))}"
    config = dataclasses.replace(CONFIG, decode="argmax", **options)
    predict.run(model, [folder / "7.png"], folder / "b.json", folder / name, config, HOW, sigmas)
    return entries(folder / name)


def test_a_rescored_person_has_the_detectors_score_times_the_mean_of_the_joints_above_a_fifth(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detections(tmp_path, [{"bbox": [0, 0, 50, 50], "score": 0.5}, {"bbox": [50, 50, 50, 50]}])
    say(monkeypatch, lambda _: heights([[0.9, 0.5, 0.1, 0.1], [0.15, 0.1, 0.19, 0.05]]))
    plain = [one["score"] for one in found(tmp_path, model)]
    assert plain == pytest.approx([0.5 * 0.4, 0.1225], abs=1e-6)
    assert [one["score"] for one in found(tmp_path, model, rescore=True)] == [pytest.approx(0.5 * 0.7), 0.0]


@pytest.mark.parametrize("rescore", [False, True])
def test_clearer_joints_have_the_higher_score_whatever_the_sign_of_the_detectors(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, rescore: bool
) -> None:
    for detected in (0.5, -0.5):
        detections(tmp_path, [{"bbox": [50 * i, 0, 50, 50], "score": detected} for i in range(3)])
        say(monkeypatch, lambda _: heights([[0.9] * 4, [0.3] * 4, [0.0] * 4]))
        scores = [one["score"] for one in found(tmp_path, model, rescore=rescore)]
        assert scores == sorted(scores, reverse=True) and len({*scores}) == 3
    assert scores[0] == pytest.approx(-0.5 + math.log(0.9), abs=1e-6)


def test_the_fifth_is_of_a_perfect_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of mass 1 are nowhere as high as 0.2."""
    facts = {"peak": "mass", "sigma_visible": 2.0, "sigma_hidden": 2.0, "unlabelled": "masked"}
    wide = make_model(tmp_path / "model", heatmap=facts)
    middle = encode(torch.full((1, 1, 2), 64.0), torch.tensor([[2]]), HeatmapConfig(**facts), 128)  # type: ignore[arg-type]
    top = float(middle.max())
    assert top < 0.1
    detections(tmp_path, [{"bbox": [0, 0, 50, 50], "score": 1.0}])
    say(monkeypatch, lambda _: heights([[top, 0.3 * top, 0.1 * top, 0.1 * top]]))
    (one,) = found(tmp_path, wide, rescore=True)
    assert one["score"] == pytest.approx(0.65 * top, abs=1e-6)


def test_a_person_found_twice_is_kept_once_with_the_better_score_and_counted(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"bbox": [10, 10, 40, 40], "score": score} for score in (0.4, 0.9, 0.9)]
    detections(tmp_path, [*rows, {"bbox": [60, 10, 40, 40], "score": 0.1}])
    say(monkeypatch, lambda count: heights([[1.0, 0.9, 0.8, 0.7]] * count))
    config = dataclasses.replace(CONFIG, decode="argmax", nms=0.9)
    photo, boxes = tmp_path / "7.png", tmp_path / "b.json"
    made = predict.run(model, [photo], boxes, tmp_path / "out", config, HOW, tmp_path / "s.json")
    assert made.artifact.manifest.config["sigmas"] == SIGMAS
    result, kept = made.to_json(), entries(tmp_path / "out")
    assert [(one["bbox"][0], one["score"]) for one in kept] == [(10, pytest.approx(0.765)), (60, pytest.approx(0.085))]
    assert (result["people"], result["suppressed"]) == (2, 2)
    assert len(found(tmp_path, model)) == 4


def test_joints_without_a_place_make_nobody_alike(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detections(tmp_path, [{"bbox": [0, 0, 30, 30], "score": 1.0}, {"bbox": [60, 60, 30, 30], "score": 0.9}])
    maps = heights([[0, 0, 0, 1], [0, 0, 0, 1]])
    say(monkeypatch, lambda _: maps)
    kept = found(tmp_path, model, tmp_path / "s.json", nms=0.5)
    assert [one["undecided"] for one in kept] == [["left_hand", "nose", "right_hand"]] * 2
    assert (joints(kept[0])[:3] == joints(kept[1])[:3]).all()


def test_options_that_do_nothing_or_cannot_be_are_refused(tmp_path: Path, model: Path) -> None:
    detections(tmp_path, [{"bbox": [0, 0, 30, 30]}])
    with pytest.raises(Refused, match="sigmas"):
        found(tmp_path, model, nms=0.9)
    with pytest.raises(Refused, match="only --nms"):
        found(tmp_path, model, tmp_path / "s.json")
    for limit in (0.0, 1.1):
        with pytest.raises(Refused, match="nms"):
            dataclasses.replace(CONFIG, nms=limit)


def test_neutral_options_leave_the_identity_of_results_as_it_was(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, boxes = detections(tmp_path, [{"bbox": [0, 0, 50, 50], "score": 0.5}])
    say(monkeypatch, lambda count: heights([[1.0] * 4] * count))
    made = predict.run(model, [photo], boxes, tmp_path / "out", CONFIG, HOW).artifact.manifest
    assert not {"nms", "rescore", "sigmas"} & made.config.keys()
    assert "suppressed" not in made.facts


def test_detections_of_cocos_joints_give_results_for_cocos_own_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two boxes of a person and one of nobody: without suppression the second box is a false alarm."""
    model = make_model(tmp_path / "model", skeleton=COCO_PERSON)
    twice = [{"bbox": [10, 10, 40, 40], "score": 0.9}, {"bbox": [10, 10, 40, 40], "score": 0.8}]
    detections(tmp_path, [*twice, {"bbox": [58, 58, 40, 40], "score": 0.7}])
    maps = torch.zeros(1, 17, 32, 32)
    maps[0, range(17), range(8, 25), 16] = 1.0
    say(monkeypatch, lambda count: maps.repeat(count, 1, 1, 1))
    everybody = found(tmp_path, model)

    def person(entry: dict[str, Any], number: int) -> dict[str, Any]:
        keypoints = [x for x, y, _ in joints(entry).tolist() for x in (x, y, 2)]
        about = {"id": number, "image_id": 7, "category_id": 1, "iscrowd": 0, "area": 1600.0}
        return about | {"keypoints": keypoints, "num_keypoints": 17, "bbox": entry["bbox"]}

    category = {"id": 1, "name": "person", "keypoints": list(COCO_PERSON.names)}
    images = [{"id": 7, "file_name": "7.png", "width": 100, "height": 100}]
    people = [person(everybody[0], 1), person(everybody[2], 2)]
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps({"images": images, "annotations": people, "categories": [category]}))
    read = read_truth(truth, COCO_PERSON.names)
    ap = [read.scores(found(tmp_path, model, **how), "x", None)["AP"] for how in ({}, {"rescore": True, "nms": 0.9})]
    assert ap[0] is not None
    assert ap[0] < 1
    assert ap[1] == pytest.approx(1.0)


def test_results_no_longer_say_whose_box_they_are_of(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, _ = detections(tmp_path, [])
    people = [{"id": n, "image_id": 7, "category_id": 1, "bbox": [10, 10, 40, 40], "iscrowd": n % 2} for n in range(3)]
    dataset = {"images": [{"id": 7, "file_name": "7.png"}], "annotations": people}
    (tmp_path / "b.json").write_text(json.dumps(dataset))
    say(monkeypatch, lambda count: heights([[1.0] * 4] * count))
    assert [one["annotation_id"] for one in found(tmp_path, model)] == [0, 2]
    (kept,) = found(tmp_path, model, tmp_path / "s.json", nms=0.9)
    assert "annotation_id" not in kept
    assert photo.is_file()
    assert len(FOUR) == len(SIGMAS)
