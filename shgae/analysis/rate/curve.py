"""Where an autoencoder lies on the curve of principal components."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import scipy

from shgae.analysis.effects import UNTOUCHED, ReplacementEffects, Undefined, no_cost
from shgae.arrays import Array, Floats, Ints
from shgae.metrics.bootstrap import PairedBootstrap
from shgae.metrics.statistics import CONFIDENCE, FEWEST_PHOTOS, VERDICT_PHOTOS, Interval, PhotoEstimate, percentile_tail

_DENSE = 6
"""Ranks that are added where a curve reaches the autoencoder's score."""
_EACH, _STEP = 64, 1.05
"""FVU is resampled at every rank up to the first, and from there on at steps of the second."""


def curve(squares: Array, spread: float, excess: Array | float = 0.0) -> Floats:
    """FVU for every rank 0 .. D: (D + 1,), never rising, from 1 down to 0 but for rounding.

    ``squares`` (D,) are squared coefficients along each component, summed over people; ``spread`` is the sum of
    |x - mean|^2 over them, above 0; ``excess`` (D + 1,) is what rounding makes a rank hold of people beyond that."""
    held = np.concatenate([[0.0], np.cumsum(squares, dtype=np.float64)]) - excess
    rates: Floats = np.maximum(1 - held / spread, 0)
    return rates


