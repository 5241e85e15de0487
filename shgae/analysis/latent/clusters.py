"""Groups of people in a latent space: K-means, and a test against clouds of one mode."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import scipy

from shgae.arrays import Array, Floats, Floats32, Ints
from shgae.config import Count
from shgae.errors import Inconsistent
from shgae.execution import Progress

STARTS = 4
"""K-means begins so often, with other centres; the tightest result counts."""
MOST_COMPARED = 10_000
"""People that a silhouette is computed of, drawn once: it compares every pair."""
FEW, SOME = 0.25, 0.5
"""Mean silhouettes up to which there is no substantial structure, or a weak one that could be artificial (Kaufman and
Rousseeuw 1990, table 4)."""
SMALL = 0.1
"""A cluster of fewer people than this share may be a tail: the largest or the rarest, and no group."""
CLOUDS = 19
"""Clouds of each kind that a silhouette must exceed, all of them: a test at 5 %."""
_TYLER_STEPS = 20
_SILENT = Progress()
View = Callable[[Array], Array]
"""People (N, d) as they are compared, (N, d) of the same format: as they are, or at unit length."""
_IN_CLOUD = 300
"""People of a cloud."""


class ClusterVerdict(StrEnum):
    """What the highest silhouette says."""

    NONE = "none"
    """Up to :data:`FEW`: no substantial structure."""
    WEAK = "weak"
    """Up to :data:`SOME`: weak structure that could be artificial."""
    ONE_MODE = "one_mode"
    """Above, and no higher than clouds of one mode reach."""
    APART = "apart"
    """Above, and higher than every cloud of one mode."""
    UNTESTED = "untested"
    """Above, and not compared with clouds: by a version that did not, or there are too few people."""


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
class OneMode:
    """The highest silhouette over all K, of some people and of clouds that have one mode."""

    people: int
    """So many were drawn, and are in each cloud."""
    silhouette: float
    """Of the people drawn; one start of K-means a K, as in the clouds."""
    elliptical: tuple[float, ...]
    """Of clouds of the people's distances from their median, in directions drawn by their shape matrix: heavy tails."""
    copula: tuple[float, ...]
    """Of clouds of their rank correlations (Gaussian copula) and near marginals of one peak: skewed, sparse numbers."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` without clouds."""
        if not self.elliptical or not self.copula:
            raise Inconsistent("no clouds")

    @property
    def is_exceeded(self) -> bool:
        """Whether the people's silhouette is higher than that of every cloud."""
        return self.silhouette > max(self.elliptical + self.copula)


@dataclass(frozen=True)
class Clusters:
    """K-means for several K."""

    verdict: ClusterVerdict
    people: Count
    compared: int
    """People that the silhouettes are of."""
    space: str
    """What the people were compared by, in words."""
    tried: tuple[Clustering, ...]
    one_mode: OneMode | None
    """None where it was not asked for, see :attr:`verdict`."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` if nothing was tried, or into no clusters."""
        if not self.tried or not all(one.clusters for one in self.tried):
            raise Inconsistent("no clusters")

    @property
    def smallest_share(self) -> float:
        """The share of the people in the smallest cluster of :attr:`best`."""
        return min(one.people for one in self.best.clusters) / self.people

    @property
    def best(self) -> Clustering:
        """The one of the highest silhouette."""
        return max(self.tried, key=lambda one: one.silhouette)


def cluster(
    people: Floats32,
    ks: Sequence[int],
    space: str,
    *,
    nearest: int,
    seed: int,
    progress: Progress = _SILENT,
    view: View = np.asarray,
) -> Clusters | None:
    """Groups people (N, d) into K clusters for each K (2 or more) below N that so many different people allow, by
    scikit-learn's K-means; None where they allow none.

    ``space`` says in words by which ``view`` they are compared; of each cluster the ``nearest`` people are named.
    """
    rows = view(people)
    most = min(len(rows) - 1, distinct(rows))
    if most < min(ks):
        return None
    compared = np.arange(len(rows))
    if len(rows) > MOST_COMPARED:
        compared = np.sort(np.random.Generator(np.random.Philox(seed)).permutation(len(rows))[:MOST_COMPARED])
    progress.start("K-means", len(ks), "K")
    tried = []
    for k in ks:
        if k <= most:
            tried.append(_clustering(rows, k, compared, nearest, seed))
        progress.advance()
    progress.finish()
    highest = max(one.silhouette for one in tried)
    one_mode = against_one_mode(people, [one.k for one in tried], seed, progress, view) if highest > SOME else None
    return Clusters(verdict_of(highest, one_mode), len(rows), len(compared), space, tuple(tried), one_mode)


def verdict_of(silhouette: float, one_mode: OneMode | None) -> ClusterVerdict:
    """What the highest silhouette says."""
    if silhouette <= FEW:
        return ClusterVerdict.NONE
    if silhouette <= SOME:
        return ClusterVerdict.WEAK
    if one_mode is None:
        return ClusterVerdict.UNTESTED
    return ClusterVerdict.APART if one_mode.is_exceeded else ClusterVerdict.ONE_MODE


