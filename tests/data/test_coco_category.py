"""The category of the people: which of several it is, and which pairs and lines of it are believed."""

from __future__ import annotations

import copy
import shlex
import unicodedata
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.strict_json import JsonFault
from shgae.data.coco_category import choose_category
from shgae.skeleton import COCO_PERSON, LSP_PERSON, MOST_JOINTS, MPII_PERSON, Skeleton
from tests.builders.coco_documents import NAMES

SIDES = ["left_eye", "right_eye", "nose", "left_ear", "right_ear"]
"""Pairs 1 and 2, 4 and 5; counted from 0: 0 and 1, 3 and 4."""


def category(number: int = 1, name: Any = "person", **more: Any) -> dict[str, Any]:
    return {"id": number, "name": name, "keypoints": NAMES} | more


def dataset(*categories: dict[str, Any], people: dict[int, int] | None = None) -> dict[str, Any]:
    """These categories, with so many annotations of each."""
    annotations = [{"category_id": number} for number, count in (people or {}).items() for _ in range(count)]
    return {"categories": list(categories), "annotations": annotations}


def chosen(*categories: dict[str, Any], name: str | None = None) -> int:
    found: int = choose_category(dataset(*categories), name)[0]["id"]
    return found


def fault(data: dict[str, Any], name: str | None = None) -> JsonFault:
    with pytest.raises(JsonFault) as caught:
        choose_category(data, name)
    return caught.value


def pairs_of(pairs: Any, names: list[str] = SIDES) -> tuple[list[list[int]], int]:
    """Mirror pairs, and how many notes come with them."""
    found, notes = choose_category(dataset(category(keypoints=names, flip_pairs=pairs)), None)
    return found["flip_pairs"], len(notes)


def test_a_single_category_with_joints_may_have_any_name_or_none() -> None:
    for name in ("athlete", None, 5):
        assert chosen(category(3, name), {"id": 1, "name": "person"}, category(2, keypoints=[])) == 3


def test_joints_have_the_same_names_whichever_way_their_letters_are_written() -> None:
    names = ["Schädel", "Fuß", "genou gauche é"]
    for form in ("NFC", "NFD"):
        written = [unicodedata.normalize(form, name) for name in names]
        assert choose_category(dataset(category(keypoints=written)), None)[0]["keypoints"] == names
    both = [unicodedata.normalize(form, names[0]) for form in ("NFC", "NFD")]
    assert "different names" in str(fault(dataset(category(keypoints=both))))


def test_of_several_categories_with_joints_the_person_is_taken() -> None:
    assert chosen(category(1, "dog"), category(2), category(3, "cat")) == 2
    assert chosen(category(1, "dog"), category(2, "Person")) == 2


def test_a_category_is_named_in_any_case_and_any_form_of_its_letters_but_the_very_name_counts_more() -> None:
    both = category(1, "Käfer"), category(2, "dog"), category(3, "DOG"), {"id": 4, "name": "bird"}
    for name in ("Käfer", "käfer", unicodedata.normalize("NFD", "KÄFER")):
        assert chosen(*both, name=name) == 1
    assert (chosen(*both, name="dog"), chosen(*both, name="DOG")) == (2, 3)
    for name in ("Dog", "cat", "bird", "", "person"):
        fault(dataset(*both), name)
    fault(dataset(category(1, "dog")), "person")


def test_two_of_one_name_are_refused() -> None:
    for name in (None, "person"):
        found = fault(dataset(category(1), category(2)), name)
        assert str(found).startswith("2 categories") and "--category" not in str(found.fix), "a name does not part them"
    assert chosen(category(1, "PERSON"), category(2)) == 2
    fault(dataset(category(1, "Person"), category(2, "PERSON")))


def test_where_none_is_meant_the_one_with_most_people_is_advised() -> None:
    three = category(1, "dog"), category(2, "cat"), category(3, "cow"), category(4, None)
    for name in (None, "bird"):
        found = fault(dataset(*three, people={1: 2, 2: 7, 3: 1, 4: 9}), name)
        assert found.fix == "--category cat"
        places = [str(found).index(one) for one in ("cat (7", "dog (2", "cow (1")]
        assert places == sorted(places) and "more" not in str(found)
    assert fault(dataset(category(1, None), category(2, 7))).fix is None


@pytest.mark.parametrize("called", ["street dog", "it's", "a" * 31, "-x"])
def test_the_advised_name_can_be_typed_as_it_stands(called: str) -> None:
    data = dataset(category(1, called), category(2, "dog"), people={1: 2})
    option, typed = shlex.split(str(fault(data).fix))
    assert (option, chosen(category(1, called), category(2, "dog"), name=typed)) == ("--category", 1)


def test_a_name_that_is_too_long_for_a_line_is_not_advised_in_part() -> None:
    assert "aaa" not in str(fault(dataset(category(1, "a" * 81), category(2, "dog"), people={1: 2})).fix)


