"""Intervals that hold what they promise, on people whose truth is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shgae.metrics.statistics import (
    Interval,
    PairedBootstrap,
    Verdict,
    combined,
    errors_to_detect,
    interval,
    mcnemar,
    over_seeds,
)

Floats = npt.NDArray[np.float64]


def people(rng: np.random.Generator, photos: int, gain: float) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Scores of two models on people, one to four in a photo, whose photos are easy or hard for both models."""
    photo_id = np.repeat(np.arange(photos), rng.integers(1, 5, photos))
    ease = rng.normal(0, 1, photos)[photo_id]
    liking = rng.normal(0, 0.5, photos)[photo_id]  # what a photo does to one of the two models
    first = ease + rng.normal(0, 0.3, len(ease))
    second = ease + liking + gain + rng.normal(0, 0.3, len(ease))
    return first, second, photo_id


def difference_of(first: Floats, second: Floats, photo_id: npt.NDArray[np.int64], draws: int, seed: int = 0):
    both = np.stack([first, second], axis=1)
    found = PairedBootstrap(both, np.ones_like(both), photo_id, resamples=draws, seed=seed).difference((0,), (1,))
    assert found is not None
    return found


def test_the_interval_holds_the_true_difference_about_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        found = difference_of(*people(rng, photos=60, gain=0.2), draws=300, seed=trial)
        held += found.low <= 0.2 <= found.high
    assert 0.90 <= held / 300 <= 0.985  # binomial: three standard errors around 0.94


def test_drawing_people_instead_of_photos_would_promise_too_much() -> None:
    rng = np.random.default_rng(1)
    first, second, photo_id = people(rng, photos=300, gain=0.0)
    by_photo = difference_of(first, second, photo_id, draws=500)
    by_person = difference_of(first, second, np.arange(len(first)), draws=500)
    assert by_photo.standard_error > 1.25 * by_person.standard_error


def test_what_both_models_share_cancels_out() -> None:
    rng = np.random.default_rng(2)
    first, second, photo_id = people(rng, photos=200, gain=0.3)
    paired = difference_of(first, second, photo_id, draws=500)
    apart = np.hypot(first.std(), second.std()) / math.sqrt(200)
    assert paired.standard_error < 0.6 * apart
    assert paired.excludes_zero
    assert paired.value == pytest.approx(second.mean() - first.mean())


