"""Wilson's interval against the equation that its ends solve, and against values of the literature."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shgae.metrics.score_interval import is_near_boundary, score_interval

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
