"""Entries of a file of predictions: what is taken, and what is refused with the place of the entry."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.artifacts.strict_json import JsonFault
from shgae.data.text_input import MOST_PIXELS, with_whole
from shgae.evaluation.prediction_entries import check_entries

POINTS = [10.5, 20, 0.9, 0, 0, 0]
GOOD = {"image_id": 1, "keypoints": POINTS}


def refused(*entries: Any) -> JsonFault:
    with pytest.raises(JsonFault) as caught:
        check_entries(list(entries), 2)
    return caught.value


def test_predictions_of_another_category_are_not_scored() -> None:
    entries = [{"image_id": 1, "category_id": category, "keypoints": [10, 20, 1]} for category in (1, 1, 5)]
    check_entries(entries, 1)
    entries[2]["bbox"] = entries[2].pop("keypoints")
    check_entries(entries[:2] + [{"image_id": 1, "keypoints": [10, 20, 1]}], 1, (1,))
    with pytest.raises(JsonFault, match="1 of the 3 .* 5, .* 1") as fault:
        check_entries(entries, 1, (1,))
    assert "category_id 1" in fault.value.fix


def test_of_two_numbers_of_people_one_file_has_one() -> None:
    def check(*categories: int | None) -> None:
        check_entries([GOOD | {"category_id": one} for one in categories], 2, (5, 1))

    check(5, 5)
    check(1, None, 1)
    for mixed, other in (((1, 5), "1 of the 2 entries are of category_id 1"), ((7, 1), "of category_id 1$")):
        with pytest.raises(JsonFault, match=other):
            check(*mixed)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"score": 0.5},
        {"score": -3},
        {"score": None, "found": None, "file_name": None, "annotation_id": None},
        {"found": False},
        {"annotation_id": 7, "image_id": None},
        {"image_id": "000123"},
        {"image_id": None, "file_name": "a.jpg"},
        {"keypoints": [MOST_PIXELS, -MOST_PIXELS, 5.0, 0, 0, 0]},
        {"keypoints": [0, 0, 7, 0, 0, 9]},
        {"keypoints": [3.01, 0, 0, 0, 0, 0]},
        {"keypoints": [-3.01, 0.5, 0, 0.5, 0.5, 0]},
        {"category_id": 3},
        {"unknown": [math.inf]},
    ],
)
def test_a_good_entry_is_taken_and_left_as_it_is(more: dict[str, Any]) -> None:
    entries = [GOOD | more]
    before = copy.deepcopy(entries)
    check_entries(entries, 2)
    assert entries == before


@pytest.mark.parametrize(
    "more",
    [
        {"annotation_id": "7"},
        {"annotation_id": 7.5},
        {"annotation_id": True},
        {"image_id": 1.5},
        {"image_id": [1]},
        {"image_id": True},
        {"file_name": 1},
        {"image_id": None},
        {"keypoints": None},
        {"keypoints": "1, 2, 1, 3, 4, 1"},
        {"keypoints": POINTS[:-1]},
        {"keypoints": [*POINTS, 0]},
        {"keypoints": [[10, 20, 1], [30, 40, 1]]},
        {"keypoints": [[10, 20, 1], *POINTS[:5]]},
        {"keypoints": [*POINTS[:5], None]},
        {"keypoints": [*POINTS[:5], math.nan]},
        {"keypoints": [*POINTS[:5], -math.inf]},
        {"keypoints": [*POINTS[:5], "1"]},
        {"keypoints": [*POINTS[:5], True]},
        {"keypoints": [MOST_PIXELS + 1, *POINTS[1:]]},
        {"keypoints": [*POINTS[:4], -MOST_PIXELS - 1, 0]},
        {"score": "0.5"},
        {"score": math.nan},
        {"score": [0.5]},
        {"found": 1},
        {"found": "true"},
    ],
)
def test_a_broken_entry_is_refused_with_its_place(more: dict[str, Any]) -> None:
    assert "entry 2" in str(refused(GOOD, GOOD, GOOD | more))
    assert "entry 0" in str(refused(GOOD | more, GOOD))


@pytest.mark.parametrize("entry", [None, 1, "x", [GOOD]])
def test_an_entry_that_is_no_object_is_refused_with_its_place(entry: Any) -> None:
    assert "entry 1" in str(refused(GOOD, entry))


@pytest.mark.parametrize("entries", [None, {}, {"annotations": [GOOD]}, "[]", []])
def test_a_file_without_a_list_of_entries_is_refused(entries: Any) -> None:
    with pytest.raises(JsonFault) as caught:
        check_entries(entries, 2)
    assert "entry" not in str(caught.value)


def test_a_wrong_number_of_numbers_is_told_and_how_many_are_due() -> None:
    why = str(refused(GOOD | {"keypoints": list(range(51))}))
    assert " 51 " in why and " 2 " in why and why.endswith(" 6")
    assert " 2 numbers" not in str(refused(GOOD | {"keypoints": [[10, 20, 1], [30, 40, 1]]}))


def test_points_that_are_all_fractions_of_the_photo_are_refused_whatever_their_scores() -> None:
    fractions = GOOD | {"keypoints": [0.5, 1, 99, 0, 0.25, -5]}
    refused(fractions, fractions)
    check_entries([fractions, GOOD], 2)
    check_entries([GOOD | {"keypoints": [0, 0, 0.5, 0, 0, 1]}], 2)  # nothing was found


@given(st.lists(st.lists(st.integers(-4, 4) | st.floats(-3, 3), min_size=6, max_size=6), min_size=1, max_size=3))
@settings(max_examples=50)
def test_points_are_fractions_where_none_is_further_than_3_pixels_and_not_all_are_0(
    keypoints: list[list[float]],
) -> None:
    points = [one[place] for one in keypoints for place in (0, 1, 3, 4)]
    fractions = 0 < max(map(abs, points)) <= 3
    entries = [GOOD | {"keypoints": one} for one in keypoints]
    if fractions:
        refused(*entries)
    else:
        check_entries(entries, 2)


def test_the_category_is_looked_at_first_and_only_where_one_is_due() -> None:
    boxes = [{"image_id": 1, "category_id": "9" * 99}, "no object", *([GOOD | {"category_id": 1}] * 1000)]
    with pytest.raises(JsonFault) as caught:
        check_entries(boxes, 2, (1,))
    assert "1 of the 1,001 entries" in str(caught.value) and len(str(caught.value)) < 120
    check_entries(boxes[2:], 2, (1,))
    check_entries(boxes[2:], 2)
    check_entries([GOOD | {"category_id": None}, GOOD], 2, (1,))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"image_id": 1.0, "category_id": 2.0, "x": 0.5}, {"image_id": 1, "category_id": 2, "x": 0.5}),
        ({"image_id": math.nan, "file_name": "a"}, {"image_id": None, "file_name": "a"}),
        ({"keypoints": [1.0, 2.0], "found": True}, {"keypoints": [1.0, 2.0], "found": True}),
        ({"score": 1.0}, {"score": 1}),
    ],
)
def test_whole_numbers_become_integers_and_nan_becomes_none(given: dict[str, Any], kept: dict[str, Any]) -> None:
    assert json.dumps(with_whole(given)) == json.dumps(kept)


def test_a_score_of_nan_stays_and_is_refused() -> None:
    read = with_whole(GOOD | {"score": math.nan})
    assert math.isnan(read["score"])
    refused(read)