def test_equal_models_differ_by_nothing_at_all() -> None:
    scores = np.random.default_rng(3).random(50)
    found = difference_of(scores, scores, np.arange(50) // 2, draws=100)
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert not found.excludes_zero


def test_draws_go_by_the_seed_and_not_by_the_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    values = rng.random((30, 2, 3))

    def resampled(seed: int) -> Floats:
        return PairedBootstrap(values, np.ones_like(values), np.arange(30), resamples=50, seed=seed).resampled((1, 2))

    whole = resampled(1)
    assert not np.array_equal(whole, resampled(2))
    monkeypatch.setattr("shgae.metrics.statistics._CELLS_AT_ONCE", 7 * 30)
    np.testing.assert_allclose(resampled(1), whole, rtol=1e-12)


def test_a_draw_with_nothing_to_divide_by_is_no_number_and_too_many_are_an_error() -> None:
    rare = np.zeros((4, 1))
    rare[0] = 1
    found = PairedBootstrap(rare, rare, np.arange(4), resamples=400)
    resampled = found.resampled((0,))
    assert 0.2 < np.isnan(resampled).mean() < 0.45  # (3/4)^4 = 0.32
    assert interval(1.0, resampled).low == 1
    assert found.interval((0,)) is None, "one photo has it, so nothing was resampled"
    with pytest.raises(ValueError, match="nothing to divide by"):
        interval(1.0, np.full(10, np.nan))


def test_the_smallest_difference_is_found_four_times_out_of_five() -> None:
    rng = np.random.default_rng(5)
    smallest = difference_of(*people(rng, photos=400, gain=0.0), draws=400).minimum_detectable
    found = [difference_of(*people(rng, photos=400, gain=smallest), draws=200).excludes_zero for _ in range(120)]
    assert 0.68 < np.mean(found) < 0.92


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


def test_three_seeds_give_students_interval() -> None:
    found = over_seeds([0.01, 0.02, 0.06])
    assert found is not None
    assert found.value == pytest.approx(0.03)
    # By hand: s = 0.0264575, t(0.975, 2) = 4.302653.
    assert found.high - found.value == pytest.approx(4.302653 * 0.0264575 / math.sqrt(3), rel=1e-5)
    assert over_seeds([0.01]) is None


def studies(rng: np.random.Generator, seeds: int, luck: float, own: float, studies: int) -> float:
    """The share of simulated studies whose combined interval holds the truth, 0.

    A difference is the sum of what a seed, a photo, and the two together do to it (normal, the photo's of deviation 0.1
    over 300 photos).
    """
    photos = 300
    of_seeds = rng.normal(0, luck, (studies, seeds))
    of_photos = rng.normal(0, 0.1 / math.sqrt(photos), (studies, 1))
    by_seed = of_seeds + of_photos + rng.normal(0, own / math.sqrt(photos), (studies, seeds))
    error = math.sqrt((0.1**2 + own**2 / seeds) / photos)
    held = 0
    for row in by_seed:
        over = over_seeds(row.tolist())
        assert over is not None
        found = combined(Interval(over.value, 0, 0, error), over, photos, seeds)
        held += found.low <= 0 <= found.high
    return held / studies


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("luck", [0.0, 0.006, 0.02])
def test_allowing_for_photos_and_seeds_the_interval_holds_the_truth(seeds: int, luck: float) -> None:
    assert studies(np.random.default_rng(seeds), seeds, luck, 0.05, 1000) >= 0.925  # three standard errors below 0.95


def test_the_wider_of_the_two_alone_would_promise_too_much_where_both_matter() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(1000):
        seeds = over_seeds((rng.normal(0, 0.02, 10) + rng.normal(0, 0.006)).tolist())
        assert seeds is not None
        reach = max(seeds.high - seeds.value, 1.96 * 0.006)
        found += abs(seeds.value) <= reach
    assert found / 1000 < 0.925


@pytest.mark.parametrize("freedom", [1.0, 2.0, 3.5, 9.0, 500.0, math.inf])
def test_the_smallest_difference_to_show_is_found_four_times_in_five(freedom: float) -> None:
    rng = np.random.default_rng(3)
    shift = errors_to_detect(freedom)
    spread = np.ones(400_000) if math.isinf(freedom) else np.sqrt(rng.chisquare(freedom, 400_000) / freedom)
    edge = stats.norm.ppf(0.975) if math.isinf(freedom) else stats.t.ppf(0.975, freedom)
    found = np.abs((rng.normal(0, 1, 400_000) + shift) / spread) > edge
    assert found.mean() == pytest.approx(0.8, abs=0.004)


@given(st.floats(1e-6, 0.1), st.floats(0, 0.1), st.integers(2, 10))
def test_the_combined_interval_is_never_narrower_than_either_source(photos: float, seeds: float, count: int) -> None:
    over = Interval(0.1, 0, 0, seeds)
    found = combined(Interval(0.1, 0, 0, photos), over, 300, count)
    reach = max(1.9599 * photos, float(stats.t.ppf(0.975, count - 1)) * seeds)
    assert found.high - 0.1 >= reach * (1 - 1e-9)
    assert found.low + found.high == pytest.approx(0.2)
    assert found.minimum_detectable >= found.high - 0.1


def test_arms_that_never_differ_have_an_interval_of_nothing() -> None:
    still = Interval(0.0, 0.0, 0.0, 0.0)
    found = combined(still, still, 10, 3)
    assert (found.low, found.high, found.minimum_detectable) == (0, 0, 0)


def test_resamples_are_shared_by_all_quantities_whatever_their_shape() -> None:
    rng = np.random.default_rng(8)
    photo_id, values, counts = rng.integers(0, 20, 50), rng.random((50, 2, 3)), rng.integers(0, 3, (50, 2, 3))
    found = PairedBootstrap(values, counts, photo_id, resamples=80, seed=3)
    photos = np.unique(photo_id)
    drawn = np.random.Generator(np.random.Philox(3)).integers(0, len(photos), (80, len(photos)), dtype=np.int32)
    for quantity in itertools.product(range(2), range(3)):
        above = np.array([values[photo_id == photo].sum(0)[quantity] for photo in photos])
        below = np.array([counts[photo_id == photo].sum(0)[quantity] for photo in photos])
        np.testing.assert_allclose(found.resampled(quantity), above[drawn].sum(1) / below[drawn].sum(1))
        assert found.value(quantity) == pytest.approx(above.sum() / below.sum())
        assert found.photos_of(quantity) == (below > 0).sum()


def test_without_people_or_with_one_photo_there_is_no_interval() -> None:
    nobody = PairedBootstrap(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.int64))
    assert (nobody.value((0,)), nobody.interval((0,)), nobody.difference((0,), (1,))) == (None, None, None)
    alone = PairedBootstrap(np.ones((3, 2)), np.ones((3, 2)), np.zeros(3, np.int64), resamples=20)
    assert (alone.value((0,)), alone.interval((0,)), alone.photos) == (1.0, None, 1)
    with pytest.raises(ValueError, match="denominators"):
        PairedBootstrap(np.ones((3, 2)), np.ones((3, 1)), np.zeros(3, np.int64))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.2, Verdict.BETTER),
        (-0.2, -0.1, Verdict.WORSE),
        (-0.1, 0.2, Verdict.NO_SIGNIFICANT_DIFFERENCE),
        (0.0, 0.2, Verdict.NO_SIGNIFICANT_DIFFERENCE),
        (0.0, 0.0, Verdict.IDENTICAL),
    ],
)
def test_a_verdict_goes_by_whether_the_interval_excludes_zero(low: float, high: float, verdict: Verdict) -> None:
    assert Verdict.of(Interval((low + high) / 2, low, high, 0.1)) is verdict
    assert Verdict.of(None) is Verdict.TOO_FEW_PHOTOS
