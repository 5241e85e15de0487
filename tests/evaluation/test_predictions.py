"""Predictions in a file: what is written comes back, and what is broken is named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.crops import Crops, PeopleTable
from shgae.artifacts.store import open_artifact
from shgae.artifacts.strict_json import JsonFault
from shgae.artifacts.tables import write_json
from shgae.data import geometry
from shgae.errors import Refused
from shgae.evaluation.matching import score_of, with_photo_ids
from shgae.evaluation.predictions import Predictions, cells_of, coco_results, from_cells, photo_points, read_predictions

JOINTS = 17


def drawn_people(seed: int, n: int) -> PeopleTable:
    """People whose squares are of any size, down to a single photo pixel, and anywhere in huge photos."""
    numbers = np.random.default_rng(seed)
    square = np.column_stack([numbers.uniform(-9000, 9000, (n, 2)), np.exp(numbers.uniform(0, 9, n))])
    ids = np.arange(n)
    joints = np.zeros((n, JOINTS, 2), np.float32), np.full((n, JOINTS), 2, np.uint8)
    return PeopleTable(
        *joints, ids, ids, square, np.ones((n, 4)), np.ones((n, 2), np.int64), np.zeros((n, 4), np.int64)
    )


@given(st.integers(0, 10_000), st.sampled_from([128, 256]))
def test_every_cell_comes_back_from_the_decimals_of_a_file(seed: int, crop_size: int) -> None:
    people = drawn_people(seed, 12)
    cells = np.random.default_rng(seed).integers(0, crop_size // 4, (12, JOINTS, 2))
    xy_photo = photo_points(4.0 * cells + 0.5, people, crop_size).round(4)
    np.testing.assert_array_equal(cells_of(xy_photo, people, crop_size), cells)


@given(st.integers(0, 10_000))
def test_points_of_many_people_go_to_their_photos_as_one_by_one(seed: int) -> None:
    people = drawn_people(seed, 5)
    xy_crop = np.random.default_rng(seed).uniform(0, 256, (5, JOINTS, 2))
    for found, xy, square in zip(photo_points(xy_crop, people, 256), xy_crop, people.square, strict=True):
        np.testing.assert_allclose(found, geometry.to_photo(xy, geometry.Square(*square), 256), rtol=1e-12)


def test_a_point_outside_the_crop_is_no_point_at_its_border() -> None:
    people = drawn_people(0, 1)
    outside = np.tile([[-30.0, 10.0], [300.0, 10.0]], (1, 9, 1))[:, :JOINTS]
    cells = cells_of(photo_points(outside, people, 256), people, 256)
    assert cells[0, :2].tolist() == [[-8, 2], [75, 2]]


@pytest.fixture
def entries(crops: Crops) -> list[dict[str, Any]]:
    """Sound predictions, as they are written."""
    return list(coco_results(some(crops), crops, category_id=1))


def some(crops: Crops) -> Predictions:
    numbers = np.random.default_rng(0)
    cells = numbers.integers(0, 32, (len(crops), JOINTS, 2))
    return from_cells("x", cells, numbers.random(cells.shape[:2]).astype(np.float32), crops)


def read(path: Path, entries: Any, crops: Crops, whole: PeopleTable | None = None) -> Predictions:
    path.write_text(json.dumps(entries))
    crops.whole = whole or crops.people
    return read_predictions(path, "x", crops).predictions


def test_what_is_written_comes_back_whatever_the_order(tmp_path: Path, crops: Crops) -> None:
    wanted = some(crops)
    write_json(tmp_path / "p.json", list(coco_results(wanted, crops, 1))[::-1])
    found = read_predictions(tmp_path / "p.json", "x", crops).predictions
    np.testing.assert_array_equal(found.cells, wanted.cells)
    np.testing.assert_array_equal(found.xy_photo, wanted.xy_photo)
    np.testing.assert_array_equal(found.score, wanted.score)


def test_the_photo_tells_whose_it_is_where_one_person_of_the_split_is_in_it(
    tmp_path: Path, crops: Crops, entries: list[dict[str, Any]]
) -> None:
    photos = crops.people.photo_id.copy()
    photos[:3] = 1001, 1002, 1003
    crops.people = dataclasses.replace(crops.people, photo_id=photos)
    for entry, photo in zip(entries[:3], photos, strict=False):
        entry["image_id"] = int(photo)
        del entry["annotation_id"]
    np.testing.assert_array_equal(read(tmp_path / "p.json", entries, crops).cells, some(crops).cells)
    del entries[-1]["annotation_id"]
    with pytest.raises(Refused, match=rf"entry {len(entries) - 1} is of photo {photos[-1]}, which has \d people"):
        read(tmp_path / "p.json", entries, crops)


@pytest.mark.parametrize("write", [str, "{:012d}.jpg".format, "photos\\{:012d}.png".format])
def test_a_photo_may_be_named_by_its_number_as_a_text(
    tmp_path: Path, crops: Crops, entries: list[dict[str, Any]], write: Callable[[int], str]
) -> None:
    named = [entry | {"image_id": write(entry["image_id"])} for entry in entries]
    np.testing.assert_array_equal(read(tmp_path / "p.json", named, crops).cells, some(crops).cells)


def test_a_photo_may_be_named_by_its_path_or_its_file_name() -> None:
    names = {7: "a/U\u0308ber.jpg", 9: "b/8.jpg", 8: "a/x.jpg", 5: "b/x.jpg"}
    wanted = {"a/\u00dcber.jpg": 7, "U\u0308ber.jpg": 7, "b\\8.jpg": 9, "8.jpg": 9, "b/x.jpg": 5, "else.jpg": None}
    wanted |= {"/all/b/x.jpg": 5, "\u00dcber": 7, "b/x": 5, "08": None}
    entries: list[dict[str, Any]] = [{"image_id": said} for said in wanted]
    found = with_photo_ids([*entries, {"image_id": 3}, {}], lambda: names)
    assert [entry.get("image_id") for entry in found] == [*wanted.values(), 3, None]
    for several in ("x.jpg", "x"):
        with pytest.raises(JsonFault, match=f"'{several}' may be 2 of the split"):
            with_photo_ids([{"image_id": several}], lambda: names)
    with pytest.raises(JsonFault, match="photo 'a'") as fault:
        with_photo_ids([{"image_id": "a"}, {"image_id": "b"}], lambda: names)
    assert "--split" in str(fault.value.fix)


OTHERWISE = {1: "6.png", 2: "5.png", 5: "2.png", 6: "1.png"}
"""Photos that are called by the ids of others."""


@pytest.mark.parametrize("name", ["{}.jpg", "photos/{}.PNG", "\\all\\{}.tif"])
@pytest.mark.parametrize("key", ["image_id", "file_name"])
def test_a_name_with_any_suffix_is_no_other_photos_id(key: str, name: str) -> None:
    entries = [{key: name.format(number)} for number in (6, 5, 2, 1, 3)]
    found = with_photo_ids(entries, lambda: OTHERWISE)
    assert [entry["image_id"] for entry in found] == [1, 2, 5, 6, None]


def test_a_number_that_is_one_photos_name_and_anothers_id_is_refused_but_in_a_file_name() -> None:
    with pytest.raises(JsonFault, match="'6' may be"):
        with_photo_ids([{"image_id": "6"}], lambda: OTHERWISE)
    with pytest.raises(JsonFault, match="'2' may be"):
        with_photo_ids([{"image_id": "7"}, {"image_id": "2"}], lambda: {1: "7.png", 2: "3.png"})
    for entry in ({"file_name": "6"}, {"file_name": "6", "image_id": 1}, {"file_name": "6", "image_id": 6}):
        assert with_photo_ids([entry], lambda: OTHERWISE)[0]["image_id"] == 1
    assert with_photo_ids([{"image_id": 6}, {"image_id": "1.png"}], lambda: OTHERWISE)[0]["image_id"] == 6


def test_a_number_as_a_text_is_the_id_of_one_of_the_photos_that_it_names() -> None:
    names = {7: "a/7.png", 8: "b/7.png"}
    assert with_photo_ids([{"image_id": "7"}], lambda: names)[0]["image_id"] == 7
    with pytest.raises(JsonFault, match=r"'7\.png' may be 2 of the split"):
        with_photo_ids([{"image_id": "7.png"}], lambda: names)


def test_a_file_name_is_an_id_only_where_the_entry_has_no_other() -> None:
    names = {2: "a.jpg", 7: "b.jpg"}
    for entry in ({"file_name": "007.jpg"}, {"file_name": "7.jpg", "image_id": 7}, {"file_name": "7", "image_id": 1}):
        assert with_photo_ids([entry], lambda: names)[0]["image_id"] == 7
    with pytest.raises(JsonFault, match=r"'7\.jpg' has image_id 2"):
        with_photo_ids([{"file_name": "7.jpg", "image_id": 2}], lambda: names)


def test_a_file_name_tells_the_photo_where_ids_are_another_tools() -> None:
    names = {7: "a/0002.jpg", 2: "a/0007.jpg", 3: "b/0007.jpg"}
    entries: list[dict[str, Any]] = [
        {"image_id": 2, "file_name": "0002.jpg"},
        {"image_id": "0002", "file_name": "0002.jpg"},
        {"file_name": "a\\0002.jpg"},
        {"image_id": 3, "file_name": "0007.jpg"},
        {"image_id": 7, "file_name": "b/0007.jpg"},
        {"image_id": 2, "file_name": "elsewhere.jpg"},
        {"image_id": 2, "file_name": "0002.jpg", "annotation_id": 5},
    ]
    found = with_photo_ids(entries, lambda: names)
    assert [entry["image_id"] for entry in found] == [7, 7, 7, 3, 3, None, 2]
    assert found[5]["file_name"] == "elsewhere.jpg"
    with pytest.raises(JsonFault, match="'0007.jpg' may be 2 of the split"):
        with_photo_ids([entries[0], {"image_id": 7, "file_name": "0007.jpg"}], lambda: names)


def test_file_names_that_are_all_of_other_photos_leave_the_ids_alone() -> None:
    entries: list[dict[str, Any]] = [{"image_id": 2, "file_name": "frame.png"}, {"image_id": 5, "file_name": None}]
    assert with_photo_ids(entries, lambda: {2: "a.jpg"}) == entries
    with pytest.raises(JsonFault, match="photo 'frame.png'"):
        with_photo_ids([{"file_name": "frame.png"}], lambda: {2: "a.jpg"})


def test_people_beyond_the_limit_are_no_reason_to_take_a_photo_for_one_persons(
    tmp_path: Path, tiny_data: Path, entries: list[dict[str, Any]]
) -> None:
    data = open_artifact(tiny_data, "data")
    whole = Crops(data, "test").people
    shared = next(i for i in range(len(whole) - 1) if whole.photo_id[i] == whole.photo_id[i + 1])
    few = Crops(data, "test", shared + 1)
    assert len(read(tmp_path / "p.json", entries, few, whole).cells) == shared + 1
    del entries[shared]["annotation_id"]
    with pytest.raises(Refused, match="only annotation_id tells which"):
        read(tmp_path / "p.json", entries, few, whole)


def test_a_missing_score_is_the_mean_of_the_joints_third_numbers(
    tmp_path: Path, crops: Crops, entries: list[dict[str, Any]]
) -> None:
    for entry in entries:
        del entry["score"]
    found = read(tmp_path / "p.json", entries, crops)
    assert found.score.tolist() == [score_of(entry) for entry in entries]


def test_a_missing_score_among_others_is_told(tmp_path: Path, crops: Crops, entries: list[dict[str, Any]]) -> None:
    def notes() -> list[str]:
        write_json(tmp_path / "p.json", entries)
        return [*read_predictions(tmp_path / "p.json", "x", crops).notes()]

    assert notes() == []
    entries[0]["score"] = None
    assert ["have no score" in note for note in notes()] == [True]
    for entry in entries:
        del entry["score"]
    assert notes() == []


def test_a_score_is_kept_as_it_is_however_large(tmp_path: Path, crops: Crops, entries: list[dict[str, Any]]) -> None:
    scores = [1e39, -1e39, 2.0**40 + 1, 1e300, 1e-300]
    for entry, score in zip(entries, scores, strict=False):
        entry["score"] = score
    assert read(tmp_path / "p.json", entries, crops).score[: len(scores)].tolist() == scores


def test_entries_of_nobody_in_the_split_are_counted(
    tmp_path: Path, crops: Crops, entries: list[dict[str, Any]]
) -> None:
    stranger = entries[0] | {"annotation_id": 10**9}
    (tmp_path / "p.json").write_text(json.dumps([stranger, *entries]))
    assert read_predictions(tmp_path / "p.json", "x", crops).strangers == 1


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_key_that_holds_nothing_is_as_good_as_none(
    tmp_path: Path, crops: Crops, entries: list[dict[str, Any]], nothing: Any
) -> None:
    absent = [one | {"file_name": nothing, "category_id": nothing, "found": nothing} for one in entries]
    told, plain = (read(tmp_path / "p.json", content, crops) for content in (absent, entries))
    np.testing.assert_array_equal(told.cells, plain.cells)


Damage = Callable[[list[dict[str, Any]]], Any]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "a dataset": (lambda e: {"annotations": e}, "not a list of predictions"),
    "a number": (lambda _: 3, "not a list of predictions. Try: a list of {annotation_id or image_id, "),
    "an entry that is a text": (lambda e: [*e, "x"], r"entry \d+ is not an object"),
    "nobody named": (lambda e: [{"keypoints": e[0]["keypoints"]}], "entry 0 has neither annotation_id nor image_id"),
    "an id that is a text": (lambda e: [e[0] | {"annotation_id": "1"}], "no whole number as its annotation_id"),
    "an id that is true": (lambda e: [e[0] | {"image_id": True}], "no whole number as its image_id"),
    "sixteen joints": (lambda e: [e[0] | {"keypoints": [1.0] * 48}], "48 numbers as its keypoints, 17 joints need 51"),
    "no joints": (lambda _: [{"annotation_id": 1}], "no list of numbers as its keypoints"),
    "joints in lists": (lambda e: [e[0] | {"keypoints": [[1, 2, 1]] * 17}], "no list of numbers as its .* in one list"),
    "fractions": (lambda e: [one | {"keypoints": [0.5, 0, 0.9] * 17} for one in e], "joints lie within 3 pixels"),
    "a file name that is a number": (lambda e: [e[0] | {"file_name": 5}], "entry 0 has no text as its file_name"),
    "NaN": (lambda e: [e[0] | {"keypoints": [float("nan")] * 51}], "entry 0 has keypoints that are not finite numbers"),
    "infinity": (lambda e: [e[0] | {"keypoints": [float("inf")] * 51}], "not finite"),
    "a point beyond any photo": (
        lambda e: [e[0] | {"keypoints": [1e39, *e[0]["keypoints"][1:]]}],
        "entry 0 has keypoints beyond 2,147,483,648",
    ),
    "a text among joints": (lambda e: [e[0] | {"keypoints": ["1"] * 51}], "not finite"),
    "a score that is NaN": (lambda e: [e[0] | {"score": float("nan")}], "a score that is not a finite number"),
    "a person twice": (lambda e: [*e, e[2]], r"annotation \d+ is predicted 2 times. Try: one entry a person"),
    "a person missing": (lambda e: e[1:], r"nothing about annotation \d+, of \d+ people"),
    "all but one missing": (lambda e: e[:1], r"nothing about annotation \d+ \(and \d+ more\).* --split for another"),
    "nobody": (lambda _: [], "it holds no prediction. Try: a lower detection threshold"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_broken_is_refused_and_named(
    name: str, tmp_path: Path, crops: Crops, entries: list[dict[str, Any]]
) -> None:
    damage, message = DAMAGES[name]
    with pytest.raises(Refused, match=message):
        read(tmp_path / "p.json", damage(entries), crops)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[", "no valid JSON"),
        (b"", "no valid JSON"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "thousands of digits"),
        (b'[{"annotation_id": 1, "annotation_id": 2}]', "'annotation_id' stands twice"),
    ],
)
def test_what_is_no_json_is_refused(tmp_path: Path, crops: Crops, data: bytes, message: str) -> None:
    (tmp_path / "p.json").write_bytes(data)
    with pytest.raises(Refused, match=message):
        read_predictions(tmp_path / "p.json", "x", crops)


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["annotation_id", "image_id", "keypoints", "score"]), inner, max_size=3)
        ),
    )
)
def test_any_json_is_read_or_refused(data: Any, tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> None:
    crops = Crops(open_artifact(tiny_data, "data", verify=False), "test")
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps([data]))
    with pytest.raises(Refused):
        read_predictions(path, "x", crops)
