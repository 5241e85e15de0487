"""Several looks at a study while its seeds are added: how much of the level may each look use?

With the same 5 % at each look, equal arms are called different too often: looking at 3, 4, ... 10 seeds, in about 15 %
of studies. Lan and DeMets (1983, Biometrika 70) fix instead how much of alpha may be spent up to each share of the
planned seeds; here by the function that resembles O'Brien and Fleming's bounds, which spends little before the plan is
fulfilled. What is spent at a look is found by exact recursion over the looks (Armitage, McPherson and Rowe 1969): the
standardised difference at n seeds is a sum of n independent parts.

Photos, which are the same at every look, make the looks more similar than that, so less is spent than is counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy

from shgae.arrays import Floats
from shgae.metrics.statistics import ALPHA

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(201)
_FARTHEST = 9.0
"""Standard errors beyond which nothing is left of a normal distribution."""
_NOTHING = 1e-9
"""What rounding may leave of a level of which all is spent."""
LEAST = 1e-4
"""A look that may use less than this is no test: beyond all resamples tails are taken to be Student's, which is no
ground for smaller chances."""


def spent(share: float, alpha: float = ALPHA) -> float:
    """How much of a two-sided alpha may be spent up to this share t (0 to 1) of the planned seeds: on each side
    2 - 2 Phi(z / sqrt t), z the normal quantile of alpha / 4; all of it from 1 on."""
    if share >= 1:
        return alpha
    if share <= 0:
        return 0.0
    return float(4 * scipy.stats.norm.sf(scipy.stats.norm.isf(alpha / 4) / math.sqrt(share)))


def next_level(planned: int, looks: Sequence[int], used: Sequence[float], seeds: int, alpha: float = ALPHA) -> float:
    """The two-sided level of a look with so many seeds, after others with rising, smaller numbers of seeds (``looks``)
    that were made at the levels ``used``, whatever plan these levels came from; 0 where they, or the plan, leave
    nothing.

    ``planned`` seeds are registered now; ``alpha`` is the level of all looks together."""
    rising = [*looks, seeds]
    if rising[0] < 1 or rising != sorted(set(rising)):
        raise ValueError(f"looks at {rising} seeds: expected rising numbers of seeds")
    density, total = followed(looks, used)
    left = spent(seeds / planned, alpha) - total
    if left <= _NOTHING:
        return 0.0
    reach = scipy.optimize.brentq(lambda reach: _beyond(density, seeds, reach) - left, 0.0, _FARTHEST)
    return float(2 * scipy.stats.norm.sf(reach))


class _Density(NamedTuple):
    """The sum of differences at a look, as far as neither it nor one before it stopped the study."""

    seeds: int
    at: Floats
    """(n,) sums."""
    mass: Floats
    """(n,) their probabilities."""


def followed(looks: Sequence[int], used: Sequence[float]) -> tuple[_Density, float]:
    """Where looks at these levels lead: the sums after the last one, and how often one of them stopped."""
    density, total = _Density(0, np.zeros(1), np.ones(1)), 0.0
    for seeds, level in zip(looks, used, strict=True):
        bound = float(scipy.stats.norm.isf(level / 2)) if level > 0 else _FARTHEST
        total += _beyond(density, seeds, bound)
        density = _within(density, seeds, min(bound, _FARTHEST))
    return density, total


def _within(density: _Density, seeds: int, bound: float) -> _Density:
    """At a later look, the sums of no more than ``bound`` standard errors."""
    edge, step = bound * math.sqrt(seeds), math.sqrt(seeds - density.seeds)
    at = edge * _NODES
    mass = edge * _WEIGHTS * (scipy.stats.norm.pdf((at[:, None] - density.at) / step) / step @ density.mass)
    return _Density(seeds, at, mass)


def _beyond(density: _Density, seeds: int, bound: float) -> float:
    """How often a later look has more than ``bound`` standard errors."""
    edge, step = bound * math.sqrt(seeds), math.sqrt(seeds - density.seeds)
    tails = scipy.stats.norm.sf((edge - density.at) / step) + scipy.stats.norm.cdf((-edge - density.at) / step)
    return float(tails @ density.mass)
