"""What is wrong with a COCO JSON is said in one line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shgae.data.coco import read_coco
from shgae.data.coco_json import NO_CATEGORY, NOT_LISTED
from shgae.errors import Refused
from tests.builders.coco_documents import (
    Document,
    change_nobody,
    document,
    everybody,
    line_of,
    read,
    with_value,
    without,
)

FAULTS: dict[str, tuple[Document | str | bytes, str]] = {
    "an empty file": ("", "no valid JSON"),
    "no JSON": ("people!", "no valid JSON"),
    "JSON cut short": (json.dumps(document())[:-40], "no valid JSON"),
    "something behind it": (json.dumps(document()) + "]", "no valid JSON"),
    "not UTF-8": (b'{"images": "\xff"}', "not UTF-8"),
    "a list": ("[1]", "not a JSON object"),
    "a number": ("17", "not a JSON object"),
    "nested too deeply": ("[" * 200_000, "nested too deeply"),
    "objects nested too deeply": ('{"a":' * 200_000, "nested too deeply"),
    "a number of 5,000 digits": ('{"id": 1' + "0" * 5000 + "}", "thousands of digits"),
    "a key twice": ('{"images": [], "images": []}', "'images' stands twice"),
    "a dropped key twice": ('{"info": {"a": 1, "a": 2}}', "'a' stands twice"),
    "no images": (without("images"), "'images'"),
    "no annotations": (without("annotations"), "'annotations'"),
    "no categories": (without("categories"), "'categories'"),
    "images that are an object": (with_value({}, "images"), "'images'"),
    "an annotation that is a number": (with_value(3, "annotations", 1), "'annotations'"),
    "no people": (with_value([], "annotations"), "no people"),
    "no names of joints": (
        without("categories", 0, "keypoints"),
        "no category has keypoints, the names of joints, though annotations have 3 joints. Try: the 3 names in",
    ),
    "boxes alone": (
        with_value([{"id": 7, "name": "person"}], "categories")
        | {"annotations": [{"id": 1, "image_id": 5, "category_id": 7, "bbox": [1, 2, 3, 4]}]},
        "no category has keypoints, the names of joints, and no annotation has joints. Try: person_keypoints_*.json",
    ),
    "two categories of one name": (
        with_value([{"id": i, "name": "person", "keypoints": ["a"]} for i in (1, 2)], "categories"),
        "2 categories with keypoints are called 'person'. Try: a name of its own for each",
    ),
    "two categories with keypoints": (
        with_value([{"id": i, "name": "dog", "keypoints": ["tail"]} for i in (1, 2)], "categories"),
        "not exactly one category",
    ),
    "joint names that are no list": (with_value("nose", "categories", 0, "keypoints"), "list of different names"),
    "joint names that are numbers": (with_value([1, 2, 3], "categories", 0, "keypoints"), "list of different names"),
    "a joint name twice": (with_value(["b", "a", "a"], "categories", 0, "keypoints"), "have 'a' twice"),
    "joint names that are an object": (
        with_value({"0": "a", "1": "b"}, "categories", 0, "keypoints"),
        "the category's keypoints are an object, and not a list of different names",
    ),
    "more joints than a network has maps": (
        with_value([f"joint {i}" for i in range(600)], "categories", 0, "keypoints"),
        "its category has 600 joints, networks have maps of 512 at most",
    ),
    "half a surrogate in a joint name": (
        with_value(["a", "b", "\ud800"], "categories", 0, "keypoints"),
        "list of different names",
    ),
    "a photo id twice": (with_value(5, "images", 1, "id"), "photo id 5 is given twice"),
    "an annotation id twice": (with_value(10, "annotations", 2, "id"), "annotation id 10 is given twice"),
    "an annotation id that is true": (with_value(True, "annotations", 2, "id"), "annotations[2]"),
    "an annotation without an id": (
        without("annotations", 2, "id"),
        "annotations[2] has no whole number as its id (null)",
    ),
    "an annotation id beyond 64 bits": (
        with_value(2**63, "annotations", 2, "id"),
        "annotations[2] has a number beyond 64 bits as its id (9223372036854775808)",
    ),
    "an id that is a fraction": (with_value(1.5, "annotations", 2, "id"), "annotations[2]"),
}

PERSON_FAULTS: dict[str, tuple[Callable[[Document], Any], str | None]] = {
    "nothing": (change_nobody, None),
    "a box of no width": (lambda a: a.update(bbox=[1, 2, 0, 4]), None),
    "a box of zeros": (lambda a: a.update(bbox=[0, 0, 0, 0]), None),
    "a box that is null": (lambda a: a.update(bbox=None), None),
    "a box that is NaN": (lambda a: a.update(bbox=float("nan")), None),
    "a box of nulls": (lambda a: a.update(bbox=[None] * 4), None),
    "an empty box": (lambda a: a.update(bbox=[]), None),
    "no box": (lambda a: a.pop("bbox"), None),
    "a box of three numbers": (lambda a: a.update(bbox=[1, 2, 3]), "bbox that is not four numbers"),
    "a box that is a text": (lambda a: a.update(bbox="all"), "bbox that is not four numbers"),
    "a box with a null": (lambda a: a.update(bbox=[1, 2, None, 4]), "box that is not finite"),
    "too few numbers": (lambda a: a.update(keypoints=[1, 1, 2]), "3 numbers as its keypoints, 3 joints need 9"),
    "joints of another number": (
        lambda a: a.update(keypoints=[1] * 12),
        "12 numbers as its keypoints, 3 joints need 9",
    ),
    "a joint that is a text": (lambda a: a.update(keypoints=["1"] * 9), "keypoints that are not a list of numbers"),
    "a joint of 400 digits": (lambda a: a.update(keypoints=[10**400] * 9), "keypoints that are not a list of numbers"),
    "nested joints": (lambda a: a.update(keypoints=[[1, 1, 2]] * 3), "keypoints that are not a list of numbers"),
    "joints that are an object": (
        lambda a: a.update(keypoints={"nose": 1}),
        "keypoints that are not a list of numbers",
    ),
    "NaN in nested joints": (
        lambda a: a.update(keypoints=[[float("nan")]]),
        "keypoints that are not a list of numbers",
    ),
    "iscrowd 2": (lambda a: a.update(iscrowd=2), "iscrowd other than 0 and 1"),
    "iscrowd null": (lambda a: a.update(iscrowd=None), None),
    "a label at null": (lambda a: a["keypoints"].__setitem__(0, None), "joint that is not finite"),
    "NaN where v = 0": (lambda a: a["keypoints"].__setitem__(slice(6, 8), [float("nan")] * 2), None),
    "null where v = 0": (lambda a: a["keypoints"].__setitem__(slice(6, 8), [None] * 2), None),
    "a joint of nulls": (lambda a: a["keypoints"].__setitem__(slice(6, 9), [None] * 3), None),
    "a joint of NaN": (lambda a: a["keypoints"].__setitem__(slice(6, 9), [float("nan")] * 3), None),
    "a negative box": (lambda a: a.update(bbox=[1, 2, 3, -4]), None),
    "a box from its lower right": (lambda a: a.update(bbox=[9, 9, -8, -7]), None),
    "zeros and a null for v": (lambda a: a["keypoints"].__setitem__(slice(6, 9), [0, 0, None]), None),
    "a place and a null for v": (
        lambda a: a["keypoints"].__setitem__(slice(6, 9), [1, 0, None]),
        "joint that is not finite",
    ),
    "a box with NaN": (lambda a: a.update(bbox=[1, 2, float("nan"), 4]), "box that is not finite"),
    "a box beyond floats": (lambda a: a.update(bbox=[1, 2, 1e308 * 10, 4]), "box that is not finite"),
    "a box beyond floats, of no height": (lambda a: a.update(bbox=[1, 2, 1e308 * 10, 0]), "box that is not finite"),
    "a joint that is NaN": (lambda a: a["keypoints"].__setitem__(0, float("nan")), "joint that is not finite"),
    "v = NaN": (lambda a: a["keypoints"].__setitem__(2, float("nan")), "joint that is not finite"),
    "v = 3": (lambda a: a["keypoints"].__setitem__(2, 3), "visibility other than 0, 1 and 2"),
    "v = -1": (lambda a: a["keypoints"].__setitem__(5, -1), "visibility other than 0, 1 and 2"),
    "v = 1.5": (lambda a: a["keypoints"].__setitem__(5, 1.5), "visibility other than 0, 1 and 2"),
    "a joint a light year away": (lambda a: a["keypoints"].__setitem__(0, 1e30), "joint or box far outside the photo"),
    "a box from far away": (lambda a: a.update(bbox=[-200, 2, 300, 4]), "joint or box far outside the photo"),
    "a joint a little outside": (lambda a: a["keypoints"].__setitem__(0, -5), None),
    "a number where there is no label": (lambda a: a["keypoints"].__setitem__(6, 1e30), None),
}


@pytest.mark.parametrize("name", FAULTS)
def test_refused_in_one_line(tmp_path: Path, name: str):
    content, words = FAULTS[name]
    assert words in line_of(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "annotation", "reason"),
    [
        (without("images", 1, "id"), 10, NOT_LISTED),
        (with_value("3", "images", 1, "id"), 10, NOT_LISTED),
        (with_value(2**63, "images", 1, "id"), 10, NOT_LISTED),
        (with_value(None, "annotations", 0, "image_id"), 10, NOT_LISTED),
        (with_value(8, "annotations", 0, "category_id"), 10, NO_CATEGORY),
        (with_value(None, "annotations", 0, "category_id"), 10, NO_CATEGORY),
        (with_value([7], "annotations", 0, "category_id"), 10, NO_CATEGORY),
        (without("annotations", 0, "category_id"), 10, NO_CATEGORY),
    ],
)
def test_who_has_no_photo_or_category_is_a_stray_and_the_others_are_read(
    tmp_path: Path, content: Document, annotation: int, reason: str
):
    people = read(tmp_path, content)
    assert {one: stray.reason for one, stray in people.strays.items()} == {annotation: reason}
    assert (len(people), len(everybody(people))) == (4, 3)


@pytest.mark.parametrize(
    "unread",
    [
        {"images": {"id": 99, "file_name": "z.jpg", "width": 0, "height": 0}},
        {"images": {"id": 99, "file_name": "../z.jpg"}},
        {"images": {"id": 99, "file_name": None}},
        {"images": {"id": 4, "file_name": "again.jpg"}},
        {"images": {"file_name": "z.jpg"}},
        {"annotations": {"category_id": 9}},
        {"annotations": {"category_id": 9, "id": "x", "image_id": [1], "bbox": "all"}},
        {"annotations": {"category_id": 9, "id": 10, "image_id": 77}},
        {"categories": {"name": "cat"}},
        {"categories": {"id": None, "name": 3}},
    ],
)
def test_what_nobody_reads_may_be_anything(tmp_path: Path, unread: dict[str, Any]):
    plain = document()
    whole = {key: [*plain[key], unread[key]] if key in unread else plain[key] for key in plain}
    people = read(tmp_path, whole)
    assert not people.strays
    assert list(people) == list(read(tmp_path, plain))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path):
    for path in (tmp_path / "missing.json", tmp_path, tmp_path / "file" / "below.json"):
        (tmp_path / "file").touch()
        with pytest.raises(Refused, match="no such file|is a folder"):
            read_coco(path, tmp_path)
    with pytest.raises(Refused, match="no such folder"):
        read_coco(tmp_path / "people.json", tmp_path / "missing")


OUTSIDE = (
    "/etc/passwd",
    "a/../../b.jpg",
    "../c.jpg",
    "..\\b.jpg",
    "a\\..\\..\\b.jpg",
    "C:\\b.jpg",
    "\\\\server\\b.jpg",
    "\\b.jpg",
)

NO_NAMES = (12, "", ".", "a\0.jpg", "\udc80.jpg", "x" * 300)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        *[
            ("height", value, "whole number of pixels as its height")
            for value in (64.5, "64", True, [64], 2**31, math.inf)
        ],
        *[("file_name", name, "leads out of the folder") for name in OUTSIDE],
        ("file_name", None, "photo in id 5: it has no file_name"),
        *[("file_name", name, "none that a photo can have") for name in NO_NAMES],
    ],
)
def test_what_is_wrong_with_one_photo_is_that_photos_fault(tmp_path: Path, key: str, value: object, why: str) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg")
    Image.new("RGB", (30, 20)).save(tmp_path.parent / "c.jpg")
    people = read(tmp_path, with_value(value, "images", 0, key))
    (bad, _), (sound, _) = people
    assert (bad.id, bad.size, sound.size) == (5, None, (32, 32))
    with pytest.raises(Refused, match=why) as caught:
        people.photo_path(bad)
    assert caught.value.where == bad.file_name


@pytest.mark.parametrize("side", [0, -4, -0.5, None])
def test_a_side_of_0_or_less_is_as_good_as_none(tmp_path: Path, side: object) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg")
    (photo, _), _ = people = read(tmp_path, with_value(side, "images", 0, "width"))
    assert photo.size == (30, 20) and people.photo_path(photo) == tmp_path / "a.jpg"


def test_a_photo_outside_the_folder_is_not_looked_at_for_its_size(tmp_path: Path) -> None:
    (photos := tmp_path / "photos").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg")
    (photos / "a.jpg").symlink_to(tmp_path / "a.jpg")
    content = without("images", 0, "width")
    (photo, _), _ = read(photos, content)
    assert photo.size is None
    (photos / "a.jpg").unlink()
    (tmp_path / "a.jpg").rename(photos / "a.jpg")
    (photo, _), _ = read(photos, content)
    assert photo.size == (30, 20)


@pytest.mark.parametrize("name", PERSON_FAULTS)
def test_what_is_wrong_with_one_person_is_that_persons_fault(tmp_path: Path, name: str):
    change, fault = PERSON_FAULTS[name]
    content = document()
    change(content["annotations"][0])
    people = everybody(read(tmp_path, content))
    assert [person.fault for person in people] == [None, None, None, fault]


def test_who_has_no_label_has_no_fault(tmp_path: Path):
    content = document()
    content["annotations"][2].update(bbox=[float("nan"), 0, 0, 0], keypoints=[float("inf"), 1, 0] * 3)
    assert [person.fault for person in everybody(read(tmp_path, content))] == [None] * 4