@pytest.mark.parametrize("count", [5, 6])
def test_at_most_five_categories_are_listed(count: int) -> None:
    said = str(fault(dataset(*(category(number, f"kind{number}") for number in range(count)))))
    assert said.count("kind") == 5 and said.endswith("more") == (count > 5)


def test_without_names_of_joints_their_number_is_told_if_any_annotation_has_some() -> None:
    boxes = dataset({"id": 1, "name": "person"}, people={1: 2})
    assert "person_keypoints" in str(fault(boxes).fix)
    boxes["annotations"] += [{"keypoints": array("d")}, {"keypoints": [1, 2, 2]}]
    assert "person_keypoints" in str(fault(boxes).fix)
    boxes["annotations"] += [{"keypoints": array("d", [1, 2, 2] * 17)}, {"keypoints": array("d", [1] * 6)}]
    assert "17" in str(fault(boxes).fix)


def test_people_of_other_categories_with_joints_are_counted() -> None:
    categories = category(1), category(2, "rider"), category(3, "dog"), {"id": 4, "name": "car"}
    assert choose_category(dataset(*categories, people={1: 5, 4: 2}), None)[1] == ()
    (note,) = choose_category(dataset(*categories, people={1: 5, 2: 3, 3: 1, 4: 2}), None)[1]
    assert note.startswith("4 annotations") and "'rider', 'dog'" in note and "car" not in note
    (note,) = choose_category(dataset(*categories, people={1: 5, 3: 1}), None)[1]
    assert note.startswith("1 annotation ") and "rider" not in note
    many = dataset(*(category(n, f"k{n}") for n in range(9)), people={n: 2 for n in range(9)})
    (note,) = choose_category(many, "k8")[1]
    assert note.startswith("16 annotations") and [f"'k{n}'" in note for n in range(9)] == [True] * 5 + [False] * 4


def test_people_with_joints_of_a_category_that_names_none_are_counted_too() -> None:
    data = dataset(
        category(1), {"id": 2, "name": "rider", "keypoints": []}, {"id": 3, "name": "car"}, people={1: 5, 3: 2}
    )
    data["annotations"] += [
        {"category_id": 2, "keypoints": array("d", joints)} for joints in ([1, 2, 2], [0, 0, 0], [])
    ]
    data["annotations"] += [{"category_id": 4, "keypoints": array("d", [1, 2, 2])}]
    (note,) = choose_category(data, None)[1]
    assert note.startswith("1 annotation of other categories with keypoints ('rider'), left out")


def test_a_category_id_that_is_no_whole_number_is_nobodys() -> None:
    data = dataset(category(1), category(2, "rider"))
    data["annotations"] = [{"category_id": one} for one in (True, 2.0, "2", None, [2], {})] + [{}]
    assert choose_category(data, None)[1] == ()
    data["annotations"].append({"category_id": 2})
    assert choose_category(data, None)[1][0].startswith("1 annotation ")


@pytest.mark.parametrize(
    "names", ["nose", {"nose": 1}, [1, 2], ["a", ""], ["a", None], ["a", "\ud800"], ["a", "b", "a"], [["a"]]]
)
def test_joints_that_are_no_list_of_different_names_are_refused(names: Any) -> None:
    fault(dataset(category(keypoints=names)))


def test_there_are_as_many_joints_as_networks_have_maps() -> None:
    names = [f"joint {i}" for i in range(MOST_JOINTS + 1)]
    assert len(choose_category(dataset(category(keypoints=names[:-1])), None)[0]["keypoints"]) == 512
    assert "513" in str(fault(dataset(category(keypoints=names))))


def test_what_the_file_holds_stays_as_it_is() -> None:
    data = dataset(category(skeleton=[[1, 2], [0, 9]], flip_pairs=[[1, 2]], extra="x"), people={1: 1})
    before = copy.deepcopy(data)
    found, _ = choose_category(data, None)
    assert data == before
    assert found["extra"] == "x" and found["skeleton"] == [[1, 2]]


@pytest.mark.parametrize(
    ("pairs", "wanted", "notes"),
    [
        (None, [[1, 2], [4, 5]], 0),
        ([], [[1, 2], [4, 5]], 0),
        ([[1, 2]], [[1, 2]], 0),
        ([[5, 4], [1, 2]], [[5, 4], [1, 2]], 0),
        ([[3, 4]], [[4, 5]], 1),
        ([[0, 1], [4, 3]], [[1, 2], [5, 4]], 1),
    ],
)
def test_mirror_pairs_count_from_one_unless_the_names_say_from_zero(
    pairs: Any, wanted: list[list[int]], notes: int
) -> None:
    assert pairs_of(pairs) == (wanted, notes)


def test_pairs_that_the_names_know_from_zero_and_from_one_count_from_one() -> None:
    names = ["left_hip", "left_knee", "right_hip", "right_knee"]
    assert pairs_of([[1, 3]], names) == ([[1, 3]], 0)
    assert pairs_of([[0, 2], [1, 3]], names) == ([[1, 3], [2, 4]], 1)


