"""What codes say about their units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.analysis.splice.code_health import code_health


def test_dead_constant_and_living_units_are_told_apart() -> None:
    codes = np.array([[0, 3, 1, 0], [0, 3, 2, 0], [0, 3, 0, 5], [0, 3, 0, 0]], np.float32)
    found = code_health(codes)
    assert (found.size, found.dead, found.constant) == (4, 1, 2)
    assert found.density == (0, 1, 0.5, 0.25)


@given(st.integers(0, 1000))
def test_dimension_and_correlation_are_those_of_the_covariance(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    codes = (numbers.normal(size=(60, 3)) @ numbers.normal(size=(3, 5))).astype(np.float32)
    found = code_health(codes)
    values = np.linalg.eigvalsh(np.cov(codes.T.astype(np.float64)))[::-1]
    assert found.effective_dimension == pytest.approx(values.sum() ** 2 / (values**2).sum())
    assert found.components_95 == 1 + sum(values[: k + 1].sum() / values.sum() < 0.95 for k in range(5))
    pairs = [abs(np.corrcoef(codes[:, a], codes[:, b])[0, 1]) for a in range(5) for b in range(a)]
    assert found.mean_correlation == pytest.approx(np.mean(pairs), abs=1e-5)
    assert found.highest_correlation == pytest.approx(max(pairs), abs=1e-5)


@pytest.mark.parametrize("people", [1, 7])
def test_codes_that_do_not_vary_have_no_dimension(people: int) -> None:
    found = code_health(np.ones((people, 3), np.float32))
    assert (found.dead, found.constant) == (0, 3)
    assert found.effective_dimension is found.components_95 is found.mean_correlation is None
