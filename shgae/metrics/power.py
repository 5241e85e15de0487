"""What a planned study will probably find: from a stated true difference and stated spreads.

Power at a study's own result says no more than its interval does (Hoenig and Heisey 2001, The American Statistician
55), so no report has it. Before a study, spreads come from an earlier one. That over photos may also be the one at
hand, if there are tens of photos (:func:`spread_over_photos`); that over two or three runs at hand is too uncertain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy

from shgae.arrays import Floats, Ints
from shgae.config import Limit, within
from shgae.metrics.bootstrap import photo_sums
from shgae.metrics.seeds import FEWEST_FOR_INTERACTION, NOISIER, STEADIER
from shgae.metrics.statistics import (
    ALPHA,
    FEWEST_PHOTOS,
    MANY_PHOTOS,
    ROUNDING,
    VERDICT_PHOTOS,
    effective_number,
)

_OWN, _REST, _PHOTOS = 120, 40, 24
"""Quantiles of three variances over which the power is averaged: of the pair over seeds, of the other arms over seeds,
of the pair over photos."""
_GAIN, _SHARE, _LEVEL, _POWER = Limit(-1, 1), Limit(0, 1), Limit(0, 1, above=True), Limit(0.5, 1)


@dataclass(frozen=True)
class Power:
    """Chances of a planned comparison, 0 to 1."""

    differs: float
    """Of the verdict better (of a true loss: worse)."""
    within_margin: float
    """Of ruling out a difference of the margin: the verdict equivalent, unless a smaller difference is significant."""


def planned_power(
    gain: float,
    margin: float,
    *,
    sd_seeds: float,
    sd_photos: float,
    seeds: int,
    photos: int,
    sd_both: float = 0.0,
    arms: int = 5,
    alpha: float = ALPHA,
    unpaired: int | None = None,
) -> Power:
    """The chances of the primary comparison of a study, by integration over the variances that it may find.

    All arms are taken to be equally steady, and to differ on all photos: where they differ on few, the power is lower.

    Args:
        gain: the true difference, as a share (0.01 is one point).
        margin: of equivalence, as a share.
        sd_seeds: standard deviation over seeds of the difference of two arms, if there were endlessly many photos.
        sd_photos: standard deviation over photos of the mean difference of a photo's people, if there were endlessly
            many seeds.
        seeds: of every arm, 1 or more.
        photos: of under 10 there is no verdict, and no power.
        sd_both: standard deviation of what one seed does to one photo beyond these two. Where it is not known, leave it
            out and take the other two as they were seen: the power is then a little too low.
        arms: with the error over seeds of all of them, 2 or more.
        alpha: two-sided level, see :func:`shgae.metrics.spending.next_level`.
        unpaired: runs of the other arm, where they are not paired with those of the first; None: the same seeds.

    Raises:
        Refused: a number is out of range.
    """
    gain = abs(within(_GAIN, "gain", gain, float))
    margin, alpha = within(_SHARE, "margin", margin, float), within(_LEVEL, "alpha", alpha, float)
    plan = _Plan.of(sd_seeds, sd_photos, sd_both, seeds, photos, arms, unpaired)
    if photos < VERDICT_PHOTOS:
        return Power(0.0, 0.0)
    if plan.sampling == 0:
        return Power(float(gain > 0), float(gain < margin))
    differs, equal = (_reaches(plan, 1 - one) for one in (alpha / 2, alpha))
    room = np.maximum(margin - equal, 0)
    normal = scipy.stats.norm
    inside = normal.cdf((room - gain) / plan.sampling) - normal.cdf((-room - gain) / plan.sampling)
    return Power(_share_beyond(differs, gain, plan), float(inside.mean()))


def minimum_detectable(
    power: float,
    *,
    sd_seeds: float,
    sd_photos: float,
    seeds: int,
    photos: int,
    arms: int,
    unpaired: int | None = None,
    differing: float | None = None,
) -> float | None:
    """The true difference that a planned comparison finds with this chance (0.5 or more and below 1; 0.8 is four times
    of five), as a share; the rest as for :func:`planned_power`.

    Args:
        differing: as many photos of equal weight as those count for on which the arms differ, 2 or more; by these an
            interval goes. None: all photos differ, and weigh the same.

    Returns:
        None where no difference of PCK would be found so often, as with under 10 photos.

    Raises:
        Refused: a number is out of range.
    """
    power = within(_POWER, "power", power, float)
    plan = _Plan.of(sd_seeds, sd_photos, 0.0, seeds, photos, arms, unpaired, differing)
    if photos < VERDICT_PHOTOS:
        return None
    differs = _reaches(plan, 0.975) if plan.sampling else None

    def lacks(gain: float) -> float:
        return (float(gain > 0) if differs is None else _share_beyond(differs, gain, plan)) - power

    return float(scipy.optimize.brentq(lacks, 0, 1, xtol=1e-7)) if lacks(1) >= 0 else None


class PhotoSpread(NamedTuple):
    """How a mean difference varies over photos."""

    sd: float
    """Standard deviation: its square over the photos is the variance of the ratio of sums (linearised, Cochran 1977,
    section 6.4); 0 from fewer than two photos."""
    photos: int
    """On which something is scored."""
    differing: int
    """On which the difference is not 0."""
    effective: float
    """As how many of equal weight these count, see :func:`~shgae.metrics.statistics.effective_number`."""


def spread_over_photos(gains: Floats, has: Floats, photo_id: Ints) -> PhotoSpread:
    """How a mean difference varies over photos, and the photos that it is of.

    Args:
        gains: (N,) what each person's score differs by; 0 where nothing is scored.
        has: (N,) 1 where something is, else 0.
        photo_id: (N,).
    """
    sums = photo_sums(np.column_stack([gains, has]), photo_id)
    sums = sums[sums[:, 1] > 0]
    gain, people = sums.T
    weights = people[np.abs(gain) > ROUNDING]
    if len(sums) < 2:
        return PhotoSpread(0.0, len(sums), len(weights), effective_number(weights))
    residuals = (gain - people * gain.sum() / people.sum()) / people.mean()
    count = max(effective_number(people), FEWEST_PHOTOS)
    sd = float(residuals.std()) * math.sqrt(count / (count - 1))
    return PhotoSpread(sd, len(sums), len(weights), effective_number(weights))


class _Plan(NamedTuple):
    """Runs and photos, and the variances of a mean difference over them."""

    seeds: int
    unpaired: int | None
    """Runs of the other arm; None where both have the same seeds."""
    photos: int
    arms: int
    differing: float | None
    """Photos on which the arms differ, by their weight; None: all do."""
    of_seeds: float
    of_photos: float
    shared: float
    """Their interaction, which is in both."""

    @classmethod
    def of(
        cls,
        sd_seeds: float,
        sd_photos: float,
        sd_both: float,
        seeds: int,
        photos: int,
        arms: int,
        unpaired: int | None,
        differing: float | None = None,
    ) -> _Plan:
        """Of the arguments of :func:`minimum_detectable`, which are checked here."""
        seeds = within(Limit(1), "seeds", seeds)
        unpaired = None if unpaired is None else within(Limit(1), "unpaired", unpaired)
        photos, arms = within(Limit(1), "photos", photos), within(Limit(2), "arms", arms)
        differing = None if differing is None else within(Limit(0), "differing", differing, float)
        given = {"sd_seeds": sd_seeds, "sd_photos": sd_photos, "sd_both": sd_both}
        sd_seeds, sd_photos, sd_both = (within(Limit(0), name, sd, float) for name, sd in given.items())
        # The variance of a mean difference, as a share of that of a difference of two runs.
        share = (1 / seeds + 1 / (unpaired or seeds)) / 2
        shared = sd_both**2 * share / photos
        of_seeds, of_photos = sd_seeds**2 * share + shared, sd_photos**2 / photos + shared
        return cls(seeds, unpaired, photos, arms, differing, of_seeds, of_photos, shared)

    @property
    def sampling(self) -> float:
        """The standard error that a mean difference has."""
        return math.sqrt(self.of_seeds + self.of_photos - self.shared)


def _share_beyond(reaches: Floats, gain: float, plan: _Plan) -> float:
    """The chance that a difference of this true gain lies beyond its interval's reach."""
    return float(scipy.stats.norm.sf((reaches - gain) / plan.sampling).mean())


