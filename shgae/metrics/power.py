"""What a planned study will probably find: from a stated true difference and stated spreads, never from its results.

Power computed from a study's own result says no more than its interval does (Hoenig and Heisey 2001, The American
Statistician 55), so no report has it. Before a study, spreads come from an earlier one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from shgae.metrics.seeds import NOISIER, STEADIER
from shgae.metrics.statistics import MANY_PHOTOS

Floats = npt.NDArray[np.float64]
_OWN, _REST = 400, 100
"""Quantiles of the two variances over which the power is averaged."""


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
    arms: int = 5,
    alpha: float = 0.05,
) -> Power:
    """The chances of the primary comparison of a study, by integration over the variances that it may find.

    All arms are taken to be equally steady, and seeds and photos to have no interaction.

    Args:
        gain: the true difference, as a share (0.01 is one point).
        margin: of equivalence, as a share.
        sd_seeds: standard deviation over seeds of the difference of two arms on the same people.
        sd_photos: standard deviation over photos of the mean difference of a photo's people.
        seeds: of every arm, 1 or more.
        photos: 2 or more.
        arms: with the error over seeds of all of them, 2 or more.
        alpha: two-sided level, see :func:`shgae.metrics.spending.alpha_at`.
    """
    sampling = math.hypot(sd_seeds / math.sqrt(seeds), sd_photos / math.sqrt(photos))
    differs, within = (_reaches(sd_seeds, sd_photos, seeds, photos, arms, 1 - one) for one in (alpha / 2, alpha))
    gain = abs(gain)
    if sampling == 0:
        return Power(float(gain > 0), float(gain < margin))
    found = stats.norm.sf((differs - gain) / sampling)
    room = np.maximum(margin - within, 0)
    inside = stats.norm.cdf((room - gain) / sampling) - stats.norm.cdf((-room - gain) / sampling)
    return Power(float(found.mean()), float(inside.mean()))


def _reaches(sd_seeds: float, sd_photos: float, seeds: int, photos: int, arms: int, tail: float) -> Floats:
    """How far an interval reaches on one side, for equally likely pairs of variances."""
    of_photos = sd_photos**2 / photos
    photo_freedom = math.inf if photos >= MANY_PHOTOS else photos - 1
    by_photos = float(stats.t.ppf(tail, photo_freedom)) * math.sqrt(of_photos)
    if seeds == 1:
        return np.array([by_photos])
    own_freedom, rest_freedom = seeds - 1, (arms - 2) * (seeds - 1)
    own = (_chi2(own_freedom, _OWN) / own_freedom)[:, None]
    freedom: Floats | float = own_freedom
    variance = own
    if rest_freedom:
        rest = _chi2(rest_freedom, _REST) / rest_freedom
        p = stats.f.sf(own / rest, own_freedom, rest_freedom)
        pooled = (p >= NOISIER) & (p <= 1 - STEADIER)
        all_freedom = own_freedom + rest_freedom
        variance = np.where(pooled, (own * own_freedom + rest * rest_freedom) / all_freedom, own)
        freedom = np.where(pooled, all_freedom, own_freedom)
    of_seeds = variance * sd_seeds**2 / seeds
    total = of_seeds + of_photos
    both = total**2 / (of_seeds**2 / freedom + of_photos**2 / (photos - 1))
    by_seeds = stats.t.ppf(tail, freedom) * np.sqrt(of_seeds)
    found: Floats = np.maximum(np.maximum(by_seeds, stats.t.ppf(tail, both) * np.sqrt(total)), by_photos)
    return found


def _chi2(freedom: int, count: int) -> Floats:
    found: Floats = stats.chi2.ppf((np.arange(count) + 0.5) / count, freedom)
    return found
