"""Numbers with their intervals, and comparisons of replacements, in words."""

from __future__ import annotations

from collections.abc import Mapping

from shgae.analysis.changes import Change, ChangeVerdict, turned
from shgae.metrics.statistics import Interval
from shgae.wording import tenths, whole

_NAMES = {
    "ae": "the autoencoder",
    "old-ae": "the autoencoder from before fine-tuning",
    "id": "the tuned trunk without its autoencoder",
    "mean": "the training mean",
    "zero": "zeros",
}
_CHANGES: Mapping[ChangeVerdict, str] = {
    ChangeVerdict.HIGHER: "With {side}, {first} scores {difference} of PCK more than {second}.",
    ChangeVerdict.LOWER: "With {side}, {first} scores {turned} of PCK less than {second}.",
    ChangeVerdict.NO_DIFFERENCE: "With {side}, no significant difference between {first} and {second}: {difference}.",
    ChangeVerdict.TOO_FEW: "With {side}, too few photos to compare {first} with {second}.",
}


def points(one: Interval) -> str:
    """A difference of PCK: ``2.1 points (1.5 to 2.7)``."""
    value, low, high = (tenths(100 * end) for end in (one.value, one.low, one.high))
    return f"{value} points ({low} to {high})"


def per_cent(one: Interval) -> str:
    """A share: ``83 % (70 to 95)``."""
    value, low, high = (whole(100 * end) for end in (one.value, one.low, one.high))
    return f"{value} % ({low} to {high})"


def change_sentence(one: Change, side: str) -> str:
    """Two replacements compared; ``side`` is "skips on" or "skips off"."""
    return _CHANGES[one.verdict].format(
        side=side,
        first=name_of(one.first),
        second=name_of(one.second),
        difference=points(one.difference) if one.difference else "",
        turned=points(turned(one.difference)) if one.difference else "",
    )


def name_of(replacement: str) -> str:
    """A replacement in words: its own name where it is given."""
    kind, _, count = replacement.partition("-")
    return f"{count} principal components" if kind == "pca" else _NAMES.get(replacement, replacement)
