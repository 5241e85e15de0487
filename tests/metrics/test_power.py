"""Planned power against simulated studies; false positives and false equivalence of simulated studies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from shgae.metrics.bootstrap import PairedBootstrap
from shgae.metrics.power import minimum_detectable, planned_power, spread_over_photos
from shgae.metrics.seeds import CombinedEstimate, unpaired_error
from shgae.metrics.statistics import PhotoEstimate, effective_number
from tests.builders.simulated import SD_BOTH, SD_PHOTOS, SD_SEEDS, evaluated, studied, true_error

SPREADS = {"sd_seeds": SD_SEEDS, "sd_photos": SD_PHOTOS, "sd_both": SD_BOTH}


@pytest.mark.parametrize(("seeds", "photos"), [(2, 150), (3, 20), (5, 10), (10, 500)])
def test_simulated_studies_find_what_was_planned_and_no_more_by_chance(seeds: int, photos: int) -> None:
    """400 studies: three standard errors of a share of 70 % are 7 points, of 5 % they are 3.3."""
    found, error = studied(seeds, photos, 400), true_error(seeds, photos)
    gain = planned_power(2.8 * error, 4 * error, seeds=seeds, photos=photos, **SPREADS)
    equal = planned_power(0, 4 * error, seeds=seeds, photos=photos, **SPREADS)
    assert found.found == pytest.approx(gain.differs, abs=0.075)
    assert found.within == pytest.approx(equal.within_margin, abs=0.075)
    assert found.differ < 0.083 and found.equivalent < 0.083


def test_arms_that_vary_more_than_the_others_are_seldom_called_different() -> None:
    assert studied(5, 150, 400, noisier=2.0).differ < 0.1


@pytest.mark.parametrize("photos", [2, 5, 10, 20, 150])
def test_equal_models_differ_in_5_of_100_trials_however_few_photos(photos: int) -> None:
    found = evaluated(photos, 0.7, 200, resamples=400)
    assert found.differ < 0.1 and found.held > 0.89  # three standard errors around 0.05 and 0.95, or nearly
    assert found.verdict <= found.differ and (photos >= 10 or not found.verdict)


def test_one_seed_has_the_power_of_a_normal_test_over_many_photos() -> None:
    found = planned_power(0.01, 0.02, sd_seeds=0, sd_photos=0.1, seeds=1, photos=2000)
    error = 0.1 / math.sqrt(2000)
    assert found.differs == pytest.approx(stats.norm.sf(1.96 - 0.01 / error), abs=0.01)
    inside = stats.norm.sf(1.645 - 0.01 / error) + stats.norm.cdf(0.03 / error - 1.645) - 1
    assert found.within_margin == pytest.approx(inside, abs=0.02)


def test_more_seeds_photos_and_margin_find_more_and_under_ten_photos_nothing() -> None:
    def power(gain: float = 0.0, margin: float = 0.02, seeds: int = 5, photos: int = 500):
        return planned_power(gain, margin, sd_seeds=0.008, sd_photos=0.06, seeds=seeds, photos=photos)

    assert power(0.01).differs < power(0.02).differs == power(-0.02).differs
    assert power(0.01).differs < power(0.01, seeds=10).differs
    assert power(0.01).differs < power(0.01, photos=5000).differs
    assert power().within_margin < power(margin=0.03).within_margin
    assert power().differs == pytest.approx(0.022, abs=0.005), "equal arms: half of 5 % on one side, or a little less"
    assert power(0.5, photos=9) == type(power())(0.0, 0.0)
    assert planned_power(0.01, 0.02, sd_seeds=0, sd_photos=0, seeds=3, photos=20) == type(power())(1.0, 1.0)


@pytest.mark.parametrize(("seeds", "photos", "arms"), [(1, 2000, 2), (3, 40, 2), (5, 300, 5)])
def test_the_minimum_detectable_difference_is_found_four_times_of_five(seeds: int, photos: int, arms: int) -> None:
    spread = {"sd_seeds": 0.008, "sd_photos": 0.1, "seeds": seeds, "photos": photos, "arms": arms}
    least = minimum_detectable(0.8, **spread)
    assert least is not None
    assert planned_power(least, 1, **spread).differs == pytest.approx(0.8, abs=1e-4)


def test_of_one_run_and_many_photos_it_is_the_formula_of_textbooks() -> None:
    found = minimum_detectable(0.8, sd_seeds=0, sd_photos=0.1, seeds=1, photos=2000, arms=2)
    assert found == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * 0.1 / math.sqrt(2000), rel=0.01)


@pytest.mark.parametrize("seeds", [1, 3])
def test_where_arms_differ_on_few_photos_these_are_what_the_interval_goes_by(seeds: int) -> None:
    known = {"sd_seeds": 0.0, "sd_photos": 0.1, "seeds": seeds, "arms": 2}
    few, more, every = (minimum_detectable(0.8, **known, photos=400, differing=n) for n in (10, 30, 400))
    assert few and more and every and few > more > every == minimum_detectable(0.8, **known, photos=400)


def test_of_one_run_and_few_photos_that_differ_it_is_students_t_with_their_degrees_of_freedom() -> None:
    """By simulation: so many true gains lie beyond the reach of their own interval."""
    found = minimum_detectable(0.8, sd_seeds=0, sd_photos=0.1, seeds=1, photos=400, arms=2, differing=12)
    rng = np.random.default_rng(0)
    error = 0.1 / math.sqrt(400)
    seen = found + error * rng.normal(size=20_000)
    spreads = error * np.sqrt(rng.chisquare(11, 20_000) / 11)
    assert (seen > stats.t.ppf(0.975, 11) * spreads).mean() == pytest.approx(0.8, abs=0.015)


def test_where_nothing_is_found_so_often_there_is_none() -> None:
    assert minimum_detectable(0.8, sd_seeds=0, sd_photos=0.1, seeds=3, photos=9, arms=2) is None
    assert minimum_detectable(0.8, sd_seeds=9, sd_photos=0.1, seeds=2, photos=50, arms=2) is None


@pytest.mark.parametrize(("first", "second"), [(1, 5), (2, 3), (3, 8)])
def test_runs_without_pairs_find_it_four_times_of_five_too(first: int, second: int) -> None:
    """600 simulated comparisons, whose run and photo variances are estimated as compare does."""
    spread = {"sd_seeds": 0.02, "sd_photos": 0.06, "photos": 150, "arms": 2}
    least = minimum_detectable(0.8, **spread, seeds=first, unpaired=second)
    assert least is not None
    rng, found = np.random.default_rng([first, second]), 0
    scores = stats.norm.ppf((np.arange(500) + 0.5) / 500)
    for _ in range(600):
        theirs, mine = rng.normal(0, 0.02 / math.sqrt(2), second), rng.normal(least, 0.02 / math.sqrt(2), first)
        error, seen = 0.06 / math.sqrt(150), rng.chisquare(149) / 149
        value = mine.mean() - theirs.mean() + rng.normal(0, error)
        drawn = value + error * math.sqrt(seen) * scores / scores.std(ddof=1)
        seeds = unpaired_error(theirs, mine)
        assert seeds is not None
        found += CombinedEstimate.of(PhotoEstimate(value, drawn, 150, 150), seeds, None).ends()[0] > 0
    assert found / 600 == pytest.approx(0.8, abs=0.05), "three standard errors"


def test_the_spread_over_photos_is_that_of_the_resamples() -> None:
    rng = np.random.default_rng(0)
    photo_id = np.repeat(np.arange(300), rng.integers(1, 4, 300))
    has = (rng.random(len(photo_id)) < 0.9).astype(float)
    gains = (rng.normal(0.02, 0.2, 300)[photo_id] + rng.normal(0, 0.1, len(photo_id))) * has
    found, photos, differing, effective = spread_over_photos(gains, has, photo_id)
    resampled = PairedBootstrap(gains[:, None], has[:, None], photo_id, resamples=2000).interval((0,))
    assert photos == len(np.unique(photo_id[has > 0]))
    assert resampled is not None
    assert found / math.sqrt(photos) == pytest.approx(resampled.standard_error, rel=0.05)
    assert photos == differing > effective > 200
    assert spread_over_photos(gains[:1], np.ones(1), photo_id[:1]) == (0.0, 1, 1, 1.0)


@pytest.mark.parametrize("sizes", [[100] * 3 + [1] * 57, [20] * 3 + [1] * 12, [3] * 15])
def test_of_photos_that_weigh_unequally_it_is_found_four_times_of_five_too(sizes: list[int]) -> None:
    """600 simulated comparisons of a known spread over photos."""
    people, photos = np.array(sizes, dtype=float), len(sizes)
    photo_id = np.repeat(np.arange(photos), sizes)
    error = 0.06 * math.sqrt(np.square(people).sum()) / people.sum()
    known = {"sd_seeds": 0.0, "sd_photos": error * math.sqrt(photos), "seeds": 1, "photos": photos, "arms": 2}
    least = minimum_detectable(0.8, **known, differing=effective_number(people))
    assert least is not None
    rng, found, ones = np.random.default_rng(photos), 0, np.ones((len(photo_id), 1))
    for trial in range(600):
        gains = rng.normal(least, 0.06, photos)[photo_id, None]
        estimate = PairedBootstrap(gains, ones, photo_id, resamples=300, seed=trial).gain((0,))
        assert estimate is not None
        found += estimate.ends()[0] > 0
    assert found / 600 == pytest.approx(0.8, abs=0.06)
