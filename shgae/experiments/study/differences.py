"""Arms on the same people, seed by seed -> their differences, with intervals over photos, over seeds, and over both,
and the verdict on each, against zero and against the margin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from shgae.evaluation.study_differences import ArmComparison, Estimate, Range
from shgae.evaluation.study_report import Pck
from shgae.experiments.study.arms import COMPARED, Pair
from shgae.experiments.study.scores import RunScores
from shgae.metrics import seeds
from shgae.metrics.bootstrap import PairedBootstrap, photo_sums
from shgae.metrics.comparison import holm
from shgae.metrics.pck import GROUPS, ByGroup, Group
from shgae.metrics.seeds import CombinedEstimate, SeedError, SeedLayout
from shgae.metrics.statistics import ALPHA, CONFIDENCE, RESAMPLES, ROUNDING, VERDICT_PHOTOS, PhotoEstimate, Verdict
from shgae.option_lists import BASELINE, FULL, NONE

_COMPARED: tuple[Pair, ...] = (*COMPARED, (FULL, BASELINE), (NONE, BASELINE))
"""Which of these arms are compared (the first minus the second); of others see :func:`compared`."""
_AUGMENTED = "+augment"
Pairing = Literal["seeds", "order", "none"]


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
    scores: Mapping[str, Sequence[RunScores]],
    photo_id: npt.NDArray[np.int64],
    *,
    margin: float,
    alpha: float = ALPHA,
    primary: Pair = (FULL, NONE),
    pairs: Sequence[Pair] | None = None,
    pairing: Pairing = "seeds",
    without_level: Verdict = Verdict.ALPHA_SPENT,
    added: Collection[str] = (),
    resamples: int = RESAMPLES,
) -> tuple[ArmComparison, ...]:
    """Every difference that these arms allow, the primary one first.

    A verdict on the primary pair is at the level alpha; verdicts on the others are adjusted for their number (Holm), of
    a difference and of equivalence each. Arms that were added later change nothing that is said of the others: these
    have an error over seeds and an adjustment of their own.

    Args:
        scores: of each arm, by seed; the baseline has one for all seeds. Arms may have other numbers of seeds.
        photo_id: (N,) the photo of each person.
        margin: the smallest difference that matters, as a share (0.01 is one point), above 0.
        alpha: two-sided level of every verdict and interval; 0 where nothing of it is left at this look.
        primary: the arm and what it is compared with; every other comparison is secondary.
        pairs: what is compared, the primary pair first; None takes :func:`compared`.
        pairing: which runs are pairs. By seeds: the n-th ones of all arms, as far as two arms have them. By order: the
            n-th ones, where two arms have equally many. None: no runs are, but for single ones.
        without_level: the verdict where alpha is 0.
        added: arms that were not planned.
    """
    asked = compared(scores, primary) if pairs is None else tuple(pairs)
    if not asked:
        return ()
    planned = {arm: one for arm, one in scores.items() if arm not in added}
    is_added = [not {*pair} <= planned.keys() for pair in asked]
    has_layout = pairing == "seeds" or (pairing == "order" and _is_even(scores))
    layouts = [_layout(one) if has_layout else None for one in (planned, scores)]
    runs = [_Runs.of(scores, *pair, layouts[later], pairing) for pair, later in zip(asked, is_added, strict=True)]
    # A person's difference, mean over seeds; a quantity is (pair, group), and all share the resamples.
    gained = np.stack([one.gained() for one in runs], 1)
    has = np.stack([one.firsts[0].has for one in runs], axis=1)
    paired = PairedBootstrap(gained, has, photo_id, resamples=resamples)
    by_group = [_found(runs, paired, photo_id, group) for group in range(len(GROUPS))]
    confidences = (1 - alpha, 1 - 2 * alpha) if alpha else (CONFIDENCE, 2 * CONFIDENCE - 1)
    groups = [ByGroup(*(one and _estimate(one, *confidences) for one in each)) for each in zip(*by_group, strict=True)]
    families = [None if pair == primary else later for pair, later in zip(asked, is_added, strict=True)]
    verdicts = _verdicts(families, by_group[0], margin, alpha, without_level)
    return tuple(
        ArmComparison(
            arm=arm,
            minus=minus,
            fair=minus != BASELINE,
            primary=(arm, minus) == primary,
            margin=margin,
            alpha=alpha,
            groups=found,
            **said._asdict(),
        )
        for (arm, minus), said, found in zip(asked, verdicts, groups, strict=True)
    )


def mean_pck(by_seed: Sequence[Pck]) -> Pck:
    """The mean over seeds of each group; None for a group that nobody has a joint of."""
    return ByGroup(*(mean_known([one[group] for one in by_seed]) for group in GROUPS))


def mean_known(values: Sequence[float | None]) -> float | None:
    """The mean of the numbers that are known; None without any."""
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if numbers else None


def _is_even(scores: Mapping[str, Sequence[RunScores]]) -> bool:
    """Whether all arms have equally many runs, so that these may be taken for pairs, in their order."""
    return len({len(one) for arm, one in scores.items() if arm != BASELINE}) == 1


def _layout(scores: Mapping[str, Sequence[RunScores]]) -> Mapping[Group, tuple[list[str], SeedLayout]]:
    arms = [arm for arm in scores if arm != BASELINE]
    return {
        name: (arms, SeedLayout([[one.pck[name] or 0.0 for one in scores[arm]] for arm in arms])) for name in GROUPS
    }


@dataclass(frozen=True, eq=False)
class _Runs:
    """What two arms scored, run by run."""

    arm: str
    minus: str
    firsts: Sequence[RunScores]
    """Of ``minus``."""
    seconds: Sequence[RunScores]
    are_paired: bool
    layout: Mapping[Group, tuple[list[str], SeedLayout]] | None
    """Of all arms, where these two have a place in it."""

    @classmethod
    def of(
        cls,
        scores: Mapping[str, Sequence[RunScores]],
        arm: str,
        minus: str,
        layout: Mapping[Group, tuple[list[str], SeedLayout]] | None,
        pairing: Pairing,
    ) -> _Runs:
        """Of same seeds as far as both have them; the baseline knows none."""
        firsts, seconds = scores[minus], scores[arm]
        if minus == BASELINE:
            firsts = [*firsts] * len(seconds)
        if pairing == "seeds" or minus == BASELINE:
            count = min(len(firsts), len(seconds))
            firsts, seconds = firsts[:count], seconds[:count]
        are_paired = len(firsts) == len(seconds) and (pairing != "none" or minus == BASELINE or len(firsts) == 1)
        return cls(arm, minus, firsts, seconds, are_paired, None if BASELINE in (arm, minus) else layout)

    def gained(self) -> npt.NDArray[np.float64]:
        """(N, 3) what each person's share differs by, mean over runs."""
        if self.are_paired:
            pairs = zip(self.firsts, self.seconds, strict=True)
            mean: npt.NDArray[np.float64] = np.mean([second.share - first.share for first, second in pairs], axis=0)
            return mean
        first, second = (np.mean([one.share for one in runs], axis=0) for runs in (self.firsts, self.seconds))
        difference: npt.NDArray[np.float64] = second - first
        return difference

    def by_seed(self, group: Group) -> tuple[float, ...]:
        """The differences of pairs of runs; empty without pairs."""
        first, second = self._pck(self.firsts, group), self._pck(self.seconds, group)
        return tuple(b - a for a, b in zip(first, second, strict=True)) if self.are_paired else ()

    def value(self, group: Group) -> float:
        """The mean difference."""
        if self.are_paired:
            return float(np.mean(self.by_seed(group)))
        return float(np.mean(self._pck(self.seconds, group)) - np.mean(self._pck(self.firsts, group)))

    def seed_error(self, group: Group) -> SeedError | None:
        """Of the mean difference; None from one run each."""
        if not self.are_paired:
            return seeds.unpaired_error(self._pck(self.firsts, group), self._pck(self.seconds, group))
        if self.layout is None:
            return seeds.own_error(self.by_seed(group))
        arms, layout = self.layout[group]
        return layout.error(arms.index(self.arm), arms.index(self.minus))

    def interaction(self, group: int, photo_id: npt.NDArray[np.int64]) -> float | None:
        """Of photos and runs; None without pairs: their variances then add up, which is a little too much."""
        if not self.are_paired:
            return None
        pairs = zip(self.firsts, self.seconds, strict=True)
        gains = np.stack([second.share[:, group] - first.share[:, group] for first, second in pairs], axis=1)
        return seeds.interaction(photo_sums(gains, photo_id), photo_sums(self.firsts[0].has[:, group], photo_id))

    @staticmethod
    def _pck(runs: Sequence[RunScores], group: Group) -> list[float]:
        return [one.pck[group] or 0.0 for one in runs]


