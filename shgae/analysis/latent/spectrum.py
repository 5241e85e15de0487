"""The effective number of components of a tensor, by several counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shgae.analysis.pca import ROUNDING, Components
from shgae.config import Count, Natural, Share
from shgae.errors import Inconsistent

SHARES = (90, 95, 99)
"""Per cent of the variance that components are counted for."""
_SUM_ROUNDING = 1e-6


@dataclass(frozen=True)
class Spectrum:
    """The principal components of N people's D numbers."""

    people: Natural
    dimension: Count
    """D."""
    rank: Natural
    """Components that so many people determine; the others are arbitrary directions of no variance."""
    shares: tuple[Share, ...]
    """(D,) of each component its share of the variance, 0 to 1, the largest first; all 0 where nothing varies."""
    components: dict[str, int]
    """How many hold 90, 95 and 99 % of the variance, by the per cent."""
    effective_dimension: float
    """Participation ratio, see :class:`~shgae.analysis.pca.Components`."""
    above_chance: Natural
    """How many of the first components are larger than those of noise; see :func:`above_chance`."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent`: not D shares of the whole, or components that are not there."""
        check_shares(self.shares)
        if len(self.shares) != self.dimension or max(self.rank, self.above_chance) > self.dimension:
            raise Inconsistent("other numbers of components")
        if self.components.keys() != {str(share) for share in SHARES}:
            raise Inconsistent("components of other shares")


def check_shares(shares: Sequence[float]) -> None:
    """Raises :class:`~shgae.errors.Inconsistent` unless these sum to 1, or are all 0."""
    if any(shares) and abs(sum(shares) - 1) > _SUM_ROUNDING:
        raise Inconsistent("shares of the variance that do not sum to 1")


def spectrum_of(components: Components, people: int) -> Spectrum:
    """Counts components that were computed from so many people."""
    variances = components.variances
    total = float(variances.sum())
    shares = variances / total if total else np.zeros_like(variances)
    return Spectrum(
        people=people,
        dimension=len(variances),
        rank=components.rank,
        shares=tuple(shares.tolist()),
        components={str(share): components.count_for(share / 100) for share in SHARES},
        effective_dimension=components.effective_dimension,
        above_chance=above_chance(shares, people, components.varying) if total else 0,
    )


def above_chance(shares: npt.NDArray[np.float64], people: int, numbers: int | None = None) -> int:
    """How many leading components of N people's D numbers hold more than chance gives: more than a broken stick, and
    more than the largest component of white noise.

    Args:
        shares: (D,) of the variance, the largest first, summing to 1.
        people: N. Around their mean they have variance along min(N - 1, D) components, or fewer where some of the D
            numbers never vary, and the stick has as many pieces: into more, each would be shorter, and noise would
            pass.
        numbers: of the D those that vary; None takes all of them, unless there are more people.
    """
    varying = int((shares > ROUNDING).sum())
    rank = min(people - 1, varying)
    # Of fewer people than numbers every component varies, so how many of the numbers do is not seen in the shares.
    dimension = varying if varying < people - 1 else numbers or len(shares)
    least = np.maximum(broken_stick(rank), noise_edge(people, dimension))
    below = np.flatnonzero(shares[:rank] <= least)
    return int(below[0]) if len(below) else rank


def broken_stick(pieces: int) -> npt.NDArray[np.float64]:
    """The mean length of the k-th largest piece of a stick of length 1, broken at random into n: (n,) of
    1/n * (1/k + 1/(k+1) + ... + 1/n) (Frontier 1976; Jackson 1993, Ecology 74, 2204-2214)."""
    lengths: npt.NDArray[np.float64] = np.cumsum(1 / np.arange(pieces, 0, -1))[::-1] / pieces
    return lengths


def noise_edge(people: int, dimension: int) -> float:
    """The share of the variance that the largest component of white noise stays below at least 19 times in 20.

    The 95th percentile of the Tracy-Widom law, 0.979, scaled as for a real Wishart matrix (Johnstone 2001, Annals of
    Statistics 29, 295-327). It lies above the broken stick where there are about as many people as numbers, and few.
    """
    freedom = people - 1  # Johnstone's n: the mean was taken away
    rows, columns = math.sqrt(max(freedom - 1, 1)), math.sqrt(dimension)
    centre = (rows + columns) ** 2
    scale: float = (rows + columns) * (1 / rows + 1 / columns) ** (1 / 3)
    return (centre + 0.979 * scale) / (freedom * dimension)
