"""Levels of looks against published bounds, and against simulated studies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shgae.metrics.spending import spent
from tests.builders.looks import levels, overall


@pytest.mark.parametrize(
    "bounds",
    [
        (2.9626, 1.9686),
        (3.7103, 2.5114, 1.9930),
        (4.3326, 2.9631, 2.3590, 2.0141),
        (4.8769, 3.3569, 2.6803, 2.2898, 2.0310),
    ],
)
def test_equal_looks_have_the_published_bounds(bounds: tuple[float, ...]) -> None:
    """Of the program of Reboussin, DeMets, Kim and Lan (2000, Controlled Clinical Trials 21), in the R package
    ldbounds: two-sided 0.05, spending function of O'Brien and Fleming's type."""
    found = levels(len(bounds), range(1, len(bounds) + 1))
    assert [float(stats.norm.isf(one / 2)) for one in found] == pytest.approx(bounds, abs=2e-4)


@pytest.mark.parametrize(("looks", "rate"), [(2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193)])
def test_looks_at_5_percent_each_find_as_much_by_chance_as_published(looks: int, rate: float) -> None:
    """Armitage, McPherson and Rowe 1969, Journal of the Royal Statistical Society A 132, table 2."""
    assert overall(range(1, looks + 1)) == pytest.approx(rate, abs=6e-4)


def test_a_single_look_at_the_plan_has_everything_and_later_ones_nothing() -> None:
    assert levels(5, [5]) == (pytest.approx(0.05),)
    assert levels(5, [5, 6, 10]) == (pytest.approx(0.05), 0, 0)
    assert levels(5, [8]) == (pytest.approx(0.05),), "the plan was passed without a look"
    assert spent(0) == 0 and spent(1) == spent(2) == 0.05


@given(st.sets(st.integers(1, 12), min_size=1, max_size=5), st.integers(1, 12), st.sampled_from([0.01, 0.05, 0.1]))
def test_all_looks_together_spend_no_more_than_alpha(looks: set[int], planned: int, alpha: float) -> None:
    rising = sorted(looks)
    each = levels(planned, rising, alpha)
    assert overall(rising, each) == pytest.approx(spent(rising[-1] / planned, alpha), abs=1e-6)


def test_simulated_studies_with_students_t_keep_the_level() -> None:
    """Looks at 3, 5 and 8 seeds of 8, the error estimated at each: equal arms differ at any in about 5 %; with 5 % each
    in about 11 %."""
    runs = np.random.default_rng(0).normal(0, 1, (40_000, 8))
    looks = (3, 5, 8)
    found = {}
    for name, each in (("spent", levels(8, looks)), ("5 % each", (0.05,) * 3)):
        differs = np.zeros(len(runs), bool)
        for seeds, level in zip(looks, each, strict=True):
            some = runs[:, :seeds]
            t = some.mean(1) / some.std(1, ddof=1) * math.sqrt(seeds)
            differs |= np.abs(t) > stats.t.isf(level / 2, seeds - 1)
        found[name] = differs.mean()
    assert found["spent"] == pytest.approx(0.05, abs=0.006)
    assert found["5 % each"] > 0.09


@pytest.mark.parametrize("looks", [[3, 3], [5, 3], [0, 3]])
def test_looks_that_do_not_rise_are_errors(looks: list[int]) -> None:
    with pytest.raises(ValueError, match="rising"):
        levels(5, looks)
