"""What a planned study will probably find: from a stated true difference and stated spreads, never from its results.

Power computed from a study's own result says no more than its interval does (Hoenig and Heisey 2001, The American
Statistician 55), so no report has it. Before a study, spreads come from an earlier one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from shgae.metrics.seeds import FEWEST_FOR_INTERACTION, NOISIER, STEADIER
from shgae.metrics.statistics import MANY_PHOTOS, VERDICT_PHOTOS

Floats = npt.NDArray[np.float64]
_OWN, _REST, _PHOTOS = 120, 40, 24
"""Quantiles of three variances over which the power is averaged: of the pair over seeds, of the other arms over seeds,
of the pair over photos."""


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
    alpha: float = 0.05,
) -> Power:
    """The chances of the primary comparison of a study, by integration over the variances that it may find.

    All arms are taken to be equally steady.

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
        alpha: two-sided level, see :func:`shgae.metrics.spending.alpha_at`.
    """
    if photos < VERDICT_PHOTOS:
        return Power(0.0, 0.0)
    shared = sd_both**2 / seeds / photos
    of_seeds, of_photos = sd_seeds**2 / seeds + shared, sd_photos**2 / photos + shared
    sampling = math.sqrt(of_seeds + of_photos - shared)
    layout = (seeds, photos, arms)
    gain = abs(gain)
    if sampling == 0:
        return Power(float(gain > 0), float(gain < margin))
    differs, within = (_reaches(of_seeds, of_photos, shared, layout, 1 - one) for one in (alpha / 2, alpha))
    found = stats.norm.sf((differs - gain) / sampling)
    room = np.maximum(margin - within, 0)
    inside = stats.norm.cdf((room - gain) / sampling) - stats.norm.cdf((-room - gain) / sampling)
    return Power(float(found.mean()), float(inside.mean()))


def minimum_detectable(
    power: float, *, sd_seeds: float, sd_photos: float, seeds: int, photos: int, arms: int
) -> float | None:
    """The true difference that a planned comparison finds with this chance, as a share.

    Args:
        power: above 0 and below 1; 0.8 is four times of five.
        sd_seeds: as for :func:`planned_power`, as all others.
        sd_photos: 0 or more.
        seeds: of every arm.
        photos: of the split.
        arms: 2 or more.

    Returns:
        None where no difference of PCK would be found so often, as with under 10 photos.
    """

    def lacks(gain: float) -> float:
        spreads = {"sd_seeds": sd_seeds, "sd_photos": sd_photos}
        return planned_power(gain, 1, **spreads, seeds=seeds, photos=photos, arms=arms).differs - power

    return float(optimize.brentq(lacks, 0, 1, xtol=1e-7)) if lacks(1) >= 0 else None


def _reaches(
    of_seeds: float, of_photos: Floats | float, shared: float, layout: tuple[int, int, int], tail: float
) -> Floats:
    """How far an interval reaches on one side, for equally likely pairs of variances over seeds.

    Args:
        of_seeds: variance of the mean difference over seeds.
        of_photos: over photos.
        shared: their interaction, which is in both.
        layout: seeds, photos, arms.
        tail: one minus the one-sided level.
    """
    seeds, photos, arms = layout
    photo_freedom = math.inf if photos >= MANY_PHOTOS else photos - 1
    of_photos = _variances(photos - 1, _PHOTOS) * of_photos
    by_photos: Floats = float(stats.t.ppf(tail, photo_freedom)) * np.sqrt(of_photos)
    if seeds == 1:
        return by_photos
    own_freedom, rest_freedom = seeds - 1, (arms - 2) * (seeds - 1)
    own = _variances(own_freedom, _OWN)[:, None, None]
    freedom: Floats | float = own_freedom
    variance = own
    if rest_freedom:
        rest = _variances(rest_freedom, _REST)[:, None]
        p = stats.f.sf(own / rest, own_freedom, rest_freedom)
        pooled = (p >= NOISIER) & (p <= 1 - STEADIER)
        all_freedom = own_freedom + rest_freedom
        variance = np.where(pooled, (own * own_freedom + rest * rest_freedom) / all_freedom, own)
        freedom = np.where(pooled, all_freedom, own_freedom)
    seen = variance * of_seeds
    total = np.maximum(
        seen + of_photos - (shared if seeds >= FEWEST_FOR_INTERACTION else 0), np.maximum(seen, of_photos)
    )
    both = total**2 / (seen**2 / freedom + of_photos**2 / (photos - 1))
    by_seeds = stats.t.ppf(tail, freedom) * np.sqrt(seen)
    found: Floats = np.maximum(np.maximum(by_seeds, stats.t.ppf(tail, both) * np.sqrt(total)), by_photos)
    return found


def _variances(freedom: int, count: int) -> Floats:
    """Equally likely estimates of a variance of 1."""
    found: Floats = stats.chi2.ppf((np.arange(count) + 0.5) / count, freedom) / freedom
    return found
