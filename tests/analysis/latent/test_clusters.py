"""Clusters are scikit-learn's, deterministic, and called what they are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from shgae.analysis.latent import clusters
from shgae.analysis.latent.clusters import (
    ClusterVerdict,
    OneMode,
    _copula_cloud,
    _elliptical_cloud,
    _one_peak,
    against_one_mode,
    cluster,
    distinct,
    unit_length,
    verdict_of,
)


def blobs(apart: float, people: int = 120, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0, 0], [apart, 0, 0], [0, apart, 0]])
    return (centres[rng.integers(0, 3, people)] + rng.normal(size=(people, 3))).astype(np.float32)


def test_groups_are_those_that_scikit_learn_finds() -> None:
    rows = blobs(12)
    found = cluster(rows, (2, 3, 4), "three numbers", nearest=5, seed=3)
    for one in found.tried:
        direct = KMeans(one.k, n_init=clusters.STARTS, random_state=3).fit(rows)
        assert one.inertia == pytest.approx(direct.inertia_)
        assert one.silhouette == pytest.approx(silhouette_score(rows, direct.labels_))
        assert sorted(part.people for part in one.clusters) == sorted(np.bincount(direct.labels_).tolist())
    assert found.best.k == 3
    assert found == cluster(rows, (2, 3, 4), "three numbers", nearest=5, seed=3)


def test_the_nearest_people_are_the_nearest_by_a_loop() -> None:
    rows = blobs(12)
    direct = KMeans(3, n_init=clusters.STARTS, random_state=0).fit(rows)
    wanted = set()
    for label, centre in enumerate(direct.cluster_centers_):
        members = [row for row in range(len(rows)) if direct.labels_[row] == label]
        wanted.add(tuple(sorted(members, key=lambda row: float(((rows[row] - centre) ** 2).sum()))[:4]))  # noqa: B023
    assert {part.nearest for part in cluster(rows, (3,), "", nearest=4, seed=0).best.clusters} == wanted


def test_silhouettes_of_many_people_are_of_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = blobs(12, people=300)
    whole = cluster(rows, (3,), "", nearest=1, seed=0)
    monkeypatch.setattr(clusters, "MOST_COMPARED", 100)
    some = cluster(rows, (3,), "", nearest=1, seed=0)
    assert (whole.compared, some.compared) == (300, 100)
    assert some.best.silhouette == pytest.approx(whole.best.silhouette, abs=0.05)


@pytest.mark.parametrize(
    ("silhouette", "is_tested", "verdict"),
    [
        (0.2, True, ClusterVerdict.NONE),
        (0.4, True, ClusterVerdict.WEAK),
        (0.7, True, ClusterVerdict.APART),
        (0.55, True, ClusterVerdict.ONE_MODE),
        (0.7, False, ClusterVerdict.UNTESTED),
    ],
)
def test_a_silhouette_is_read_by_its_scale_and_by_clouds(
    silhouette: float, is_tested: bool, verdict: ClusterVerdict
) -> None:
    null = OneMode(100, silhouette, (0.6, 0.5), (0.1,)) if is_tested else None
    assert verdict_of(silhouette, null) == verdict


CLOUDS = {
    "normal": lambda numbers: numbers.normal(size=(150, 6)) * np.arange(1, 7),
    "heavy tails": lambda numbers: numbers.standard_t(2, size=(150, 6)),
    "one far person": lambda numbers: np.concatenate([numbers.normal(size=(149, 6)), np.full((1, 6), 60.0)]),
    "elliptical tails": lambda numbers: numbers.normal(size=(150, 6)) / np.sqrt(numbers.chisquare(1, size=(150, 1))),
    "sparse": lambda numbers: numbers.gamma(0.4, size=(150, 6)),
}


@pytest.mark.parametrize("name", CLOUDS)
def test_a_cloud_of_one_mode_is_no_clusters_however_high_its_silhouette(name: str) -> None:
    rows = CLOUDS[name](np.random.default_rng(0)).astype(np.float32)
    found = against_one_mode(rows, (2, 3, 4), 0)
    assert found is not None and not found.is_exceeded


def test_groups_apart_exceed_clouds_of_one_mode() -> None:
    numbers = np.random.default_rng(0)
    rows = (numbers.normal(size=(150, 6)) + 6 * (np.arange(150) % 2)[:, None]).astype(np.float32)
    found = cluster(rows, (2, 3), "", nearest=1, seed=0)
    assert found.verdict == ClusterVerdict.APART and found.smallest_share == 0.5
    assert found == cluster(rows, (2, 3), "", nearest=1, seed=0)


def test_groups_apart_along_one_dimension_exceed_clouds_of_one_mode() -> None:
    """As two groups in coordinates of their principal components are: of such marginals clouds would have them too."""
    rows = np.random.default_rng(0).normal(size=(150, 6))
    rows[::2, 0] += 9
    found = cluster(rows.astype(np.float32), (2, 3), "", nearest=1, seed=0)
    assert found.verdict == ClusterVerdict.APART and found.best.k == 2


def test_directions_of_a_long_cloud_of_one_mode_are_two_and_no_clusters() -> None:
    rows = (np.random.default_rng(0).normal(size=(150, 4)) * (20, 1, 1, 1)).astype(np.float32)
    found = cluster(rows, (2, 3), "", nearest=1, seed=0, view=unit_length)
    assert found.best.silhouette > 0.8 and found.verdict == ClusterVerdict.ONE_MODE
    rows[::2, 0] = np.abs(rows[::2, 1]) + 90
    rows[1::2, 1] = np.abs(rows[1::2, 0]) + 90
    assert cluster(rows, (2, 3), "", nearest=1, seed=0, view=unit_length).verdict == ClusterVerdict.APART


def test_a_unit_that_is_active_for_one_person_hides_no_groups() -> None:
    rows = np.pad(blobs(12), ((0, 0), (0, 1)))
    rows[0, -1] = 2
    assert cluster(rows, (2, 3, 4), "", nearest=1, seed=0).verdict == ClusterVerdict.APART


def test_a_cloud_has_the_marginals_and_distances_that_it_should() -> None:
    numbers = np.random.default_rng(0)
    rows = numbers.gamma(0.4, size=(200, 3)) @ np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1.0]])
    marginals = _one_peak(np.sort(rows, axis=0))
    copula, elliptical = _copula_cloud(rows, marginals, numbers), _elliptical_cloud(rows, np.eye(3), numbers)
    assert np.quantile(copula, (0.1, 0.5, 0.9), 0) == pytest.approx(np.quantile(rows, (0.1, 0.5, 0.9), 0), abs=0.4)
    assert spearmanr(copula).statistic == pytest.approx(spearmanr(rows).statistic, abs=0.25)
    own, drawn = (np.sort(np.linalg.norm(one - np.median(rows, axis=0), axis=1)) for one in (rows, elliptical))
    assert drawn == pytest.approx(own)


def test_marginals_of_one_peak_stay_and_of_two_the_gap_between_them_is_spread() -> None:
    gaps = np.array([[0.0, 0, 1, 2, 3], [3, 1, 9, 1, 5]])
    rising = np.cumsum(np.pad(gaps, ((0, 0), (1, 0)), constant_values=7), axis=1).T
    found = _one_peak(rising)
    spread = np.diff(found, axis=0).T
    assert spread == pytest.approx(np.array([[0, 0, 1, 2, 3], [3, 1, 5, 5, 5]]))
    assert found[[0, -1]] == pytest.approx(rising[[0, -1]])


def test_too_few_people_are_not_compared_with_clouds() -> None:
    assert against_one_mode(blobs(12, people=19), (2,), 0) is None
    assert against_one_mode(blobs(12, people=30), (11,), 0) is None


def test_rows_at_unit_length_keep_their_direction() -> None:
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [-2.0, 0.0]], np.float32)
    assert unit_length(rows) == pytest.approx(np.array([[0.6, 0.8], [0, 0], [-1, 0]]))


def test_more_clusters_than_people_are_left_out() -> None:
    assert [one.k for one in cluster(blobs(5, people=4), (2, 3, 9), "", nearest=1, seed=0).tried] == [2, 3]
    assert cluster(blobs(5, people=2), (2,), "", nearest=1, seed=0) is None


def test_more_clusters_than_different_people_are_left_out() -> None:
    """Codes of which most units are dead: 60 people with two codes, one of them twice but for rounding."""
    rows = np.zeros((60, 4), np.float32)
    rows[:20] = 1
    rows[0] += 1e-7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cluster(rows, range(2, 6), "codes", nearest=2, seed=0)
    assert distinct(rows) == 2
    assert [[part.people for part in one.clusters] for one in found.tried] == [[40, 20]]
    assert cluster(rows, (3, 4), "codes", nearest=2, seed=0) is None
