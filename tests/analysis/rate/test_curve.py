"""The curve of ranks, and where an autoencoder lies on it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.analysis.effects import ReplacementEffects
from shgae.analysis.rate.curve import (
    EqualRank,
    FvuSums,
    RankVerdict,
    _limits,
    curve,
    dense_ranks,
    equal_fvu,
    equal_pck,
    equal_rank,
    fvu_grid,
    isotonic,
)
from shgae.metrics.statistics import PhotoEstimate
from tests.builders.tallies import tally_of, truth_of


def about(fvu: float, rank: int, photos: int = 20) -> FvuSums:
    """A person a photo, whose FVU is about that; projections leave the less the higher the rank."""
    error = fvu + 0.2 * np.sin(np.arange(photos))
    error += fvu - error.mean()
    left = np.tile(np.linspace(1, 0, rank + 1), (photos, 1))
    return FvuSums(fvu_grid(rank), left, error, np.ones(photos), np.arange(photos))


@given(st.integers(0, 500), st.integers(1, 6))
@settings(max_examples=20)
def test_the_curve_is_the_error_of_each_projection(seed: int, size: int) -> None:
    numbers = np.random.default_rng(seed)
    x, mean = numbers.normal(size=(20, size)), numbers.normal(size=size)
    directions = np.linalg.qr(numbers.normal(size=(size, size)))[0]
    coefficients = (x - mean) @ directions.T
    spread = ((x - mean) ** 2).sum()
    rates = curve((coefficients**2).sum(0), spread)
    for k in range(size + 1):
        rebuilt = mean + coefficients[:, :k] @ directions[:k]
        assert rates[k] == pytest.approx(((x - rebuilt) ** 2).sum() / spread, abs=1e-9)
    assert equal_fvu(rates, 1.0, size, about(1.0, size)).components == 0
    fewest = int(equal_fvu(rates, 0.3, size, about(0.3, size)).components or -1)
    assert rates[fewest] <= 0.3 < rates[fewest - 1]


def test_no_rank_is_good_enough_for_less_than_nothing() -> None:
    found = equal_fvu(np.array([1.0, 0.5, 0.1]), 0.05, 2, about(0.05, 2))
    assert (found.verdict, found.components, found.most) == (RankVerdict.BEYOND, None, 2)


@pytest.mark.parametrize(
    ("fvu", "photos", "verdict"),
    [
        (1.2, 60, RankVerdict.WORSE_THAN_MEAN),
        (1.01, 60, RankVerdict.LIKE_MEAN),
        (1.2, 9, RankVerdict.TOO_FEW),
        (0.5, 9, RankVerdict.TOO_FEW),
        (0.5, 10, RankVerdict.NAMED),
    ],
)
def test_a_code_is_called_worse_than_the_mean_where_its_interval_says_so(
    fvu: float, photos: int, verdict: RankVerdict
) -> None:
    assert equal_fvu(np.array([1.0, 0.5, 0.1]), fvu, 2, about(fvu, 2, photos)).verdict == verdict


def test_only_components_that_the_people_determine_count_for_the_fvu() -> None:
    found = equal_fvu(np.array([1.0, 0.5, 0.1, 0.05, 0.0]), 0.06, 2, about(0.06, 2))
    assert (found.verdict, found.components, found.most) == (RankVerdict.BEYOND, None, 2)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (0.0, 0),
        (0.1, 0),
        (0.15, 0.5),
        (0.2, 1),
        (0.3, math.sqrt(10)),
        (0.4, 10),
        (0.45, 10**1.5),
        (0.5, 100),
        (0.6, math.inf),
    ],
)
def test_ranks_between_two_points_are_read_off_a_line_over_the_logarithm(wanted: float, expected: float) -> None:
    found = equal_rank([0, 1, 10, 100], np.array([[0.1, 0.2, 0.4, 0.5]]), np.array([wanted]))
    assert found.tolist() == pytest.approx([expected])


def test_the_first_rank_that_is_enough_counts_where_the_curve_goes_up_and_down() -> None:
    assert equal_rank([0, 1, 10, 100], np.array([[0.1, 0.5, 0.2, 0.5]]), np.array([0.5])).tolist() == [1]


def equal(hits: dict[str, float], ks: list[int], rank: int = 4096, seed: int = 0) -> EqualRank:
    numbers = np.random.default_rng(seed)
    truth = truth_of(400, numbers)
    tallies = {name: tally_of(truth, numbers, hit) for name, hit in hits.items()}
    return equal_pck(ReplacementEffects(tallies, truth, resamples=300), ks, "ae", rank)


def test_an_autoencoder_half_way_up_lies_between_its_neighbours() -> None:
    found = equal({"id": 0.9, "ae": 0.5, "0": 0.1, "10": 0.3, "1000": 0.7}, [0, 10, 1000])
    assert found.verdict == RankVerdict.NAMED
    assert found.components == pytest.approx(100, rel=0.5)
    assert (found.low, found.at_least, found.high) == (11, 11, 1000)
    assert 10 < found.components < 1000  # type: ignore[operator]


@pytest.mark.parametrize(
    ("hits", "verdict"),
    [
        ({"id": 0.5, "ae": 0.5, "0": 0.5, "10": 0.5}, RankVerdict.NO_COST),
        ({"id": 0.3, "ae": 0.5, "0": 0.8, "10": 0.5}, RankVerdict.MEAN_BETTER),
        ({"id": 0.9, "ae": 0.8, "0": 0.1, "10": 0.3}, RankVerdict.BEYOND),
        ({"id": 0.5, "ae": 0.9, "0": 0.1, "10": 0.4}, RankVerdict.BEYOND),
        ({"id": 0.9, "ae": 0.1, "0": 0.4, "10": 0.8}, RankVerdict.WORSE_THAN_MEAN),
        ({"id": 0.9, "ae": 0.4, "0": 0.4, "10": 0.8}, RankVerdict.LIKE_MEAN),
    ],
)
def test_the_verdict_follows_what_was_simulated(hits: dict[str, float], verdict: RankVerdict) -> None:
    found = equal(hits, [0, 10])
    assert found.verdict == verdict
    if verdict == RankVerdict.BEYOND:
        assert (found.components, found.high, found.at_least) == (None, None, 11)


def test_where_the_loss_is_not_significant_a_lower_limit_is_still_given() -> None:
    found = equal({"id": 0.8, "ae": 0.8, "0": 0.1, "10": 0.4, "100": 0.8, "4096": 0.8}, [0, 10, 100, 4096])
    assert found.at_least is not None and found.at_least > 10
    assert found.verdict in (RankVerdict.OPEN, RankVerdict.BEYOND) and found.high is None


def test_ranks_beyond_what_the_people_determine_are_not_asked() -> None:
    hits = {"id": 0.9, "ae": 0.7, "0": 0.1, "10": 0.3, "1000": 0.85}
    assert equal(hits, [0, 10, 1000]).components is not None
    found = equal(hits, [0, 10, 1000], rank=10)
    assert (found.verdict, found.most) == (RankVerdict.BEYOND, 10)


def test_limits_are_the_first_ranks_that_a_test_no_longer_tells_apart() -> None:
    ks = [0, 5, 10, 20, 40]
    values = (0.4, 0.2, 0.0, -0.1, -0.3)
    noise = np.random.default_rng(0).normal(0, 0.01, 500)

    def limits(shift: float, photos: int = 60) -> tuple[float | None, ...]:
        return _limits(ks, [PhotoEstimate(one + shift, one + shift + noise, photos, photos) for one in values])

    assert limits(0) == (6, 20, 6)
    assert limits(-1) == (0, 0, 0)
    assert limits(1) == (41, None, 41)
    assert limits(0.022) == (11, 20, 11)
    assert limits(0.022, photos=3) == (6, 20, 6), "of three photos the interval is Student's"


def test_a_named_rank_is_not_selected_by_significance() -> None:
    """A true rank of 32 near the top of the curve, seen by 150 people: the median of all estimates is near it, and the
    one-sided limit holds it in 19 of 20 trials (a few less are within chance)."""
    ks = [0, 4, 8, 16, 32, 64, 128]
    scores = dict(zip(map(str, ks), (0.2, 0.35, 0.5, 0.62, 0.68, 0.7, 0.71), strict=True))
    found = []
    for seed in range(40):
        numbers = np.random.default_rng(seed)
        truth = truth_of(150, numbers)
        tallies = {name: tally_of(truth, numbers, hit) for name, hit in {"id": 0.72, "ae": 0.68, **scores}.items()}
        found.append(equal_pck(ReplacementEffects(tallies, truth, resamples=200), ks, "ae", 4096))
    estimates = [math.inf if one.components is None else one.components for one in found]
    assert 16 < np.median(estimates) < 64
    assert sum((one.at_least or 0) <= 32 for one in found) >= 34


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_a_smoothed_curve_never_falls_and_leaves_a_rising_one(scores: list[float]) -> None:
    (smooth,) = isotonic(np.array([scores]))
    assert (np.diff(smooth) >= -1e-12).all()
    assert smooth.mean() == pytest.approx(np.mean(scores))
    assert isotonic(np.array([sorted(scores)]))[0] == pytest.approx(sorted(scores))


def test_dense_ranks_lie_inside_the_interval_and_are_new() -> None:
    ks = (0, 10, 100, 1000)
    named = EqualRank(RankVerdict.NAMED, 50.0, 20.0, 90.0, 22.0, 1000, None)
    found = dense_ranks(ks, [named])
    assert len(found) == 6 and all(10 < k < 100 for k in found)
    still_open = EqualRank(RankVerdict.OPEN, 150.0, 120.0, None, 130.0, 1000, None)
    assert all(100 < k < 1000 for k in dense_ranks(ks, [still_open]))
    assert dense_ranks(ks, [EqualRank(RankVerdict.NO_COST, None, None, None, None, 1000, None)]) == ()


@given(st.integers(0, 5000))
def test_the_grid_of_the_fvu_begins_dense_and_ends_at_the_rank(rank: int) -> None:
    grid = fvu_grid(rank).tolist()
    assert grid[0] == 0 and grid[-1] == rank and grid == sorted(set(grid))
    assert grid[: min(rank, 64) + 1] == list(range(min(rank, 64) + 1))


def test_the_interval_of_the_equal_fvu_rank_holds_the_rank_of_all_people() -> None:
    numbers = np.random.default_rng(0)
    people, size = 200, 40
    squares = numbers.gamma(1, np.geomspace(1, 0.01, size), (people, size))
    spread = squares.sum(1)
    left = np.maximum(spread[:, None] - np.pad(squares.cumsum(1), ((0, 0), (1, 0))), 0)
    error = 0.3 * spread * numbers.uniform(0.8, 1.2, people)
    sums = FvuSums(fvu_grid(size), left, error, spread, numbers.integers(0, 100, people))
    found = equal_fvu(curve(squares.sum(0), spread.sum()), float(error.sum() / spread.sum()), size, sums)
    assert found.verdict == RankVerdict.NAMED
    assert found.low <= found.components <= found.high <= found.low + 6  # type: ignore[operator]
    alone = FvuSums(sums.grid, left, error, spread, np.zeros(people, np.int64))
    assert alone.limits(0) == (None, None, None)
    rows = slice(0, 12)
    few = FvuSums(sums.grid, left[rows], error[rows], spread[rows], np.arange(12)).limits(0)
    as_many = [np.repeat(one[rows], 5, axis=0) for one in (left, error, spread)]
    many = FvuSums(sums.grid, *as_many, np.arange(60)).limits(0)
    assert few.high - few.low > many.high - many.low  # type: ignore[operator]
