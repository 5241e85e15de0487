"""Reconstruction measures against their formulas over the whole set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.metrics.reconstruction import FidelitySums, ReconstructionSums, density, is_alive, is_varying

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


def test_a_unit_is_alive_active_and_varying_by_its_values() -> None:
    codes = np.array([[0, 3, -1, 0], [0, 3, 2, 5]], np.float32)
    assert is_alive(codes).tolist() == [False, True, True, True]
    assert is_varying(codes).tolist() == [False, False, True, True]
    assert density(codes).tolist() == [0, 1, 1, 0.5]


def test_other_shapes_are_an_error_and_so_is_nothing() -> None:
    sums = ReconstructionSums(np.zeros(SHAPE))
    with pytest.raises(ValueError, match="nothing"):
        sums.result()
    with pytest.raises(ValueError, match="reconstruction"):
        sums.add(np.zeros((2, *SHAPE)), np.zeros((1, *SHAPE)), np.zeros((2, 3)))


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 5))
def test_fidelity_over_batches_equals_loops_over_people_channels_and_positions(seed: int, n: int, batch: int) -> None:
    numbers = np.random.default_rng(seed)
    x = numbers.normal(1, 2, (n, *SHAPE)).astype(np.float32)
    xhat = (0.5 * x + numbers.normal(0, 1, x.shape)).astype(np.float32)
    mean = numbers.normal(1, 1, SHAPE)
    sums = FidelitySums(mean)
    for start in range(0, n, batch):
        sums.add(x[start : start + batch], xhat[start : start + batch])
    found = sums.result()
    a, b = x.astype(np.float64), xhat.astype(np.float64)
    spread = sum(float((a[i] - mean).ravel() @ (a[i] - mean).ravel()) for i in range(n))
    assert found.fvu == pytest.approx(((a - b) ** 2).sum() / spread)
    assert found.fvu_uncentred == pytest.approx(((a - b) ** 2).sum() / (a**2).sum())
    offset_free = (a - b) - (a - b).mean(0)
    assert found.fvu_offset_free == pytest.approx((offset_free**2).sum() / spread, abs=1e-9)
    assert found.relu_floor == pytest.approx((np.minimum(a, 0) ** 2).sum() / spread)
    lengths = [(np.linalg.norm(a[i]), np.linalg.norm(b[i]), float(a[i].ravel() @ b[i].ravel())) for i in range(n)]
    assert found.l2_ratio == pytest.approx(np.mean([own / real for real, own, _ in lengths]))
    assert found.cosine == pytest.approx(np.mean([product / real / own for real, own, product in lengths]))
    assert found.relative_bias == pytest.approx(
        sum(own**2 for _, own, _ in lengths) / sum(product for *_, product in lengths)
    )
    for c in range(3):
        assert found.error_by_channel[c] == pytest.approx(((a[:, c] - b[:, c]) ** 2).sum() / spread)
        assert found.spread_by_channel[c] == pytest.approx(((a[:, c] - mean[c]) ** 2).sum() / spread)
    for place in range(4):
        y, column = divmod(place, 2)
        error = ((a[:, :, y, column] - b[:, :, y, column]) ** 2).sum()
        assert found.error_by_position[place] == pytest.approx(error / spread)
    assert sum(found.error_by_channel) == pytest.approx(found.fvu) == pytest.approx(sum(found.error_by_position))
    assert sum(found.spread_by_channel) == pytest.approx(1) == pytest.approx(sum(found.spread_by_position))


def test_the_training_mean_for_everybody_leaves_all_variance_and_a_constant_offset_can_be_forgiven() -> None:
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(40, *SHAPE))
    for stand_in, fvu, offset_free in ((np.zeros_like(x), 1, None), (x + 5, None, 0)):
        sums = FidelitySums(np.zeros(SHAPE))
        sums.add(x, stand_in)
        found = sums.result()
        assert fvu is None or found.fvu == fvu
        assert offset_free is None or found.fvu_offset_free == pytest.approx(offset_free, abs=1e-9)
        assert found.fvu is not None and found.fvu >= 1


def test_where_there_is_nothing_to_divide_by_there_is_no_number() -> None:
    sums = FidelitySums(np.ones(SHAPE))
    with pytest.raises(ValueError, match="nothing"):
        sums.result()
    sums.add(np.ones((2, *SHAPE)), np.zeros((2, *SHAPE)))
    found = sums.result()
    assert found.fvu is found.relu_floor is found.error_by_channel is found.relative_bias is found.cosine is None
    assert (found.fvu_uncentred, found.l2_ratio) == (1, 0)
    with pytest.raises(ValueError, match="replacement"):
        sums.add(np.ones((2, *SHAPE)), np.ones((1, *SHAPE)))
