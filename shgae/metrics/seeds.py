"""Arms that were run with several seeds: how sure is a difference of two, over seeds, and over seeds and photos?

The scores of all arms form a table of arms and seeds. What is left of it after an effect of each arm and of each seed
is the error of a single run; with A arms and S seeds it has (A - 1)(S - 1) degrees of freedom, where two arms alone
have S - 1. A difference of two arms takes the error of all if that is allowed: see :class:`SeedLayout`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from shgae.arrays import Floats
from shgae.metrics.statistics import CONFIDENCE, PhotoEstimate

NOISIER, STEADIER = 0.25, 0.025
"""A pair keeps its own error where it is noisier than the other contrasts at the first level (25 %, as Bancroft 1964
advises for pooling: a weak test must not decide for the smaller error), or steadier at the second."""
FEWEST_FOR_INTERACTION = 3
"""Seeds from which on the interaction of photos and seeds is estimated."""
_NOTHING = 1e-24
"""A sum of squares that rounding leaves of equal scores."""


@dataclass(frozen=True)
class SeedError:
    """The standard error of a difference of two arms over seeds."""

    error: float
    """As a share."""
    freedom: int
    """Its degrees of freedom."""
    pooled: bool = False
    """Whether it is that of all arms; else that of these two alone."""
    ratio: float | None = None
    """F: the variance of this pair's differences to that of all other contrasts of arms; None without others."""
    p: float | None = None
    """Probability of so large a ratio if all arms were equally steady; None without others."""

    def ends(self, value: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Student's interval around the mean difference."""
        reach = float(scipy.stats.t.ppf(0.5 + confidence / 2, self.freedom)) * self.error
        return value - reach, value + reach


class SeedLayout:
    """Scores of arms by seed."""

    def __init__(self, scores: Sequence[Sequence[float]]) -> None:
        """Fits an effect of each arm and of each seed by least squares to the scores of each arm by seed, the same
        seeds in the same order; an arm may have only the first ones."""
        self._scores = [np.asarray(one, dtype=np.float64) for one in scores]
        longest = max(map(len, self._scores), default=0)
        cells = [(arm, seed) for arm, one in enumerate(self._scores) for seed in range(len(one))]
        design = np.zeros((len(cells), len(self._scores) + longest))
        for row, (arm, seed) in enumerate(cells):
            design[row, [arm, len(self._scores) + seed]] = 1
        values = np.concatenate(self._scores) if cells else np.zeros(0)
        effects, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
        self._squares = float(np.square(values - design @ effects).sum())
        self.freedom = len(cells) - int(rank)
        """Of the error of all arms."""

    def error(self, first: int, second: int) -> SeedError | None:
        """Of the mean difference of two arms over the seeds that both have; None where there is none.

        The pair's differences and all other contrasts of arms have independent sums of squares, so the ratio of their
        variances is F exactly if runs are normal and equally steady. The pair keeps its own error where it is
        :data:`NOISIER` or :data:`STEADIER`, and where there are no others. With one seed in common it takes that of
        all arms, unchecked, and where its runs tie, as few runs of scores that are counts sometimes do: none vary by 0.
        """
        count = min(len(self._scores[first]), len(self._scores[second]))
        differences = self._scores[first][:count] - self._scores[second][:count]
        own_freedom = count - 1
        squares = float(np.square(differences - differences.mean()).sum()) / 2 if count else 0.0
        rest = self.freedom - own_freedom
        all_arms = math.sqrt(2 * self._squares / self.freedom / count) if self.freedom and count else 0.0
        if own_freedom < 1:
            return SeedError(all_arms, self.freedom, True) if self.freedom and count else None
        own = math.sqrt(2 * squares / own_freedom / count)
        left = max(self._squares - squares, 0.0)
        if rest < 1 or left <= max(1e-12 * self._squares, _NOTHING):
            return SeedError(own, own_freedom)
        ratio = (squares / own_freedom) / (left / rest)
        p = float(scipy.stats.f.sf(ratio, own_freedom, rest))
        if squares <= _NOTHING or NOISIER <= p <= 1 - STEADIER:
            return SeedError(all_arms, self.freedom, True, ratio, p)
        return SeedError(own, own_freedom, False, ratio, p)


def own_error(differences: Sequence[float]) -> SeedError | None:
    """The standard error of the mean of runs' differences by themselves; None for fewer than two runs."""
    count = len(differences)
    if count < 2:
        return None
    return SeedError(float(np.std(differences, ddof=1)) / math.sqrt(count), count - 1)


def unpaired_error(first: Sequence[float], second: Sequence[float]) -> SeedError | None:
    """The standard error of a difference of two means over runs that have nothing in common; None for one run each.

    Welch's (1947, Biometrika 34), its degrees of freedom rounded down. Where one of the two has a single run, the other
    is taken to vary as much (Student's).
    """
    counts = np.array([len(first), len(second)])
    if counts.max() < 2 or not counts.all():
        return None
    squares = np.array([float(np.square(one - np.mean(one)).sum()) for one in map(np.asarray, (first, second))])
    if counts.min() == 1:
        freedom = int(counts.sum()) - 2
        return SeedError(math.sqrt(float(squares.sum()) / freedom * float((1 / counts).sum())), freedom)
    parts = squares / (counts - 1) / counts
    total = float(parts.sum())
    welch = total**2 / float((parts**2 / (counts - 1)).sum()) if total else int(counts.sum()) - 2
    freedom = math.floor(welch + 1e-9)  # of a whole number rounding may leave a little less
    return SeedError(math.sqrt(total), freedom)


def interaction(differences: Floats, weights: Floats) -> float | None:
    """What photos and seeds together add to the variance of a mean difference; None for fewer than three seeds.

    The error over photos and the error over seeds both contain it, so their sum counts it twice (Cameron, Gelbach and
    Miller 2011, Journal of Business and Economic Statistics 29).

    Args:
        differences: (P, S) sums over people of each photo, by seed.
        weights: (P,) people of each photo, 0 or more.
    """
    photos, seeds = differences.shape
    if seeds < FEWEST_FOR_INTERACTION or photos < 2:
        return None
    means = differences.sum(0) / weights.sum()
    parts = (differences - weights[:, None] * means) / weights.sum()
    left = parts - parts.mean(1, keepdims=True)
    variance: float = float(np.square(left).sum()) / seeds / (seeds - 1) * photos / (photos - 1)
    return variance


@dataclass(frozen=True)
class CombinedEstimate:
    """A mean difference over runs and people that other photos and other seeds would both have changed.

    The variances of both add, less their interaction (:func:`interaction`) from three seeds on, with Satterthwaite's
    degrees of freedom (1946, Biometrics Bulletin 2). Those are too many where few runs differ much, so an interval is
    never narrower than what either source alone asks for. Coverage is measured in docs/statistics.md.
    """

    value: float
    sources: tuple[tuple[float, float], ...]
    """Standard errors with their degrees of freedom: photos, seeds, both; an interval goes by the widest."""
    photos: PhotoEstimate

    @classmethod
    def of(cls, photos: PhotoEstimate, seeds: SeedError, shared: float | None) -> CombinedEstimate:
        """Puts the sources together; ``shared`` is :func:`interaction`."""
        one, other = photos.standard_error**2, seeds.error**2
        total = max(one + other - (shared or 0.0), one, other)
        freedoms = one**2 / max(photos.evenness * photos.photos - 1, 1.0) + other**2 / seeds.freedom
        both = (math.sqrt(total), total**2 / freedoms if freedoms else math.inf)
        alone = ((photos.standard_error, photos.freedom), (seeds.error, float(seeds.freedom)))
        return cls(photos.value, (*alone, both), photos)

    def ends(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The two-sided interval."""
        tail = 0.5 + confidence / 2
        errors, freedoms = np.array(self.sources).T
        reach = float((scipy.stats.t.ppf(tail, freedoms) * errors).max())
        low, high = self.photos.within(self.value - reach, self.value + reach)
        first, last = self.photos.ends(confidence)
        return min(low, first), max(high, last)

    def p_not_above(self, null: float) -> float:
        """One-sided p of a true value of ``null`` or less."""
        return max(self._p(self.value - null), self.photos.p_not_above(null))

    def p_not_below(self, null: float) -> float:
        """One-sided p of a true value of ``null`` or more."""
        return max(self._p(null - self.value), self.photos.p_not_below(null))

    def p(self) -> float:
        """Two-sided p of a true value of 0: 1 - confidence of the interval that ends there."""
        return min(1.0, 2 * min(self.p_not_above(0), self.p_not_below(0)))

    def _p(self, ahead: float) -> float:
        errors, freedoms = np.array(self.sources).T
        known = errors != 0
        if not known.any():
            return 0.0 if ahead > 0 else 1.0
        return float(scipy.stats.t.sf(ahead / errors[known], freedoms[known]).max())
