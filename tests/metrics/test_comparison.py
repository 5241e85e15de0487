"""Differences between models whose true difference is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.metrics import pck
from shgae.metrics.comparison import Comparison, Resampled, compare, interval_json, joint_intervals
from shgae.metrics.statistics import bootstrap, photo_sums

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
JOINTS = 6


def world(rng: np.random.Generator, photos: int, gain: float, hidden: float = 0.0) -> tuple[Bools, Bools, Ints, Ints]:
    """Hits of two models, the second of which finds ``gain`` more of the visible joints, ``hidden`` more of the others.

    Photos are easy or hard for both, and hold one to three people.
    """
    photo_id = np.repeat(np.arange(photos), rng.integers(1, 4, photos))
    ease = rng.uniform(0.2, 0.6, photos)[photo_id][:, None]
    visibility = rng.integers(0, 3, (len(photo_id), JOINTS))
    more = np.where(visibility == 2, gain, hidden)
    luck = rng.random((2, *visibility.shape))
    return luck[0] < ease, luck[1] < ease + more, visibility, photo_id


def test_a_known_difference_is_within_the_interval_about_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    held = {"v1": 0, "v2": 0}
    true = {"v1": 0.0, "v2": 0.2}
    for trial in range(200):
        found = compare(*world(rng, 60, gain=0.2), draws=200, seed=trial)
        for group, value in true.items():
            one = getattr(found, group)
            held[group] += one.low <= value <= one.high
    assert 0.89 <= held["v1"] / 200 <= 0.985
    assert 0.89 <= held["v2"] / 200 <= 0.985


def test_a_large_difference_is_shown_and_none_is_not() -> None:
    rng = np.random.default_rng(1)
    better = compare(*world(rng, 300, gain=0.15, hidden=0.15), draws=400)
    assert better.all is not None and better.all.low > 0
    assert "b finds more joints" in better.sentence("a", "b")
    alike = compare(*world(rng, 300, gain=0.0), draws=400)
    assert alike.all is not None and not alike.all.excludes_zero
    assert "no difference is shown; 300 photos would show one of" in alike.sentence("a", "b")


def test_the_order_of_two_models_turns_the_sign() -> None:
    first, second, visibility, photo_id = world(np.random.default_rng(2), 40, gain=0.3)
    there = compare(first, second, visibility, photo_id, draws=300)
    back = compare(second, first, visibility, photo_id, draws=300)
    assert there.all is not None and back.all is not None
    assert (back.all.value, back.all.low) == (-there.all.value, pytest.approx(-there.all.high))
    assert back.joints[0].only_first == there.joints[0].only_second
    assert "fewer joints" in back.sentence("b", "a")


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_scores_and_draws_are_those_of_a_loop_over_people(seed: int, photos: int) -> None:
    first, second, visibility, photo_id = world(np.random.default_rng(seed), photos, gain=0.2)
    visibility[:2] = 2  # two photos at least have every group but v1
    visibility[photo_id == 1] = 2
    found = compare(first, second, visibility, photo_id, draws=100, seed=seed)
    sums = []
    for hits in (first, second):
        shares = [[h for h, v in zip(*row, strict=True) if v] for row in zip(hits, visibility, strict=True)]
        sums.append(photo_sums(np.array([np.mean(one) if one else 0 for one in shares]), photo_id))
    people = photo_sums((visibility > 0).any(1).astype(float), photo_id)
    kept = people > 0
    numerator, denominator = np.stack(sums, axis=1)[kept], np.stack([people, people], axis=1)[kept]
    drawn = bootstrap(numerator, denominator, draws=100, seed=seed)
    low, high = np.nanquantile(drawn[:, 1] - drawn[:, 0], [0.025, 0.975])
    scores = [pck.tally(hits, visibility).pck()["all"] for hits in (first, second)]
    assert found.all is not None and scores[0] is not None and scores[1] is not None
    assert found.all.value == pytest.approx(scores[1] - scores[0], abs=1e-12)
    assert (found.all.low, found.all.high) == pytest.approx((low, high), abs=1e-12)
    for k, joint in enumerate(found.joints):
        has = [i for i in range(len(first)) if visibility[i, k]]
        assert joint.both == sum(first[i, k] and second[i, k] for i in has)
        assert joint.only_first == sum(first[i, k] and not second[i, k] for i in has)
        assert joint.both + joint.only_first + joint.only_second + joint.neither == len(has)


def test_a_pair_among_many_models_is_what_it_is_alone() -> None:
    rng = np.random.default_rng(3)
    first, second, visibility, photo_id = world(rng, 50, gain=0.2)
    third = first & second
    models = [first, second, third]
    many = Resampled(models, visibility, photo_id, draws=150, seed=4)
    for i, j in combinations(range(3), 2):
        alone = compare(models[i], models[j], visibility, photo_id, draws=150, seed=4)
        for group, one in enumerate((alone.all, alone.v1, alone.v2)):
            other = many.difference(i, j, group)
            assert one is not None and other is not None
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-12)
    one = many.interval(2, 0)
    assert one is not None and one.low < one.value < one.high
    assert one.value == pytest.approx(pck.tally(third, visibility).pck()["all"], abs=1e-12)


def test_a_seed_repeats_the_draws_and_another_one_does_not() -> None:
    worlds = world(np.random.default_rng(5), 30, gain=0.1)
    assert compare(*worlds, draws=100, seed=1) == compare(*worlds, draws=100, seed=1)
    assert compare(*worlds, draws=100, seed=1) != compare(*worlds, draws=100, seed=2)


def test_people_without_joints_and_their_photos_change_nothing() -> None:
    first, second, visibility, photo_id = world(np.random.default_rng(6), 30, gain=0.1)
    alone = compare(first, second, visibility, photo_id, draws=100)

    def more(array: npt.NDArray[np.generic], fill: int) -> npt.NDArray[np.generic]:
        return np.concatenate([array, np.full((5, *array.shape[1:]), fill, array.dtype)])

    padded = compare(more(first, 1), more(second, 0), more(visibility, 0), more(photo_id, 999), draws=100)
    assert padded == alone


def test_from_a_single_photo_there_is_no_interval() -> None:
    first, second, visibility, photo_id = world(np.random.default_rng(7), 20, gain=0.1)
    one = compare(first, second, visibility, photo_id * 0, draws=50)
    assert (one.all, one.v1, one.v2, one.photos) == (None, None, None, 1)
    assert one.sentence("a", "b") == "b against a: too few photos to say anything"
    visibility[visibility == 1] = 2
    visibility[0] = 1  # in one photo only
    found = compare(first, second, visibility, photo_id, draws=50)
    assert found.v1 is None and found.v2 is not None
    nobody = compare(first, second, visibility * 0, photo_id, draws=50)
    assert (nobody.all, nobody.photos) == (None, 0)


def test_equal_models_do_not_differ() -> None:
    first, _, visibility, photo_id = world(np.random.default_rng(8), 20, gain=0.1)
    found = compare(first, first, visibility, photo_id, draws=50)
    assert found.all is not None and (found.all.low, found.all.high) == (0, 0)
    assert "they do not differ on any photo" in found.sentence("a", "b")
    assert all(joint.p == 1 for joint in found.joints)


def test_hits_of_other_people_are_errors() -> None:
    first, second, visibility, photo_id = world(np.random.default_rng(11), 20, gain=0.2)
    with pytest.raises(ValueError, match="people"):
        compare(first[:3], second, visibility, photo_id)


def test_an_interval_in_a_report() -> None:
    found = compare(*world(np.random.default_rng(12), 20, gain=0.1), draws=50)
    assert isinstance(found, Comparison) and found.all is not None
    entry = interval_json(found.all, of_difference=True)
    assert entry is not None and entry["smallest_to_show"] == pytest.approx(2.80158 * entry["standard_error"], rel=1e-5)
    assert interval_json(found.all) == {key: entry[key] for key in ("value", "low", "high", "standard_error")}
    assert interval_json(None) is None


def test_a_joints_interval_is_that_of_its_share_over_photos_and_none_where_all_are_alike() -> None:
    rng = np.random.default_rng(0)
    photo_id = rng.integers(0, 40, 90)
    visibility = rng.integers(0, 3, (90, 4))
    visibility[:, 3] = 0
    hits = [rng.random((90, 4)) < 0.6, rng.random((90, 4)) < 0.3]
    hits[1][:, 2] = False
    found = joint_intervals(hits, visibility, photo_id, draws=400, seed=3)
    assert [[one is None for one in row] for row in found] == [[False, False, False, True], [False, False, True, True]]

    photos = np.unique(photo_id[(visibility > 0).any(1)])
    draws = np.random.Generator(np.random.Philox(3)).integers(0, len(photos), (400, len(photos)), dtype=np.int32)
    for model, joint in ((0, 0), (0, 2), (1, 1)):
        has = visibility[:, joint] > 0
        asked = np.array([(has & (photo_id == photo)).sum() for photo in photos])
        right = np.array([(has & hits[model][:, joint] & (photo_id == photo)).sum() for photo in photos])
        shares = right[draws].sum(1) / asked[draws].sum(1)
        one = found[model][joint]
        assert one is not None
        assert one.value == pytest.approx(hits[model][has, joint].mean())
        assert (one.low, one.high) == pytest.approx(tuple(np.quantile(shares, [0.025, 0.975])))


def test_people_of_one_photo_give_no_interval_of_a_joint() -> None:
    hits = np.array([[True], [False], [True]])
    assert joint_intervals([hits], np.full((3, 1), 2), np.zeros(3, np.int64), draws=50) == [[None]]
