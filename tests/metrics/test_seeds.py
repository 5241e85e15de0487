"""The error over seeds by hand and by simulation, and the interval that allows for photos and seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shgae.metrics.bootstrap import PairedBootstrap
from shgae.metrics.seeds import CombinedEstimate, SeedError, SeedLayout, interaction, own_error
from shgae.metrics.statistics import PhotoEstimate

NORMAL = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
NORMAL /= NORMAL.std(ddof=1)


def photos_of(error: float, photos: int = 300, value: float = 0.0) -> PhotoEstimate:
    """Percentiles of a normal distribution of this standard error."""
    return PhotoEstimate(value, value + error * NORMAL, photos, photos)


def test_three_seeds_give_students_interval() -> None:
    found = own_error([0.01, 0.02, 0.06])
    assert found is not None and (found.freedom, found.pooled) == (2, False)
    # By hand: s = 0.0264575, t(0.975, 2) = 4.302653.
    low, high = found.ends(0.03)
    assert (high - low) / 2 == pytest.approx(4.302653 * 0.0264575 / math.sqrt(3), rel=1e-5)
    assert own_error([0.01]) is None


def test_the_error_of_all_arms_is_what_arm_and_seed_leave_by_hand() -> None:
    scores = np.random.default_rng(0).normal(0, 0.01, (5, 3)) + np.linspace(0, 0.2, 5)[:, None] + [0, 0.1, 0.3]
    left = scores - scores.mean(0) - scores.mean(1)[:, None] + scores.mean()
    layout = SeedLayout(scores.tolist())
    assert layout.freedom == 8
    found = [layout.error(0, other) for other in range(1, 5)]
    pooled = [one for one in found if one is not None and one.pooled]
    assert pooled
    for one in pooled:
        assert one.freedom == 8
        assert one.error == pytest.approx(math.sqrt(2 * (left**2).sum() / 8 / 3))


def test_the_ratio_is_that_of_a_pair_to_the_contrasts_that_are_orthogonal_to_it() -> None:
    scores = np.random.default_rng(1).normal(0, 1, (3, 4))
    found = SeedLayout(scores.tolist()).error(0, 1)
    assert found is not None
    pair = (scores[0] - scores[1]) / math.sqrt(2)
    other = (scores[0] + scores[1] - 2 * scores[2]) / math.sqrt(6)
    assert found.ratio == pytest.approx(pair.var(ddof=1) / other.var(ddof=1))
    assert found.p == pytest.approx(stats.f.sf(found.ratio, 3, 3))


def test_a_pair_that_is_noisier_or_much_steadier_than_the_rest_keeps_its_own_error() -> None:
    rng = np.random.default_rng(2)
    for spread in (10.0, 0.01):
        scores = rng.normal(0, 1, (5, 5))
        scores[:2] *= spread
        found = SeedLayout(scores.tolist()).error(0, 1)
        assert found is not None and not found.pooled and found.freedom == 4
        assert found.error == pytest.approx((scores[0] - scores[1]).std(ddof=1) / math.sqrt(5))


def test_equal_spreads_are_called_unequal_as_often_as_the_levels_say() -> None:
    rng = np.random.default_rng(3)
    found = [SeedLayout(rng.normal(0, 1, (5, 4)).tolist()).error(0, 1) for _ in range(600)]
    kept = np.mean([one is not None and not one.pooled for one in found])
    assert kept == pytest.approx(0.275, abs=0.06)


def test_two_arms_alone_one_seed_and_arms_of_fewer_seeds() -> None:
    two = SeedLayout([[0.1, 0.2, 0.4], [0.2, 0.2, 0.3]]).error(0, 1)
    assert two is not None and (two.freedom, two.pooled, two.ratio) == (2, False, None)
    assert two.error == pytest.approx(0.1 / math.sqrt(3))
    assert SeedLayout([[0.1], [0.2], [0.3]]).error(0, 1) is None
    ragged = SeedLayout([[0.1, 0.2, 0.4], [0.2, 0.25, 0.3], [0.3]])
    assert ragged.freedom == 2
    lonely = ragged.error(0, 2)
    assert lonely is not None and (lonely.pooled, lonely.ratio, lonely.freedom) == (True, None, 2)
    still = SeedLayout([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]).error(0, 1)
    assert still is not None and (still.pooled, still.ratio) == (False, None) and still.error < 1e-12


@given(st.integers(3, 6), st.integers(2, 8), st.integers(0, 1000))
def test_the_interaction_of_photos_and_seeds_is_that_of_a_two_way_table(seeds: int, photos: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.normal(0, 1, (photos, seeds))
    left = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
    mean_square = (left**2).sum() / (photos - 1) / (seeds - 1)
    assert interaction(table, np.ones(photos)) == pytest.approx(mean_square / photos / seeds)
    assert interaction(table[:, :2], np.ones(photos)) is None


def study(rng: np.random.Generator, seeds: int, luck: float, both: float, photos: int = 300) -> CombinedEstimate:
    """Of two arms that are equal, from the parts that seeds, photos, and the two together add to a difference."""
    table = rng.normal(0, 0.1, (photos, 1)) + rng.normal(0, both, (photos, seeds)) + rng.normal(0, luck, seeds)
    error = own_error(table.mean(0).tolist())
    assert error is not None
    over = photos_of(float(table.mean(1).std(ddof=1)) / math.sqrt(photos), photos, float(table.mean()))
    return CombinedEstimate.of(over, error, interaction(table, np.ones(photos)))


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("luck", [0.0, 0.006, 0.02])
def test_allowing_for_photos_and_seeds_the_interval_holds_the_truth(seeds: int, luck: float) -> None:
    rng = np.random.default_rng(seeds)
    held = [low <= 0 <= high for low, high in (study(rng, seeds, luck, 0.1).ends() for _ in range(800))]
    assert np.mean(held) >= 0.925  # three standard errors below 0.95


def test_what_photos_and_seeds_share_is_counted_once() -> None:
    """With nothing but the interaction the sum of both variances is twice too large."""
    rng = np.random.default_rng(0)
    reaches = {}
    for shared in (True, False):
        ratios = []
        for _ in range(300):
            table = rng.normal(0, 1, (100, 10))
            error = own_error(table.mean(0).tolist())
            assert error is not None
            over = photos_of(float(table.mean(1).std(ddof=1)) / 10, 100)
            both = CombinedEstimate.of(over, error, interaction(table, np.ones(100)) if shared else None)
            ratios.append(both.sources[2][0] / math.sqrt(1 / 1000))
        reaches[shared] = float(np.mean(ratios))
    assert reaches[False] == pytest.approx(1.4, abs=0.05)
    assert 1 <= reaches[True] < 1.2, "never below either source"


@given(st.floats(1e-6, 0.1), st.floats(0, 0.1), st.integers(2, 10))
def test_the_combined_interval_is_never_narrower_than_either_source(photos: float, seeds: float, count: int) -> None:
    found = CombinedEstimate.of(photos_of(photos, value=0.1), SeedError(seeds, count - 1, False, None, None), None)
    low, high = found.ends()
    reach = max(1.9599 * photos, float(stats.t.ppf(0.975, count - 1)) * seeds)
    over = found.photos.ends()
    assert high >= max(0.1 + reach * (1 - 1e-6), over[1])
    assert low <= min(0.1 - reach * (1 - 1e-6), over[0])
    if found.p() > 2 / len(found.photos.drawn):  # a smaller p is no level that resamples tell
        assert min(map(abs, found.ends(1 - found.p()))) == pytest.approx(0, abs=1e-6)


def test_where_photos_are_lopsided_their_own_interval_bounds_the_verdict() -> None:
    """94 photos gain 6 points and 6 lose 50: the percentiles hold 0, 1.96 standard errors do not."""
    gains = np.where(np.arange(100) < 94, 0.06, -0.5)[:, None]
    photos = PairedBootstrap(gains, np.ones_like(gains), np.arange(100)).gain((0,))
    assert photos is not None and photos.ends()[0] < 0 < photos.value - 1.96 * photos.standard_error
    found = CombinedEstimate.of(photos, SeedError(1e-4, 2, False, None, None), None)
    assert found.ends()[0] < 0 and found.p() > 0.05
    assert found.p_not_above(0) >= photos.p_not_above(0)


def test_arms_that_never_differ_have_an_interval_of_nothing() -> None:
    still = PhotoEstimate(0.0, np.zeros(10), 10, 0)
    found = CombinedEstimate.of(still, SeedError(0.0, 2, False, None, None), 0.0)
    assert (found.ends(), found.p()) == ((0, 0), 1)
