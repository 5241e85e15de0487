"""What is told of a JSON whose people are sound one by one, but not as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

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


def selected(
    folder: Path,
    box: Callable[[Box], Box] = list,
    joint: Callable[[float, float], tuple[float, float]] = lambda *xy: xy,
) -> Selection:
    """Twenty people all over the photos, with changed boxes and joints."""
    people = []
    for number in range(20):
        x, y = 15.0 * number, 8.0 * (number * 7 % 20)
        places = [(x + 2, y + 3), (x + 12, y + 40), (x + 20, y + 79)]
        keypoints = [value for place in places for value in (*joint(*place), 2)]
        about = {"id": number, "image_id": number % 4, "category_id": 1, "keypoints": keypoints}
        people.append(about | {"bbox": box([x, y, 24.0, 80.0])})
    images = [{"id": n, "file_name": f"{n}.jpg", "width": WIDTH, "height": HEIGHT} for n in range(4)]
    category = {"id": 1, "name": "person", "keypoints": ["head", "hip", "foot"]}
    content = {"images": images, "annotations": people, "categories": [category]}
    (folder / "people.json").write_text(json.dumps(content))
    return select(read_coco(folder / "people.json", folder), "train", PrepareConfig(crop_size=128))


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


def test_joints_that_are_fractions_of_the_photo_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="joints lie .*in pixels"):
        selected(tmp_path, joint=lambda x, y: (x / WIDTH, y / HEIGHT))


def test_joints_that_are_all_at_the_very_corner_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="all labelled joints are at 0, 0"):
        selected(tmp_path, joint=lambda *_: (0, 0))


@pytest.mark.parametrize("strange", [-0.01, 1.02, 2.0])
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


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.lists(st.floats(-1e6, 1e6), max_size=3))
def test_coordinates_are_fractions_if_nearly_all_are_and_none_is_far(within: list[float], others: list[float]) -> None:
    counts = Coordinates()
    for part in (within, [], others):
        counts.add(part)
    numbers = [*within, *others]
    is_within = [0 <= number <= 1 for number in numbers]
    is_near = max(map(abs, numbers)) <= 2 and sum(is_within) >= 0.95 * len(numbers)
    assert counts.are_fractions == (is_near and any(numbers))
    assert counts.are_nowhere == (not any(numbers))


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