@pytest.mark.parametrize(
    "pairs",
    [[[1, 6]], [[0, 2]], [[0, 1], [1, 2]], [[1]], [[1, 2, 3]], [1, 2], {"1": 2}, "12", 0, False]
    + [
        [[1, 2], [2, 3]],
        [[1, 1]],
        [[1.0, 2]],
        [[True, 2]],
        [(1, 2)],
        [[1, 2], None],
        [[-1, 2]],
        [[0, 1], [4, 5]],
        [[0, 1], [0, 1]],
        [[1, 2], [1, 2]],
    ],
)
def test_impossible_mirror_pairs_are_refused(pairs: Any) -> None:
    fault(dataset(category(keypoints=SIDES, flip_pairs=pairs)))


def test_pairs_against_the_names_count_from_zero_where_that_agrees_with_them() -> None:
    names = ["nose", "left_eye", "right_eye", "tail_a", "tail_b"]
    assert pairs_of([[1, 2], [3, 4]], names) == ([[2, 3], [4, 5]], 1)
    assert pairs_of([[2, 3], [4, 5]], names) == ([[2, 3], [4, 5]], 0)
    assert pairs_of([[3, 4]], ["left_eye", "right_eye", "tail_a", "tail_b"]) == ([[3, 4]], 0)
    assert pairs_of([[1, 2]], ["left_tail", "tail 2", "nose"]) == ([[1, 2]], 0)


@pytest.mark.parametrize(
    ("pairs", "names", "told"),
    [
        ([[1, 3]], SIDES, "'left_eye' and 'nose'"),
        ([[1, 5]], SIDES, "'left_eye' and 'right_ear'"),
        ([[3, 4], [1, 2]], SIDES, "'nose' and 'left_ear'"),
        ([[1, 4], [2, 5]], SIDES, "'left_eye' and 'left_ear'"),
        ([[1, 2]], ["left_eye", "left_ear", "nose"], "'left_eye' and 'left_ear'"),
    ],
)
def test_pairs_against_the_names_are_refused_with_the_first_of_them(pairs: Any, names: list[str], told: str) -> None:
    refused = fault(dataset(category(keypoints=names, flip_pairs=pairs)))
    assert told in str(refused) and "no flip_pairs" in str(refused.fix)


@pytest.mark.parametrize("skeleton", [COCO_PERSON, MPII_PERSON, LSP_PERSON])
def test_pairs_of_every_known_skeleton_are_the_same_from_zero_and_from_one(skeleton: Skeleton) -> None:
    for first in (0, 1):
        given = [[a + first, b + first] for a, b in skeleton.flip_pairs]
        pairs, notes = pairs_of(given, list(skeleton.names))
        assert pairs == [[a + 1, b + 1] for a, b in skeleton.flip_pairs]
        assert notes == 1 - first
        assert pairs_of(None, list(skeleton.names)) == (pairs, 0)


@pytest.mark.parametrize(
    ("lines", "wanted", "notes"),
    [
        (None, [], 0),
        ([], [], 0),
        ("none", [], 1),
        ({"1": 2}, [], 1),
        ([[1, 2], [3, 1]], [[1, 2], [3, 1]], 0),
        ([[1, 2]], [[1, 2]], 0),
        ([[0, 1], [0, 2]], [[1, 2], [1, 3]], 1),
        ([[1, 2], [2, 0]], [[2, 3], [3, 1]], 1),
        ([[1, 2], [1, 4]], [[1, 2]], 1),
        ([[0, 1], [1, 3]], [[1, 3]], 1),
        ([[1, 2, 3], [3, 2]], [[3, 2]], 1),
        ([[1, True], [1.0, 2], (1, 2), None, [1]], [], 1),
        ([[2, 2]], [[2, 2]], 0),
    ],
)
def test_lines_to_draw_never_decide_over_people(lines: Any, wanted: list[list[int]], notes: int) -> None:
    found, said = choose_category(dataset(category(skeleton=lines)), None)
    assert (found["skeleton"], len(said)) == (wanted, notes)


def test_of_lines_that_are_left_out_the_number_is_told() -> None:
    (note,) = choose_category(dataset(category(skeleton=[[1, 2], [1, 9], [8, 9]])), None)[1]
    assert note.startswith("2 of the 3 lines") and " 3 joints" in note


@given(st.lists(st.lists(st.integers(-1, 4), min_size=1, max_size=3), max_size=4), st.integers(1, 3))
def test_whatever_lines_are_given_those_that_stay_join_two_joints(lines: list[list[int]], joints: int) -> None:
    found, notes = choose_category(dataset(category(keypoints=NAMES[:joints], skeleton=lines)), None)
    kept = found["skeleton"]
    assert all(len(line) == 2 and min(line) >= 1 and max(line) <= joints for line in kept)
    assert (kept == lines) == (not notes)
    assert all(line in lines for line in kept) or kept == [[a + 1, b + 1] for a, b in lines]
