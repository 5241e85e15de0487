"""Simulated people and studies of a known truth, through the functions that shgae itself uses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from shgae.metrics.comparison import compare_models, resample_pck
from shgae.metrics.seeds import CombinedEstimate, SeedError, SeedLayout, interaction
from shgae.metrics.statistics import PhotoEstimate, Verdict

JOINTS = 12
ARMS = 5
SD_SEEDS, SD_PHOTOS, SD_BOTH = 0.008, 0.06, 0.10
"""Of a difference of two arms, as shares: about those of the study on drawn people."""
_NORMAL = stats.norm.ppf((np.arange(400) + 0.5) / 400)
_NORMAL /= _NORMAL.std(ddof=1)


@dataclass(frozen=True)
class Evaluated:
    """Shares of trials in which two equal models were evaluated."""

    differ: float
    """The interval of their difference excludes 0."""
    verdict: float
    """The verdict is better or worse."""
    held: float
    """The interval of the first model's PCK holds the truth."""


def evaluated(photos: int, pck: float, trials: int, resamples: int = 1000) -> Evaluated:
    """Two equal models on one to three people a photo; a photo is easy or hard for both (beta, correlation 0.3)."""
    rng = np.random.default_rng([photos, round(1000 * pck)])
    differ, verdict, held = 0, 0, 0
    for trial in range(trials):
        photo_id = np.repeat(np.arange(photos), rng.integers(1, 4, photos))
        ease = rng.beta(pck * 0.7 / 0.3, (1 - pck) * 0.7 / 0.3, photos)[photo_id, None]
        hits = [rng.random((len(photo_id), JOINTS)) < ease for _ in range(2)]
        visibility = np.full((len(photo_id), JOINTS), 2)
        paired = resample_pck(hits, visibility, photo_id, resamples=resamples, seed=trial)
        (found,), sure = compare_models(paired, [(0, 1)]), paired.share((0, 0))
        differ += bool(found.difference.all and found.difference.all.excludes_zero)
        verdict += found.verdict in (Verdict.BETTER, Verdict.WORSE)
        held += bool(sure and sure.low <= pck <= sure.high)
    return Evaluated(differ / trials, verdict / trials, held / trials)


def true_error(seeds: int, photos: int) -> float:
    """The standard error that a mean difference really has."""
    return math.sqrt(SD_SEEDS**2 / seeds + SD_PHOTOS**2 / photos + SD_BOTH**2 / seeds / photos)


def study(rng: np.random.Generator, seeds: int, photos: int, noisier: float = 1.0) -> CombinedEstimate | PhotoEstimate:
    """The primary difference of a study whose arms are equal; the runs of its two arms vary more than others do.

    Every arm, the photo's liking for an arm, and what a run does to a photo are normal; an arm's own deviation is that
    of a difference over the square root of two.
    """
    half = 1 / math.sqrt(2)
    spread = np.ones(ARMS)
    spread[:2] = noisier
    runs = rng.normal(0, SD_SEEDS * half, (ARMS, seeds)) * spread[:, None] + rng.normal(0, 0.01, seeds)
    liking = rng.normal(0, SD_PHOTOS * half, (photos, 2))
    both = rng.normal(0, SD_BOTH * half, (photos, 2, seeds))
    # Photos of the arms that are not compared only add to their scores.
    others = rng.normal(0, half * SD_PHOTOS / math.sqrt(photos), (ARMS - 2, 1))
    others = others + rng.normal(0, half * SD_BOTH / math.sqrt(photos), (ARMS - 2, seeds))
    compared = (liking[:, :, None] + both).mean(0)
    scores = runs + np.concatenate([compared, others])
    gains = liking[:, :1] - liking[:, 1:] + both[:, 0] - both[:, 1] + runs[0] - runs[1]
    value = float(gains.mean())
    error = float(gains.mean(1).std(ddof=0)) / math.sqrt(photos)  # what resamples of photos vary by
    over = PhotoEstimate(value, value + error * _NORMAL, photos, photos)
    found: SeedError | None = SeedLayout(scores.tolist()).error(0, 1)
    return over if found is None else CombinedEstimate.of(over, found, interaction(gains, np.ones(photos)))


@dataclass(frozen=True)
class Studied:
    """Shares of simulated studies."""

    differ: float
    """Equal arms are called different."""
    equivalent: float
    """A true gain of the margin is called inside the margin."""
    found: float
    """A true gain of 2.8 standard errors is found; with known errors it would be in 80 %."""
    within: float
    """Equal arms are found within a margin of 4 standard errors."""


def studied(seeds: int, photos: int, trials: int, noisier: float = 1.0) -> Studied:
    """Simulates studies; the verdicts at true gains are those of the same noise, shifted."""
    rng = np.random.default_rng([seeds, photos, round(10 * noisier)])
    error = true_error(seeds, photos)
    wide, narrow, gain = 8 * error, 4 * error, 2.8 * error
    counts = np.zeros(4)
    for _ in range(trials):
        one = study(rng, seeds, photos, noisier)
        counts += (
            one.p() < 0.05,
            # A true gain of the margin: what was found lies higher by the margin.
            max(one.p_not_below(0), one.p_not_above(-2 * wide)) < 0.05,
            2 * one.p_not_above(-gain) < 0.05,
            max(one.p_not_below(narrow), one.p_not_above(-narrow)) < 0.05,
        )
    return Studied(*(counts / trials).tolist())
