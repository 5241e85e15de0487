"""Reconstruction measures against their formulas over the whole set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.metrics.reconstruction import ReconstructionSums

SHAPE = (3, 2, 2)


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 5))
def test_sums_over_batches_equal_the_formulas_over_everything(seed: int, n: int, batch: int) -> None:
    numbers = np.random.default_rng(seed)
    x = numbers.normal(1, 2, (n, *SHAPE)).astype(np.float32)
    xhat = (x + numbers.normal(0, 1, x.shape)).astype(np.float32)
    code = np.maximum(numbers.normal(-1, 1, (n, 6)), 0).astype(np.float32)
    mean = numbers.normal(1, 1, SHAPE)
    sums = ReconstructionSums(mean)
    for start in range(0, n, batch):
        rows = slice(start, start + batch)
        sums.add(x[rows], xhat[rows], code[rows])
    found = sums.result()
    wide = x.astype(np.float64)
    spread = ((wide - mean) ** 2).sum()
    assert found.mse == pytest.approx(((wide - xhat) ** 2).mean())
    assert found.fvu == pytest.approx(((wide - xhat) ** 2).sum() / spread)
    assert found.relu_floor == pytest.approx((np.minimum(wide, 0) ** 2).sum() / spread)
    assert found.dead_units == sum(not (code[:, unit] > 0).any() for unit in range(6))
    assert found.code_size == 6


def test_no_relu_output_gets_below_its_floor() -> None:
    numbers = np.random.default_rng(3)
    x = numbers.normal(size=(50, *SHAPE))
    sums = ReconstructionSums(np.zeros(SHAPE))
    sums.add(x, np.maximum(x, 0), np.ones((50, 1)))
    found = sums.result()
    assert found.relu_floor == pytest.approx(found.fvu)


def test_float32_inputs_are_summed_in_float64() -> None:
    x = np.full((1, 1, 1, 1), 1e4, np.float32)
    sums = ReconstructionSums(np.zeros((1, 1, 1)))
    for _ in range(2000):
        sums.add(x, x - np.float32(0.5), np.ones((1, 1)))
    assert sums.result().mse == 0.25


def test_without_any_spread_there_is_no_fraction_of_it() -> None:
    x = np.ones((2, *SHAPE))
    sums = ReconstructionSums(np.ones(SHAPE))
    sums.add(x, x + 1, np.zeros((2, 3)))
    found = sums.result()
    assert (found.mse, found.fvu, found.relu_floor, found.dead_units) == (1.0, None, None, 3)


def test_other_shapes_are_an_error_and_so_is_nothing() -> None:
    sums = ReconstructionSums(np.zeros(SHAPE))
    with pytest.raises(ValueError, match="nothing"):
        sums.result()
    with pytest.raises(ValueError, match="reconstruction"):
        sums.add(np.zeros((2, *SHAPE)), np.zeros((1, *SHAPE)), np.zeros((2, 3)))
