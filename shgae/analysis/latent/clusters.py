"""Groups of people in a latent space: K-means, and whether there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

STARTS = 4
"""K-means begins so often, with other centres; the tightest result counts."""
MOST_COMPARED = 10_000
"""People that a silhouette is computed of, drawn once: it compares every pair."""
FEW, SOME = 0.25, 0.5
"""Mean silhouettes up to which there is no substantial structure, or a weak one that could be artificial (Kaufman and
Rousseeuw 1990, table 4)."""


@dataclass(frozen=True)
class Cluster:
    """One group."""

    people: int
    nearest: tuple[int, ...]
    """Rows of the people nearest to its centre, the nearest first."""


@dataclass(frozen=True)
class Clustering:
    """K groups."""

    k: int
    silhouette: float
    """Mean over people of (b - a) / max(a, b): a the mean distance within the own group, b to the nearest other."""
    inertia: float
    """Squared distances from the centres, summed over people."""
    clusters: tuple[Cluster, ...]
    """The largest first."""


@dataclass(frozen=True)
class Clusters:
    """K-means for several K."""

    people: int
    compared: int
    """People that the silhouettes are of."""
    space: str
    """What the people were compared by, in words."""
    tried: tuple[Clustering, ...]

    @property
    def best(self) -> Clustering:
        """The one of the highest silhouette."""
        return max(self.tried, key=lambda one: one.silhouette)


def cluster(rows: Floats, ks: Sequence[int], space: str, *, nearest: int, seed: int) -> Clusters:
    """Groups people (N, d) into K clusters for each K below N, by scikit-learn's K-means.

    Args:
        rows: one a person.
        ks: numbers of clusters, each 2 or more.
        space: what the rows are, in words.
        nearest: people to name of each cluster.
        seed: of the first centres and of the people compared; equal seeds give equal groups.

    Raises:
        ValueError: there are no more people than the smallest K.
    """
    compared = np.arange(len(rows))
    if len(rows) > MOST_COMPARED:
        compared = np.sort(np.random.Generator(np.random.Philox(seed)).permutation(len(rows))[:MOST_COMPARED])
    tried = [_clustering(rows, k, compared, nearest, seed) for k in ks if k < len(rows)]
    if not tried:
        raise ValueError(f"{len(rows)} people are too few for {min(ks)} clusters")
    return Clusters(len(rows), len(compared), space, tuple(tried))


def _clustering(rows: Floats, k: int, compared: Ints, nearest: int, seed: int) -> Clustering:
    found = KMeans(k, n_init=STARTS, random_state=seed).fit(rows)
    labels = found.labels_
    far = np.square(rows - found.cluster_centers_[labels]).sum(1)
    clusters = []
    for label in range(k):
        members = np.flatnonzero(labels == label)
        clusters.append(
            Cluster(len(members), tuple(members[np.argsort(far[members], kind="stable")[:nearest]].tolist()))
        )
    silhouette = 0.0
    if 1 < len(np.unique(labels[compared])) < len(compared):
        silhouette = float(silhouette_score(rows[compared], labels[compared]))
    order = sorted(clusters, key=lambda one: (-one.people, one.nearest))
    return Clustering(k, silhouette, float(found.inertia_), tuple(order))
