"""One estimate over photos: its interval, its p-value and the verdict by them.

People of one photo are not independent witnesses, so photos are resampled, with everybody in them (a cluster
bootstrap, Davison and Hinkley 1997, section 2.4 and 3.8; :mod:`shgae.metrics.bootstrap` draws them).

From 50 photos on, an interval is the percentiles of its resamples; of a tail smaller than one resample it is Student's,
as far as that reaches beyond them all. Of fewer photos, percentiles are too narrow (measured in docs/statistics.md),
and the interval is Student's, with as many degrees of freedom as photos less one (:class:`PhotoEstimate`). Photos are
counted by their weight: a few crowds among many single people are few (:func:`effective_number`). A share near 0 or
100 % has a score interval (:func:`score_interval`). No verdict goes by fewer than 10 photos.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy

from shgae.arrays import Floats

CONFIDENCE = 0.95
ALPHA = 0.05
"""Two-sided level of tests."""
RESAMPLES = 10_000
FEWEST_PHOTOS = 2
"""With fewer there is nothing to resample, and no interval."""
VERDICT_PHOTOS = 10
"""With fewer there is an interval, and no verdict."""
MANY_PHOTOS = 50
"""From so many on, percentiles of resamples hold what they promise."""
ROUNDING = 1e-9
"""Sums of shares that differ by less are equal."""
_FEW_MISSES, _NEAR = 10.0, 0.2


class Verdict(StrEnum):
    """What may be said of the second of two models, by the interval of their difference (second minus first)."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    """A difference of the margin or more is ruled out, in both directions."""
    INCONCLUSIVE = "inconclusive"
    """Neither a difference nor equivalence within the margin is shown."""
    NO_SIGNIFICANT_DIFFERENCE = "no_significant_difference"
    """As inconclusive, where no margin was given."""
    IDENTICAL = "identical"
    """No difference on any photo."""
    TOO_FEW_PHOTOS = "too_few_photos"
    """Of fewer than 10 photos there is no verdict; of fewer than 2 there is no interval."""
    ALPHA_SPENT = "alpha_spent"
    """Earlier looks at the seeds left nothing of the level: there is an estimate, and no verdict."""
    TOO_EARLY = "too_early"
    """So few of the planned seeds are there that the look has no level yet: an estimate, and no verdict."""
    NOT_COMPARED = "not_compared"
    """There is no such difference."""

    @classmethod
    def of(cls, found: Interval | None, photos: int) -> Verdict:
        """The verdict on a difference of scores of which more is better, over so many photos; None has no interval."""
        verdict = cls.TOO_FEW_PHOTOS if found is None else cls.of_bounds(found.low, found.high)
        return verdict if photos >= VERDICT_PHOTOS or verdict is cls.IDENTICAL else cls.TOO_FEW_PHOTOS

    @classmethod
    def of_bounds(cls, low: float, high: float) -> Verdict:
        """The verdict by the ends of the interval."""
        if low > 0:
            return cls.BETTER
        if high < 0:
            return cls.WORSE
        return cls.IDENTICAL if low == high == 0 else cls.NO_SIGNIFICANT_DIFFERENCE


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval."""

    value: float
    """On the people as they are."""
    low: float
    high: float
    """The 95 % interval, see :class:`PhotoEstimate`."""
    standard_error: float
    """Standard deviation of the resamples."""

    @property
    def excludes_zero(self) -> bool:
        """Whether chance alone is an unlikely reason for the estimate."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, eq=False)
class PhotoEstimate:
    """An estimate, and what other photos would have made of it."""

    value: float
    """On the people as they are."""
    drawn: Floats
    """(resamples,) the same on each resample, as far as it is a number; half of them at least."""
    photos: int
    """Photos that were drawn from and have something to divide by, 2 or more."""
    informative: int
    """Of these, photos on which the estimate is not 0 by itself; of a difference, those where the models differ: as in
    a sign test, the others say nothing of its direction."""
    of_shares: bool = False
    """Whether it is a difference of two shares, which lies between -1 and 1."""
    evenness: float = 1.0
    """:func:`effective_number` of the informative photos over their number, above 0: 1 where all weigh the same."""

    @property
    def standard_error(self) -> float:
        """Standard deviation of the resamples; for few photos times sqrt(P / (P - 1)), by which it is too small.

        Where all P photos show the same difference, resamples do not vary. Student's interval then reaches twice the
        difference times 1 - 0.025^(1 / P), the largest share of photos with the opposite one that P photos miss in 1 of
        40 cases: so it holds 0 where the sign test does.
        """
        if self._is_even:
            unseen = 1 - math.pow((1 - CONFIDENCE) / 2, 1 / self.photos)
            return 2 * unseen * abs(self.value) / float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, self.freedom))
        error = float(self.drawn.std(ddof=1))
        count = max(self.evenness * self.photos, FEWEST_PHOTOS)
        return error if self._many else error * math.sqrt(count / (count - 1))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of Student's interval; infinite where percentiles are taken."""
        return math.inf if self._many else self._photo_freedom

    @property
    def _photo_freedom(self) -> float:
        return max(self.evenness * self.informative - 1, 1.0)

    @property
    def _many(self) -> bool:
        return self.evenness * self.informative >= MANY_PHOTOS and not self._is_even

    @functools.cached_property
    def _is_even(self) -> bool:
        """Whether a difference is there, and the same on every photo."""
        return self.of_shares and float(np.ptp(self.drawn)) < ROUNDING < abs(self.value)

    def quantile(self, tail: float) -> float:
        """The end of an interval that leaves so much of (0, 1) below it."""
        if self._many and min(tail, 1 - tail) * len(self.drawn) >= 1:
            return float(np.quantile(self.drawn, tail))
        student = self.value + float(scipy.stats.t.ppf(tail, self._photo_freedom)) * self.standard_error
        if not self._many:
            return student
        return float(min(student, self.drawn.min()) if tail < 0.5 else max(student, self.drawn.max()))

    def ends(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The two-sided interval."""
        tail = (1 - confidence) / 2
        return self.within(self.quantile(tail), self.quantile(1 - tail))

    def within(self, low: float, high: float) -> tuple[float, float]:
        """The ends of an interval as far as such an estimate can lie."""
        return (max(low, -1.0), min(high, 1.0)) if self.of_shares else (low, high)

    def interval(self) -> Interval:
        """The estimate with its 95 % interval."""
        return Interval(self.value, *self.ends(), float(self.drawn.std(ddof=1)))

    def p_not_above(self, null: float) -> float:
        """One-sided p of a true value of ``null`` or less: the ``tail`` at which :meth:`quantile` reaches it."""
        return self._p(self.value - null, self.drawn, null)

    def p_not_below(self, null: float) -> float:
        """One-sided p of a true value of ``null`` or more."""
        return self._p(null - self.value, -self.drawn, -null)

    def p(self) -> float:
        """Two-sided p of a true value of 0: 1 - confidence of the interval that ends there."""
        return min(1.0, 2 * min(self.p_not_above(0), self.p_not_below(0)))

    def _p(self, ahead: float, drawn: Floats, null: float) -> float:
        if self._many and null >= drawn.min():
            return _tail_at(np.sort(drawn), null)
        student = _student_p(ahead, self.standard_error, self._photo_freedom)
        if not self._many:
            return student
        varies = float(np.ptp(drawn)) > ROUNDING  # else they are no certainty
        return min(student, 1 / len(drawn)) if varies else 1 / len(drawn)


def effective_number(weights: Floats) -> float:
    """As how many equal ones these weights (P,), 0 or more, count: (sum w)^2 / sum w^2 (Kish 1965, Survey Sampling); 0
    of none."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def is_near_boundary(share: float, photos: float) -> bool:
    """Whether the rarer of hits and misses is rarer than a fifth, and fills fewer than 10 of so many photos."""
    rarer = min(share, 1 - share) + ROUNDING  # so that 0.8 is as near as 0.2
    return rarer < _NEAR and rarer * photos < _FEW_MISSES


def score_interval(share: float, size: float, photos: float, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share of so many people, in [0, 1], for one near a boundary.

    Resamples say little there: they are few different values, lopsided, and at 0 or 100 % they are one. So this is
    Wilson's score interval (1927) with Student's t of P - 1 degrees of freedom and the effective number of people (Korn
    and Graubard 1998, Survey Methodology 24); docs/statistics.md has what it and others hold.

    Args:
        share: 0 to 1.
        size: the effective number of people: share (1 - share) / standard error^2, and at most their number.
        photos: that they are of, 2 or more; see :func:`effective_number`.
        confidence: two-sided.
    """
    reach = float(scipy.stats.t.ppf(0.5 + confidence / 2, photos - 1)) ** 2 / size
    centre = (share + reach / 2) / (1 + reach)
    half = math.sqrt(reach * (max(share * (1 - share), 0.0) + reach / 4)) / (1 + reach)
    low, high = min(centre - half, share), max(centre + half, share)  # rounding may leave a share of 1 outside
    return max(low, 0.0), min(high, 1.0)


def percentile_tail(tail: float, photos: float) -> float:
    """The percentile of resamples of so many photos that leaves ``tail`` below it, for what is no plain number, such as
    a rank: of few photos one farther out, as Student's interval is (expanded percentiles, Hesterberg 2015, The
    American Statistician 69)."""
    if photos >= MANY_PHOTOS:
        return tail
    return float(scipy.stats.norm.cdf(scipy.stats.t.ppf(tail, photos - 1) * math.sqrt(photos / (photos - 1))))


def _student_p(ahead: float, error: float, freedom: float) -> float:
    if error == 0:
        return 0.0 if ahead > 0 else 1.0
    return float(scipy.stats.t.sf(ahead / error, freedom))


def _tail_at(rising: Floats, null: float) -> float:
    """The largest share of resamples with a quantile not above ``null``, which is not below all: at least one."""
    n = len(rising)
    place = int(np.searchsorted(rising, null, side="right"))
    if place == n:
        return 1.0
    part = (null - rising[place - 1]) / (rising[place] - rising[place - 1])
    return max(float((place - 1 + part) / (n - 1)), 1 / n)