def _reaches(plan: _Plan, tail: float) -> Floats:
    """How far an interval reaches on one side, for equally likely sets of variances over seeds and photos; ``tail`` is
    one minus the one-sided level."""
    photos = plan.photos if plan.differing is None else max(plan.differing, FEWEST_PHOTOS)
    photo_freedom = math.inf if photos >= MANY_PHOTOS else photos - 1
    of_photos: Floats = _variances(photos - 1, _PHOTOS) * plan.of_photos
    by_photos: Floats = float(scipy.stats.t.ppf(tail, photo_freedom)) * np.sqrt(of_photos)
    if plan.seeds == (plan.unpaired or plan.seeds) == 1:
        return by_photos
    variance, freedom = _over_seeds(plan) if plan.unpaired is None else _unpaired(plan.seeds, plan.unpaired)
    seen = variance * plan.of_seeds
    known = plan.shared if plan.unpaired is None and plan.seeds >= FEWEST_FOR_INTERACTION else 0
    total = np.maximum(seen + of_photos - known, np.maximum(seen, of_photos))
    both = total**2 / (seen**2 / freedom + of_photos**2 / (photos - 1))
    by_seeds = scipy.stats.t.ppf(tail, freedom) * np.sqrt(seen)
    found: Floats = np.maximum(np.maximum(by_seeds, scipy.stats.t.ppf(tail, both) * np.sqrt(total)), by_photos)
    return found


