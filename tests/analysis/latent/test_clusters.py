"""Clusters are scikit-learn's, deterministic, and called what they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from shgae.analysis.latent import clusters
from shgae.analysis.latent.clusters import cluster
from shgae.analysis.latent.text import reading


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


@pytest.mark.parametrize(("silhouette", "said"), [(0.2, "no substantial"), (0.4, "artificial"), (0.7, "keep apart")])
def test_a_silhouette_is_read_by_its_scale(silhouette: float, said: str) -> None:
    found = cluster(blobs(12), (3,), "the code", nearest=1, seed=0)
    best = dataclasses.replace(found.best, silhouette=silhouette)
    assert said in reading(dataclasses.replace(found, tried=(best,)))


def test_more_clusters_than_people_are_left_out() -> None:
    assert [one.k for one in cluster(blobs(5, people=4), (2, 3, 9), "", nearest=1, seed=0).tried] == [2, 3]
    with pytest.raises(ValueError, match="too few"):
        cluster(blobs(5, people=2), (2,), "", nearest=1, seed=0)
