"""Tests of models on the same people, and p-values that allow for their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import scipy

from shgae.arrays import Bools, Floats


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
        second: (n,) the same of the other model.
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
