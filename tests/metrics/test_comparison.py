"""Differences between models whose true difference is known."""

from __future__ import annotations

import itertools
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.arrays import Bools, Ints
from shgae.metrics import pck
from shgae.metrics.comparison import Comparison, by_joint, compare_models, holm, joint_intervals, mcnemar, resample_pck
from shgae.metrics.statistics import Verdict

JOINTS = 6


def compare(
    first: Bools, second: Bools, visibility: Ints, photo_id: Ints, *, resamples: int, seed: int = 0
) -> Comparison:
    paired = resample_pck([first, second], visibility, photo_id, resamples=resamples, seed=seed)
    return compare_models(paired, [(0, 1)])[0]


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
        found = compare(*world(rng, 60, gain=0.2), resamples=200, seed=trial)
        for group, value in true.items():
            one = getattr(found.difference, group)
            held[group] += one.low <= value <= one.high
    assert 0.89 <= held["v1"] / 200 <= 0.985
    assert 0.89 <= held["v2"] / 200 <= 0.985


def test_a_large_difference_is_shown_and_none_is_not() -> None:
    rng = np.random.default_rng(1)
    better = compare(*world(rng, 300, gain=0.15, hidden=0.15), resamples=400)
    assert better.difference.all is not None and better.difference.all.low > 0
    assert better.verdict is Verdict.BETTER
    alike = compare(*world(rng, 300, gain=0.0), resamples=400)
    assert alike.difference.all is not None and not alike.difference.all.excludes_zero
    assert (alike.verdict, alike.photos) == (Verdict.NO_SIGNIFICANT_DIFFERENCE, 300)
    assert alike.p == alike.p_adjusted and alike.p > 0.05 and better.p < 0.01  # type: ignore[operator]


def test_the_order_of_two_models_turns_the_sign() -> None:
    first, second, visibility, photo_id = world(np.random.default_rng(2), 40, gain=0.3)
    there = compare(first, second, visibility, photo_id, resamples=300)
    back = compare(second, first, visibility, photo_id, resamples=300)
    one, other = there.difference.all, back.difference.all
    assert one is not None and other is not None
    assert (other.value, other.low) == (-one.value, pytest.approx(-one.high))
    assert (there.verdict, back.verdict) == (Verdict.BETTER, Verdict.WORSE)
    joints = by_joint(first, second, visibility), by_joint(second, first, visibility)
    assert joints[1][0].only_first == joints[0][0].only_second


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(100, 110))
def test_scores_and_draws_are_those_of_a_loop_over_people(seed: int, photos: int) -> None:
    first, second, visibility, photo_id = world(np.random.default_rng(seed), photos, gain=0.2)
    visibility[:2] = 2  # two photos at least have every group but v1
    visibility[photo_id == 1] = 2
    found = compare(first, second, visibility, photo_id, resamples=100, seed=seed)
    sums = []
    for hits in (first, second):
        shares = [[h for h, v in zip(*row, strict=True) if v] for row in zip(hits, visibility, strict=True)]
        sums.append(np.array([np.mean(one) if one else 0 for one in shares]))
    counted = (visibility > 0).any(1)
    ids = np.unique(photo_id[counted])
    drawn = np.random.Generator(np.random.Philox(seed)).integers(0, len(ids), (100, len(ids)), dtype=np.int32)
    gains = []
    for resample in drawn:
        rows = [row for photo in ids[resample] for row in np.flatnonzero(counted & (photo_id == photo))]
        gains.append((sums[1][rows] - sums[0][rows]).mean())
    low, high = np.quantile(gains, [0.025, 0.975])
    scores = [pck.tally(hits, visibility).pck()["all"] for hits in (first, second)]
    whole = found.difference.all
    assert whole is not None and scores[0] is not None and scores[1] is not None
    assert whole.value == pytest.approx(scores[1] - scores[0], abs=1e-12)
    assert (whole.low, whole.high) == pytest.approx((low, high), abs=1e-12)
    for k, joint in enumerate(by_joint(first, second, visibility)):
        has = [i for i in range(len(first)) if visibility[i, k]]
        assert joint.both == sum(first[i, k] and second[i, k] for i in has)
        assert joint.only_first == sum(first[i, k] and not second[i, k] for i in has)
        assert joint.both + joint.only_first + joint.only_second + joint.neither == len(has)


def test_a_pair_among_many_models_is_what_it_is_alone() -> None:
    rng = np.random.default_rng(3)
    first, second, visibility, photo_id = world(rng, 50, gain=0.2)
    third = first & second
    models = [first, second, third]
    many = resample_pck(models, visibility, photo_id, resamples=150, seed=4)
    for i, j in combinations(range(3), 2):
        alone = compare(models[i], models[j], visibility, photo_id, resamples=150, seed=4)
        for group, name in enumerate(pck.GROUPS):
            one, other = alone.difference[name], many.difference((i, group), (j, group))
            assert one is not None and other is not None
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-12)
    one = many.interval((2, 0))
    assert one is not None and one.low < one.value < one.high
    assert one.value == pytest.approx(pck.tally(third, visibility).pck()["all"], abs=1e-12)


