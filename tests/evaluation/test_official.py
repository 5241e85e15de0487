"""COCO's ten numbers are pycocotools' own, on photos of many people, crowds, people without joints, and ties."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from shgae.errors import Refused
from shgae.evaluation.official import NAMES, official_scores, read_truth
from shgae.skeleton import COCO_PERSON


def drawn(seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Photos of 3 to 8 people, some a crowd and some without joints; predictions near them, and false alarms."""
    numbers = np.random.default_rng(seed)
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for photo in range(1, 4):
        for _ in range(numbers.integers(3, 9)):
            xy = numbers.integers(0, 200, (17, 2))
            v = numbers.integers(0, 3, 17) * int(numbers.random() < 0.8)
            crowd = int(numbers.random() < 0.15)
            box = [int(one) for one in (*numbers.integers(0, 100, 2), *numbers.integers(20, 120, 2))]
            joints = np.column_stack([xy * (v > 0)[:, None], v]).ravel().tolist()
            annotations.append(
                {"id": len(annotations) + 1, "image_id": photo, "category_id": 1, "iscrowd": crowd, "bbox": box}
                | {"area": box[2] * box[3] * 0.6, "keypoints": joints, "num_keypoints": int((v > 0).sum())}
            )
            for _ in range(numbers.integers(0, 3)):
                near = xy + numbers.integers(-9, 10, (17, 2))
                score = float(numbers.integers(0, 4)) / 4
                keypoints = np.column_stack([near, np.ones(17)]).ravel().tolist()
                results.append({"image_id": photo, "category_id": 1, "keypoints": keypoints, "score": score})
    images = [{"id": photo, "file_name": f"{photo}.jpg", "width": 300, "height": 300} for photo in range(1, 5)]
    category = {"id": 1, "name": "person", "keypoints": list(COCO_PERSON.names)}
    return {"images": images, "annotations": annotations, "categories": [category]}, results


def by_hand(folder: Path, truth: dict[str, Any], results: list[dict[str, Any]]) -> list[float]:
    for name, content in (("truth.json", truth), ("results.json", results)):
        (folder / name).write_text(json.dumps(content))
    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO(str(folder / "truth.json"))
        judge = COCOeval(index, index.loadRes(str(folder / "results.json")), "keypoints")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return [float(one) for one in judge.stats]