class _Found(NamedTuple):
    """A difference in one group, from its sources."""

    by_seed: tuple[float, ...]
    photos: PhotoEstimate
    seeds: SeedError | None
    both: PhotoEstimate | CombinedEstimate
    """What the verdict goes by."""

    @property
    def is_nothing(self) -> bool:
        """Whether the arms are the same on every photo; of runs without pairs, their means."""
        return self.both.ends() == (0, 0) or not (self.by_seed or self.photos.informative)


def _found(
    runs: Sequence[_Runs], paired: PairedBootstrap, photo_id: npt.NDArray[np.int64], group: int
) -> list[_Found | None]:
    """The differences of one group; None where too few photos have such a joint."""
    name = GROUPS[group]

    def one(number: int) -> _Found | None:
        photos, pair = paired.gain((number, group)), runs[number]
        if photos is None:
            return None
        by_seed = pair.by_seed(name)
        photos = dataclasses.replace(photos, value=pair.value(name) if photos.informative else 0.0)
        error = pair.seed_error(name)
        if error is None or (error.error < ROUNDING and photos.informative):  # runs that tie do not show how they vary
            return _Found(by_seed, photos, None, photos)
        return _Found(by_seed, photos, error, CombinedEstimate.of(photos, error, pair.interaction(group, photo_id)))

    return [one(number) for number in range(len(runs))]


