"""Kinds of errors, against a loop over the definitions, against cases by hand, and under what must not matter."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.arrays import Floats
from shgae.metrics.error_kinds import KINDS, NOT_COUNTED, ByKind, indicators, kinds, sigmas_of
from shgae.metrics.oks import coco_sigmas
from shgae.metrics.people import People, Points
from shgae.skeleton import COCO_PERSON, LSP_PERSON

PAIRS = COCO_PERSON.flip_pairs
LEFT, RIGHT = COCO_PERSON.names.index("left_wrist"), COCO_PERSON.names.index("right_wrist")


def people_of(
    xy: Floats, v: npt.NDArray[np.int64], photos: npt.NDArray[np.int64], area: Floats, **more: object
) -> People:
    box = np.tile([0.0, 0, 100, 100], (len(xy), 1))
    names = more.pop("names", COCO_PERSON.names)
    zeros = np.zeros(xy.shape, np.int64)
    ids = np.arange(len(xy))
    return People(names, xy, v, zeros, v, 64, box, photos, ids, area, **more)  # type: ignore[arg-type]


def points_of(xy: Floats, found: npt.NDArray[np.bool_] | None = None) -> Points:
    return Points(xy, np.zeros(xy.shape, np.int64), np.ones(len(xy)), "by hand", found=found)


def crowd(seed: int, most: int = 9) -> tuple[People, Points]:
    """People in few photos, with points near joints of whomsoever."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, most))
    xy = rng.uniform(0, 60, (n, 17, 2))
    photos = rng.integers(0, 3, n)
    area = rng.uniform(200, 20_000, n)
    area[rng.random(n) < 0.2] = np.nan
    people = people_of(xy, rng.integers(0, 3, (n, 17)), photos, area)
    joint = np.where(rng.random((n, 17)) < 0.5, np.arange(17), rng.integers(0, 17, (n, 17)))
    person = np.where(rng.random((n, 17)) < 0.5, np.arange(n)[:, None], rng.integers(0, n, (n, 17)))
    found = rng.random(n) < 0.9 if rng.random() < 0.3 else None
    return people, points_of(xy[person, joint] + rng.normal(0, 4, xy.shape), found)


def by_the_book(points: Points, people: People, n: int, k: int) -> int:
    """The definitions, one joint at a time."""
    sigma, mirror = coco_sigmas(), dict(PAIRS) | {b: a for a, b in PAIRS}
    if people.visibility[n, k] == 0:
        return NOT_COUNTED
    if points.found is not None and not points.found[n]:
        return KINDS.index("miss")

    def alike(person: int, joint: int) -> float:
        if people.visibility[person, joint] == 0:
            return -1.0
        assert people.area is not None
        area = people.area[person] if math.isfinite(people.area[person]) else 100.0 * 100
        d = math.dist(points.xy_photo[n, k], people.xy_photo[person, joint])
        return math.exp(-(d**2) / (2 * area * (2 * sigma[joint]) ** 2))

    others = [p for p in range(len(people)) if people.photo_id[p] == people.photo_id[n] and p != n]
    own, inverted = alike(n, k), alike(n, mirror.get(k, k))
    foreign = max((alike(p, joint) for p in others for joint in (k, mirror.get(k, k))), default=-1.0)
    if max(own, inverted, foreign) < 0.5:
        return KINDS.index("miss")
    if own >= max(inverted, foreign):
        return KINDS.index("good" if own >= 0.85 else "jitter")
    return KINDS.index("inversion" if inverted >= foreign else "swap")


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_they_are_those_of_a_loop_over_the_definitions(seed: int) -> None:
    people, points = crowd(seed)
    wanted = [[by_the_book(points, people, n, k) for k in range(17)] for n in range(len(people))]
    np.testing.assert_array_equal(kinds(points, people, PAIRS), wanted)


def test_every_kind_is_there_in_such_a_crowd() -> None:
    seen = np.concatenate([kinds(*reversed(crowd(seed)), PAIRS).ravel() for seed in range(20)])  # type: ignore[arg-type]
    assert set(seen.tolist()) == {NOT_COUNTED, *range(5)}
    assert min(np.bincount(seen[seen >= 0])) > 20


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_the_order_of_people_and_another_origin_or_scale_change_no_kind(seed: int) -> None:
    people, points = crowd(seed)
    wanted = kinds(points, people, PAIRS)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(people))
    assert people.area is not None
    box, area = people.box, np.where(np.isfinite(people.area), people.area, 100.0**2)
    moved = people_of(
        *(3 * people.xy_photo[order] + 7, people.visibility[order], people.photo_id[order] + 5, 9 * area[order])
    )
    found = None if points.found is None else points.found[order]
    again = kinds(points_of(3 * points.xy_photo[order] + 7, found), replace(moved, box=box), PAIRS)
    np.testing.assert_array_equal(again, wanted[order])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_in_the_mirror_image_every_kind_stays(seed: int) -> None:
    people, points = crowd(seed)
    order = np.arange(17)
    for a, b in PAIRS:
        order[[a, b]] = b, a
    flip = np.array([-1.0, 1.0])
    mirrored = replace(people, xy_photo=people.xy_photo[:, order] * flip, visibility=people.visibility[:, order])
    found = kinds(replace(points, xy_photo=points.xy_photo[:, order] * flip), mirrored, PAIRS)
    np.testing.assert_array_equal(found, kinds(points, people, PAIRS)[:, order])