def unit_length(rows: Array) -> Array:
    """Rows (N, d) as directions: each divided by its length; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    directions: Array = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return directions


def distinct(rows: Floats32) -> int:
    """How many of rows (N, d) differ by more than rounding."""
    return len(np.unique(np.round(rows / (np.abs(rows).max() or 1), 6), axis=0))


def against_one_mode(
    rows: Floats32, ks: Sequence[int], seed: int, progress: Progress = _SILENT, view: View = np.asarray
) -> OneMode | None:
    """Compares the highest silhouette of some people (N, d) with that of clouds of one mode (the idea of SigClust: Liu
    et al. 2008, JASA 103, 1281-1293; there the cloud is Gaussian, which heavy tails alone exceed), all as ``view``
    shows them: directions of a long cloud of one mode have two.

    None where fewer than 20 people, or fewer than 3 a cluster, could be drawn: a cloud of so few has no shape.
    """
    numbers = np.random.Generator(np.random.Philox(seed))
    some = rows[np.sort(numbers.permutation(len(rows))[:_IN_CLOUD])].astype(np.float64)
    some = some[:, some.max(0) != some.min(0)]
    ks = [k for k in ks if 3 * k <= len(some)]
    if len(some) < 20 or not ks or not some.shape[1]:
        return None
    progress.start("clouds of one mode", 2 * CLOUDS, "clouds")

    def highest(cloud: Floats) -> float:
        progress.advance()
        return _highest(view(cloud), ks, seed)

    root = np.linalg.cholesky(_shape(some - np.median(some, axis=0)))
    marginals = _one_peak(np.sort(some, axis=0))
    elliptical = tuple(highest(_elliptical_cloud(some, root, numbers)) for _ in range(CLOUDS))
    copula = tuple(highest(_copula_cloud(some, marginals, numbers)) for _ in range(CLOUDS))
    progress.finish()
    return OneMode(len(some), _highest(view(some), ks, seed), elliptical, copula)


def _highest(rows: Floats, ks: Sequence[int], seed: int) -> float:
    from sklearn.metrics import pairwise_distances, silhouette_score

    distances = pairwise_distances(rows)
    found = [-1.0]
    for k in ks:
        labels = _fitted(rows, k, 1, seed).labels_
        if len(np.unique(labels)) > 1:
            found.append(float(silhouette_score(distances, labels, metric="precomputed")))
    return max(found)


def _elliptical_cloud(rows: Floats, root: Array, numbers: np.random.Generator) -> Array:
    middle = np.median(rows, axis=0)
    steps = numbers.normal(size=rows.shape) @ root.T
    lengths = numbers.permutation(np.linalg.norm(rows - middle, axis=1))
    return np.asarray(middle + steps * (lengths / np.linalg.norm(steps, axis=1))[:, None])


def _shape(centred: Floats) -> Floats:
    """The shape matrix (d, d) of rows around their middle, which far rows do not turn towards themselves (Tyler 1987,
    Annals of Statistics 15, 234-251), with a little of the identity so that it can be inverted."""
    size = centred.shape[1]
    scale = np.diag(np.square(centred).mean(0))
    shape = scale
    for _ in range(_TYLER_STEPS):
        lengths = np.einsum("nd,nd->n", centred, np.linalg.solve(shape, centred.T).T)
        kept = lengths > 1e-12 * lengths.max()
        shape = (centred[kept] / lengths[kept, None]).T @ centred[kept] * size / kept.sum()
        shape = 0.99 * shape / np.trace(shape) + 0.01 * scale / np.trace(scale)
    return shape


def _copula_cloud(rows: Floats, marginals: Floats, numbers: np.random.Generator) -> Floats:
    ties = numbers.uniform(size=rows.shape)  # equal values, such as zeros, in a drawn order
    ranks = np.lexsort((ties, rows), axis=0).argsort(0)
    normal = scipy.stats.norm.ppf((ranks + 0.5) / len(rows))
    variances, directions = np.linalg.eigh(np.atleast_2d(np.corrcoef(normal, rowvar=False)))
    drawn = numbers.normal(size=rows.shape) @ (directions * np.sqrt(np.maximum(variances, 0))).T
    at = np.sort(numbers.uniform(0, len(rows) - 1, rows.shape), axis=0)
    places = np.arange(len(rows))
    values = [np.interp(x, places, one) for x, one in zip(at.T, marginals.T, strict=True)]
    return np.take_along_axis(np.column_stack(values), drawn.argsort(0).argsort(0), axis=0)


def _one_peak(rising: Floats) -> Floats:
    """The nearest marginals (n, d) of one peak to these, each sorted: gaps that fall up to it and rise from there."""
    fit = scipy.optimize.isotonic_regression
    nearest = []
    for gaps in np.diff(rising, axis=0).T:
        fits = [np.concatenate([fit(gaps[:i], increasing=False).x, fit(gaps[i:]).x]) for i in range(1, len(gaps))]
        nearest.append(min(fits, key=lambda one: float(np.square(one - gaps).sum())))
    return np.cumsum(np.column_stack([rising[0], np.array(nearest)]), axis=1).T


def _fitted(rows: Array, k: int, starts: int, seed: int) -> Any:
    from sklearn.cluster import KMeans  # takes a second, and a finished report does without
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of people, or of a cloud, of whom some are alike
        return KMeans(k, n_init=starts, random_state=seed).fit(rows)


def _clustering(rows: Floats32, k: int, compared: Ints, nearest: int, seed: int) -> Clustering:
    from sklearn.metrics import silhouette_score

    found = _fitted(rows, k, STARTS, seed)
    labels = found.labels_
    far = np.square(rows - found.cluster_centers_[labels]).sum(1)
    nearest_first = np.argsort(far, kind="stable")
    members = [nearest_first[labels[nearest_first] == label] for label in range(k)]
    clusters = [Cluster(len(one), tuple(one[:nearest].tolist())) for one in members]
    silhouette = 0.0
    if 1 < len(np.unique(labels[compared])) < len(compared):
        silhouette = float(silhouette_score(rows[compared], labels[compared]))
    order = sorted(clusters, key=lambda one: (-one.people, one.nearest))
    return Clustering(k, silhouette, float(found.inertia_), tuple(order))