def _estimate(found: _Found, confidence: float, narrower: float) -> Estimate:
    ends, value = found.both.ends(confidence), found.both.value
    return Estimate(
        value=value,
        low=ends[0],
        high=ends[1],
        equivalence=Range(*found.both.ends(narrower)),
        over_photos=Range(*found.photos.ends(confidence)),
        over_seeds=Range(*found.photos.within(*found.seeds.ends(value, confidence))) if found.seeds else None,
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
    families: Sequence[bool | None],
    found: Sequence[_Found | None],
    margin: float,
    alpha: float,
    without_level: Verdict,
) -> list[_Said]:
    """Of each comparison, on all labelled joints; adjusted for the number of those of its family, None has none."""
    tests = {
        place: (one.both.p(), max(one.both.p_not_above(-margin), one.both.p_not_below(margin)))
        for place, one in enumerate(found)
        if one is not None and one.photos.photos >= VERDICT_PHOTOS
    }
    adjusted, counts = dict(tests), dict.fromkeys(tests, 1)
    for family in (False, True):
        members = [place for place in tests if families[place] is family]
        differ, alike = (holm([tests[place][which] for place in members]) for which in range(2))
        adjusted |= dict(zip(members, zip(differ, alike, strict=True), strict=True))
        counts |= dict.fromkeys(members, len(members))
    said = []
    for place, one in enumerate(found):
        if one is None or place not in tests:
            verdict = Verdict.IDENTICAL if one and one.is_nothing else Verdict.TOO_FEW_PHOTOS
            said.append(_Said(verdict, False, None, None, 1))
            continue
        p, p_margin = adjusted[place]
        verdict = _verdict(one, p < alpha, p_margin < alpha, without_level if not alpha else None)
        said.append(_Said(verdict, p_margin < alpha, tests[place][0], p, counts[place]))
    return said


def _verdict(found: _Found, differs: bool, is_within: bool, without_level: Verdict | None) -> Verdict:
    if found.is_nothing:
        return Verdict.IDENTICAL
    if without_level is not None:
        return without_level
    if differs:
        return Verdict.BETTER if found.both.value > 0 else Verdict.WORSE
    return Verdict.EQUIVALENT if is_within else Verdict.INCONCLUSIVE
