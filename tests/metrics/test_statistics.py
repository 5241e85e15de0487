"""Verdicts, and intervals and p of an estimate, by Student's t or by its resamples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shgae.metrics.statistics import Interval, PhotoEstimate, Verdict, effective_number, percentile_tail


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
    assert Verdict.of(Interval((low + high) / 2, low, high, 0.1), 10) is verdict
    few = Verdict.of(Interval((low + high) / 2, low, high, 0.1), 9)
    assert few is (verdict if verdict is Verdict.IDENTICAL else Verdict.TOO_FEW_PHOTOS)
    assert Verdict.of(None, 100) is Verdict.TOO_FEW_PHOTOS


def test_of_few_photos_the_interval_is_students_and_of_many_it_is_the_percentiles() -> None:
    drawn = np.random.default_rng(0).normal(0.5, 0.1, 1000)
    few = PhotoEstimate(0.5, drawn, 20, 20)
    reach = 2.093024 * drawn.std(ddof=1) * math.sqrt(20 / 19)  # t(0.975, 19), by the table
    assert few.ends() == pytest.approx((0.5 - reach, 0.5 + reach), rel=1e-5)
    many = PhotoEstimate(0.5, drawn, 50, 50)
    assert many.ends() == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
    differing = PhotoEstimate(0.5, drawn, 150, 5)
    assert differing.quantile(0.975) == pytest.approx(0.5 + 2.776445 * differing.standard_error)  # t(0.975, 4)


@pytest.mark.parametrize("photos", [12, 80])
@pytest.mark.parametrize("shift", [-0.3, -0.1, 0.02, 0.25])
def test_a_p_is_the_level_at_which_the_interval_ends_at_zero(photos: int, shift: float) -> None:
    drawn = np.random.default_rng(1).normal(shift, 0.1, 999)
    found = PhotoEstimate(shift, drawn, photos, photos)
    low, high = found.ends(1 - found.p())
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-9)
    assert found.p_not_above(0) + found.p_not_below(0) == pytest.approx(1, abs=0.003)


@given(st.integers(0, 1000), st.floats(1e-12, 0.2), st.floats(-12, 12))
def test_an_interval_excludes_a_value_if_and_only_if_its_p_is_under_the_level_that_no_resample_tells_too(
    seed: int, tail: float, errors: float
) -> None:
    drawn = np.random.default_rng(seed).normal(1, 0.1, 200)
    found = PhotoEstimate(1.0, drawn, 60, 60)
    null = 1 + 0.1 * errors
    low, high = found.ends(1 - 2 * tail)
    p_above, p_below = found.p_not_above(null), found.p_not_below(null)
    if abs(null - low) > 1e-9 and abs(null - high) > 1e-9 and min(abs(p_above - tail), abs(p_below - tail)) > 1e-9:
        assert (null < low, null > high) == (p_above < tail, p_below < tail)
    assert low <= 1 <= high


def test_beyond_all_resamples_a_p_is_students_and_one_resample_at_the_most() -> None:
    drawn = np.random.default_rng(0).normal(1, 0.1, 100)
    far, near = (PhotoEstimate(1.0, one, 60, 60) for one in (drawn, np.repeat([0.05, 1.95], 50)))
    assert far.p() == pytest.approx(2 * stats.t.sf(1 / far.standard_error, 59))
    assert near.p() == 2 / 100 < 2 * stats.t.sf(1 / near.standard_error, 59)
    sure = PhotoEstimate(1.0, 1 + (drawn - 1) / 10, 3000, 3000)
    assert sure.p() < 1e-100 and sure.ends(1 - 1e-4)[0] > 0.8, "whatever is smaller than any number of the machine"
    assert PhotoEstimate(1.0, np.ones(500), 60, 60).p() == 2 / 500
    assert PhotoEstimate(0.0, np.zeros(500), 60, 60).p() == 1
    assert PhotoEstimate(0.0, np.zeros(500), 60, 0).p() == 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_photos_count_as_many_as_there_are_only_where_all_weigh_the_same(weights: list[int]) -> None:
    count = effective_number(np.array(weights, dtype=float))
    assert count <= len(weights) * (1 + 1e-12)
    assert (abs(count - len(weights)) < 1e-9) == (len(set(weights)) == 1)
    assert effective_number(np.array([*weights, 0.0])) == pytest.approx(count)
    assert effective_number(np.zeros(3)) == 0


def test_percentiles_of_few_photos_lie_farther_out() -> None:
    assert percentile_tail(0.025, 50) == 0.025
    by_hand = float(stats.norm.cdf(-2.262157 * math.sqrt(10 / 9)))  # t(0.975, 9)
    assert percentile_tail(0.025, 10) == pytest.approx(by_hand, rel=1e-5)
