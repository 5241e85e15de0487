"""Principal components in one pass are those of all rows at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.analysis.pca import Components, CovarianceSums


def rows(seed: int, count: int = 300) -> np.ndarray:
    rng = np.random.default_rng(seed)
    spread = np.array([9, 5, 3, 1, 0.5, 0.1, 0.1, 0])
    mixed = rng.normal(size=(count, 8)) * spread @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    return (mixed + rng.normal(size=8) * 20).astype(np.float32).reshape(count, 2, 2, 2)


def components_of(x: np.ndarray, cuts: list[int]) -> Components:
    sums = CovarianceSums(x.mean(0, dtype=np.float64))
    for block in np.split(x, sorted(cuts)):
        sums.add(block)
    return sums.components()


@given(st.integers(0, 50), st.lists(st.integers(0, 300), max_size=4))
def test_they_agree_with_the_singular_values_however_the_rows_come(seed: int, cuts: list[int]) -> None:
    x = rows(seed)
    found = components_of(x, cuts)
    centred = x.reshape(300, 8).astype(np.float64)
    centred -= centred.mean(0)
    _, singular, right = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.variances, singular**2 / 300, rtol=1e-4, atol=1e-4)
    for component in range(4):  # the others have neighbours of equal variance
        assert abs(found.directions[component] @ right[component]) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(8), atol=1e-5)


def test_how_many_hold_a_share_is_counted_from_the_largest() -> None:
    found = Components(np.zeros(4), np.array([6.0, 3, 1, 0]), np.eye(4, dtype=np.float32), 4)
    assert [found.count_for(share) for share in (0.5, 0.6, 0.61, 0.9, 0.95, 1.0)] == [1, 1, 2, 2, 3, 3]


def test_the_effective_dimension_counts_equal_variances() -> None:
    for varying in (1, 3, 4):
        variances = np.repeat([2.0, 0.0], [varying, 4 - varying])
        found = Components(np.zeros(4), variances, np.eye(4, dtype=np.float32), 4)
        assert found.effective_dimension == pytest.approx(varying)


def test_where_nothing_varies_no_component_is_needed() -> None:
    still = Components(np.zeros(4), np.zeros(4), np.eye(4, dtype=np.float32), 4)
    assert still.count_for(0.95) == 0
    assert still.effective_dimension == 0


@pytest.mark.parametrize("lower", [True, False])
def test_one_triangle_of_a_covariance_is_enough(lower: bool) -> None:
    x = rows(1).reshape(300, 8).astype(np.float64)
    covariance = np.cov(x.T, bias=True)
    half = np.tril(covariance) if lower else np.triu(covariance)
    found = Components.of_covariance(x.mean(0), half, 300, lower=lower)
    np.testing.assert_allclose(found.variances, np.linalg.eigvalsh(covariance)[::-1], rtol=1e-6, atol=1e-6)
    assert found.rank == 8
    assert Components.of_covariance(x.mean(0), np.eye(8), 3).rank == 2


def test_nothing_has_no_components() -> None:
    with pytest.raises(ValueError, match="nothing"):
        CovarianceSums(np.zeros(3)).components()
