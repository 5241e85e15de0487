"""Results of whole photos: they are matched to people, who are missed where nothing is left for them."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.arrays import Floats
from shgae.artifacts.crops import Crops, PeopleTable
from shgae.errors import Refused
from shgae.evaluation.matching import match_people, read_sigmas
from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import coco_results, from_cells
from shgae.evaluation.report import EVALUATION, Row
from shgae.execution import Execution
from shgae.metrics import oks
from shgae.recipes import EvaluateConfig
from shgae.skeleton import COCO_PERSON
from shgae.stages import evaluate
from shgae.stages.evaluate import EvaluateResult
from tests.builders.chain import Notes

CONFIG = EvaluateConfig(resamples=100)


@pytest.fixture
def entries(crops: Crops) -> list[dict[str, Any]]:
    """Every second joint of everybody right, the others some cells off."""
    cells = people_of(crops, COCO_PERSON).cells.copy()
    cells[:, ::2] = np.clip(cells[:, ::2] + 4, 0, 31)
    scores = np.random.default_rng(0).random(cells.shape[:2]).astype(np.float32)
    return list(coco_results(from_cells("x", cells, scores, crops), crops, 1))


def scored(path: Path, entries: Any, data: Path, output: Path | None = None, **more: Any) -> EvaluateResult:
    path.write_text(json.dumps(entries))
    return evaluate.run([path], data, output, CONFIG, Execution(device="cpu"), **more)


def without_ids(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key != "annotation_id"} for entry in entries]


def numbers_of(result: EvaluateResult) -> dict[str, Any]:
    row = result.report.models[0]
    metrics = {metric.name: metric.all for metric in row.metrics if not metric.name.startswith("oks_a")}
    return {"pck": row.pck, "interval": row.interval, "metrics": metrics}


def test_people_who_are_apart_score_alike_with_and_without_ids(
    tmp_path: Path, tiny_data: Path, crops: Crops, entries: list[dict[str, Any]]
) -> None:
    assert len(set(crops.people.photo_id.tolist())) < len(crops), "no photo has two people"
    named = scored(tmp_path / "a.json", entries, tiny_data)
    matched = scored(tmp_path / "b.json", without_ids(entries)[::-1], tiny_data)
    assert numbers_of(matched) == numbers_of(named)
    matching = matched.report.models[0].matching
    assert matching is not None
    assert matching.matched == len(crops)
    assert named.report.models[0].matching is None


def test_who_has_no_prediction_is_missed(tmp_path: Path, tiny_data: Path, entries: list[dict[str, Any]]) -> None:
    gone = len(entries) - 1
    named = scored(tmp_path / "a.json", entries, tiny_data).predictions[0]
    result = scored(tmp_path / "b.json", without_ids(entries)[:gone], tiny_data)
    row = result.report.models[0]
    assert row.matching is not None
    assert (row.matching.matched, row.matching.unmatched) == (gone, 0)
    found = result.predictions[0].is_found
    assert found.tolist() == [True] * gone + [False]
    np.testing.assert_array_equal(result.predictions[0].xy_photo[found], named.xy_photo[found])
    metrics = {metric.name: metric for metric in row.metrics}
    assert metrics["error_px/p50"].left_out == {"people not found": 1}
    assert metrics["oks_ap"].all is None
    assert metrics["oks_ap"].reason
    whole = evaluate.run([tmp_path / "a.json"], tiny_data, None, CONFIG, Execution(device="cpu")).report.models[0]
    assert whole.pck.all is not None
    assert row.pck.all is not None
    last = (whole.pck.all - row.pck.all) * result.report.persons
    assert 0 < last <= 1  # the share of the person who is missed now
    assert row.joints["nose"].count == whole.joints["nose"].count


def test_people_are_said_to_be_missed_where_somebody_was_not_matched(
    tmp_path: Path, tiny_data: Path, entries: list[dict[str, Any]]
) -> None:
    for some, is_missed in ((entries, False), (entries[1:], True)):
        (tmp_path / "tool.json").write_text(json.dumps(without_ids(some)))
        notes = Notes()
        evaluate.run([tmp_path / "tool.json"], tiny_data, None, CONFIG, Execution(progress=notes))
        (said,) = [note for note in notes.said if "matched by OKS" in note]
        assert f"{len(some)} of {len(entries)} people" in said
        assert said.endswith("the others are missed") == is_missed


def test_a_false_alarm_of_a_lower_score_changes_no_pck(
    tmp_path: Path, tiny_data: Path, entries: list[dict[str, Any]]
) -> None:
    alarms = [entry | {"score": -1.0} for entry in entries]
    named = scored(tmp_path / "a.json", without_ids(entries), tiny_data)
    result = scored(tmp_path / "b.json", without_ids([*alarms, *entries]), tiny_data)
    assert numbers_of(result)["pck"] == numbers_of(named)["pck"]
    matching = result.report.models[0].matching
    assert matching is not None
    assert matching.unmatched == len(entries)


def test_the_file_that_is_written_scores_the_same_again(
    tmp_path: Path, tiny_data: Path, entries: list[dict[str, Any]]
) -> None:
    first = scored(tmp_path / "p.json", without_ids(entries)[2:], tiny_data, tmp_path / "evaluation")
    written = json.loads((tmp_path / "evaluation" / "predictions-p.json").read_text())
    assert [entry["found"] for entry in written].count(False) == 2
    again = scored(tmp_path / "q.json", written, tiny_data)
    assert numbers_of(again) == numbers_of(first)


def crowd(area: Floats | None) -> tuple[PeopleTable, Floats, list[dict[str, Any]]]:
    """Eight people in one photo with their joints there, and a result of each, some pixels off, in another order."""
    numbers = np.random.default_rng(0)
    corner, shape = np.array([[120.0 * i, 90.0 * (i % 3)] for i in range(8)]), (8, 17, 2)
    xy_photo = corner[:, None] + numbers.uniform(0, 100, shape)
    box, ids, nothing = np.column_stack([corner, np.full((8, 2), 100.0)]), np.arange(8), np.zeros((8, 4), np.int64)
    joints = np.zeros(shape, np.float32), np.full(shape[:2], 2, np.uint8)
    people = PeopleTable(*joints, ids, ids * 0, box[:, :3], box, nothing[:, :2], nothing, area)
    found = np.concatenate([xy_photo + numbers.normal(0, 4, shape), np.ones((8, 17, 1))], axis=2)[::-1]
    return people, xy_photo, [{"image_id": 0, "keypoints": one.ravel().tolist()} for one in found]


@pytest.mark.parametrize("area", [1e-4, 1.0, 30.0])
def test_an_area_that_cannot_be_in_square_pixels_matches_nobody_to_another(area: float) -> None:
    sound, tiny = (match_people(*reordered(crowd(np.full(8, one)))) for one in (6000.0, area))
    assert sound[0] == tiny[0] == [*range(8)][::-1]
    assert min(sound[1]) > 0.5 > max(tiny[1]), "how like they are is still by the area that is given"


def reordered(made: tuple[PeopleTable, Floats, list[dict[str, Any]]]) -> tuple[Any, ...]:
    """As :func:`match_people` takes them."""
    people, xy_photo, entries = made
    return entries, people, xy_photo, oks.coco_sigmas()


def test_a_joint_that_was_not_found_is_like_none_at_the_corner() -> None:
    entries, people, xy_photo, sigmas = reordered(crowd(None))
    alone = dataclasses.replace(people, visibility=people.visibility * (np.arange(17) > 0))
    alone.visibility[0] = np.arange(17) == 0
    xy_photo[0] = 0
    entries[0]["keypoints"][:3] = [0.0] * 3
    assert match_people(entries[:1], alone, xy_photo, sigmas)[0] == [7]


def test_results_that_are_another_one_joint_for_joint_are_told(
    tmp_path: Path, tiny_data: Path, entries: list[dict[str, Any]]
) -> None:
    nothing = [entry | {"keypoints": [0.0] * 51} for entry in entries]
    plain = without_ids(entries)
    again = [*without_ids(nothing), *plain, *(entry | {"score": 0.1} for entry in plain[:3])]
    for given, count in ((plain, 0), (again, 3), (entries, 0)):
        (tmp_path / "tool.json").write_text(json.dumps(given))
        notes = Notes()
        evaluate.run([tmp_path / "tool.json"], tiny_data, None, CONFIG, Execution(progress=notes))
        said = [note for note in notes.said if "joint for joint" in note]
        assert len(said) == bool(count)
        assert not count or f" {count} of the predictions" in said[0]


def test_results_of_other_photos_are_refused_and_score_nothing(
    tmp_path: Path, tiny_data: Path, entries: list[dict[str, Any]]
) -> None:
    others = [entry | {"image_id": entry["image_id"] + 10**6} for entry in without_ids(entries)]
    with pytest.raises(Refused, match=f"none of its {len(others)} entries"):
        scored(tmp_path / "p.json", others, tiny_data)


def test_own_sigmas_change_the_similarity_and_the_evaluations_identity(
    tmp_path: Path, tiny_data: Path, entries: list[dict[str, Any]]
) -> None:
    (tmp_path / "wide.json").write_text(json.dumps(dict.fromkeys(COCO_PERSON.names, 5.0)))
    plain = scored(tmp_path / "p.json", entries, tiny_data, tmp_path / "one")
    wide = scored(tmp_path / "p.json", entries, tiny_data, tmp_path / "two", sigmas=tmp_path / "wide.json")
    oks = [numbers_of(one)["metrics"]["oks/person"] for one in (plain, wide)]
    assert oks[0] < oks[1]
    assert oks[1] > 0.99
    assert plain.artifact is not None
    assert wide.artifact is not None
    assert plain.artifact.id != wide.artifact.id
    assert "sigmas" not in plain.artifact.manifest.config


@pytest.mark.parametrize(
    "content",
    ["", "5", "[1, 2]", "[1, 0]", "[1, NaN]", "[1, true]", '{"a": 1}', '{"a": 1, "c": 1}', '{"a": 1, "b": "1"}']
    + ['{"a": 1, "b": -1}', "[" * 50_000, "[1, 1e9]", '["1", "2"]', "[1, null]"],
)
def test_sigmas_that_are_not_a_positive_number_each_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "s.json").write_text(content)
    if content == "[1, 2]":
        assert read_sigmas(tmp_path / "s.json", ("a", "b")).tolist() == [1, 2]
        return
    with pytest.raises(Refused):
        read_sigmas(tmp_path / "s.json", ("a", "b"))


@pytest.mark.parametrize("sigma", ["1e9", "1e-9"])
def test_a_sigma_out_of_range_is_told_the_range(tmp_path: Path, sigma: str) -> None:
    (tmp_path / "s.json").write_text(f"[1, {sigma}]")
    with pytest.raises(Refused, match="between 1e-06 and 1e\\+06"):
        read_sigmas(tmp_path / "s.json", ("a", "b"))


def test_sigmas_by_name_come_in_the_order_of_the_joints(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"b": 2, "a": 1.5}')
    assert read_sigmas(tmp_path / "s.json", ("a", "b")).tolist() == [1.5, 2]
    with pytest.raises(Refused):
        read_sigmas(tmp_path / "none.json", ("a", "b"))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_name_of_a_sigma_may_be_written_either_way(tmp_path: Path, form: Any) -> None:
    named = {unicodedata.normalize(form, name): sigma for name, sigma in (("ä", 1.5), ("é", 2))}
    (tmp_path / "s.json").write_text(json.dumps(named))
    for other in ("NFC", "NFD"):
        assert read_sigmas(tmp_path / "s.json", unicodedata.normalize(other, "é ä").split()).tolist() == [2, 1.5]


def test_cocos_official_numbers_count_false_alarms(
    tmp_path: Path, tiny_data: Path, drawn: dict[Any, Any], entries: list[dict[str, Any]]
) -> None:
    truth = drawn["test"].annotations
    content = json.loads(truth.read_text())
    perfect = [
        {"image_id": one["image_id"], "keypoints": one["keypoints"], "score": 0.5}
        for one in content["annotations"]
        if one["num_keypoints"]
    ]
    far = [[n + 60.0 if place % 3 < 2 else n for place, n in enumerate(one["keypoints"])] for one in perfect]
    alarms = [one | {"score": 0.9, "keypoints": moved} for one, moved in zip(perfect, far, strict=True)]
    row = scored(tmp_path / "a.json", perfect, tiny_data, official=truth).report.models[0]
    assert ap_of(row) == pytest.approx(1.0)
    doubled = scored(tmp_path / "b.json", [*perfect, *alarms], tiny_data, official=truth).report.models[0]
    assert ap_of(doubled) < 1
    assert doubled.pck == row.pck
    named = scored(tmp_path / "c.json", entries, tiny_data, tmp_path / "evaluation", official=truth)
    assert "COCO's official numbers" in (tmp_path / "evaluation" / "tables.md").read_text()
    assert 0 <= ap_of(named.report.models[0]) < 1
    read = EVALUATION.read(tmp_path / "evaluation" / "report.json")
    assert read == dataclasses.replace(named.report, data=read.data)


def ap_of(row: Row) -> float:
    assert row.official is not None
    value = row.official["AP"]
    assert value is not None
    return value
