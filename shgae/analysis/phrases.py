"""Numbers with their intervals, in words."""

from __future__ import annotations

from shgae.metrics.statistics import Interval
from shgae.wording import tenths


def points(one: Interval) -> str:
    """A difference of PCK: ``2.1 points (1.5 to 2.7)``."""
    value, low, high = (tenths(100 * end) for end in (one.value, one.low, one.high))
    return f"{value} points ({low} to {high})"


def per_cent(one: Interval) -> str:
    """A share: ``83 % (70 to 95)``."""
    value, low, high = (round(100 * end) for end in (one.value, one.low, one.high))  # never -0
    return f"{value} % ({low} to {high})"
