"""Intervals that hold what they promise, on people whose truth is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.metrics.statistics import (
    bootstrap,
    interval,
    mcnemar,
    over_seeds,
    photo_sums,
    ratio_difference,
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
    count = photo_sums(np.ones(len(first)), photo_id)
    sums = [photo_sums(values, photo_id) for values in (first, second)]
    return ratio_difference((sums[0], count), (sums[1], count), draws=draws, seed=seed)


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
    numerator, denominator = rng.random((30, 2)), np.ones((30, 2))
    whole = bootstrap(numerator, denominator, draws=50, seed=1)
    assert not np.array_equal(whole, bootstrap(numerator, denominator, draws=50, seed=2))
    monkeypatch.setattr("shgae.metrics.statistics._CELLS_AT_ONCE", 7 * 30)
    np.testing.assert_allclose(bootstrap(numerator, denominator, draws=50, seed=1), whole, rtol=1e-12)


def test_a_draw_with_nothing_to_divide_by_is_no_number_and_too_many_are_an_error() -> None:
    rare = np.zeros((4, 1))
    rare[0] = 1
    draws = bootstrap(rare, rare, draws=400, seed=0)
    assert 0.2 < np.isnan(draws).mean() < 0.45  # (3/4)^4 = 0.32
    assert interval(1.0, draws[:, 0]).low == 1
    with pytest.raises(ValueError, match="nothing to divide by"):
        interval(1.0, np.full(10, np.nan))


def test_the_smallest_difference_is_found_four_times_out_of_five() -> None:
    rng = np.random.default_rng(5)
    smallest = difference_of(*people(rng, photos=400, gain=0.0), draws=400).smallest_to_show
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
