"""COCO JSON as other programs write it: what they leave out, how they count, and how Windows and Macs write text."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shgae.data.coco import read_coco
from shgae.errors import Refused
from tests.builders.coco_documents import NAMES, Document, document, everybody, read, with_value, without
from tests.builders.photo_models import exif_of


def refusal(folder: Path, content: Document) -> str:
    with pytest.raises(Refused) as caught:
        read(folder, content)
    assert len(caught.value.line().replace(str(folder), "")) < 250
    return caught.value.line()


@pytest.mark.parametrize(
    "nothing",
    [None, [], [0] * 9, [None] * 9, [float("nan")] * 9, [float("nan"), float("nan"), 0] * 3, float("nan"), ...],
)
def test_absent_empty_or_null_joints_are_not_labelled(tmp_path: Path, nothing: Any):
    content = (
        without("annotations", 0, "keypoints") if nothing is ... else with_value(nothing, "annotations", 0, "keypoints")
    )
    people = everybody(read(tmp_path, content))
    assert [(person.fault, person.is_labelled) for person in people] == [(None, True), (None, False), (None, False)] + [
        (None, False)
    ]
    assert np.isfinite(people[3].xy_photo).all()


@pytest.mark.parametrize("place", ["area", "iscrowd", "segmentation", "score", "center", "head_size", "my_own"])
@pytest.mark.parametrize("value", [float("nan"), [float("nan"), 1.0]])
def test_nan_is_null_where_it_is_read_and_nothing_where_it_is_not(tmp_path: Path, place: str, value: Any):
    value = float("nan") if place == "iscrowd" else value
    there = everybody(read(tmp_path, with_value(None, "annotations", 0, place)))
    found = everybody(read(tmp_path, with_value(value, "annotations", 0, place)))
    assert [(one.fault, one.iscrowd, dict(one.measures)) for one in found] == [
        (one.fault, one.iscrowd, dict(one.measures)) for one in there
    ]


def test_a_size_that_is_nan_is_the_photos(tmp_path: Path):
    Image.new("RGB", (50, 40)).save(tmp_path / "a.jpg")
    content = with_value(float("nan"), "images", 0, "width")
    assert next(photo.size for photo, _ in read(tmp_path, content) if photo.id == 5) == (50, 40)


@pytest.mark.parametrize(("key", "where"), [("keypoints", 2), ("keypoints", 0), ("bbox", 2)])
def test_true_is_no_number(tmp_path: Path, key: str, where: int):
    people = everybody(read(tmp_path, with_value(True, "annotations", 0, key, where)))
    assert people[-1].fault in ("keypoints that are not a list of numbers", "bbox that is not four numbers")


@pytest.mark.parametrize("side", [[1, 1, 9, 0], [10, 10, -9, -9]])
def test_who_has_no_box_gets_the_one_around_the_joints(tmp_path: Path, side: list[int]):
    content = document()
    content["annotations"][0].pop("bbox")
    content["annotations"][0]["keypoints"] = [2, 3, 2, 22, 5, 1, 900, 900, 0]
    content["annotations"][1]["bbox"] = side
    first, *_, last = everybody(read(tmp_path, content))
    assert (first.has_box, last.has_box) == (False, False)
    assert last.box.tolist() == [2, 0, 20, 8], "as wide as the joints lie apart, and at least 8 pixels high"
    assert first.box.tolist() == [0.625, 0.5, 8, 8]


def test_of_several_categories_one_is_chosen_by_its_name(tmp_path: Path):
    content = document()
    content["categories"][0]["name"] = "Käfer"
    content["categories"].append({"id": 1, "name": "dog", "keypoints": ["tail"]})
    assert "Käfer (4 annotations), dog (0 annotations)" in refusal(tmp_path, content)
    for name in ("Käfer", unicodedata.normalize("NFD", "käfer")):
        assert read_coco(tmp_path / "people.json", tmp_path, name).skeleton.names == tuple(NAMES)
    with pytest.raises(Refused, match="no people"):
        read_coco(tmp_path / "people.json", tmp_path, "dog")
    with pytest.raises(Refused, match="kite"):
        read_coco(tmp_path / "people.json", tmp_path, "kite")


def test_people_of_a_category_without_keypoints_are_told_by_their_category(tmp_path: Path):
    content = document()
    for person in content["annotations"]:
        person["category_id"] = 9
    assert "category_id is 7, most annotations have 9" in refusal(tmp_path, content)


def test_people_of_another_category_with_keypoints_are_told_by_its_name(tmp_path: Path):
    content = document()
    content["categories"][0]["name"] = "person"
    content["categories"].append({"id": 8, "name": "my dog", "keypoints": ["tail"]})
    for person in content["annotations"]:
        person["category_id"] = 8
    assert "most annotations have 8 (4 of 4). Try: --category 'my dog'" in refusal(tmp_path, content)


@pytest.mark.parametrize("name", ["annotations", "categories"])
def test_ids_that_are_texts_are_told_as_such(tmp_path: Path, name: str):
    content = document()
    for entry in content[name]:
        entry["id"] = str(entry["id"])
    assert f"{name}[0] has a text as its id" in refusal(tmp_path, content)


@pytest.mark.parametrize("joints", [["tail"], []])
def test_two_categories_of_one_id_are_refused_with_joints_or_without(tmp_path: Path, joints: list[str]):
    content = document()
    content["categories"] += [{"id": 7, "name": "dog", "keypoints": joints}]
    assert "category id 7 is given twice" in refusal(tmp_path, content)


@pytest.mark.parametrize("number", ["8", None, 2.5])
def test_the_id_of_a_category_without_joints_may_be_anything(tmp_path: Path, number: Any):
    content = document()
    content["categories"] += [{"id": number, "name": "car"}] * 2
    assert len(everybody(read(tmp_path, content))) == 4


@pytest.mark.parametrize(
    ("photo", "told"),
    [
        ("5", "a text as its id"),
        (5.5, "no whole number as its id"),
        (2**63, "a number beyond 64 bits as its id"),
    ],
)
def test_photos_with_ids_that_are_no_whole_numbers_are_told_where_people_look_for_them(
    tmp_path: Path, photo: Any, told: str
):
    strays = read(tmp_path, with_value(photo, "images", 0, "id")).strays.values()
    (said,) = {stray.said for stray in strays}
    assert said == f"image_id 5; images[0] has {told}"


def test_ids_of_photos_that_are_texts_are_told_as_such(tmp_path: Path):
    content = document()
    for entry in content["annotations"]:
        entry["image_id"] = str(entry["image_id"])
    said = {stray.said for stray in read(tmp_path, content).strays.values()}
    assert said == {f"image_id '{photo}', a text: wanted is a whole number" for photo in (5, 3)}
    content["images"][0]["id"] = None
    assert said == {stray.said for stray in read(tmp_path, content).strays.values()}, "no photo could be theirs"


@pytest.mark.parametrize(("said", "shown"), [("7", "a text"), (None, "none"), (0, "0"), (True, "true"), ([7], "[7]")])
def test_a_category_id_that_is_nobodys_is_shown_with_how_many_have_it(tmp_path: Path, said: Any, shown: str):
    content = document()
    for annotation in content["annotations"]:
        annotation["category_id"] = said
    content["annotations"][0]["category_id"] = 9
    line = refusal(tmp_path, content)
    assert f"their category_id is 7, most annotations have {shown} (3 of 4). Try: category_id 7" in line


def test_whole_numbers_may_be_written_with_a_point(tmp_path: Path):
    floats = json.loads(json.dumps(document()), parse_int=float)
    floats["categories"][0]["skeleton"] = []
    people = read(tmp_path, floats)
    assert [(photo.id, photo.size, ids) for photo, ids in people] == [(5, (64, 48), [12, 11, 13]), (3, (32, 32), [10])]
    assert all(type(number) is int for photo, ids in people for number in (photo.id, *(photo.size or ()), *ids))


def test_sizes_that_the_json_lacks_are_the_photos(tmp_path: Path):
    content = document()
    for image in content["images"]:
        image["width"] = None
    Image.new("RGB", (50, 40)).save(tmp_path / "a.jpg")
    (tmp_path / "sub").mkdir()
    Image.new("RGB", (50, 40)).save(tmp_path / "sub" / "b.jpg", exif=exif_of(6))
    assert [photo.size for photo, _ in read(tmp_path, content)] == [(50, 40), (50, 40)]
    upright = read_coco(tmp_path / "people.json", tmp_path, exif="apply")
    assert [photo.size for photo, _ in upright] == [(50, 40), (40, 50)]
    (tmp_path / "a.jpg").unlink()
    assert [photo.size for photo, _ in read(tmp_path, content)] == [None, (50, 40)]


ENCODINGS = {
    "plain": lambda text: text.encode(),
    "byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "lines as on Windows": lambda text: text.replace(", ", ",\r\n").encode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("slash", ["/", "\\"])
def test_names_are_read_as_windows_and_macs_write_them(
    tmp_path: Path, encoding: str, form: str, on_disk: str, slash: str
):
    content = document()
    content["images"][1]["file_name"] = unicodedata.normalize(form, f"Übung{slash}café.jpg")
    folder = tmp_path / unicodedata.normalize(on_disk, "Übung")
    folder.mkdir()
    (folder / unicodedata.normalize(on_disk, "café.jpg")).touch()
    people = read(tmp_path, ENCODINGS[encoding](json.dumps(content, ensure_ascii=encoding == "plain")))
    photo = next(photo for photo, _ in people if photo.id == 3)
    assert people.photo_path(photo).samefile(folder / unicodedata.normalize(on_disk, "café.jpg"))


def test_utf_16_is_refused_by_its_name(tmp_path: Path):
    (tmp_path / "people.json").write_bytes(json.dumps(document()).encode("utf-16"))
    with pytest.raises(Refused, match="UTF-16, not UTF-8"):
        read_coco(tmp_path / "people.json", tmp_path)


def test_a_file_whose_name_has_a_backslash_is_the_one_that_is_meant(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    for name in ("sub/b.jpg", "sub\\b.jpg"):
        (tmp_path / name).touch()
    people = read(tmp_path, with_value("sub\\b.jpg", "images", 1, "file_name"))
    assert people.photo_path(next(photo for photo, _ in people if photo.id == 3)).name == "sub\\b.jpg"
