"""What is told of a JSON whose people are sound one by one, but not as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.strict_json import JsonFault
from shgae.data.boxes import read_boxes
from shgae.data.coco import read_coco
from shgae.data.doubts import Coordinates
from shgae.data.selection import Selection, select
from shgae.errors import Refused
from shgae.evaluation.prediction_entries import check_entries
from shgae.recipes import PrepareConfig

WIDTH, HEIGHT = 320, 240
Box = list[float]
Annotation = dict[str, Any]


def selected(
    folder: Path,
    box: Callable[[Box], Box] = list,
    joint: Callable[[float, float], tuple[float, float]] = lambda *xy: xy,
    person: Callable[[Annotation], Annotation] = dict,
    photos: float = 1,
) -> Selection:
    """Twenty people all over the photos, with changed boxes and joints; photos so many times as large."""
    people = []
    for number in range(20):
        x, y = 15.0 * number, 8.0 * (number * 7 % 20)
        places = [(x + 2, y + 3), (x + 12, y + 40), (x + 20, y + 79)]
        keypoints = [value for place in places for value in (*joint(*place), 2)]
        about = {"id": number, "image_id": number % 4, "category_id": 1, "keypoints": keypoints}
        people.append(person(about | {"bbox": box([x, y, 24.0, 80.0])}))
    size = {"width": round(photos * WIDTH), "height": round(photos * HEIGHT)}
    images = [{"id": n, "file_name": f"{n}.jpg"} | size for n in range(4)]
    category = {"id": 1, "name": "person", "keypoints": ["head", "hip", "foot"]}
    content = {"images": images, "annotations": people, "categories": [category]}
    (folder / "people.json").write_text(json.dumps(content))
    return select(read_coco(folder / "people.json", folder), "train", PrepareConfig(crop_size=128))


def of_some(change: Callable[[Annotation], Annotation]) -> Callable[[Annotation], Annotation]:
    """The change of one person in five."""
    return lambda one: one | change(one) if one["id"] % 5 == 2 else one


def with_keypoints(
    change: Callable[[float, float, int], tuple[float, float, int]],
) -> Callable[[Annotation], Annotation]:
    """Joints changed one by one."""

    def changed(one: Annotation) -> Annotation:
        numbers = one["keypoints"]
        joints = zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True)
        return one | {"keypoints": [number for joint in joints for number in change(*joint)]}

    return changed


def corners(box: Box) -> Box:
    return [box[0], box[1], box[0] + box[2], box[1] + box[3]]


def middle(box: Box) -> Box:
    return [box[0] + box[2] / 2, box[1] + box[3] / 2, box[2], box[3]]


def test_of_sound_people_nothing_is_said(tmp_path: Path) -> None:
    assert selected(tmp_path).doubts == ()
    assert selected(tmp_path, lambda box: [box[0] - 5, box[1] - 5, box[2] + 10, box[3] + 10]).doubts == ()


def test_boxes_by_two_corners_are_told_by_where_they_reach(tmp_path: Path) -> None:
    (note,) = selected(tmp_path, corners).doubts
    assert "x, y, x, y" in note


@pytest.mark.parametrize("box", [middle, lambda box: [box[0] / WIDTH, box[1] / HEIGHT, 0.1, 0.3]])
def test_boxes_of_something_else_are_told_by_the_joints_outside(tmp_path: Path, box: Callable[[Box], Box]) -> None:
    (note,) = selected(tmp_path, box).doubts
    assert "of 60 " in note


@pytest.mark.parametrize("shift", [lambda f: f, lambda f: 2 * f - 1, lambda f: 2.4 * f, lambda f: 1.5 * f - 0.25])
def test_joints_that_are_fractions_of_the_photo_are_refused(tmp_path: Path, shift: Callable[[float], float]) -> None:
    with pytest.raises(Refused, match="joints lie .*in pixels"):
        selected(tmp_path, joint=lambda x, y: (shift(x / WIDTH), shift(y / HEIGHT)))


def test_joints_that_are_all_at_the_very_corner_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="all labelled joints are at 0, 0"):
        selected(tmp_path, joint=lambda *_: (0, 0))


@pytest.mark.parametrize("strange", [-0.01, 1.02, 2.4])
def test_a_number_a_little_beyond_the_photo_does_not_make_pixels_of_fractions(strange: float, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="joints lie"):
        selected(tmp_path, joint=lambda x, y: (strange if (x, y) == (2, 3) else x / WIDTH, y / HEIGHT))
    entries = [{"image_id": 1, "keypoints": [0.5, 0.25, 0.9] * 16 + [0.5, strange, 0.9]} for _ in range(2)]
    with pytest.raises(JsonFault, match="joints lie"):
        check_entries(entries, 17)
    boxes = [{"image_id": number, "bbox": [0.1, 0.2, 0.5, 0.3]} for number in range(5)]
    (tmp_path / "b.json").write_text(json.dumps([*boxes, {"image_id": 9, "bbox": [strange, 0.1, 0.2, 0.3]}]))
    with pytest.raises(Refused, match="boxes lie"):
        read_boxes(tmp_path / "b.json", 1)


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=60), st.lists(st.floats(-1e6, 1e6), max_size=3))
def test_coordinates_are_fractions_if_none_is_far_and_not_all_are_0(within: list[float], others: list[float]) -> None:
    counts = Coordinates()
    for part in (within, [], others):
        counts.add(part)
    numbers = [*within, *others]
    assert counts.are_fractions == (max(map(abs, numbers)) <= 3 and any(numbers))
    assert counts.are_nowhere == (not any(numbers))


def test_boxes_beyond_photos_of_another_size_are_told_and_squares_around_a_centre_are_not(tmp_path: Path) -> None:
    (note,) = selected(tmp_path, photos=0.9).doubts
    assert "boxes reach beyond the photo: is bbox" in note
    assert selected(tmp_path, lambda box: [box[0] - 38, box[1] - 10, 100, 100]).doubts == ()


def test_people_outside_smaller_photos_are_told_where_they_have_no_box(tmp_path: Path) -> None:
    (note,) = selected(tmp_path, photos=0.7, box=lambda _: [0, 0, 0, 0]).doubts
    assert note.startswith("3 of 20 people lie outside the photo")


def fractions(one: Annotation) -> Annotation:
    return with_keypoints(lambda x, y, v: (x / WIDTH, y / HEIGHT, v))(one) | {"bbox": [0.1, 0.2, 0.3, 0.5]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (fractions, "4 of 20 people with all labelled joints within 1.5 pixels of 0, 0"),
        (lambda _: {"bbox": [300, 2, 10, 20]}, "4 of 20 boxes without any"),
        (lambda one: {"bbox": corners(one["bbox"])}, "x, y, x, y"),
        (lambda _: {"area": 1}, "4 of 4 people with an area"),
        (lambda _: {"area": 24 * 80 / (WIDTH * HEIGHT)}, "4 of 4 people with an area"),
        (lambda _: {"area": 24 * 80 * 1e4}, "4 of 4 people with an area"),
        (with_keypoints(lambda x, y, _: (x, y, 0)), "12 joints of 4 people with a place, but v = 0"),
        (lambda one: {"keypoints": [-1, -1, 2, *one["keypoints"][3:]]}, "4 people with a labelled joint at -1, -1"),
        (lambda one: {"keypoints": [0.5, 0.5, 1, *one["keypoints"][3:]]}, "4 people with a labelled joint at 0.5, 0.5"),
    ],
)
def test_some_people_of_another_form_are_told_with_their_number(
    tmp_path: Path, change: Callable[[Annotation], Annotation], told: str
) -> None:
    notes = selected(tmp_path, person=of_some(change)).doubts
    assert [note for note in notes if told in note], notes
    assert len(notes) <= 2


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {"area": 24 * 80},
        lambda _: {"area": 24 * 80 * 0.03},
        with_keypoints(lambda x, y, _: (x, y, 1)),
        lambda one: {"keypoints": [-1, -1, 0, *one["keypoints"][3:]]},
        lambda one: {"keypoints": [0, 0, 0, *one["keypoints"][3:]]},
    ],
)
def test_of_what_sound_people_have_nothing_is_said(tmp_path: Path, change: Callable[[Annotation], Annotation]) -> None:
    assert selected(tmp_path, person=of_some(change)).doubts == ()


def test_a_file_without_a_visible_joint_is_told(tmp_path: Path) -> None:
    (note,) = selected(tmp_path, person=with_keypoints(lambda x, y, _: (x, y, 1))).doubts
    assert "v = 1" in note


def test_per_cent_of_large_photos_are_told(tmp_path: Path) -> None:
    per_cent = {"joint": lambda x, y: (100 * x / WIDTH, 100 * y / HEIGHT), "box": lambda _: [0, 0, 100, 100]}
    assert ["per cent" in note for note in selected(tmp_path, **per_cent).doubts] == [True]
    assert selected(tmp_path, **per_cent, photos=0.5).doubts == ()


def test_people_twice_under_two_ids_of_one_photo_are_told(tmp_path: Path) -> None:
    selected(tmp_path)
    content = json.loads((tmp_path / "people.json").read_text())
    content["images"] += [one | {"id": one["id"] + 10} for one in content["images"]]
    content["annotations"] += [
        one | {"id": one["id"] + 50, "image_id": one["image_id"] + 10} for one in content["annotations"]
    ]
    (tmp_path / "people.json").write_text(json.dumps(content))
    (note,) = select(read_coco(tmp_path / "people.json", tmp_path), "train", PrepareConfig()).doubts
    assert note.startswith("20 people twice")


def test_joints_at_the_very_corner_and_people_twice_are_counted(tmp_path: Path) -> None:
    (note,) = selected(tmp_path, joint=lambda x, y: (x, y) if x != 2 else (0, 0)).doubts
    assert note.startswith("1 labelled joint at 0, 0")
    notes = selected(tmp_path, lambda _: [0, 0, 300, 200], lambda *_: (100, 100)).doubts
    assert [note for note in notes if "twice" in note and note.startswith("16 people")]


def test_boxes_that_are_fractions_are_refused_for_photos_too(tmp_path: Path) -> None:
    boxes = [{"image_id": number, "bbox": [0.1, 0.2, 0.5, 0.01 * number]} for number in range(1, 4)]
    for last in (boxes, [*boxes, {"image_id": 9, "bbox": [1, 1, 30, 40]}]):
        (tmp_path / "b.json").write_text(json.dumps(last))
        if last is boxes:
            with pytest.raises(Refused, match="boxes lie"):
                read_boxes(tmp_path / "b.json", 1)
        else:
            assert len(read_boxes(tmp_path / "b.json", 1).images) == 4
