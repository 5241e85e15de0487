"""Whom the boxes of a JSON are of: the category of the people, by its own name where the JSON has one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shgae.artifacts.strict_json import JsonFault
from shgae.data.boxes import OTHER_CATEGORY, BoxFile, read_boxes
from shgae.data.coco_category import category_of_people
from shgae.data.photo_request import read_request
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import PredictConfig
from tests.builders.chain import Notes

BOX = {"image_id": 7, "bbox": [1, 2, 3, 4], "category_id": 1}
DATASET: dict[str, Any] = {"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": [BOX | {"id": 70}]}


def read(document: Any, joints: Sequence[str] = ()) -> BoxFile:
    """The JSON in a file of its own, for a model of category 1."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "boxes.json"
        path.write_text(json.dumps(document))
        return read_boxes(path, 1, joints)


@pytest.mark.parametrize("wrong", [{"iscrowd": 2}, {"iscrowd": "no"}, {"id": "x"}, {"image_id": None}])
@pytest.mark.parametrize("is_list", [True, False])
def test_boxes_of_another_category_need_not_be_sound(is_list: bool, wrong: dict[str, Any]) -> None:
    boxes = [*DATASET["annotations"], {"category_id": 18, "bbox": 5} | wrong]
    file = read(boxes if is_list else DATASET | {"annotations": boxes})
    assert file.other_categories == {18: 1} and [len(image.boxes) for image in file.images] == [1]


JOINTS = ["nose", "tail"]
PERSON, CAR = {"id": 3, "name": "person"}, {"id": 1, "name": "car"}
CATEGORIES: dict[str, tuple[list[Any], int]] = {
    "person by name": ([CAR, PERSON], 3),
    "person by name in other letters": ([CAR, PERSON | {"name": "Person"}], 3),
    "person without joints, others with some": ([PERSON, {"id": 4, "name": "dog", "keypoints": ["paw"]}], 3),
    "the only one with joints": ([CAR, {"id": 5, "name": "human", "keypoints": ["head"]}], 5),
    "the one with the model's joints": ([PERSON, {"id": 5, "name": "dog", "keypoints": JOINTS}], 5),
    "several with the model's joints": ([{"id": n, "name": f"dog {n}", "keypoints": JOINTS} for n in (5, 1)], 1),
    "no categories": ([], 1),
    "no names": ([{"id": 1}, {"id": 2}], 1),
    "broken ones": ([5, {"id": "x", "name": "person"}], 1),
}


@pytest.mark.parametrize("case", CATEGORIES)
def test_a_datasets_own_categories_say_who_the_people_are(case: str) -> None:
    categories, number = CATEGORIES[case]
    boxes = [{"id": n, "image_id": 7, "bbox": [n, n, 5, 5], "category_id": n} for n in range(1, 6)]
    file = read(DATASET | {"annotations": boxes, "categories": categories}, JOINTS)
    assert [box.annotation_id for image in file.images for box in image.boxes] == [number]
    assert file.category_id == number and file.skipped == {OTHER_CATEGORY: 4}


NAMED: dict[str, tuple[list[Any], int, int, str]] = {
    "another word for people": ([{"id": 1, "name": "pedestrian"}, CAR | {"id": 4}], 1, 1, "category 1, 'pedestrian'"),
    "something else by the number": ([CAR, {"id": 2, "name": "dog"}], 1, 1, "category 1, 'car'"),
    "the only category": ([{"id": 5, "name": "athlete"}], 1, 5, "category 5, 'athlete'"),
    "people by another number": ([CAR, PERSON], 1, 3, "category 3, 'person'"),
    "another word, next to cars": ([CAR, {"id": 2, "name": "pedestrian"}], 1, 2, "category 2, 'pedestrian'"),
    "another word in other letters": ([CAR, {"id": 2, "name": " Humans "}], 1, 2, "category 2, ' Humans '"),
    "person, next to another word": ([CAR, PERSON, {"id": 2, "name": "people"}], 1, 3, "category 3, 'person'"),
    "two words, one with the number": ([{"id": 1, "name": "man"}, {"id": 2, "name": "woman"}], 1, 1, "'man'"),
    "animals, next to another word": ([{"id": 2, "name": "men"}, {"id": 17, "name": "cat"}], 17, 17, "'cat'"),
    "animals by the number of people": ([{"id": 1, "name": "cat"}, {"id": 2, "name": "toy"}], 1, 1, "'cat'"),
    "several with joints": ([CAR | {"keypoints": ["x"]}, {"id": 2, "name": "dog", "keypoints": ["y"]}], 1, 1, "'car'"),
    "animals, next to people": ([PERSON, {"id": 17, "name": "cat"}], 17, 17, "category 17, 'cat'"),
    "animals, next to hands": (
        [{"id": 2, "name": "hand", "keypoints": ["x"]}, {"id": 17, "name": "cat"}],
        17,
        17,
        "'cat'",
    ),
    "animals that are not there": ([PERSON, CAR], 17, 3, "category 3, 'person'"),
}