def two() -> tuple[People, Floats]:
    """Two people of a photo whose joints are far apart."""
    xy = np.zeros((2, 17, 2))
    xy[..., 0], xy[..., 1] = 200.0 * np.arange(17), np.array([[0.0], [300.0]])
    return people_of(xy, np.full((2, 17), 2), np.zeros(2, np.int64), np.full(2, 10_000.0)), xy


@pytest.mark.parametrize(
    ("person", "joint", "kind"),
    [(0, LEFT, "good"), (0, RIGHT, "inversion"), (1, LEFT, "swap"), (1, RIGHT, "swap"), (0, 0, "miss"), (1, 0, "miss")],
)
def test_a_wrist_on_some_joint_of_somebody(person: int, joint: int, kind: str) -> None:
    people, xy = two()
    at = xy.copy()
    at[0, LEFT] = xy[person, joint]
    found = kinds(points_of(at), people, PAIRS)
    assert KINDS[found[0, LEFT]] == kind
    assert (np.delete(found.ravel(), LEFT) == 0).all()


def test_the_thresholds_are_0_85_and_a_half() -> None:
    people, xy = two()
    scale = 2 * 10_000.0 * (2 * coco_sigmas()[LEFT]) ** 2
    for similarity, kind in ((0.8501, "good"), (0.8499, "jitter"), (0.5001, "jitter"), (0.4999, "miss")):
        at = xy.copy()
        at[0, LEFT, 1] += math.sqrt(-scale * math.log(similarity))
        assert KINDS[kinds(points_of(at), people, PAIRS)[0, LEFT]] == kind


def test_nobody_is_near_a_joint_without_a_label_and_people_of_other_photos_are_far() -> None:
    people, xy = two()
    at = xy.copy()
    at[0, LEFT] = xy[0, RIGHT]
    hidden = people.visibility.copy()
    hidden[0, RIGHT] = 0
    found = kinds(points_of(at), replace(people, visibility=hidden), PAIRS)
    assert KINDS[found[0, LEFT]] == "miss"
    assert found[0, RIGHT] == NOT_COUNTED
    at[0, LEFT] = xy[1, LEFT]
    assert KINDS[kinds(points_of(at), replace(people, photo_id=np.arange(2)), PAIRS)[0, LEFT]] == "miss"


def test_without_mirror_pairs_there_are_no_inversions() -> None:
    people, xy = two()
    at = xy.copy()
    at[0, LEFT] = xy[0, RIGHT]
    assert KINDS[kinds(points_of(at), people, ())[0, LEFT]] == "miss"


def test_joints_of_other_skeletons_have_cocos_sigma_by_name_or_are_not_counted() -> None:
    xy = 200.0 * np.arange(28.0).reshape(1, 14, 2)
    people = people_of(xy, np.full((1, 14), 2), np.zeros(1, np.int64), np.full(1, 1e4), names=LSP_PERSON.names)
    found = dict(zip(LSP_PERSON.names, kinds(points_of(xy), people, LSP_PERSON.flip_pairs)[0].tolist(), strict=True))
    assert {name for name, kind in found.items() if kind == NOT_COUNTED} == {"neck", "head_top"}
    own = dict(zip(LSP_PERSON.names, sigmas_of(people).tolist(), strict=True))
    assert own["left_ankle"] == coco_sigmas()[COCO_PERSON.names.index("left_ankle")]
    given_all = replace(people, sigmas=np.full(14, 0.05))
    assert (kinds(points_of(xy), given_all, LSP_PERSON.flip_pairs) == 0).all()


def test_what_each_person_adds_sums_to_the_joints_that_count() -> None:
    found = np.array([[0, 0, 4, -1], [-1, -1, -1, -1], [1, 2, 3, 4]])
    of_kind, counted = indicators(found)
    np.testing.assert_array_equal(of_kind, [[2, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]])
    np.testing.assert_array_equal(counted[:, 0], [3, 0, 4])
    assert counted.shape == of_kind.shape
    assert ByKind(1, 2, 3, 4, 5)["swap"] == 4


def test_nobody_has_no_kinds() -> None:
    people = people_of(np.zeros((0, 17, 2)), np.zeros((0, 17), np.int64), np.zeros(0, np.int64), np.zeros(0))
    assert kinds(points_of(np.zeros((0, 17, 2))), people, PAIRS).shape == (0, 17)