@settings(max_examples=25)
@given(st.integers(0, 100_000))
def test_they_are_pycocotools_numbers(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    truth, results = drawn(seed)
    folder = tmp_path_factory.mktemp("official")
    wanted = by_hand(folder, truth, results)
    read = read_truth(folder / "truth.json", COCO_PERSON.names)
    found = read.scores([{k: v for k, v in one.items() if k != "category_id"} for one in results], "x", None)
    assert [found[name] for name in NAMES] == [None if one < 0 else one for one in wanted]


def test_without_results_nobody_is_found() -> None:
    truth, results = drawn(0)
    with_some = official_scores(truth, results)
    assert official_scores(truth, []) == {name: None if with_some[name] is None else 0.0 for name in NAMES}


@pytest.mark.parametrize("without", ["annotations", "images"])
def test_without_anybody_to_find_there_is_no_score(without: str) -> None:
    truth, _ = drawn(0)
    truth = truth | {"annotations": [], without: []}
    assert official_scores(truth, []) == dict.fromkeys(NAMES)
    if truth["images"]:
        nobody = {"image_id": truth["images"][0]["id"], "category_id": 1, "keypoints": [5.0] * 51, "score": 0.5}
        assert official_scores(truth, [nobody]) == dict.fromkeys(NAMES)


def test_of_large_people_alone_there_is_no_score_of_medium_ones() -> None:
    truth, _ = drawn(0)
    large = [one | {"area": 200.0**2} for one in truth["annotations"]]
    found = official_scores(truth | {"annotations": large}, [])
    assert found["APm"] is found["ARm"] is None and found["AP"] == found["APl"] == 0.0


def test_a_result_that_says_it_is_none_is_left_out(tmp_path: Path) -> None:
    truth, results = drawn(1)
    (tmp_path / "t.json").write_text(json.dumps(truth))
    read = read_truth(tmp_path / "t.json", COCO_PERSON.names)
    none = results[0] | {"score": 9.0, "keypoints": [0.0] * 51, "found": False}
    assert read.scores([none, *results], "x", None) == read.scores(results, "x", None)


def test_other_sigmas_reach_it() -> None:
    truth, results = drawn(2)
    wide = official_scores(truth, results, np.full(17, 3.0))["AP"]
    own = official_scores(truth, results)["AP"]
    assert wide is not None
    assert own is not None
    assert wide > own


@pytest.mark.parametrize("key", ["area", "iscrowd", "bbox"])
def test_a_truth_that_lacks_what_coco_needs_is_refused(tmp_path: Path, key: str) -> None:
    truth, _ = drawn(3)
    del truth["annotations"][2][key]
    (tmp_path / "t.json").write_text(json.dumps(truth))
    with pytest.raises(Refused, match=key):
        read_truth(tmp_path / "t.json", COCO_PERSON.names)


def test_a_result_of_a_strange_photo_and_other_joints_are_refused(tmp_path: Path) -> None:
    truth, results = drawn(4)
    (tmp_path / "t.json").write_text(json.dumps(truth))
    with pytest.raises(Refused, match="photo 99"):
        read_truth(tmp_path / "t.json", COCO_PERSON.names).scores([results[0] | {"image_id": 99}], "x", None)
    with pytest.raises(Refused, match="joints"):
        read_truth(tmp_path / "t.json", ("a", "b"))
    with pytest.raises(Refused, match="without image_id"):
        read_truth(tmp_path / "t.json", COCO_PERSON.names).scores([results[0] | {"image_id": None}], "x", None)


def test_of_several_categories_with_joints_the_datas_own_is_scored(tmp_path: Path) -> None:
    truth, results = drawn(5)
    (tmp_path / "one.json").write_text(json.dumps(truth))
    [person] = truth["categories"]
    several = truth | {"categories": [person | {"name": "climber"}, person | {"id": 77, "name": "dancer"}]}
    (tmp_path / "two.json").write_text(json.dumps(several))
    with pytest.raises(Refused, match="one category"):
        read_truth(tmp_path / "two.json", COCO_PERSON.names)
    read = read_truth(tmp_path / "two.json", COCO_PERSON.names, "climber")
    alone = read_truth(tmp_path / "one.json", COCO_PERSON.names)
    assert read.scores(results, "x", None) == alone.scores(results, "x", None)


def truth_with(folder: Path, **changes: Any) -> Path:
    """A truth whose first labelled person is changed; ``...`` takes a key away."""
    truth, _ = drawn(0)
    person = next(one for one in truth["annotations"] if one["num_keypoints"] > 3)
    person.update(changes)
    for key in [key for key, value in changes.items() if value is ...]:
        del person[key]
    (folder / "changed.json").write_text(json.dumps(truth))
    return folder / "changed.json"


NAN = float("nan")
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a photo that is not listed": ({"image_id": 99}, "of a photo that is not listed"),
    "no area": ({"area": ...}, "has no area"),
    "an area of NaN": ({"area": NAN}, "has no area"),
    "an area beyond a square megametre": ({"area": 1e13}, "unusable area, wanted is a number from 0 to 1e\\+12"),
    "a negative area": ({"area": -1}, "unusable area"),
    "a box of two numbers": ({"bbox": [1, 2]}, "unusable bbox"),
    "a box of texts": ({"bbox": ["1", "2", "3", "4"]}, "unusable bbox"),
    "a box with NaN": ({"bbox": [1, NAN, 3, 4]}, "unusable bbox"),
    "a crowd by half": ({"iscrowd": 0.5}, "unusable iscrowd"),
    "joints of another skeleton": ({"keypoints": [1, 2, 2]}, "unusable keypoints"),
    "a joint that is a text": ({"keypoints": ["5", 1, 2] * 17}, "unusable keypoints"),
    "a joint that is NaN": ({"keypoints": [NAN, 1, 2] * 17}, "unusable keypoints"),
    "v = 3": ({"keypoints": [1, 1, 3] * 17}, "unusable keypoints"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_cocoeval_stumbles_over_or_scores_in_silence_is_refused(tmp_path: Path, fault: str) -> None:
    change, words = BROKEN[fault]
    with pytest.raises(Refused, match=words):
        read_truth(truth_with(tmp_path, **change), COCO_PERSON.names)


def numbers_of(
    truth: dict[str, Any], results: list[dict[str, Any]], folder: Path, **how: Any
) -> dict[str, float | None]:
    (folder / "t.json").write_text(json.dumps(truth))
    return read_truth(folder / "t.json", COCO_PERSON.names, **how).scores(results, "x", None)


def notes_of(folder: Path, **how: Any) -> tuple[str, ...]:
    """Of the truth that was scored last."""
    return read_truth(folder / "t.json", COCO_PERSON.names, **how).put_right


@pytest.mark.parametrize("said", [..., None, 0, 3, 3.0, "many"])
def test_joints_are_counted_whatever_the_truth_says_of_their_number(tmp_path: Path, said: Any) -> None:
    truth, results = drawn(6)
    wanted = numbers_of(truth, results, tmp_path)
    assert notes_of(tmp_path) == ()
    for one in truth["annotations"]:
        one["num_keypoints"] = said
        if said is ...:
            del one["num_keypoints"]
    assert numbers_of(truth, results, tmp_path) == wanted
    assert len(notes_of(tmp_path)) == (said not in (..., None))


def test_an_annotation_of_id_0_is_found_as_any_other(tmp_path: Path) -> None:
    truth, _ = drawn(6)
    results = [
        {"image_id": one["image_id"], "keypoints": one["keypoints"], "score": 0.5}
        for one in truth["annotations"]
        if one["num_keypoints"] and not one["iscrowd"]
    ]
    for one in truth["annotations"]:
        one["id"] -= 1
    assert numbers_of(truth, results, tmp_path)["AP"] == pytest.approx(1)
    assert ["another id" in note for note in notes_of(tmp_path)] == [True]


def test_an_area_of_0_is_that_of_the_box_as_in_the_data(tmp_path: Path) -> None:
    truth, results = drawn(6)
    boxes = [one | {"area": one["bbox"][2] * one["bbox"][3]} for one in truth["annotations"]]
    wanted = numbers_of(truth | {"annotations": boxes}, results, tmp_path)
    for one in truth["annotations"]:
        one["area"] = 0
    assert numbers_of(truth, results, tmp_path) == wanted
    assert [f"{len(boxes)} people is 0" in note for note in notes_of(tmp_path)] == [True]


def test_whole_numbers_may_have_a_decimal_point(tmp_path: Path) -> None:
    truth, results = drawn(6)
    wanted = numbers_of(truth, results, tmp_path)
    for one in (*truth["images"], *truth["annotations"], *truth["categories"]):
        one.update({key: float(value) for key, value in one.items() if type(value) is int})
    assert numbers_of(truth, results, tmp_path) == wanted
    assert notes_of(tmp_path) == ()


@pytest.mark.parametrize("change", [{"bbox": [9, 9]}, {"keypoints": [1, 1, 3] * 17}, {"bbox": "x"}, {"area": NAN}])
def test_who_was_dropped_as_broken_has_no_joints_and_strays_are_left_out(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    truth, results = drawn(6)
    broken = next(one for one in truth["annotations"] if one["num_keypoints"] > 3 and not one["iscrowd"])
    others = [one for one in results if one["image_id"] != broken["image_id"]]
    nobody = broken | {"keypoints": [0] * 51, "num_keypoints": 0}
    wanted = numbers_of(
        truth | {"annotations": [nobody if one is broken else one for one in truth["annotations"]]}, others, tmp_path
    )
    strays = [broken | {"id": 900, "image_id": 99}, broken | {"id": 901, "category_id": 5}]
    broken.update({"keypoints": [1, 1, 3] * 17} if "area" in change else {}, **change)
    truth["annotations"] += strays
    assert numbers_of(truth, others, tmp_path, drops_broken=True) == wanted
    assert notes_of(tmp_path, drops_broken=True) == ()


@pytest.mark.parametrize("nothing", [..., None, [], [NAN, NAN, 0] * 17, [None] * 51])
def test_who_has_no_joints_counts_as_one_whose_joints_are_zeros(tmp_path: Path, nothing: Any) -> None:
    _, results = drawn(0)
    zeros, other = (
        read_truth(truth_with(tmp_path, keypoints=given, num_keypoints=0, iscrowd=False), COCO_PERSON.names)
        for given in ([0] * 51, nothing)
    )
    assert other.scores(results, "x", None) == zeros.scores(results, "x", None)
