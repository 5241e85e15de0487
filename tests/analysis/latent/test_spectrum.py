"""Components are counted as scikit-learn's PCA counts them, and chance is the stick broken at random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from shgae.analysis.latent.spectrum import above_chance, broken_stick, noise_edge, spectrum_of
from shgae.analysis.pca import CovarianceSums


def components_of(rows: np.ndarray):  # type: ignore[no-untyped-def, type-arg]
    sums = CovarianceSums(rows.mean(0))
    sums.add(rows.astype(np.float32))
    return sums.components()


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(2, 40))
def test_shares_are_those_of_scikit_learn(seed: int, people: int, numbers: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(people, numbers)) * rng.uniform(0.1, 3, numbers)
    found = spectrum_of(components_of(rows), people)
    known = PCA().fit(rows).explained_variance_ratio_
    assert found.rank == min(people - 1, numbers)
    assert found.shares[: len(known)] == pytest.approx(known.tolist(), abs=1e-5)
    held = np.cumsum(known)
    for share in (90, 95, 99):
        if np.abs(held - share / 100).min() > 1e-4:
            assert found.components[str(share)] == int(np.searchsorted(held, share / 100)) + 1


def test_a_stick_broken_at_random_has_no_piece_above_chance() -> None:
    expected = np.array([(1 / 3) * (1 + 1 / 2 + 1 / 3), (1 / 3) * (1 / 2 + 1 / 3), (1 / 3) * (1 / 3)])
    assert broken_stick(3) == pytest.approx(expected)
    assert above_chance(expected, 4000) == 0
    assert above_chance(np.array([0.9, 0.09, 0.01]), 4000) == 1
    rng = np.random.default_rng(0)
    sticks = np.diff(np.sort(rng.uniform(size=(20_000, 2)), axis=1), prepend=0, append=1, axis=1)
    assert np.sort(sticks)[:, ::-1].mean(0) == pytest.approx(expected, abs=0.01)


def test_two_strong_directions_in_noise_are_two() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 2)) @ np.eye(2, 20) * 30 + rng.normal(size=(500, 20))
    found = spectrum_of(components_of(rows), 500)
    assert found.above_chance == 2


def test_what_does_not_vary_is_said_not_to() -> None:
    found = spectrum_of(components_of(np.ones((5, 3))), 5)
    assert found.above_chance == 0 and found.components["95"] == 0


@pytest.mark.parametrize(
    ("people", "numbers"),
    [(2, 5), (5, 4), (8, 8), (11, 10), (21, 20), (60, 50), (100, 1024), (200, 200), (200, 4096), (500, 50)],
)
def test_noise_has_no_component_above_chance(people: int, numbers: int) -> None:
    """The stick alone finds one in 7 of 10 trials of 8 people's 8 numbers."""
    for seed in range(3):
        rows = np.random.default_rng(seed).normal(size=(people, numbers))
        rows -= rows.mean(0)
        variances = np.square(np.linalg.svd(rows, compute_uv=False))
        shares = np.pad(variances, (0, numbers - len(variances))) / variances.sum()
        assert above_chance(shares, people) == 0


def test_numbers_that_never_vary_do_not_shorten_the_stick() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 12))
    shares = spectrum_of(components_of(rows), 60).shares
    assert above_chance(np.array([*shares, *[0.0] * 400]), 60) == 0


@pytest.mark.parametrize(("people", "numbers"), [(8, 8), (12, 12), (20, 20), (12, 30), (60, 12)])
def test_noise_among_numbers_that_never_vary_has_a_component_above_chance_at_most_1_time_in_20(
    people: int, numbers: int
) -> None:
    rng = np.random.default_rng([people, numbers])
    found = 0
    for _ in range(200):
        rows = np.full((people, numbers + 40), rng.normal())
        rows[:, :numbers] = rng.normal(size=(people, numbers))
        components = components_of(rows)
        assert components.varying == numbers
        found += spectrum_of(components, people).above_chance > 0
    assert found / 200 <= 0.05


@pytest.mark.parametrize("people", [6, 12, 40])
def test_the_largest_component_of_noise_is_above_its_edge_at_most_1_time_in_20_and_not_never(people: int) -> None:
    rows = np.random.default_rng(people).normal(size=(2000, people, 15))
    variances = np.square(np.linalg.svd(rows - rows.mean(1, keepdims=True), compute_uv=False))
    above = variances[:, 0] / variances.sum(1) > noise_edge(people, 15)
    assert 0.005 <= above.mean() <= 0.05


def test_the_stick_has_as_many_pieces_as_the_people_determine() -> None:
    people, numbers = 100, 4096
    shares = np.zeros(numbers)
    shares[: people - 1] = 0.9 ** np.arange(people - 1)
    shares /= shares.sum()
    by_people, by_numbers = (int((shares[:99] <= broken_stick(pieces)[:99]).argmax()) for pieces in (99, numbers))
    assert above_chance(shares, people) == by_people < by_numbers
