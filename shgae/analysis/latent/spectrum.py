"""How many numbers a tensor of many really holds: its principal components, counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shgae.analysis.pca import Components

SHARES = (90, 95, 99)
"""Per cent of the variance that components are counted for."""


@dataclass(frozen=True)
class Spectrum:
    """The principal components of N people's D numbers."""

    people: int
    numbers: int
    """D."""
    determined: int
    """Components that so many people determine; the others are arbitrary directions of no variance."""
    shares: tuple[float, ...]
    """(D,) of each component its share of the variance, 0 to 1, the largest first; all 0 where nothing varies."""
    components: dict[str, int]
    """How many hold 90, 95 and 99 % of the variance, by the per cent."""
    effective_dimension: float
    """Participation ratio, see :class:`~shgae.analysis.pca.Components`."""
    above_chance: int
    """How many of the first components are larger than a stick broken at random would have them; see
    :func:`above_broken_stick`."""


def spectrum_of(components: Components, people: int) -> Spectrum:
    """Counts components that were computed from so many people."""
    variances = components.variances
    total = float(variances.sum())
    shares = variances / total if total else np.zeros_like(variances)
    return Spectrum(
        people=people,
        numbers=len(variances),
        determined=components.determined,
        shares=tuple(shares.tolist()),
        components={str(share): components.count_for(share / 100) for share in SHARES},
        effective_dimension=components.effective_dimension,
        above_chance=above_broken_stick(shares) if total else 0,
    )


def above_broken_stick(shares: npt.NDArray[np.float64]) -> int:
    """How many leading components hold more than chance: a stick broken at random into D pieces has a k-th largest
    piece of 1/D * (1/k + 1/(k+1) + ... + 1/D) on average (Frontier 1976; Jackson 1993, Ecology 74, 2204-2214).

    Args:
        shares: (D,) of the variance, the largest first, summing to 1.
    """
    size = len(shares)
    pieces = np.cumsum(1 / np.arange(size, 0, -1))[::-1] / size
    below = np.flatnonzero(shares <= pieces)
    return int(below[0]) if len(below) else size
