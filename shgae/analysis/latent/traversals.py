"""Traversals of a latent space along its principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shgae.analysis.pca import Components
from shgae.arrays import Floats, Floats32, Ints

STEPS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Standard deviations along the component, c of c * sqrt(eigenvalue)."""


@dataclass(frozen=True, eq=False)
class Scattered:
    """Where N people lie in a latent space of D dimensions, as far as traversals ask."""

    components: Components
    coefficients: Floats32
    """(N, m) along the first m components."""
    squares: Floats
    """(N,) squared distance from the mean."""


def places(components: Components, component: int) -> Floats32:
    """Where a traversal of one component, counted from 0, goes: (len(STEPS), D), the mean itself at c = 0."""
    deviation = np.sqrt(components.variances[component])
    line = np.asarray(STEPS)[:, None] * deviation * components.directions[component].astype(np.float64)
    found: Floats32 = (components.mean + line).astype(np.float32)
    return found


def nearest(scattered: Scattered, component: int) -> Ints:
    """The person nearest to each place of a traversal, in all D dimensions: (len(STEPS),) rows.

    |x - mean - t d|^2 = |x - mean|^2 - 2 t (x - mean) d + t^2, so the coefficient along d is enough.
    """
    t = np.asarray(STEPS) * np.sqrt(scattered.components.variances[component])
    along = scattered.coefficients[:, component].astype(np.float64)
    return np.array([int(np.argmin(scattered.squares - 2 * step * along)) for step in t])
