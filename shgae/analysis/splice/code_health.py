"""The health of a code: which of its units say anything, and how many they really are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shgae.analysis.pca import Components
from shgae.arrays import Array, Floats
from shgae.config import Count
from shgae.metrics.reconstruction import density, is_alive, is_varying


@dataclass(frozen=True)
class CodeHealth:
    """What the codes of N people say about the units."""

    size: Count
    """Units."""
    dead: int
    """Units that are 0 for everybody, see :func:`~shgae.metrics.reconstruction.is_alive`."""
    constant: int
    """Units that have one value for everybody; dead ones are among them."""
    density: tuple[float, ...]
    """Of each unit, the share of people for whom it is not 0."""
    effective_dimension: float | None
    """Participation ratio of the code's principal components (see :class:`~shgae.analysis.pca.Components`); None if
    the codes do not vary."""
    components_95: int | None
    """Principal components that hold 95 % of the code's variance."""
    mean_correlation: float | None
    """Mean absolute correlation between two units that vary; None if fewer than two do."""
    highest_correlation: float | None
    """The highest such."""


def code_health(codes: Array) -> CodeHealth:
    """Measures codes (N, size), N >= 1."""
    wide = codes.astype(np.float64)
    varying, mean = is_varying(wide), wide.mean(0)
    centred = wide - mean
    covariance = centred.T @ centred / len(wide)
    pairs = _correlations(covariance[np.ix_(varying, varying)])
    components = Components.of_covariance(mean, covariance, len(wide), lower=True) if varying.any() else None
    return CodeHealth(
        size=wide.shape[1],
        dead=int((~is_alive(wide)).sum()),
        constant=int((~varying).sum()),
        density=tuple(density(wide).tolist()),
        effective_dimension=components.effective_dimension if components else None,
        components_95=components.count_for(0.95) if components else None,
        mean_correlation=float(pairs.mean()) if pairs.size else None,
        highest_correlation=float(pairs.max()) if pairs.size else None,
    )


def _correlations(covariance: Floats) -> Floats:
    """|correlation| of each pair of units, from the covariance of those that vary."""
    deviation = np.sqrt(np.diag(covariance))
    upper = np.triu_indices(len(covariance), 1)
    pairs: Floats = np.abs(covariance / np.outer(deviation, deviation))[upper]
    return pairs
