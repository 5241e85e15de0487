"""What stands in the bottleneck's place is what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shgae.analysis import replacements
from shgae.analysis.pca import CovarianceSums
from shgae.analysis.replacements import Projection, derangement

ROWS = np.arange(40)


def bottlenecks(seed: int = 0) -> np.ndarray:
    numbers = np.random.default_rng(seed)
    return (
        (numbers.normal(size=(40, 3)) @ numbers.normal(size=(3, 32)) + numbers.normal(0, 0.1, (40, 32)) + 2)
        .astype(np.float32)
        .reshape(40, 2, 4, 4)
    )


def projection(x: np.ndarray) -> Projection:
    sums = CovarianceSums(x.mean(0, dtype=np.float64))
    sums.add(x)
    return Projection(sums.components(), torch.device("cpu"))


@given(st.integers(2, 200), st.integers(0, 50))
def test_a_derangement_leaves_nobody_in_place_and_nobody_out(count: int, seed: int) -> None:
    donor = derangement(count, seed)
    assert sorted(donor) == list(range(count))
    assert (donor != np.arange(count)).all()
    np.testing.assert_array_equal(donor, derangement(count, seed))


def test_one_person_has_nobody_to_change_with() -> None:
    with pytest.raises(ValueError, match="nobody"):
        derangement(1, 0)


def test_another_persons_bottleneck_is_the_same_one_whatever_the_batch() -> None:
    x = bottlenecks()
    replace = replacements.another(x, seed=3)
    whole = replace(torch.from_numpy(x), ROWS).numpy()
    for row in (0, 7, 39):
        one = replace(torch.from_numpy(x[row : row + 1]), np.array([row])).numpy()
        np.testing.assert_array_equal(one[0], whole[row])
        assert any(np.array_equal(whole[row], other) for other in np.delete(x, row, 0))


@pytest.mark.parametrize("count", [0, 1, 3, 32])
def test_a_projection_is_the_least_squares_fit_of_that_rank(count: int) -> None:
    x = bottlenecks()
    found = replacements.rank(projection(x), count)(torch.from_numpy(x), ROWS).numpy().reshape(40, 32)
    flat = x.reshape(40, 32).astype(np.float64)
    left, values, right = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    expected = flat.mean(0) + (left[:, :count] * values[:count]) @ right[:count]
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_growing_ranks_are_those_made_at_once() -> None:
    x = torch.from_numpy(bottlenecks())
    projected = projection(x.numpy())
    coefficients, flat, held = projected.coefficients(x), projected.begin(x), 0
    for wanted in (0, 1, 4, 31, 32):
        flat, held = projected.extend(flat, coefficients, held, wanted), wanted
        at_once = replacements.rank(projected, wanted)(x, ROWS)
        torch.testing.assert_close(flat.view(x.shape), at_once, atol=1e-5, rtol=1e-5)


def test_the_constant_ones_forget_the_person() -> None:
    x = torch.from_numpy(bottlenecks())
    mean = x.numpy().mean(0)
    assert (replacements.constant(mean)(x, ROWS).numpy() == mean).all()
    assert not replacements.zero(x, ROWS).any()
    assert replacements.identity(x, ROWS) is x
