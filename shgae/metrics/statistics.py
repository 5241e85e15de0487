"""Several models on the same people: how sure is each score, and each difference?

People of one photo are not independent witnesses, so photos are resampled, with everybody in them (a cluster
bootstrap, Davison and Hinkley 1997, section 2.4 and 3.8). All models are scored on every resample
(:class:`PairedBootstrap`), so what they have in common, hard photos above all, cancels out of a difference.

From 50 photos on, an interval is the percentiles of its resamples. Of fewer, they are too narrow (measured in
docs/study.md), and the interval is Student's, with as many degrees of freedom as photos less one
(:class:`PhotoEstimate`); a share near 0 or 100 % has a score interval (:meth:`PairedBootstrap.share`). No verdict goes
by fewer than 10 photos.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
CONFIDENCE = 0.95
RESAMPLES = 10_000
FEWEST_PHOTOS = 2
"""With fewer there is nothing to resample, and no interval."""
VERDICT_PHOTOS = 10
"""With fewer there is an interval, and no verdict."""
MANY_PHOTOS = 50
"""From so many on, percentiles of resamples hold what they promise."""
_FEW_MISSES, _NEAR = 10.0, 0.2
"""A share is near a boundary if the rarer of hits and misses fills fewer photos than the first, and is rarer than the
second: the resamples then are few different values, lopsided, and at 0 or 100 % they are one."""
_CELLS_AT_ONCE = 4_000_000
"""Resamples are drawn in portions of about so many photos, which bounds the memory."""


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

    @property
    def standard_error(self) -> float:
        """Standard deviation of the resamples; for few photos times sqrt(P / (P - 1)), by which it is too small."""
        error = float(self.drawn.std(ddof=1))
        return error if self._many else error * math.sqrt(self.photos / (self.photos - 1))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of Student's interval; infinite where percentiles are taken."""
        return math.inf if self._many else float(max(self.informative - 1, 1))

    @property
    def _many(self) -> bool:
        return self.informative >= MANY_PHOTOS

    def quantile(self, tail: float) -> float:
        """The end of an interval that leaves so much of (0, 1) below it."""
        if self._many:
            return float(np.quantile(self.drawn, tail))
        return self.value + float(stats.t.ppf(tail, self.freedom)) * self.standard_error

    def ends(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The two-sided interval."""
        tail = (1 - confidence) / 2
        if self._many:
            low, high = np.quantile(self.drawn, [tail, 1 - tail])
            return float(low), float(high)
        return self.quantile(tail), self.quantile(1 - tail)

    def interval(self) -> Interval:
        """The estimate with its 95 % interval."""
        return Interval(self.value, *self.ends(), float(self.drawn.std(ddof=1)))

    def p_not_above(self, null: float) -> float:
        """One-sided p of a true value of ``null`` or less: the ``tail`` at which :meth:`quantile` reaches it."""
        if self._many:
            return _tail_at(np.sort(self.drawn), null)
        return _student_p(self.value - null, self.standard_error, self.freedom)

    def p_not_below(self, null: float) -> float:
        """One-sided p of a true value of ``null`` or more."""
        if self._many:
            return _tail_at(np.sort(-self.drawn), -null)
        return _student_p(null - self.value, self.standard_error, self.freedom)

    def p(self) -> float:
        """Two-sided p of a true value of 0: 1 - confidence of the interval that ends there."""
        return min(1.0, 2 * min(self.p_not_above(0), self.p_not_below(0)))


def percentile_tail(tail: float, photos: int) -> float:
    """The percentile of resamples of so many photos that leaves ``tail`` below it, for what is no plain number, such as
    a rank: of few photos one farther out, as Student's interval is (expanded percentiles, Hesterberg 2015, The
    American Statistician 69)."""
    if photos >= MANY_PHOTOS:
        return tail
    return float(stats.norm.cdf(stats.t.ppf(tail, photos - 1) * math.sqrt(photos / (photos - 1))))


def _student_p(ahead: float, error: float, freedom: float) -> float:
    if error == 0:
        return 0.0 if ahead > 0 else 1.0
    return float(stats.t.sf(ahead / error, freedom))


def _tail_at(rising: Floats, null: float) -> float:
    """The largest share of resamples whose quantile is not above ``null``, at least one of them."""
    n = len(rising)
    place = int(np.searchsorted(rising, null, side="right"))
    if place in (0, n):
        return 1 / n if place == 0 else 1.0
    part = (null - rising[place - 1]) / (rising[place] - rising[place - 1])
    return max(float((place - 1 + part) / (n - 1)), 1 / n)


def photo_sums(values: npt.NDArray[Any], photo_id: npt.NDArray[np.int64]) -> Floats:
    """Sums of people's values (N, ...) by photo: (P, ...) float64, photos in the order of their ids."""
    photos, place = np.unique(photo_id, return_inverse=True)
    sums = np.zeros((len(photos), *values.shape[1:]))
    np.add.at(sums, place, values)
    return sums


