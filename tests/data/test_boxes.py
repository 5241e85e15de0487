"""Boxes from JSON: both forms are read, and whatever is broken is refused by its place."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.data.boxes import CROWD, NO_AREA, NO_BOX, NOT_LISTED, OTHER_CATEGORY, Box, BoxFile, read_boxes
from shgae.errors import Refused

DATASET: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a.jpg", "width": 40, "height": 30},
        {"id": 9, "file_name": "sub/b.jpg"},
        {"id": 11, "file_name": "nobody.jpg", "width": 5, "height": 5},
    ],
    "annotations": [
        {"id": 70, "image_id": 7, "bbox": [1, 2.5, 3, 4], "category_id": 1, "segmentation": [[0, 0, 9, 9]]},
        {"id": 71, "image_id": 9, "bbox": [-5, 0, 30, 20], "category_id": 1, "iscrowd": 0},
        {"id": 72, "image_id": 9, "bbox": [0, 0, 0, 0], "category_id": 2},
        {"id": 73, "image_id": 7, "bbox": "rle", "category_id": 1, "iscrowd": 1},
        {"image_id": 7, "bbox": [5, 5, 6, 6]},
    ],
}
DETECTIONS: list[Any] = [
    {"image_id": 139, "bbox": [1, 2, 3, 4], "score": 0.9, "category_id": 1},
    {"image_id": 139, "bbox": [5, 6, 7, 8], "score": 0.5},
    {"image_id": 4, "bbox": [5, 6, 7, 8], "score": 0.5, "category_id": 18},
    {"image_id": 285, "bbox": [0.5, 0, 1, 1], "category_id": 1, "file_name": "x/y.png"},
]


def read(document: Any, category_id: int = 1) -> BoxFile:
    """The JSON in a file of its own; text is written as it is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "boxes.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return read_boxes(path, category_id)


def changed(document: Any, *place: Any, to: Any) -> Any:
    """A copy with another value at one place; ``...`` takes the key away."""
    made = copy.deepcopy(document)
    inside = made
    for key in place[:-1]:
        inside = inside[key]
    if to is ...:
        del inside[place[-1]]
    else:
        inside[place[-1]] = to
    return made


def test_a_dataset_gives_the_boxes_of_each_image() -> None:
    file = read(DATASET)
    a, b = file.images
    assert (a.image_id, a.file_name, a.size) == (7, "a.jpg", (40, 30))
    assert a.boxes == [Box((1, 2.5, 3, 4), None, 70), Box((5, 5, 6, 6))]
    assert (b.image_id, b.file_name, b.size) == (9, "sub/b.jpg", None)
    assert b.boxes == [Box((-5, 0, 30, 20), None, 71)]


def test_crowds_and_other_categories_are_counted_whatever_their_boxes_are() -> None:
    assert read(DATASET).skipped == {OTHER_CATEGORY: 1, CROWD: 1}
    sound = changed(DATASET, "annotations", 2, "bbox", to=[0, 0, 1, 1])
    assert read(sound, category_id=2).skipped == {OTHER_CATEGORY: 3}


def test_detections_are_gathered_by_image() -> None:
    file = read(DETECTIONS)
    by_number, by_name = file.images
    assert (by_number.image_id, by_number.file_name) == (139, None)
    assert by_number.boxes == [Box((1, 2, 3, 4), 0.9), Box((5, 6, 7, 8), 0.5)]
    assert (by_name.image_id, by_name.file_name) == (285, "x/y.png")
    assert by_name.boxes == [Box((0.5, 0, 1, 1))]
    assert file.skipped == {OTHER_CATEGORY: 1}


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(json.dumps(DETECTIONS, indent=3))
    assert read_boxes(path, 1).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