def _over_seeds(plan: _Plan) -> tuple[Floats, Floats | float]:
    """Equally likely estimates of a variance of 1 and their degrees of freedom, as :class:`SeedLayout` has them."""
    own_freedom, rest_freedom = plan.seeds - 1, (plan.arms - 2) * (plan.seeds - 1)
    own = _variances(own_freedom, _OWN)[:, None, None]
    if not rest_freedom:
        return own, own_freedom
    rest = _variances(rest_freedom, _REST)[:, None]
    p = scipy.stats.f.sf(own / rest, own_freedom, rest_freedom)
    pooled = (p >= NOISIER) & (p <= 1 - STEADIER)
    all_freedom = own_freedom + rest_freedom
    variance = np.where(pooled, (own * own_freedom + rest * rest_freedom) / all_freedom, own)
    return variance, np.where(pooled, all_freedom, own_freedom)


def _unpaired(first: int, second: int) -> tuple[Floats, Floats | float]:
    """The same of two arms without pairs of runs, as :func:`shgae.metrics.seeds.unpaired_error` has them."""
    if min(first, second) == 1:
        freedom = first + second - 2
        return _variances(freedom, _OWN)[:, None, None], freedom
    parts = (_variances(first - 1, _OWN)[:, None, None] / first, _variances(second - 1, _REST)[:, None] / second)
    total = parts[0] + parts[1]
    welch = np.floor(total**2 / (parts[0] ** 2 / (first - 1) + parts[1] ** 2 / (second - 1)) + 1e-9)
    return total / (1 / first + 1 / second), np.maximum(welch, 1)


def _variances(freedom: float, count: int) -> Floats:
    """Equally likely estimates of a variance of 1."""
    found: Floats = scipy.stats.chi2.ppf((np.arange(count) + 0.5) / count, freedom) / freedom
    return found
