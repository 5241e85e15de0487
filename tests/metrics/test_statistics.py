"""Verdicts, and intervals and p of an estimate, by Student's t or by its resamples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shgae.metrics.statistics import (
    Interval,
    PhotoEstimate,
    Verdict,
    effective_number,
    is_near_boundary,
    percentile_tail,
    score_interval,
)


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


SHARES = st.floats(0, 1)
SIZES = st.floats(1, 10_000)
PHOTOS = st.integers(2, 500)
LEVELS = st.sampled_from([0.5, 0.9, 0.95])


@pytest.mark.parametrize(
    ("share", "photos", "near"),
    [
        (0.0, 100_000, True),
        (0.125, 79, True),
        (0.125, 80, False),  # 10 of 80
        (0.1875, 53, True),
        (0.1875, 54, False),
        (0.25, 2, False),  # not rare, of however few
        (0.5, 2, False),
    ],
)
def test_a_share_is_near_where_hits_or_misses_are_rare_and_fill_fewer_than_ten_photos(
    share: float, photos: float, near: bool
) -> None:
    assert is_near_boundary(share, photos) is near
    assert is_near_boundary(1 - share, photos) is near, "misses count as hits do"


@pytest.mark.parametrize(("edge", "photos"), [(0.2, 2), (0.1, 100), (0.05, 200), (0.01, 1000)])
def test_at_its_edges_misses_count_as_hits_do(edge: float, photos: int) -> None:
    assert not is_near_boundary(edge, photos)
    assert not is_near_boundary(1 - edge, photos)


def test_a_fifth_is_not_rare() -> None:
    assert not is_near_boundary(0.2, 2)
    assert is_near_boundary(0.199, 2)


@given(SHARES, SIZES, PHOTOS, LEVELS)
def test_an_end_is_where_the_share_lies_just_so_many_standard_errors_away(
    share: float, size: float, photos: int, level: float
) -> None:
    t = float(stats.t.ppf((1 + level) / 2, photos - 1))
    for end in score_interval(share, size, photos, level):
        assert (share - end) ** 2 == pytest.approx(t**2 * end * (1 - end) / size, rel=1e-6, abs=1e-9)


@given(SHARES, SIZES, PHOTOS, LEVELS)
def test_the_share_lies_inside_and_its_complement_has_the_mirror_image(
    share: float, size: float, photos: int, level: float
) -> None:
    low, high = score_interval(share, size, photos, level)
    assert 0 <= low <= share <= high <= 1
    assert low < high
    assert score_interval(1 - share, size, photos, level) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_of_very_many_photos_it_is_the_interval_of_the_textbook() -> None:
    """1 of 10 people, by Wilson's formula with z = 1.96."""
    assert score_interval(0.1, 10, 1e9, 0.95) == pytest.approx((0.01788, 0.40415), abs=1e-5)


def test_of_few_photos_it_is_that_of_students_t() -> None:
    t = 2.262157  # t(0.975, 9), by the table
    low, high = score_interval(0.0, 40, 10, 0.95)
    assert (low, high) == pytest.approx((0, t**2 / (40 + t**2)), rel=1e-5)


@given(SHARES, SIZES, PHOTOS)
def test_more_people_or_more_photos_or_less_confidence_make_it_narrower(share: float, size: float, photos: int) -> None:
    low, high = score_interval(share, size, photos, 0.95)
    for other in (
        score_interval(share, 2 * size, photos, 0.95),
        score_interval(share, size, photos + 1, 0.95),
        score_interval(share, size, photos, 0.9),
    ):
        assert other[1] - other[0] < high - low


def test_no_rounding_leaves_all_or_none_outside() -> None:
    for size in range(1, 300):
        assert score_interval(1.0, size, 50, 0.95)[1] == 1
        assert score_interval(0.0, size, 50, 0.95)[0] == 0


@pytest.mark.parametrize("share", [math.nextafter(1, 2), math.nextafter(0, -1)])
def test_a_share_that_rounding_made_too_large_or_too_small_still_has_an_interval_of_shares(share: float) -> None:
    low, high = score_interval(share, 30, 20, 0.95)
    assert 0 <= low < high <= 1
    assert score_interval(share, 30, 20, 0.0) == (pytest.approx(round(share)), pytest.approx(round(share)))


def test_with_no_confidence_it_is_the_share_itself() -> None:
    assert score_interval(0.3, 10, 10, 0.0) == pytest.approx((0.3, 0.3))