@pytest.mark.parametrize("case", NAMED)
def test_a_category_that_is_not_plainly_that_of_the_people_is_named(case: str) -> None:
    categories, number, taken, named = NAMED[case]
    found, note = category_of_people(categories, number, JOINTS)
    assert found == taken
    assert named in note


@pytest.mark.parametrize(
    ("categories", "number"), [([{"id": 1, "name": "person"}, CAR | {"id": 3}], 1), ([], 9), ([{"id": 9}], 9)]
)
def test_a_category_called_person_by_its_number_and_one_without_a_name_are_plain(
    categories: list[Any], number: int
) -> None:
    assert category_of_people(categories, number, JOINTS) == (number, "")


@pytest.mark.parametrize("names", [("person", "Person"), ("men", "women")])
@pytest.mark.parametrize("others", [[CAR], [{"id": 1}], []])
def test_where_several_categories_are_people_and_none_has_the_number_all_are_named(
    names: tuple[str, str], others: list[Any]
) -> None:
    people = [{"id": number, "name": name} for number, name in zip((3, 4), names, strict=True)]
    with pytest.raises(JsonFault) as fault:
        category_of_people([*people, *others], 1, JOINTS)
    assert all(f"{number} '{name}'" in str(fault.value) for number, name in zip((3, 4), names, strict=True))
    assert ("1 'car'" in str(fault.value)) == (others == [CAR]) and "alone" in str(fault.value.fix)


def test_boxes_without_categories_of_which_most_are_of_0_are_refused_where_1_would_be_the_people() -> None:
    def boxes(*categories: int) -> list[Any]:
        return [BOX | {"category_id": category} for category in categories]

    for mixed in ((0, 0, 1), (0, 1), (0, 0, 1, 2, 2)):
        with pytest.raises(Refused, match="of category 0 and [12] of 1.* Try: category_id 1 for people"):
            read(boxes(*mixed))
        with pytest.raises(Refused, match="of category 0 and [12] of 1"):
            read(DATASET | {"annotations": boxes(*mixed)})
        assert read(DATASET | {"annotations": boxes(*mixed), "categories": [PERSON | {"id": 1}]}).images
    assert [len(read(boxes(*some)).images[0].boxes) for some in ((0, 1, 1), (0, 0, 1, 2, 2, 2), (1,))] == [2, 1, 1]
    assert not read(boxes(0, 0)).images
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "boxes.json"
        path.write_text(json.dumps(boxes(0, 0, 5)))
        assert len(read_boxes(path, 5).images) == 1


def test_a_dataset_of_several_other_things_is_refused() -> None:
    with pytest.raises(Refused, match="1, this model's people, is not there"):
        read(DATASET | {"categories": [CAR | {"id": 4}, {"id": 2, "name": "dog"}]}, JOINTS)


def noted(folder: Path, boxes: Any) -> list[str]:
    """What is said of boxes of one photo."""
    Image.new("L", (40, 30)).save(folder / "1.png")
    (folder / "b.json").write_text(json.dumps(boxes))
    notes = Notes()
    read_request([folder / "1.png"], folder / "b.json", 1, PredictConfig(), Execution(progress=notes))
    return notes.said


def test_other_categories_are_named_and_a_list_that_counts_from_0_is_doubted(tmp_path: Path) -> None:
    boxes = [{"image_id": 1, "bbox": [1, 1, 9, 9], "category_id": category} for category in (1, 2, 0, 2)]
    note = "note: 3 boxes skipped: other category (2: 2 boxes, 0: 1 box)"
    assert noted(tmp_path, boxes) == [f"{note}; are ids counted from 0? people are 1 here"]
    named = {"images": [{"id": 1, "file_name": "1.png"}], "categories": [{"id": 1, "name": "person"}]}
    assert noted(tmp_path, named | {"annotations": boxes}) == [note]


def test_a_box_without_a_score_among_scored_ones_is_told(tmp_path: Path) -> None:
    boxes: list[dict[str, Any]] = [
        {"image_id": 1, "bbox": [1, 1, 9, n], "score": score} for n, score in ((7, 0.5), (8, None), (9, 0.1))
    ]
    assert noted(tmp_path, boxes) == ["note: 1 of 3 boxes without a score: it counts as 1"]
    assert noted(tmp_path, boxes[:1]) == noted(tmp_path, boxes[1:2]) == []