def test_a_seed_repeats_the_draws_and_another_one_does_not() -> None:
    worlds = world(np.random.default_rng(5), 30, gain=0.1)
    assert compare(*worlds, resamples=100, seed=1) == compare(*worlds, resamples=100, seed=1)
    assert compare(*worlds, resamples=100, seed=1) != compare(*worlds, resamples=100, seed=2)


def test_people_without_joints_and_their_photos_change_nothing() -> None:
    first, second, visibility, photo_id = world(np.random.default_rng(6), 30, gain=0.1)
    alone = compare(first, second, visibility, photo_id, resamples=100)

    def more(array: npt.NDArray[np.generic], fill: int) -> npt.NDArray[np.generic]:
        return np.concatenate([array, np.full((5, *array.shape[1:]), fill, array.dtype)])

    padded = compare(more(first, 1), more(second, 0), more(visibility, 0), more(photo_id, 999), resamples=100)
    assert padded == alone


def test_from_a_single_photo_there_is_no_interval() -> None:
    first, second, visibility, photo_id = world(np.random.default_rng(7), 20, gain=0.1)
    one = compare(first, second, visibility, photo_id * 0, resamples=50)
    assert (one.difference, one.p, one.photos) == (pck.ByGroup(None, None, None), None, 1)
    assert one.verdict is Verdict.TOO_FEW_PHOTOS
    visibility[visibility == 1] = 2
    visibility[0] = 1  # in one photo only
    found = compare(first, second, visibility, photo_id, resamples=50)
    assert found.difference.v1 is None and found.difference.v2 is not None
    nobody = compare(first, second, visibility * 0, photo_id, resamples=50)
    assert (nobody.difference.all, nobody.photos) == (None, 0)


def test_equal_models_do_not_differ() -> None:
    first, _, visibility, photo_id = world(np.random.default_rng(8), 20, gain=0.1)
    found = compare(first, first, visibility, photo_id, resamples=50)
    assert found.difference.all is not None and (found.difference.all.low, found.difference.all.high) == (0, 0)
    assert found.verdict is Verdict.IDENTICAL
    assert all(joint.p == 1 for joint in by_joint(first, first, visibility))


def test_hits_of_other_people_are_errors() -> None:
    first, second, visibility, photo_id = world(np.random.default_rng(11), 20, gain=0.2)
    with pytest.raises(ValueError, match="people"):
        resample_pck([first[:3], second], visibility, photo_id)


def test_a_joints_interval_is_that_of_its_share_over_photos_and_of_none_found_it_has_an_upper_end() -> None:
    rng = np.random.default_rng(0)
    photo_id = rng.integers(0, 90, 200)
    visibility = rng.integers(0, 3, (200, 4))
    visibility[:, 3] = 0
    hits = [rng.random((200, 4)) < 0.6, rng.random((200, 4)) < 0.3]
    hits[1][:, 2] = False
    found = joint_intervals(hits, visibility, photo_id, resamples=400, seed=3)
    assert [[one is None for one in row] for row in found] == [[False, False, False, True]] * 2
    nobody = found[1][2]
    assert nobody is not None and (nobody.value, nobody.low) == (0, 0) and 0 < nobody.high < 0.2

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
    assert joint_intervals([hits], np.full((3, 1), 2), np.zeros(3, np.int64), resamples=50) == [[None]]


def test_a_joint_that_nobody_has_does_not_add_to_the_number_of_tests() -> None:
    first, second, visibility, _ = world(np.random.default_rng(5), 60, gain=0.3)
    wide = [np.pad(one, ((0, 0), (0, 3))) for one in (first, second, visibility)]
    found = by_joint(*wide)
    assert found[: first.shape[1]] == by_joint(first, second, visibility)
    assert [one.p_adjusted for one in found[first.shape[1] :]] == [1.0] * 3


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12))
def test_mcnemar_is_a_coin_thrown_for_each_person_on_whom_they_differ(pairs: list[tuple[bool, bool]]) -> None:
    hits = np.array(pairs, dtype=bool).reshape(-1, 2)
    found = mcnemar(hits[:, 0], hits[:, 1])
    assert found.both + found.only_first + found.only_second + found.neither == len(pairs)
    differ = [second for first, second in pairs if first != second]
    uneven = abs(2 * sum(differ) - len(differ))
    throws = list(itertools.product((0, 1), repeat=len(differ)))
    as_uneven = [abs(2 * sum(throw) - len(differ)) >= uneven for throw in throws]
    assert found.p == pytest.approx(sum(as_uneven) / len(throws))


def test_holm_multiplies_by_how_many_are_left() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == () and holm([0.2]) == (0.2,)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_never_lowers_a_p(p: list[float]) -> None:
    found = holm(p)
    assert all(one >= before for one, before in zip(found, p, strict=True)) and max(found, default=0) <= 1
    assert [found[place] for place in np.argsort(p, kind="stable")] == sorted(found)


def test_of_many_true_hypotheses_one_is_rejected_in_at_most_5_of_100_families() -> None:
    p = np.random.default_rng(0).random((4000, 6))
    assert np.mean([min(holm(row)) < 0.05 for row in p.tolist()]) < 0.06
