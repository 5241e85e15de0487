"""Tests of models on the same people, and p-values that allow for their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy

Floats = npt.NDArray[np.float64]


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


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> McNemar:
    """Compares hits and misses (n,) of two models on the n people who have a joint, the only one."""
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    differ = only_first + only_second
    p = float(scipy.stats.binomtest(only_second, differ).pvalue) if differ else 1.0
    return McNemar(both, only_first, only_second, neither, p, p)


def mcnemar_of_runs(first: Floats, second: Floats) -> McNemar:
    """McNemar's test of two models that were run several times, on n people who have a joint.

    A person counts for the model of which a larger share of runs found the joint; where the shares are equal, as found
    by both from a half on. With one run each it is :func:`mcnemar`. Runs of one model are no independent witnesses, so
    they do not add to the number of people.

    Args:
        first: (n,) share of its runs that found the joint, of each person.
        second: (n,) the same of the other model.
    """
    differ, found = first != second, mcnemar(first > second, second > first)
    both = int((~differ & (first >= 0.5)).sum())
    return replace(found, both=both, neither=int((~differ).sum()) - both)


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
