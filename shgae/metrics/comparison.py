"""Models on the same people, by the original study's PCK: how sure is each score, and each difference?

All of them are scored on the same resamples of photos (:class:`shgae.metrics.bootstrap.PairedBootstrap`), so what they
have in common, hard photos above all, cancels out of a difference: its own interval is narrower than those of the two
scores suggest. Single joints are tested by McNemar's test; p-values allow for their number (Holm).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from shgae.arrays import Bools, Floats, Ints
from shgae.metrics import pck
from shgae.metrics.bootstrap import PairedBootstrap
from shgae.metrics.pck import GROUPS, ByGroup
from shgae.metrics.people import Visibility
from shgae.metrics.statistics import ALPHA, RESAMPLES, VERDICT_PHOTOS, Interval, Verdict


@dataclass(frozen=True)
class McNemar:
    """A joint that two models found or missed on the same people."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float
    """Exact two-sided probability of so uneven a split of the people on whom they differ, if the models were equally
    good and people independent (McNemar 1947; with several people of one photo it is too small)."""
    p_adjusted: float
    """The same after :func:`holm` over all joints of the two models."""


def mcnemar(first: Bools | Floats, second: Bools | Floats) -> McNemar:
    """McNemar's test of two models on the n people who have a joint, the only one.

    A person counts for the model of which a larger share of runs found the joint; where the shares are equal, as found
    by both from a half on. Runs of one model are no independent witnesses, so they do not add to the number of people.

    Args:
        first: (n,) of each person whether its only run found the joint, or the share of its runs that did, 0 to 1.
        second: (n,) the same of the other model, of as many runs: more would be ahead more often, or less.
    """
    only_first, only_second = int((first > second).sum()), int((second > first).sum())
    equal = first == second
    both = int((equal & (first >= 0.5)).sum())
    differ = only_first + only_second
    p = float(scipy.stats.binomtest(only_second, differ).pvalue) if differ else 1.0
    return McNemar(both, only_first, only_second, int(equal.sum()) - both, p, p)


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """p-values adjusted for their number: below alpha, a true hypothesis among all is rejected with at most alpha.

    Holm 1979, Scandinavian Journal of Statistics 6: of m, the smallest is multiplied by m, the next by m - 1, and so
    on; none falls below the one before it. Valid however the tests depend on each other.
    """
    adjusted = [0.0] * len(p)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        highest = max(highest, min(1.0, p[place] * (len(p) - rank)))
        adjusted[place] = highest
    return tuple(adjusted)


@dataclass(frozen=True)
class Comparison:
    """The second of two models against the first, on the same people."""

    verdict: Verdict
    """On the second, by PCK of all labelled joints, at 5 % after :attr:`p_adjusted`."""
    difference: ByGroup[Interval | None]
    """PCK of the second minus that of the first, each with its own 95 % interval; None where nobody has a joint, or all
    who have are in one photo."""
    p: float | None
    """Two-sided, of no difference of PCK of all joints; None from too few photos for a verdict."""
    p_adjusted: float | None
    """The same after Holm over all pairs that were compared."""
    photos: int
    """Photos of people who have a joint."""


def resample_pck(
    hits: Sequence[Bools], visibility: Visibility, photo_id: Ints, *, resamples: int = RESAMPLES, seed: int = 0
) -> PairedBootstrap:
    """The original study's PCK of M models on N people; its quantities are (model, group of
    :data:`~shgae.metrics.pck.GROUPS`).

    Args:
        hits: of each of M models (N, K) the joints found.
        visibility: (N, K) v = 0, 1, 2; 0 where a joint does not count.
        photo_id: (N,).
        resamples: how often photos are resampled; equal numbers and seeds give equal intervals.
        seed: of the resamples.

    Raises:
        ValueError: hits have another shape.
    """
    if any(one.shape != visibility.shape for one in hits):
        raise ValueError(f"hits {[one.shape for one in hits]}, people {visibility.shape}")
    kept = (visibility > 0).any(1)  # a photo without a joint would only be drawn in vain
    shares, has = zip(*(pck.person_shares(one[kept], visibility[kept]) for one in hits), strict=True)
    above, below = np.stack(shares, axis=1), np.stack(has, axis=1)
    return PairedBootstrap(above, below, photo_id[kept], resamples=resamples, seed=seed)


def compare_models(resampled: PairedBootstrap, pairs: Sequence[tuple[int, int]]) -> tuple[Comparison, ...]:
    """Pairs (first, second) of the models of :func:`resample_pck`; verdicts allow for the number of pairs."""
    groups = range(len(GROUPS))
    found = [resampled.estimate((first, 0), (second, 0)) for first, second in pairs]
    p = [one.p() if one and one.photos >= VERDICT_PHOTOS else None for one in found]
    adjusted = iter(holm([one for one in p if one is not None]))
    compared = []
    for (first, second), one in zip(pairs, p, strict=True):
        difference = ByGroup(*(resampled.difference((first, group), (second, group)) for group in groups))
        mine, verdict = None if one is None else next(adjusted), Verdict.of(difference.all, resampled.photos)
        if verdict in (Verdict.BETTER, Verdict.WORSE) and mine is not None and mine >= ALPHA:
            verdict = Verdict.NO_SIGNIFICANT_DIFFERENCE
        compared.append(Comparison(verdict, difference, one, mine, resampled.photos))
    return tuple(compared)


def by_joint(first: Bools | Floats, second: Bools | Floats, visibility: Visibility) -> tuple[McNemar, ...]:
    """McNemar's test of each joint, on the people who have it labelled (visibility above 0); adjusted for the number of
    joints that somebody has. Of each model (N, K) hits, or shares of runs that hit; see
    :func:`~shgae.metrics.comparison.mcnemar`."""
    labelled = (visibility > 0).T
    found = [mcnemar(first[rows, k], second[rows, k]) for k, rows in enumerate(labelled)]
    tested = np.flatnonzero(labelled.any(1))
    for k, p in zip(tested, holm([found[k].p for k in tested]), strict=True):
        found[k] = dataclasses.replace(found[k], p_adjusted=p)
    return tuple(found)


def joint_intervals(
    hits: Sequence[Bools], visibility: Visibility, photo_id: Ints, *, resamples: int = RESAMPLES, seed: int = 0
) -> list[list[Interval | None]]:
    """How sure is the share of people of whom a joint was found? Of each model, of each joint; arguments as of
    :func:`resample_pck`, and equal ones draw the same photos.

    None where fewer than two photos have the joint."""
    kept = (visibility > 0).any(1)
    labelled = (visibility > 0)[kept]
    found = np.stack([one[kept] & labelled for one in hits], axis=1)
    asked = np.stack([labelled] * len(hits), axis=1)
    each = PairedBootstrap(found, asked, photo_id[kept], resamples=resamples, seed=seed)
    return [[each.share((model, joint)) for joint in range(visibility.shape[1])] for model in range(len(hits))]