class PairedBootstrap:
    """Ratios of sums over people, and the same on resampled photos; all ratios share the resamples.

    A quantity is an index into the trailing axes of what it was made of, such as ``(model, group)``.
    """

    def __init__(
        self,
        above: npt.NDArray[Any],
        below: npt.NDArray[Any],
        photo_id: npt.NDArray[np.int64],
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:
        """Sums by photo, and resamples the photos.

        Args:
            above: (N, ...) what each person adds to the numerator of each quantity.
            below: (N, ...) what each person adds to the denominator, 0 or more.
            photo_id: (N,) the photo of each person; people of one photo are resampled together.
            resamples: how often all P photos are drawn with replacement.
            seed: equal seeds and equal P draw the same photos, whatever the quantities.

        Raises:
            ValueError: the shapes do not fit.
        """
        if above.shape != below.shape or above.shape[:1] != photo_id.shape:
            raise ValueError(f"numerators {above.shape}, denominators {below.shape}, photos {photo_id.shape}")
        shape = above.shape[1:]
        flat = (len(above), math.prod(shape))
        numerator, denominator = (photo_sums(values.reshape(flat), photo_id) for values in (above, below))
        self.photos = len(numerator)
        """How many there are."""
        self._numerator, self._denominator = numerator, denominator
        self._photos_of = (denominator > 0).sum(0).reshape(shape)
        self._below: Floats = denominator.sum(0).reshape(shape)
        self._people = (below > 0).sum(0)
        self._values: Floats = _ratios(numerator.sum(0), denominator.sum(0)).reshape(shape)
        self._drawn: Floats = np.zeros((0, numerator.shape[1]))
        if self.photos >= FEWEST_PHOTOS:
            self._drawn = _resampled(numerator, denominator, resamples, seed)

    def value(self, quantity: tuple[int, ...]) -> float | None:
        """The ratio on the people as they are; None where there is nothing to divide by."""
        value = float(self._values[quantity])
        return value if np.isfinite(value) else None

    def resampled(self, quantity: tuple[int, ...]) -> Floats:
        """(resamples,) the ratio on each; NaN where there is nothing to divide by. Empty for fewer than two photos."""
        drawn: Floats = self._drawn[:, self._place(quantity)]
        return drawn

    def has_interval(self, *quantities: tuple[int, ...]) -> bool:
        """Whether two photos at least have something to divide by, and half of the resamples, for each of these."""
        return all(
            self._photos_of[one] >= FEWEST_PHOTOS
            and 2 * int(np.isfinite(self.resampled(one)).sum()) >= len(self._drawn)
            for one in quantities
        )

    def photos_of(self, quantity: tuple[int, ...]) -> int:
        """How many photos have something to divide by."""
        return int(self._photos_of[quantity])

    def interval(self, quantity: tuple[int, ...]) -> Interval | None:
        """A ratio with its interval; None from too few photos."""
        found = self.combined(lambda one: one, quantity)
        return None if found is None else found.interval()

    def share(self, quantity: tuple[int, ...]) -> Interval | None:
        """A share of people (denominators 0 or 1), or of their joints, with its interval in [0, 1]; None from too few
        photos.

        Near 0 and 100 % (at most a fifth, and under 10 photos' worth, of one kind) resamples say little: of 150 photos
        and a share of 99 %, percentiles hold the truth in 87 % of cases, BCa (Efron 1987) in 89 %, and bootstrap-t is
        wider than 70 points at 20 photos. There it is Wilson's score interval (1927) with Student's t of P - 1 degrees
        of freedom and the effective number of people, v (1 - v) / standard error^2 but at most their number (Korn and
        Graubard 1998, Survey Methodology 24), which held it in 92 % or more (docs/study.md). At 0 and 100 % nothing
        tells how alike the joints of a person are, so there it is the number of people and not of joints.
        """
        found = self.combined(lambda one: one, quantity)
        if found is None:
            return None
        rarer = min(found.value, 1 - found.value)
        one = found.interval()
        if rarer >= _NEAR or rarer * found.photos >= _FEW_MISSES:
            return Interval(one.value, max(one.low, 0.0), min(one.high, 1.0), one.standard_error)
        variance, error = found.value * (1 - found.value), found.standard_error
        size = min(float(self._below[quantity]), variance / error**2) if error else float(self._people[quantity])
        reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, found.photos - 1)) ** 2 / size
        centre = (found.value + reach / 2) / (1 + reach)
        half = math.sqrt(reach * (max(variance, 0.0) + reach / 4)) / (1 + reach)
        return Interval(found.value, max(centre - half, 0.0), min(centre + half, 1.0), one.standard_error)

    def estimate(self, first: tuple[int, ...], second: tuple[int, ...]) -> PhotoEstimate | None:
        """The second ratio minus the first, on the same resamples; None from too few photos."""
        found = self.combined(lambda one, other: other - one, first, second)
        if found is None:
            return None
        places = [self._place(one) for one in (first, second)]
        one, other = (np.stack([self._numerator[:, place], self._denominator[:, place]]) for place in places)
        return dataclasses.replace(found, informative=int((one != other).any(0).sum()))

    def gain(self, quantity: tuple[int, ...]) -> PhotoEstimate | None:
        """A ratio that is a difference by itself, its numerators differences of people; None from too few photos."""
        found = self.combined(lambda one: one, quantity)
        informative = int((self._numerator[:, self._place(quantity)] != 0).sum())
        return found and dataclasses.replace(found, informative=informative)

    def difference(self, first: tuple[int, ...], second: tuple[int, ...]) -> Interval | None:
        """:meth:`estimate` with its interval."""
        found = self.estimate(first, second)
        return None if found is None else found.interval()

    def combined(self, function: Callable[..., Any], *quantities: tuple[int, ...]) -> PhotoEstimate | None:
        """A function of several ratios, on the same resamples; None from too few photos.

        Args:
            function: of a number for each quantity, or an array (resamples,) for each.
            quantities: what it is a function of.
        """
        values = [self.value(one) for one in quantities]
        if None in values or not self.has_interval(*quantities):
            return None
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = function(*map(self.resampled, quantities))
        finite = drawn[np.isfinite(drawn)]
        if 2 * len(finite) < len(drawn):
            return None
        photos = min(map(self.photos_of, quantities))
        return PhotoEstimate(float(function(*values)), finite, photos, photos)

    def _place(self, quantity: tuple[int, ...]) -> int:
        return int(np.ravel_multi_index(quantity, self._values.shape))


def _ratios(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios: Floats = numerator / denominator
    return ratios


def _resampled(numerator: Floats, denominator: Floats, resamples: int, seed: int) -> Floats:
    """(resamples, M) ratios of sums (P, M) over photos drawn with replacement."""
    photos, quantities = numerator.shape
    rng = np.random.Generator(np.random.Philox(seed))
    both = np.concatenate([numerator, denominator], axis=1)
    sums = np.empty((resamples, 2 * quantities))
    portion = max(1, _CELLS_AT_ONCE // photos)
    for start in range(0, resamples, portion):
        count = min(portion, resamples - start)
        drawn = rng.integers(0, photos, size=(count, photos), dtype=np.int32)
        drawn += (np.arange(count, dtype=np.int32) * photos)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=count * photos).reshape(count, photos)
        sums[start : start + count] = weights @ both
    return _ratios(sums[:, :quantities], sums[:, quantities:])
