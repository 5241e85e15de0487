"""Arms on the same people, seed by seed -> their differences, with intervals over photos, over seeds, and over both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from shgae.evaluation.study_differences import ArmComparison, Estimate, Range
from shgae.evaluation.study_report import BASELINE, FROZEN, FULL, NONE, PCA, RANDOM, Pck
from shgae.experiments.study.scores import Scores
from shgae.metrics import statistics
from shgae.metrics.pck import GROUPS, ByGroup
from shgae.metrics.statistics import Combined, Interval, PairedBootstrap, Verdict

_COMPARED: tuple[tuple[str, str], ...] = (
    (FULL, NONE),
    (FULL, RANDOM),
    (FULL, PCA),
    (PCA, NONE),
    (RANDOM, NONE),
    (FROZEN, NONE),
    (FULL, BASELINE),
    (NONE, BASELINE),
)
"""Which arms are compared (the first minus the second), the study's own question first."""


def differences(
    scores: Mapping[str, Sequence[Scores]],
    photo_id: npt.NDArray[np.int64],
    *,
    margin: float,
    alpha: float = 0.05,
    primary: tuple[str, str] = (FULL, NONE),
) -> tuple[ArmComparison, ...]:
    """Every difference that these arms allow, the primary one first.

    Args:
        scores: of each arm, by seed; the baseline has one for all seeds. Arms may have other numbers of seeds, then
            the first ones are compared.
        photo_id: (N,) the photo of each person.
        margin: the smallest difference that matters, as a share (0.01 is one point), above 0.
        alpha: two-sided level of every verdict and interval; 0 where nothing of it is left at this look.
        primary: the arm and what it is compared with; every other comparison is secondary.
    """
    pairs_ = (primary, *(pair for pair in _COMPARED if pair != primary))
    asked = [(arm, minus) for arm, minus in pairs_ if arm in scores and minus in scores]
    if not asked:
        return ()
    pairs = [_by_seed(scores[minus], scores[arm]) for arm, minus in asked]
    # A person's difference, mean over seeds; a quantity is (pair, group), and all share the resamples.
    gained = np.stack([np.mean([second.share - first.share for first, second in pair], axis=0) for pair in pairs], 1)
    has = np.stack([pair[0][0].has for pair in pairs], axis=1)
    paired = PairedBootstrap(gained, has, photo_id)
    found = []
    for number, ((arm, minus), pair) in enumerate(zip(asked, pairs, strict=True)):
        groups = ByGroup(*(_estimate(pair, paired, (number, group)) for group in range(len(GROUPS))))
        whole = groups.all
        verdict = Verdict.of_bounds(whole.low, whole.high) if whole else Verdict.TOO_FEW_PHOTOS
        found.append(
            ArmComparison(
                arm=arm,
                minus=minus,
                fair=minus != BASELINE,
                primary=(arm, minus) == primary,
                verdict=verdict,
                within_margin=False,
                margin=margin,
                alpha=alpha,
                p=None,
                p_adjusted=None,
                compared=1,
                groups=groups,
            )
        )
    return tuple(found)


def mean_pck(by_seed: Sequence[Pck]) -> Pck:
    """The mean over seeds of each group; None for a group that nobody has a joint of."""

    def mean(values: Sequence[float | None]) -> float | None:
        numbers = [value for value in values if value is not None]
        return float(np.mean(numbers)) if numbers else None

    return ByGroup(*(mean([one[group] for one in by_seed]) for group in GROUPS))


def _by_seed(firsts: Sequence[Scores], seconds: Sequence[Scores]) -> list[tuple[Scores, Scores]]:
    several = firsts if len(firsts) == len(seconds) else [*firsts] * len(seconds)  # the baseline knows no seeds
    return list(zip(several, seconds, strict=True))


def _estimate(
    pair: Sequence[tuple[Scores, Scores]], paired: PairedBootstrap, quantity: tuple[int, int]
) -> Estimate | None:
    """The difference in one group; None where too few photos have such a joint."""
    if not paired.has_interval(quantity):
        return None
    name = GROUPS[quantity[1]]
    by_seed = tuple((second.pck[name] or 0.0) - (first.pck[name] or 0.0) for first, second in pair)
    value = float(np.mean(by_seed))
    over_photos = statistics.interval(value, paired.resampled(quantity))
    over_seeds = statistics.over_seeds(by_seed)
    both: Interval | Combined = over_photos
    if over_seeds:
        both = statistics.combined(over_photos, over_seeds, paired.photos_of(quantity), len(by_seed))
    return Estimate(
        value=value,
        low=both.low,
        high=both.high,
        over_photos=Range(over_photos.low, over_photos.high),
        over_seeds=Range(over_seeds.low, over_seeds.high) if over_seeds else None,
        by_seed=by_seed,
        equivalence=None,
        seed_error=None,
    )
