"""Kinds of errors of models: counts by hand, shares of what counts, intervals about them, differences between two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from shgae.arrays import Floats
from shgae.evaluation.error_shares import ErrorKinds, ErrorShares, error_rule
from shgae.metrics.error_kinds import KINDS, ByKind
from shgae.metrics.people import People, Points
from shgae.skeleton import Skeleton

JOINTS = ("nose", "left_wrist", "right_wrist", "tail")
SKELETON = Skeleton.from_names(JOINTS)
NOSE, LEFT, RIGHT, TAIL = range(4)


def crowd(count: int, photos: npt.NDArray[np.int64] | None = None) -> People:
    """People, one a photo, of 10,000 square pixels, with all joints labelled, all far from each other."""
    xy = 1000.0 * np.arange(4 * 2 * count).reshape(count, 4, 2)
    labels, cells, ids = np.full((count, 4), 2), np.zeros((count, 4, 2), np.int64), np.arange(count)
    box = np.tile([0.0, 0.0, 100.0, 100.0], (count, 1))
    return People(JOINTS, xy, labels, cells, labels, 64, box, ids if photos is None else photos, ids)


def points(xy: Floats) -> Points:
    return Points(xy, np.zeros(xy.shape, np.int64), np.ones(len(xy)), "by hand")


def off(people: People, *errors: tuple[int, int, float]) -> Points:
    """The annotation, but for these people's joints, which lie so many pixels away."""
    xy = people.xy_photo.copy()
    for person, joint, pixels in errors:
        xy[person, joint, 0] += pixels
    return points(xy)


def told(
    people: People, *predictors: Points, models: int | None = None, seed: int = 0, resamples: int = 200
) -> ErrorKinds:
    models = len(predictors) if models is None else models
    ids = people.photo_id
    return ErrorKinds(predictors, people, SKELETON, ids, models=models, resamples=resamples, seed=seed)


def random_points(people: People, seed: int, wrong: float = 0.3) -> Points:
    rng = np.random.default_rng(seed)
    away = rng.choice([0.0, 5.0, 60.0], people.visibility.shape, p=[1 - wrong, wrong / 2, wrong / 2])
    return points(people.xy_photo + away[..., None] * [1.0, 0.0])


def test_joints_are_counted_by_kind_and_one_without_a_sigma_does_not_count() -> None:
    people = crowd(3)
    found = off(people, (0, NOSE, 5), (1, NOSE, 200), (2, RIGHT, 300), (2, TAIL, 300))
    found.xy_photo[0, LEFT] = people.xy_photo[0, RIGHT]
    table = told(people, found).table(0)
    assert table.all == ErrorShares(9, ByKind(5, 1, 1, 0, 2), ByKind(5 / 9, 1 / 9, 1 / 9, 0.0, 2 / 9))
    assert list(table.joints) == list(JOINTS)
    assert table.joints["nose"].counts == ByKind(1, 1, 0, 0, 1)
    assert table.joints["left_wrist"].counts == ByKind(2, 0, 1, 0, 0)
    assert table.joints["right_wrist"].counts == ByKind(2, 0, 0, 0, 1)
    assert table.joints["tail"] == ErrorShares(0, ByKind(0, 0, 0, 0, 0), ByKind(None, None, None, None, None))


def test_a_joint_of_somebody_else_in_the_photo_is_a_swap() -> None:
    people = crowd(2, np.array([7, 7]))
    found = off(people)
    found.xy_photo[0, NOSE] = people.xy_photo[1, NOSE]
    assert told(people, found).table(0).all.counts == ByKind(5, 0, 0, 1, 0)
    apart = replace(people, photo_id=np.array([7, 8]))
    assert told(apart, found).table(0).all.counts == ByKind(5, 0, 0, 0, 1)


def test_only_models_have_intervals() -> None:
    people = crowd(20)
    found = told(people, *(random_points(people, seed) for seed in range(3)), models=2)
    assert [found.table(place).intervals is None for place in range(3)] == [False, False, True]