def equal_rank(ks: Sequence[int], scores: Floats, wanted: Floats) -> Floats:
    """How many components first reach a score.

    Between two ranks the score is a straight line over log k (over k between 0 and 1).

    Args:
        ks: (J,) rising ranks.
        scores: (M, J) the score at each, M curves.
        wanted: (M,) the score to reach on each curve.

    Returns:
        (M,); the first rank where that is enough already, infinity where none is.
    """
    reached = scores >= wanted[:, None]
    place = reached.argmax(1)
    before = np.maximum(place - 1, 0)
    row = np.arange(len(scores))
    low, high = scores[row, before], scores[row, place]
    x = np.asarray(ks, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(place > 0, (wanted - low) / (high - low), 0.0)
        in_log = np.exp(np.log(x[before]) * (1 - part) + np.log(x[place]) * part)
    in_line = x[before] * (1 - part) + x[place] * part
    found = np.where(x[before] >= 1, in_log, in_line)
    return np.where(place > 0, np.where(reached.any(1), found, np.inf), np.where(reached[:, 0], x[0], np.inf))


class RankVerdict(StrEnum):
    """Where an autoencoder lies on the curve of principal components."""

    TOO_FEW = "too_few"
    NO_COST = "no_cost"
    """The training mean, rank 0, costs nothing clear: the curve is flat within its noise."""
    MEAN_BETTER = "mean_better"
    """The training mean does clearly better than the bottleneck itself."""
    WORSE_THAN_MEAN = "worse_than_mean"
    LIKE_MEAN = "like_mean"
    """No significant difference from the training mean."""
    NAMED = "named"
    """A rank with an interval that ends on the curve."""
    OPEN = "open"
    """A rank with an interval that has no upper end on the curve."""
    BEYOND = "beyond"
    """No rank on the curve is enough."""
    EARLIER = "earlier"
    """No rank was named by a version that named one only where the loss was significant."""


@dataclass(frozen=True)
class EqualRank:
    """How many principal components do what the autoencoder does."""

    verdict: RankVerdict
    components: float | None
    """The estimate, interpolated for PCK, a whole number for FVU; None where no rank on the curve is enough, and where
    there is no curve. It does not hang on significance: that would name low ranks only."""
    low: float | None
    high: float | None
    """The 95 % interval over photos; an end is None where it lies beyond the last rank of the curve, both in one
    photo."""
    at_least: float | None
    """The lower end of the one-sided 95 % interval; above the last rank tried where none is enough."""
    most: int
    """The last rank that was tried of those that the training people determine."""
    difference: Interval | None
    """PCK that decided the verdict: what the mean costs (NO_COST, MEAN_BETTER), else the autoencoder minus the mean;
    None for FVU."""


def isotonic(scores: Floats) -> Floats:
    """The nearest curves (M, J) that never fall, by pool adjacent violators: a projection on more components holds all
    of one on fewer, so a score that falls from rank to rank is noise."""
    return np.stack([scipy.optimize.isotonic_regression(row).x for row in scores])


def dense_ranks(ks: Sequence[int], found: Iterable[EqualRank]) -> tuple[int, ...]:
    """Ranks to try too: evenly over log k inside the intervals of the equal ranks, none of ``ks``."""
    extra = set[int]()
    for one in found:
        if one.low is None:
            continue
        first = max(k for k in ks if k <= one.low)
        last = next((k for k in ks if one.high is not None and k >= one.high), one.most)
        places = np.geomspace(max(first, 1), max(last, 1), _DENSE + 2)
        extra |= {int(round(place)) for place in places if first < place < last}
    return tuple(sorted(extra - set(ks)))


def fvu_grid(rank: int) -> Ints:
    """(G,) rising ranks from 0 to ``rank`` at which the FVU is resampled: each up to 64, then in steps of 5 %."""
    steps = itertools.takewhile(lambda k: k < rank, (round(_EACH * _STEP**i) for i in itertools.count()))
    return np.unique([*range(min(_EACH, rank) + 1), *steps, rank])


class _Limits(NamedTuple):
    low: float | None
    high: float | None
    at_least: float | None


_NO_LIMITS = _Limits(None, None, None)
_TAIL = (1 - CONFIDENCE) / 2


@dataclass(frozen=True, eq=False)
class FvuSums:
    """What the FVU of N people is made of, for its interval over photos."""

    grid: Ints
    """(G,) ranks, see :func:`fvu_grid`."""
    left: Floats
    """(N, G) squared error of each projection."""
    error: Floats
    """(N,) squared error of the autoencoder."""
    spread: Floats
    """(N,) squared distance from the training mean."""
    photo_id: Ints
    """(N,)."""

    def against_mean(self, seed: int) -> RankVerdict | None:
        """Whether the autoencoder explains no more than the training mean does; None where it does, by the numbers."""
        paired = PairedBootstrap(self.error[:, None], self.spread[:, None], self.photo_id, seed=seed)
        found = paired.interval((0,))
        if found is None or paired.photos < VERDICT_PHOTOS:
            return RankVerdict.TOO_FEW
        if found.value <= 1:
            return None
        return RankVerdict.WORSE_THAN_MEAN if found.low > 1 else RankVerdict.LIKE_MEAN

    def limits(self, seed: int) -> _Limits:
        """Limits of the equal-FVU rank over photos; none in one photo."""
        above = np.column_stack([self.left, self.error])
        below = np.repeat(self.spread[:, None], above.shape[1], axis=1)
        paired = PairedBootstrap(above, below, self.photo_id, seed=seed)
        if paired.photos < FEWEST_PHOTOS:
            return _NO_LIMITS
        drawn = np.stack([paired.resampled((place,)) for place in range(above.shape[1])], axis=1)
        drawn = drawn[np.isfinite(drawn).all(1)]
        ranks = np.ceil(equal_rank(self.grid.tolist(), -drawn[:, :-1], -drawn[:, -1]))
        photos = max(paired.effective((0,)), FEWEST_PHOTOS)
        tails = [percentile_tail(tail, photos) for tail in (_TAIL, 1 - _TAIL, 2 * _TAIL)]
        # No mean of two order statistics: one of them may be infinite.
        return _Limits(*map(_finite, np.quantile(ranks, tails, method="inverted_cdf")))


def equal_fvu(rates: Floats, fvu: float, rank: int, sums: FvuSums, seed: int = 0) -> EqualRank:
    """The fewest components with an FVU not above an autoencoder's; ``rates`` (D + 1,) are of :func:`curve`, on the
    same people, and the training people determine components up to ``rank``."""
    enough = np.flatnonzero(rates[: rank + 1] <= fvu)
    value = float(enough[0]) if len(enough) else np.inf
    return _named(sums.against_mean(seed), value, sums.limits(seed), rank, None)


def equal_pck(compared: ReplacementEffects, ks: Sequence[int], code: str, rank: int) -> EqualRank:
    """The rank with the PCK of an autoencoder; replacements of ``compared`` are named by their rank.

    The estimate is read off the curve smoothed by :func:`isotonic`; its limits are those of :func:`_limits`. ``ks``
    rise from 0; ranks beyond ``rank``, which the training people determine, tell nothing."""
    ks = [k for k in ks if k <= rank or k == 0]
    cost, ahead = (compared.difference(*pair) for pair in ((UNTOUCHED, "0"), (code, "0")))
    mine = compared.value(code, "pck")
    if cost is None or ahead is None or mine is None or compared.photos < VERDICT_PHOTOS:
        return EqualRank(RankVerdict.TOO_FEW, None, None, None, None, ks[-1], None)
    if why := no_cost(cost, "pck"):
        verdict = RankVerdict.MEAN_BETTER if why is Undefined.BASELINE_BETTER else RankVerdict.NO_COST
        return EqualRank(verdict, None, None, None, None, ks[-1], cost)
    whole = isotonic(np.array([[compared.value(str(k), "pck") for k in ks]], dtype=np.float64))
    (value,) = equal_rank(ks, whole, np.array([mine]))
    ahead_of = [one for k in ks if (one := compared.estimate(code, str(k))) is not None]
    near: RankVerdict | None = None
    if not ahead.excludes_zero:
        near = RankVerdict.LIKE_MEAN
    elif ahead.high < 0:
        near = RankVerdict.WORSE_THAN_MEAN
    return _named(near, float(value), _limits(ks, ahead_of), ks[-1], ahead)


def _limits(ks: Sequence[int], ahead: Sequence[PhotoEstimate]) -> _Limits:
    """Limits of the rank by tests of one rank after another, from the bottom up and from the top down, until one fails:
    in a fixed order every test may be at the full level (Maurer, Hothorn and Lehmacher 1995).

    ``ks`` are J rising ranks, ``ahead`` the autoencoder's score minus that of each."""

    def above(tail: float) -> float:
        fails = np.flatnonzero([*(one.quantile(tail) <= 0 for one in ahead), True])[0]
        return float(ks[fails - 1] + 1) if fails else 0.0

    fails = np.flatnonzero([*(one.quantile(1 - _TAIL) >= 0 for one in reversed(ahead)), True])[0]
    return _Limits(above(_TAIL), float(ks[len(ks) - fails]) if fails else None, above(2 * _TAIL))


def _named(
    verdict: RankVerdict | None, value: float, limits: _Limits, most: int, difference: Interval | None
) -> EqualRank:
    if verdict is None and np.isinf(value):
        verdict = RankVerdict.BEYOND
    elif verdict is None:
        verdict = RankVerdict.OPEN if limits.high is None and limits.low is not None else RankVerdict.NAMED
    return EqualRank(verdict, _finite(value), *limits, most, difference)


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