FAULTS: dict[str, tuple[Any, str]] = {
    "text": ("people", "no valid JSON"),
    "nothing": ("", "no valid JSON"),
    "half of it": (json.dumps(DATASET)[:200], "no valid JSON"),
    "a number": ("7", "neither a dataset nor a list of detections"),
    "a deep nest": ("[" * 200_000, "nested too deeply"),
    "a huge number": ('[{"image_id": ' + "9" * 5000 + "}]", "thousands of digits"),
    "a key twice": ('[{"image_id": 1, "bbox": [1, 2, 3, 4], "bbox": [9, 9, 9, 9]}]', "key 'bbox' stands twice"),
    "no images": (changed(DATASET, "images", to=...), "'images'"),
    "annotations that are an object": (changed(DATASET, "annotations", to={}), "'annotations'"),
    "an annotation that is a number": (changed(DATASET, "annotations", 1, to=3), "'annotations'"),
    "an image id twice": (changed(DATASET, "images", 1, "id", to=7), "images[1] has the id of another image (7)"),
    "an image without name": (changed(DATASET, "images", 0, "file_name", to=...), "images[0] has no text"),
    "an annotation id that is text": (changed(DATASET, "annotations", 0, "id", to="x"), "annotation 'x' has no whole"),
    "three numbers": (changed(DATASET, "annotations", 0, "bbox", to=[1, 2, 3]), "annotation 70 has no four finite"),
    "one NaN": (changed(DATASET, "annotations", 0, "bbox", 2, to=math.nan), "annotation 70 has no four finite"),
    "an infinity": (changed(DETECTIONS, 1, "bbox", 0, to=-math.inf), "entry 1 has no four finite numbers"),
    "a text": (changed(DETECTIONS, 1, "bbox", 0, to="5"), "entry 1 has no four finite numbers"),
    "a truth": (changed(DETECTIONS, 1, "bbox", 0, to=True), "entry 1 has no four finite numbers"),
    "a number of 400 digits": (changed(DETECTIONS, 1, "bbox", 0, to=10**400), "entry 1 has no four finite numbers"),
    "an entry that is text": (changed(DETECTIONS, 2, to="x"), "entry 2 is not an object"),
    "a detection of no image": (changed(DETECTIONS, 0, "image_id", to=...), "entry 0 has neither image_id nor"),
    "an image id that is text": (changed(DETECTIONS, 0, "image_id", to="139"), "entry 0 has no number"),
    "an image id that is a truth": (
        changed(DETECTIONS, 0, "image_id", to=True),
        "entry 0 has neither a whole number nor a name as its image_id",
    ),
    "a file name that is a number": (changed(DETECTIONS, 3, "file_name", to=5), "entry 3 has no text as its file_name"),
    "one image of two names": (
        changed(DETECTIONS, 3, "image_id", to=139),
        "entry 3 and entry 0 have one image_id, but not one file_name",
    ),
    "one entry without image id": (
        changed(DETECTIONS, 3, "image_id", to=...),
        "entry 3 has no number as its image_id, but others",
    ),
    "an infinite score": (changed(DETECTIONS, 0, "score", to=math.inf), "entry 0 has a score that is not a finite"),
    "a category that is text": (changed(DETECTIONS, 0, "category_id", to="person"), "entry 0 has no whole number"),
    "half a crowd": (changed(DATASET, "annotations", 0, "iscrowd", to=0.5), "annotation 70 has an iscrowd other"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_json_is_refused_and_the_entry_named(fault: str) -> None:
    document, words = FAULTS[fault]
    with pytest.raises(Refused) as refused:
        read(document)
    assert words in refused.value.line()
    assert len(refused.value.line()) < 300


@pytest.mark.parametrize("image_id", [8, None, math.nan, [7], 2**70])
def test_a_box_of_an_image_that_is_not_listed_is_counted(image_id: Any) -> None:
    file = read(changed(DATASET, "annotations", 0, "image_id", to=image_id))
    assert file.skipped[NOT_LISTED] == 1
    assert [box.annotation_id for image in file.images for box in image.boxes] == [None, 71]


@pytest.mark.parametrize("key", ["category_id", "iscrowd", "file_name"])
@pytest.mark.parametrize("nothing", [None, math.nan])
def test_null_and_nan_are_nothing(key: str, nothing: Any) -> None:
    plain = [{"image_id": 1, "bbox": [1, 2, 3, 4]}]
    assert read([plain[0] | {key: nothing}]).images == read(plain).images


@pytest.mark.parametrize("box", [[], [None] * 4, [math.nan] * 4, [None, math.nan, None, None]])
def test_a_box_of_nothing_is_none(box: list[Any]) -> None:
    file = read([{"image_id": 1, "bbox": box}, {"image_id": 1, "bbox": [1, 2, 3, 4]}])
    assert file.skipped == {NO_BOX: 1}


@pytest.mark.parametrize("image", [{"id": 5}, {"id": "x"}, {}, {"id": 5, "file_name": "c.jpg", "width": 0}, {"id": 11}])
def test_an_image_without_boxes_is_not_looked_at(image: dict[str, Any]) -> None:
    listed = changed(DATASET, "annotations", to=DATASET["annotations"][:2])
    assert read(listed | {"images": [*listed["images"], image]}).images == read(listed).images


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: None, "no such file"),
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: path.write_bytes(b'["\xff"]'), "not UTF-8 (byte 2)"),
    ],
)
def test_what_is_no_readable_file_is_refused(tmp_path: Path, make: Callable[[Path], Any], words: str) -> None:
    make(tmp_path / "b.json")
    with pytest.raises(Refused, match=words.replace("(", r"\(").replace(")", r"\)")):
        read_boxes(tmp_path / "b.json", 1)