def test_an_interval_lies_about_the_share_of_its_model_and_kind() -> None:
    people = crowd(60)
    found = told(people, random_points(people, 0), random_points(people, 1, wrong=0.6))
    for place in range(2):
        table = found.table(place)
        assert table.intervals is not None
        for kind in ("good", "jitter", "miss"):
            share, interval = table.all.shares[kind], table.intervals[kind]
            assert share is not None and interval is not None
            assert interval.low < share < interval.high
            assert interval.value == pytest.approx(share)


def test_a_difference_is_the_second_share_minus_the_first_and_turns_round_with_them() -> None:
    people = crowd(60)
    found = told(people, random_points(people, 0), random_points(people, 1, wrong=0.6))
    there, back = found.difference(0, 1), found.difference(1, 0)
    for kind in KINDS:
        first, second = (found.table(place).all.shares[kind] for place in range(2))
        one, other = there[kind], back[kind]
        assert first is not None and second is not None and one is not None and other is not None
        assert one.value == pytest.approx(second - first)
        assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
        assert one.low <= one.value <= one.high
    same = found.difference(0, 0)["miss"]
    assert same is not None and (same.low, same.value, same.high) == (0, 0, 0)


def test_what_is_no_model_has_no_part_in_the_intervals_of_models() -> None:
    people = crowd(60)
    models = [random_points(people, seed) for seed in range(2)]
    alone, more = told(people, *models), told(people, *models, random_points(people, 2), models=2)
    assert [alone.table(place) for place in range(2)] == [more.table(place) for place in range(2)]
    assert alone.difference(0, 1) == more.difference(0, 1)


def test_people_without_a_joint_that_counts_change_no_interval() -> None:
    people = crowd(62)
    people.visibility[60, :] = 0
    people.visibility[61, :TAIL] = 0
    found = random_points(people, 0)
    some = replace(
        people,
        **{name: getattr(people, name)[:60] for name in ("xy_photo", "visibility", "cells", "cell_visibility", "box")},
        photo_id=people.photo_id[:60],
        annotation_id=people.annotation_id[:60],
    )
    assert told(people, found).table(0) == told(some, points(found.xy_photo[:60])).table(0)


def test_of_one_photo_there_is_no_interval() -> None:
    people = crowd(3, np.zeros(3, np.int64))
    found = told(people, random_points(people, 0), random_points(people, 1))
    nothing = ByKind(None, None, None, None, None)
    assert found.table(0).intervals == nothing and found.difference(0, 1) == nothing
    assert found.table(0).all.labels == 9


def test_intervals_repeat_with_their_seed_and_number_of_resamples() -> None:
    people = crowd(60)
    found = random_points(people, 0), random_points(people, 1)
    first = told(people, *found).difference(0, 1)
    assert told(people, *found).difference(0, 1) == first
    assert told(people, *found, seed=1).difference(0, 1) != first
    assert told(people, *found, resamples=300).difference(0, 1) != first


def test_people_of_one_photo_are_drawn_together_so_intervals_are_wider() -> None:
    alone = crowd(120)
    wrong = np.repeat(np.arange(60) % 3 == 0, 2)
    found = points(alone.xy_photo + 60.0 * wrong[:, None, None])
    pairs = replace(alone, photo_id=np.arange(120) // 2)
    widths = []
    for people in (alone, pairs):
        intervals = told(people, found).table(0).intervals
        assert intervals is not None and intervals.miss is not None
        widths.append(intervals.miss.high - intervals.miss.low)
    assert widths[1] > 1.2 * widths[0]


def test_the_rule_names_joints_without_a_sigma_and_says_where_sigmas_are_from() -> None:
    people = crowd(2)
    rule = error_rule(people)
    assert rule is not None and rule.left_out == ("tail",)
    assert error_rule(replace(people, sigmas=np.full(4, np.nan))) is None
    given = error_rule(replace(people, sigmas=np.array([0.1, np.nan, 0.1, 0.2])))
    assert given is not None and given.left_out == ("left_wrist",)
    assert "COCO" in rule.similarity and "COCO" not in given.similarity
    outlined = error_rule(replace(people, area=np.array([50.0, 60.0])))
    assert outlined is not None
    assert len({rule.similarity, given.similarity, outlined.similarity}) == 3
