"""A person that a detector found twice is kept once; OKS is counted here joint by joint."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

from shgae.inference.suppression import Suppression
from shgae.metrics.oks import coco_sigmas
from shgae.skeleton import COCO_PERSON

JOINTS = ("left_hand", "nose", "right_hand")
SIGMAS = np.array([0.05, 0.1, 0.2])
PLACES = ((10.0, 10.0), (15.0, 5.0), (20.0, 10.0))


def person(
    score: float,
    places: tuple[tuple[float, float], ...] = PLACES,
    box: tuple[float, float, float, float] = (5, 0, 20, 30),
    **more: Any,
) -> dict[str, Any]:
    """Somebody with joints at these places; their scores do not matter."""
    keypoints = [number for x, y in places for number in (x, y, 0.3 * score)]
    return {"keypoints": keypoints, "score": score, "bbox": list(box), **more}


def moved(by: float, joint: int) -> tuple[tuple[float, float], ...]:
    return tuple((x + by, y) if at == joint else (x, y) for at, (x, y) in enumerate(PLACES))


def row(*people: dict[str, Any]) -> dict[str, Any]:
    return {"file_name": "a.jpg", "fault": None, "beyond": 2, "people": list(people), "sha256": "ab"}


def scores(found: dict[str, Any]) -> list[float]:
    return [one["score"] for one in found["people"]]


def test_without_a_limit_everybody_stays_and_says_which_annotation_it_is_of() -> None:
    given = row(person(0.5, annotation_id=3), person(0.5, annotation_id=4))
    assert Suppression(JOINTS, None, SIGMAS).of(given) == given
    assert "suppressed" not in Suppression(JOINTS, None, SIGMAS).of(given)


def test_of_two_equal_people_the_better_stays_and_the_rest_of_the_row_too() -> None:
    given = row(person(0.4, annotation_id=3), person(0.9, annotation_id=4, category_id=1), person(0.2, moved(99, 0)))
    before = copy.deepcopy(given)
    found = Suppression(JOINTS, 0.9, SIGMAS).of(given)
    assert given == before
    best = {key: value for key, value in given["people"][1].items() if key != "annotation_id"}
    assert found == before | {"people": [best, given["people"][2]], "suppressed": 1}


@pytest.mark.parametrize("joint", range(3))
def test_an_oks_up_to_the_limit_is_kept_and_a_little_more_is_dropped(joint: int) -> None:
    """Boxes of 600 and 1000 pixels; one joint lies 5 pixels away."""
    one, other = person(0.9), person(0.8, moved(5.0, joint), (0, 0, 40, 25))
    oks = (2 + math.exp(-(5.0**2) / (2 * 800 * (2 * SIGMAS[joint]) ** 2))) / 3
    for limit, kept in ((oks + 1e-6, [0.9, 0.8]), (oks - 1e-6, [0.9])):
        found = Suppression(JOINTS, limit, SIGMAS).of(row(one, other))
        assert scores(found) == kept
        assert found["suppressed"] == 2 - len(kept)


@pytest.mark.parametrize("which", [0, 1])
def test_a_joint_that_is_undecided_in_either_person_tells_nothing(which: int) -> None:
    people = [person(0.9), person(0.8, moved(500, 1))]
    suppression = Suppression(JOINTS, 0.9, SIGMAS)
    assert scores(suppression.of(row(*people))) == [0.9, 0.8]
    people[which]["undecided"] = ["nose"]
    assert scores(suppression.of(row(*people))) == [0.9]
    people[which]["undecided"] = ["left_hand", "right_hand"]
    assert scores(suppression.of(row(*people))) == [0.9, 0.8]


def test_those_who_stay_keep_their_order() -> None:
    people = [person(score, moved(100.0 * place, 0)) for place, score in enumerate((0.2, 0.8, 0.5, 0.9))]
    people.insert(2, person(0.1, moved(100.0, 0)))
    assert scores(Suppression(JOINTS, 0.9, SIGMAS).of(row(*people))) == [0.2, 0.8, 0.5, 0.9]


def test_a_photo_without_people_stays_one() -> None:
    assert Suppression(JOINTS, 0.9, SIGMAS).of(row()) == row() | {"suppressed": 0}


def test_without_sigmas_they_are_cocos() -> None:
    """All joints 3 pixels away, on people of 600 pixels."""
    names = tuple(COCO_PERSON.names)
    places = tuple((10.0 * joint, 5.0) for joint in range(17))
    one, other = person(0.9, places), person(0.8, tuple((x, y + 3) for x, y in places))
    oks = np.mean([math.exp(-9 / (2 * 600 * (2 * sigma) ** 2)) for sigma in coco_sigmas()])
    assert scores(Suppression(names, float(oks) + 1e-6, None).of(row(one, other))) == [0.9, 0.8]
    assert scores(Suppression(names, float(oks) - 1e-6, None).of(row(one, other))) == [0.9]


def test_only_sigmas_of_ones_own_are_part_of_a_config() -> None:
    assert Suppression(JOINTS, 0.9, None).identity() == {}
    assert Suppression(JOINTS, 0.9, SIGMAS).identity() == {"sigmas": [0.05, 0.1, 0.2]}
