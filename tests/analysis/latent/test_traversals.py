"""Traversals go through the mean, along the component, and past the people who really are nearest."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.analysis.latent.traversals import STEPS, Scattered, nearest, places
from shgae.analysis.pca import CovarianceSums


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(3, 40), st.integers(2, 12))
def test_a_traversal_is_the_mean_and_deviations_from_it_and_passes_the_nearest(
    seed: int, people: int, numbers: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(people, numbers)) * rng.uniform(0.2, 4, numbers)).astype(np.float32)
    sums = CovarianceSums(rows.mean(0, dtype=np.float64))
    sums.add(rows)
    components = sums.components()
    centred = rows - components.mean.astype(np.float32)
    scattered = Scattered(components, centred @ components.directions.T, np.square(centred.astype(np.float64)).sum(1))
    for number in range(min(2, components.rank)):
        reached = places(components, number)
        assert np.array_equal(reached[STEPS.index(0.0)], components.mean.astype(np.float32))
        along = (reached - components.mean) @ components.directions[number]
        deviation = np.sqrt(components.variances[number])
        assert np.allclose(along, np.asarray(STEPS) * deviation, rtol=1e-3, atol=1e-4)
        far = np.array([[float(np.square(row - place).sum()) for row in rows.astype(np.float64)] for place in reached])
        chosen = nearest(scattered, number)
        assert np.allclose(far[np.arange(len(STEPS)), chosen], far.min(1), rtol=1e-3, atol=1e-3)
