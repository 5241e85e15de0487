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

import numpy as np
import scipy

from shgae.metrics.statistics import ALPHA, Floats

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
    _check([*looks, seeds])
    density, before, bound, total = followed(looks, used)
    left = spent(seeds / planned, alpha) - total
    if left <= _NOTHING:
        return 0.0
    density = _carried(density, before, bound, seeds)
    reach = scipy.optimize.brentq(lambda reach: _beyond(density, seeds, reach) - left, 0.0, _FARTHEST)
    return float(2 * scipy.stats.norm.sf(reach))


def _check(looks: Sequence[int]) -> None:
    if not looks or looks[0] < 1 or any(after <= before for before, after in zip(looks, looks[1:], strict=False)):
        raise ValueError(f"looks at {list(looks)} seeds: expected rising numbers of seeds")


class _Density:
    """The sum of differences at a look, as far as no look before it stopped the study."""

    def __init__(self, at: Floats, mass: Floats, step: float) -> None:
        """Sums (n,) at the look before, their probabilities (n,), and the deviation of what came since."""
        self.at, self.mass, self.step = at, mass, step


def followed(looks: Sequence[int], used: Sequence[float]) -> tuple[_Density, int, float, float]:
    """Where looks at these levels lead: sums before the last one, its seeds and bound (0 and infinite without looks),
    and how often one of them stopped."""
    density, before, bound, total = _Density(np.zeros(1), np.ones(1), 0.0), 0, math.inf, 0.0
    for seeds, level in zip(looks, used, strict=True):
        density = _carried(density, before, bound, seeds)
        bound = float(scipy.stats.norm.isf(level / 2)) if level > 0 else _FARTHEST
        total += _beyond(density, seeds, bound)
        before = seeds
    return density, before, bound, total


def _carried(density: _Density, seeds: int, bound: float, later: int) -> _Density:
    """From a look, where sums of more than ``bound`` standard errors stopped, or from none (0 seeds), to the next."""
    at, mass, step = density.at, density.mass, density.step
    if seeds:
        edge = min(bound, _FARTHEST) * math.sqrt(seeds)
        at = edge * _NODES
        mass = edge * _WEIGHTS * (scipy.stats.norm.pdf((at[:, None] - density.at) / step) / step @ mass)
    return _Density(at, mass, math.sqrt(later - seeds))


def _beyond(density: _Density, seeds: int, bound: float) -> float:
    edge, step = bound * math.sqrt(seeds), density.step
    tails = scipy.stats.norm.sf((edge - density.at) / step) + scipy.stats.norm.cdf((-edge - density.at) / step)
    return float(tails @ density.mass)