JUNK = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.floats(), st.text(max_size=5), st.sampled_from(["\ud800", "../../etc", "a\0"])),
        st.integers(-(2**70), 2**70),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(document: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = document.items() if isinstance(document, dict) else enumerate(document)
    found = []
    for key, value in items:
        found.append((*here, key))
        if isinstance(value, dict | list):
            found += places(value, (*here, key))
    return found


@given(st.sampled_from([DATASET, DETECTIONS]), st.data(), JUNK | st.just(...))
def test_whatever_stands_anywhere_a_json_gives_sound_boxes_or_one_line(document: Any, data: Any, junk: Any) -> None:
    hostile = changed(document, *data.draw(st.sampled_from(places(document))), to=junk)
    try:
        file = read(hostile)
    except Refused as refused:
        assert refused.line().isprintable()
        assert "boxes.json" in refused.line()
        return
    for image in file.images:
        assert image.boxes
        for box in image.boxes:
            assert all(map(math.isfinite, box.xywh))
            assert min(box.xywh[2:]) > 0
            assert box.score is None or math.isfinite(box.score)


@given(JUNK)
def test_junk_alone_is_refused_in_one_line(junk: Any) -> None:
    try:
        assert not read([junk] if not isinstance(junk, dict | list) else junk).images
    except Refused as refused:
        assert refused.line().isprintable()


LARGEST, SMALLEST = 2**63 - 1, -(2**63)


@pytest.mark.parametrize("place", [("annotations", 0, "id"), ("annotations", 4, "category_id")])
def test_ids_have_at_most_64_bits(place: tuple[Any, ...]) -> None:
    alone = changed(DATASET, "annotations", to=[DATASET["annotations"][i] for i in (1, 1, 2, 2, 4)])
    alone = changed(changed(alone, "annotations", 0, "id", to=70), "annotations", 4, "image_id", to=9)
    for number in (LARGEST, SMALLEST):
        read(changed(alone, *place, to=number))
    for number in (LARGEST + 1, SMALLEST - 1, 1.5, True):
        with pytest.raises(Refused, match="whole number"):
            read(changed(alone, *place, to=number))


def test_a_photo_has_sides_from_one_pixel_to_two_milliards() -> None:
    for side in (1, 2**31 - 1):
        assert read(changed(DATASET, "images", 0, "height", to=side)).images[0].size == (40, side)
    assert read(changed(DATASET, "images", 0, "height", to=30.0)).images[0].size == (40, 30)
    assert read(changed(DATASET, "images", 0, "height", to=None)).images[0].size is None
    assert read(changed(DATASET, "images", 0, "height", to=math.nan)).images[0].size is None
    for side in (0, -1):
        assert read(changed(DATASET, "images", 0, "height", to=side)).images[0].size is None
    for side in (2**31, 30.5, True, "30"):
        image = read(changed(DATASET, "images", 0, "height", to=side)).images[0]
        assert image.size is None and "height" in str(image.fault)


def test_a_box_may_be_smaller_than_a_pixel_and_lie_far_outside() -> None:
    for box in ([0, 0, 1e-3, 0.5], [-(2**31), 2**31, 0.5, 1e-3], [0, 0, 2**31, 1]):
        assert read(changed(DETECTIONS, 0, "bbox", to=box)).images[0].boxes[0].xywh == tuple(box)
    for place in range(4):
        for number in (2**31 + 1, -1e39 if place < 2 else 1e39, 10**300):
            with pytest.raises(Refused, match="entry 0 .*bbox beyond 2,147,483,648"):
                read(changed(DETECTIONS, 0, "bbox", place, to=number))
        for number in (math.inf, 10**400):
            with pytest.raises(Refused, match="entry 0 .*finite numbers .*bbox"):
                read(changed(DETECTIONS, 0, "bbox", place, to=number))
    for place in (2, 3):
        for side in (0, -0.5):
            file = read(changed(DETECTIONS, 0, "bbox", place, to=side))
            assert (file.skipped[NO_AREA], sum(len(image.boxes) for image in file.images)) == (1, 2)
    for odd in ("1234", {"x": 1}, [1, 2, 3, 4, 5]):
        with pytest.raises(Refused, match="entry 0 .*finite numbers .*bbox"):
            read(changed(DETECTIONS, 0, "bbox", to=odd))


@pytest.mark.parametrize("nothing", [None, [], math.nan, ...])
def test_an_entry_without_a_box_is_counted_in_either_form(nothing: Any) -> None:
    for document, place in ((DETECTIONS, (0, "bbox")), (DATASET, ("annotations", 0, "bbox"))):
        assert read(changed(document, *place, to=nothing)).skipped[NO_BOX] == 1


def test_one_photo_in_several_spellings_is_one_image() -> None:
    names = ("x/y.png", "x\\y.png", "./x/y.png")
    (image,) = read([{"file_name": name, "bbox": [0, 0, n, 9]} for n, name in enumerate(names, 1)]).images
    assert [box.xywh[2] for box in image.boxes] == [1, 2, 3]


def test_a_score_is_any_finite_number_and_an_entry_may_lack_its_category() -> None:
    for score in (0, 1, -2.5, 100, 2**40, 1e39, -1e100):
        box = read(changed(changed(DETECTIONS, 0, "score", to=score), 0, "category_id", to=...)).images[0].boxes[0]
        assert (box.score, type(box.score)) == (score, float)
    assert read(changed(DETECTIONS, 0, "score", to=None)).images[0].boxes[0].score is None
    with pytest.raises(Refused, match=r"entry 0 .*score beyond 1e\+100"):
        read(changed(DETECTIONS, 0, "score", to=1e101))
    for score in (True, "0.9", [], math.inf, math.nan, 10**400):
        with pytest.raises(Refused, match="entry 0 .*score .*finite"):
            read(changed(DETECTIONS, 0, "score", to=score))


@pytest.mark.parametrize(("crowd", "is_one"), [(0, False), (1, True), (False, False), (True, True)])
def test_a_crowd_is_said_by_a_number_or_a_truth(crowd: Any, is_one: bool) -> None:
    assert read(changed(DATASET, "annotations", 0, "iscrowd", to=crowd)).skipped[CROWD] == 1 + is_one
    assert read(changed(DATASET, "annotations", 0, "iscrowd", to=None)).skipped[CROWD] == 1
    for odd in (2, -1, "1", 0.5, [0]):
        with pytest.raises(Refused, match="annotation 70 .*iscrowd"):
            read(changed(DATASET, "annotations", 0, "iscrowd", to=odd))


@pytest.mark.parametrize("nothing", [None, [], ...])
def test_people_of_a_dataset_without_a_box_are_counted(nothing: Any) -> None:
    assert read(changed(DATASET, "annotations", 0, "bbox", to=nothing)).skipped[NO_BOX] == 1


def test_the_categories_that_are_not_people_are_told() -> None:
    assert read(DETECTIONS, category_id=18).other_categories == {1: 2}


def test_an_image_whose_people_are_all_skipped_is_none_to_look_at() -> None:
    file = read(changed(DETECTIONS, 3, "category_id", to=18))
    assert [image.image_id for image in file.images] == [139]
    assert file.skipped == {OTHER_CATEGORY: 2}


def test_detections_may_all_be_by_name_and_their_names_are_texts() -> None:
    by_name = [{"file_name": name, "bbox": [1, 2, 3, 4]} for name in ("a.jpg", "b.jpg", "a.jpg")]
    assert [(image.image_id, image.file_name, len(image.boxes)) for image in read(by_name).images] == [
        (None, "a.jpg", 2),
        (None, "b.jpg", 1),
    ]
    for document, place in ((by_name, (1,)), (DATASET, ("images", 0))):
        for odd in ("", 5, ["a.jpg"]):
            with pytest.raises(Refused, match=r"(entry 1|images\[0\]) .*file_name"):
                read(changed(document, *place, "file_name", to=odd))


def test_an_image_id_may_be_the_photos_name_and_then_numbers_next_to_names_are_no_ids() -> None:
    box = {"bbox": [1, 2, 3, 4]}
    found = read([box | {"image_id": "im_a"}, box | {"image_id": "im_a"}, box | {"image_id": "b/x.jpg"}])
    assert [(image.image_id, image.file_name, len(image.boxes)) for image in found.images] == [
        (None, "im_a", 2),
        (None, "b/x.jpg", 1),
    ]
    found = read([box | {"image_id": "a", "file_name": "a.jpg"}, box | {"image_id": 7, "file_name": "007.jpg"}])
    assert [(image.image_id, image.file_name) for image in found.images] == [(None, "a.jpg"), (None, "007.jpg")]


def test_a_key_that_nobody_reads_may_not_stand_twice_either() -> None:
    with pytest.raises(Refused, match="key 'y' stands twice"):
        read('[{"x": 1, "y": 2, "image_id": 1, "y": 3}]')
