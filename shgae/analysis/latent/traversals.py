"""Straight walks through a latent space, along its principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shgae.analysis.pca import Components

Floats = npt.NDArray[np.float64]
STEPS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Standard deviations along the component, c of c * sqrt(eigenvalue)."""


@dataclass(frozen=True, eq=False)
class Scattered:
    """Where N people lie in a latent space of D numbers, as far as walks ask."""

    components: Components
    coefficients: npt.NDArray[np.float32]
    """(N, m) along the first m components."""
    squares: Floats
    """(N,) squared distance from the mean."""


def points(components: Components, number: int) -> npt.NDArray[np.float32]:
    """The places of a walk along one component, counted from 0: (len(STEPS), D), the mean itself at c = 0."""
    deviation = np.sqrt(components.variances[number])
    line = np.asarray(STEPS)[:, None] * deviation * components.directions[number].astype(np.float64)
    places: npt.NDArray[np.float32] = (components.mean + line).astype(np.float32)
    return places


def nearest(scattered: Scattered, number: int) -> npt.NDArray[np.int64]:
    """The person nearest to each place of a walk, in all D numbers: (len(STEPS),) rows.

    |x - mean - t d|^2 = |x - mean|^2 - 2 t (x - mean) d + t^2, so the coefficient along d is enough.
    """
    t = np.asarray(STEPS) * np.sqrt(scattered.components.variances[number])
    along = scattered.coefficients[:, number].astype(np.float64)
    return np.array([int(np.argmin(scattered.squares - 2 * step * along)) for step in t])
