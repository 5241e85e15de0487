"""COCO's official numbers are of the photos whose people an evaluation was asked for, and say of which."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.crops import read_people
from shgae.artifacts.store import open_artifact
from shgae.cli.app import main
from shgae.errors import Refused
from shgae.evaluation.official import OfficialPhotos
from shgae.evaluation.report import EVALUATION, EvaluationReport
from shgae.execution import Execution
from shgae.recipes import EvaluateConfig
from shgae.reporting.evaluation import official_tables
from shgae.stages import evaluate
from tests.builders.crowded import drawn, prepared


def perfect(truth: dict[str, Any]) -> list[dict[str, Any]]:
    """A prediction of everybody who has joints and is not a crowd: their own joints."""
    return [
        {"image_id": one["image_id"], "annotation_id": one["id"], "keypoints": one["keypoints"], "score": 0.5}
        for one in truth["annotations"]
        if one["num_keypoints"] and not one["iscrowd"]
    ]


def without_ids(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in one.items() if key != "annotation_id"} for one in results]


def alarm(photo: int) -> dict[str, Any]:
    """A sure prediction far from everybody."""
    return {"image_id": photo, "keypoints": [2000.0, 2000.0, 1.0] * 17, "score": 0.9}


def scored(
    data: Path, results: list[dict[str, Any]], truth: dict[str, Any], split: str, limit: int | None = None
) -> EvaluationReport:
    folder = data.parent
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "truth.json").write_text(json.dumps(truth))
    config = EvaluateConfig(resamples=100, split=split, limit=limit)  # type: ignore[arg-type]
    how = Execution(device="cpu", workers=0)
    return evaluate.run([folder / "results.json"], data, None, config, how, official=folder / "truth.json").report


def ap(report: EvaluationReport) -> float | None:
    assert report.models[0].official is not None
    return report.models[0].official["AP"]


def extent(report: EvaluationReport) -> OfficialPhotos:
    assert report.official_photos is not None
    return report.official_photos


def test_perfect_predictions_of_a_held_out_split_are_perfect(tmp_path: Path) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    data = prepared(tmp_path / "x", truth, hold_out=3)
    photos = set(read_people(open_artifact(data, "data"), "test").photo_id.tolist())
    assert 0 < len(photos) < 4
    for split, of in (("test", len(photos)), ("train", 4 - len(photos)), ("val", 4)):
        report = scored(data, perfect(truth), truth, split)
        assert ap(report) == pytest.approx(1)
        assert extent(report) == OfficialPhotos(of, 4, report.persons, 0)


def test_a_false_alarm_counts_in_a_photo_of_the_split_and_in_no_other(tmp_path: Path) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    data = prepared(tmp_path / "x", truth, hold_out=3)
    photos = set(read_people(open_artifact(data, "data"), "test").photo_id.tolist())
    for photo in range(1, 5):
        value = ap(scored(data, [*without_ids(perfect(truth)), alarm(photo)], truth, "test"))
        assert value is not None
        assert (value < 0.99) == (photo in photos)


def test_a_photo_without_samples_counts_where_the_split_is_all_of_its_json(tmp_path: Path) -> None:
    truth, _ = drawn(tmp_path / "x", 2)
    for one in truth["annotations"]:
        one["iscrowd"] |= int(one["image_id"] == 3)
    truth["images"].append(truth["images"][0] | {"id": 5})
    data = prepared(tmp_path / "x", truth, hold_out=3)
    for split, is_whole in (("val", True), ("train", False), ("test", False)):
        for photo in (3, 5):
            report = scored(data, [*without_ids(perfect(truth)), alarm(photo)], truth, split)
            value = ap(report)
            assert value is not None
            assert (value < 0.99) == is_whole
            assert (extent(report).scored == 5) == is_whole


@pytest.mark.parametrize("as_id", [False, True])
def test_results_that_name_their_photo_count_as_those_with_its_id_in_photos_of_nobody_too(
    tmp_path: Path, as_id: bool
) -> None:
    truth, _ = drawn(tmp_path / "x", 2)
    for one in truth["annotations"]:
        one["iscrowd"] |= int(one["image_id"] == 1)
    truth["images"] += [truth["images"][0] | {"id": photo, "file_name": f"of nobody {photo}.jpg"} for photo in (5, 6)]
    names = {one["id"]: one["file_name"] for one in truth["images"]} | {7: "elsewhere.jpg"}
    truth["images"] += [{"id": 20 + place, "file_name": name} for place, name in enumerate((".", "./", "", 5))]
    data = prepared(tmp_path / "x", truth, hold_out=3)
    results = [*without_ids(perfect(truth)), *(alarm(photo) for photo in (1, 1, 2, 5, 6))]
    named = [
        {**one, "image_id": names[one["image_id"]]}
        if as_id
        else {**one, "file_name": names[one["image_id"]], "image_id": 8}
        for one in [*results, *[alarm(7)] * 9]
    ]
    for split in ("val", "train"):
        wanted, found = (scored(data, each, truth, split) for each in (results, named))
        assert found.models[0].official == wanted.models[0].official
        assert found.models[0].pck == wanted.models[0].pck


@pytest.mark.parametrize("of", ["prepare", "evaluate"])
def test_photos_of_people_beyond_a_limit_are_left_out(tmp_path: Path, of: str) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    numbers = [sum(one["image_id"] == photo for one in perfect(truth)) for photo in range(1, 5)]
    limit = numbers[0] + numbers[1] + 1
    assert numbers[2] > 1, "the limit divides a photo"
    data = prepared(tmp_path / "x", truth, **({"limit": limit} if of == "prepare" else {}))
    report = scored(data, perfect(truth), truth, "val", limit)
    assert ap(report) == pytest.approx(1)
    assert extent(report) == OfficialPhotos(2, 4, numbers[0] + numbers[1], 0)
    with pytest.raises(Refused, match="whole photos"):
        scored(data, perfect(truth), truth, "val", 1)


def test_people_of_one_photo_in_two_splits_leave_the_photo_out(tmp_path: Path) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    data = prepared(tmp_path / "x", truth, hold_out=2, split_by="crop")
    rows = [json.loads(line) for line in (data / "people.jsonl").read_text().splitlines()]
    of = {split: {r["image_id"] for r in rows if r["split"] == split} for split in ("train", "test")}
    assert of["train"] & of["test"]
    report = scored(data, perfect(truth), truth, "train")
    assert extent(report).scored == len(of["train"] - of["test"])
    assert ap(report) == pytest.approx(1)


def test_people_whom_prepare_dropped_count_as_missed_and_are_told(tmp_path: Path) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    person = next(one for one in truth["annotations"] if one["num_keypoints"] and not one["iscrowd"])
    left_out = copy.deepcopy(truth)
    next(one for one in left_out["annotations"] if one["id"] == person["id"])["keypoints"][2] = 7
    data = prepared(tmp_path / "x", left_out, bad_people="drop")
    asked = [one for one in perfect(truth) if one["annotation_id"] != person["id"]]
    report = scored(data, asked, truth, "val")
    assert extent(report) == OfficialPhotos(4, 4, len(asked) + 1, 1)
    value = ap(report)
    assert value is not None
    assert value < 1
    assert ap(scored(data, without_ids(perfect(truth)), truth, "val")) == pytest.approx(1)


def test_a_json_is_taken_as_prepare_took_it_and_what_is_put_right_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    for one in truth["images"]:
        one["id"] = float(one["id"])
    for one in truth["annotations"]:
        one |= {"id": one["id"] - 1.0, "image_id": float(one["image_id"])}
    asked = perfect(truth)
    broken = next(one for one in truth["annotations"] if one["id"] == asked[-1]["annotation_id"])
    broken["keypoints"] = [*broken["keypoints"][:2], 7, *broken["keypoints"][3:]]
    truth["annotations"] += [broken | {"id": 900}, broken | {"id": 901, "image_id": 99}]
    data = prepared(tmp_path / "x", truth, bad_people="drop")
    report = scored(data, asked[:-1], truth, "val")
    assert ap(report) == pytest.approx(1)
    assert extent(report) == OfficialPhotos(4, 4, len(asked) - 1, 0)
    files = [str(tmp_path / "x" / name) for name in ("results.json", "truth.json")]
    words = ["evaluate", files[0], str(data), "--split", "val", "--official", files[1], "--resamples", "100", "-j", "0"]
    assert main(words) == 0
    assert "note: --official: annotation 0 has another id" in capsys.readouterr().err


def test_photos_that_could_not_be_read_are_left_out(tmp_path: Path) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    (tmp_path / "x/2.png").write_bytes(b"torn")
    data = prepared(tmp_path / "x", truth, max_bad_photos=2)
    report = scored(data, perfect(truth), truth, "val")
    assert ap(report) == pytest.approx(1)
    assert extent(report).scored == 3


def test_photos_of_a_larger_json_are_left_out(tmp_path: Path) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    data = prepared(tmp_path / "x", truth)
    images = [*truth["images"], *(one | {"id": one["id"] + 100} for one in truth["images"])]
    more = [one | {"id": one["id"] + 1000, "image_id": one["image_id"] + 100} for one in truth["annotations"]]
    larger = truth | {"images": images, "annotations": [*truth["annotations"], *more]}
    report = scored(data, perfect(truth), larger, "val")
    assert ap(report) == pytest.approx(1)
    assert (extent(report).scored, extent(report).given) == (4, 8)
    others = larger | {"images": images[4:], "annotations": more}
    with pytest.raises(Refused, match="no photo"):
        scored(data, perfect(truth), others, "val")


def _shifted(one: dict[str, Any], by: float) -> None:
    """Moves the labelled joints of an annotation."""
    one["keypoints"] = [x + by * (i % 3 == 0 and one["keypoints"][i + 2] > 0) for i, x in enumerate(one["keypoints"])]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: _shifted(one, 50), "other joints"),
        (lambda one: _shifted(one, 1), "other joints"),
        (lambda one: one["keypoints"].__setitem__(2, 3 - one["keypoints"][2]), "other joints"),
        (lambda one: one.update(keypoints=None, num_keypoints=0), "other joints"),
        (lambda one: one.update(image_id=one["image_id"] % 4 + 1), "in the data of photo"),
        (lambda one: one.update(id=one["id"] + 1000), "is not in it"),
        (lambda one: one.update(iscrowd=1), "is a crowd"),
    ],
)
def test_a_truth_that_has_a_scored_person_otherwise_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    data, results = prepared(tmp_path / "x", truth), perfect(truth)
    first, second, *_ = results
    for result in (second, first):
        annotation = result["annotation_id"]
        change(next(one for one in truth["annotations"] if one["id"] == annotation))
        with pytest.raises(Refused, match=rf"annotation {annotation} .*{words}"):
            scored(data, results, truth, "val")


def test_a_truth_may_round_joints_and_change_those_who_are_not_scored(tmp_path: Path) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    data = prepared(tmp_path / "x", truth, hold_out=3)
    of_split = set(read_people(open_artifact(data, "data"), "test").annotation_id.tolist())
    for one in truth["annotations"]:
        _shifted(one, 0.5 if one["id"] in of_split else 50)
    assert ap(scored(data, perfect(truth), truth, "test")) == pytest.approx(1)


def test_the_table_and_the_report_keep_of_which_photos_the_numbers_are(tmp_path: Path) -> None:
    truth, _ = drawn(tmp_path / "x", 1)
    data = prepared(tmp_path / "x", truth, hold_out=3)
    report = scored(data, perfect(truth), truth, "test")
    (grid,) = official_tables(report)
    assert f"{extent(report).scored} of 4 photos" in grid.caption
    content = EVALUATION.to_json(report)
    assert EVALUATION.from_json(content, "here") == report
    del content["official_photos"]
    assert EVALUATION.from_json(content | {"schema": 6}, "here").official_photos is None
