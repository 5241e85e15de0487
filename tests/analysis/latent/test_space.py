"""How many clusters are sought, how many components are traversed, and where a traversal goes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.analysis.latent.report import STEPS
from shgae.analysis.latent.space import (
    KEPT,
    LatentSpace,
    Scattered,
    cluster_numbers,
    find_clusters,
    leading,
    nearest,
    places,
)
from shgae.analysis.pca import Components, CovarianceSums
from shgae.errors import Refused
from shgae.execution import Progress


def components(variances: list[float], rank: int) -> Components:
    size = len(variances)
    return Components(np.zeros(size), np.array(variances), np.eye(size, dtype=np.float32), rank)


@pytest.mark.parametrize(("text", "numbers"), [("2-10", range(2, 11)), (" 3 - 3", range(3, 4)), ("4", range(4, 5))])
def test_clusters_are_asked_for_by_a_range_or_a_number(text: str, numbers: range) -> None:
    assert cluster_numbers(text, people=11) == numbers


def test_as_many_clusters_as_people_are_too_many() -> None:
    assert cluster_numbers("4-9", people=5) == range(4, 10)
    with pytest.raises(Refused, match="4 people"):
        cluster_numbers("4-9", people=4)


def test_no_component_is_traversed_that_does_not_vary_or_that_the_people_do_not_determine() -> None:
    assert leading(components([3, 2, 1, 0], rank=4), 9) == range(3)
    assert leading(components([3, 2, 1e-9, 1e-20], rank=4), 9) == range(2)  # what rounding leaves
    assert leading(components([3, 2, 1, 1], rank=2), 9) == range(2)
    assert leading(components([3, 2, 1, 1], rank=4), 1) == range(1)
    assert leading(components([1] * (KEPT + 1), rank=KEPT + 1), KEPT + 1) == range(KEPT)


def test_people_who_differ_less_than_clusters_are_sought_have_none() -> None:
    rows = np.repeat(np.eye(2, dtype=np.float32), 5, axis=0) * np.linspace(1, 2, 10, dtype=np.float32)[:, None]
    latent = LatentSpace(Scattered(components([1, 0.5], rank=2), rows, np.square(rows).sum(1)), None, None)
    found, at_unit_length = find_clusters(latent, "3", 0, Progress())
    assert found is not None and found.people == 10
    assert at_unit_length is None, "there are two directions"


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
