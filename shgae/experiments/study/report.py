"""Arms on the same people, seed by seed -> their differences, with intervals over photos, over seeds, and over both,
and the verdict on each, against zero and against the margin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shgae.evaluation.study_differences import ArmComparison, Estimate, Range
from shgae.evaluation.study_report import BASELINE, FROZEN, FULL, NONE, PCA, RANDOM, Pck
from shgae.experiments.study.scores import Scores
from shgae.metrics import seeds
from shgae.metrics.paired_tests import holm
from shgae.metrics.pck import GROUPS, ByGroup
from shgae.metrics.seeds import CombinedEstimate, SeedError, SeedLayout
from shgae.metrics.statistics import CONFIDENCE, VERDICT_PHOTOS, PairedBootstrap, PhotoEstimate, Verdict, photo_sums

Pair = tuple[str, str]
"""An arm, and what it is compared with."""
_COMPARED: tuple[Pair, ...] = (
    (FULL, NONE),
    (FULL, RANDOM),
    (FULL, PCA),
    (PCA, NONE),
    (RANDOM, NONE),
    (FROZEN, NONE),
    (FULL, BASELINE),
    (NONE, BASELINE),
)
"""Which of these arms are compared (the first minus the second); of others see :func:`compared`."""
_AUGMENTED = "+augment"


def compared(arms: Iterable[str], primary: Pair) -> tuple[Pair, ...]:
    """Which arms are compared, the primary pair first: every other arm with ``none``, and arms with augmentation with
    each other.
    """
    there = list(arms)
    known = {name for pair in _COMPARED for name in pair}
    more = [(arm, NONE) for arm in there if arm not in known]
    twins = [(f"{arm}{_AUGMENTED}", f"{NONE}{_AUGMENTED}") for arm in there if arm != NONE]
    pairs = dict.fromkeys((primary, *twins, *_COMPARED[:-2], *more, *_COMPARED[-2:]))
    return tuple((arm, minus) for arm, minus in pairs if arm in there and minus in there)


def differences(
    scores: Mapping[str, Sequence[Scores]],
    photo_id: npt.NDArray[np.int64],
    *,
    margin: float,
    alpha: float = 0.05,
    primary: Pair = (FULL, NONE),
) -> tuple[ArmComparison, ...]:
    """Every difference that these arms allow, the primary one first.

    A verdict on the primary pair is at the level alpha; verdicts on the others are adjusted for their number (Holm), of
    a difference and of equivalence each.

    Args:
        scores: of each arm, by seed; the baseline has one for all seeds. Arms may have other numbers of seeds, then
            the first ones are compared.
        photo_id: (N,) the photo of each person.
        margin: the smallest difference that matters, as a share (0.01 is one point), above 0.
        alpha: two-sided level of every verdict and interval; 0 where nothing of it is left at this look.
        primary: the arm and what it is compared with; every other comparison is secondary.
    """
    asked = compared(scores, primary)
    if not asked:
        return ()
    pairs = [_by_seed(scores, arm, minus) for arm, minus in asked]
    # A person's difference, mean over seeds; a quantity is (pair, group), and all share the resamples.
    gained = np.stack([np.mean([second.share - first.share for first, second in pair], axis=0) for pair in pairs], 1)
    has = np.stack([pair[0][0].has for pair in pairs], axis=1)
    paired = PairedBootstrap(gained, has, photo_id)
    by_group = [_found(scores, asked, pairs, paired, photo_id, group) for group in range(len(GROUPS))]
    confidences = (1 - alpha, 1 - 2 * alpha) if alpha else (CONFIDENCE, 2 * CONFIDENCE - 1)
    groups = [ByGroup(*(one and _estimate(one, *confidences) for one in each)) for each in zip(*by_group, strict=True)]
    verdicts = _verdicts(asked, by_group[0], margin, alpha, primary)
    return tuple(
        ArmComparison(
            arm=arm,
            minus=minus,
            fair=minus != BASELINE,
            primary=(arm, minus) == primary,
            verdict=said.verdict,
            within_margin=said.within_margin,
            margin=margin,
            alpha=alpha,
            p=said.p,
            p_adjusted=said.p_adjusted,
            compared=said.compared,
            groups=found,
        )
        for (arm, minus), said, found in zip(asked, verdicts, groups, strict=True)
    )


def mean_pck(by_seed: Sequence[Pck]) -> Pck:
    """The mean over seeds of each group; None for a group that nobody has a joint of."""

    def mean(values: Sequence[float | None]) -> float | None:
        numbers = [value for value in values if value is not None]
        return float(np.mean(numbers)) if numbers else None

    return ByGroup(*(mean([one[group] for one in by_seed]) for group in GROUPS))


def _by_seed(scores: Mapping[str, Sequence[Scores]], arm: str, minus: str) -> list[tuple[Scores, Scores]]:
    """What is compared, seed by seed, as far as both have seeds; the baseline knows none."""
    firsts, seconds = scores[minus], scores[arm]
    return list(zip([*firsts] * len(seconds) if minus == BASELINE else firsts, seconds, strict=False))


class _Found(NamedTuple):
    """A difference in one group, from its sources."""

    by_seed: tuple[float, ...]
    photos: PhotoEstimate
    seeds: SeedError | None
    both: PhotoEstimate | CombinedEstimate
    """What the verdict goes by."""


def _found(
    scores: Mapping[str, Sequence[Scores]],
    asked: Sequence[Pair],
    pairs: Sequence[Sequence[tuple[Scores, Scores]]],
    paired: PairedBootstrap,
    photo_id: npt.NDArray[np.int64],
    group: int,
) -> list[_Found | None]:
    """The differences of one group; None where too few photos have such a joint."""
    name = GROUPS[group]
    arms = [arm for arm in scores if arm != BASELINE]
    layout = SeedLayout([[one.pck[name] or 0.0 for one in scores[arm]] for arm in arms])

    def one(number: int) -> _Found | None:
        photos, pair = paired.gain((number, group)), pairs[number]
        if photos is None:
            return None
        by_seed = tuple((second.pck[name] or 0.0) - (first.pck[name] or 0.0) for first, second in pair)
        photos = dataclasses.replace(photos, value=float(np.mean(by_seed)))
        arm, minus = asked[number]
        fair = BASELINE not in (arm, minus)
        error = layout.error(arms.index(arm), arms.index(minus)) if fair else seeds.own_error(by_seed)
        if error is None:
            return _Found(by_seed, photos, None, photos)
        gains = np.stack([second.share[:, group] - first.share[:, group] for first, second in pair], axis=1)
        shared = seeds.interaction(photo_sums(gains, photo_id), photo_sums(pair[0][0].has[:, group], photo_id))
        return _Found(by_seed, photos, error, CombinedEstimate.of(photos, error, shared))

    return [one(number) for number in range(len(asked))]


def _estimate(found: _Found, confidence: float, narrower: float) -> Estimate:
    ends, value = found.both.ends(confidence), found.both.value
    return Estimate(
        value=value,
        low=ends[0],
        high=ends[1],
        equivalence=Range(*found.both.ends(narrower)),
        over_photos=Range(*found.photos.ends(confidence)),
        over_seeds=Range(*found.seeds.ends(value, confidence)) if found.seeds else None,
        by_seed=found.by_seed,
        seed_error=found.seeds,
    )


class _Said(NamedTuple):
    """A verdict and what it goes by."""

    verdict: Verdict
    within_margin: bool
    p: float | None
    p_adjusted: float | None
    compared: int


def _verdicts(
    asked: Sequence[Pair], found: Sequence[_Found | None], margin: float, alpha: float, primary: Pair
) -> list[_Said]:
    """Of each comparison, on all labelled joints; the secondary ones adjusted for their number."""
    tests = {
        place: (one.both.p(), max(one.both.p_not_above(-margin), one.both.p_not_below(margin)))
        for place, one in enumerate(found)
        if one is not None and one.photos.photos >= VERDICT_PHOTOS
    }
    secondary = [place for place in tests if asked[place] != primary]
    adjusted = dict(tests)
    differ, alike = (holm([tests[place][which] for place in secondary]) for which in range(2))
    adjusted |= dict(zip(secondary, zip(differ, alike, strict=True), strict=True))
    said = []
    for place, one in enumerate(found):
        if one is None or place not in tests:
            said.append(_Said(Verdict.TOO_FEW_PHOTOS, False, None, None, 1))
            continue
        p, p_margin = adjusted[place]
        verdict = _verdict(one, p < alpha, p_margin < alpha, alpha)
        count = len(secondary) if place in secondary else 1
        said.append(_Said(verdict, p_margin < alpha, tests[place][0], p, count))
    return said


def _verdict(found: _Found, differs: bool, is_within: bool, alpha: float) -> Verdict:
    if found.both.ends() == (0, 0):
        return Verdict.IDENTICAL
    if not alpha:
        return Verdict.ALPHA_SPENT
    if differs:
        return Verdict.BETTER if found.both.value > 0 else Verdict.WORSE
    return Verdict.EQUIVALENT if is_within else Verdict.INCONCLUSIVE
