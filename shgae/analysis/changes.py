"""Two replacements on the same people: which one scores more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shgae.metrics.statistics import VERDICT_PHOTOS, Interval


class ChangeVerdict(StrEnum):
    """PCK with one replacement against PCK with another."""

    HIGHER = "higher"
    LOWER = "lower"
    NO_DIFFERENCE = "no_difference"
    TOO_FEW = "too_few"


@dataclass(frozen=True)
class Change:
    """Two replacements on the same people."""

    verdict: ChangeVerdict
    first: str
    second: str
    difference: Interval | None
    """PCK of the first minus PCK of the second."""


def turned(difference: Interval) -> Interval:
    """The same difference the other way round."""
    return Interval(-difference.value, -difference.high, -difference.low, difference.standard_error)


def change(first: str, second: str, difference: Interval | None, photos: int) -> Change:
    """The verdict on a difference, first minus second, over so many photos."""
    if difference is None or photos < VERDICT_PHOTOS:
        verdict = ChangeVerdict.TOO_FEW
    elif not difference.excludes_zero:
        verdict = ChangeVerdict.NO_DIFFERENCE
    else:
        verdict = ChangeVerdict.HIGHER if difference.low > 0 else ChangeVerdict.LOWER
    return Change(verdict, first, second, difference)
