"""A rate curve in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shgae.analysis.phrases import points
from shgae.analysis.rate.curve import EqualRank
from shgae.analysis.splice.effects import TOO_FEW, UNTOUCHED, SideBySide
from shgae.analysis.splice.text import after_tuning


def on_the_curve(equal: EqualRank, size: int, skips: bool) -> str:
    """Where an autoencoder of so many numbers lies on the PCK of principal components."""
    begin = f"With skips {'on' if skips else 'off'}"
    if equal.components is not None:
        said = f"the autoencoder's {size} numbers do for PCK what PCA needs {equal.components:.0f} components for"
        return f"{begin}, {said} ({equal.low:.0f} to {equal.high:.0f})."
    said = f"{begin}, no number of components can be named that does for PCK what the autoencoder's {size} numbers do"
    least = round(equal.low or 0)
    at_least = f"; at least {least} {'is' if least == 1 else 'are'} needed" if least else ""
    return f"{said}: {equal.undefined}{at_least}."


def on_the_fvu(equal: EqualRank | None, size: int) -> str:
    """The same for the variance explained; None where nothing varies."""
    if equal is None:
        return "In variance explained there is nothing to compare: the bottlenecks do not vary."
    if equal.components is None:
        return f"In variance explained, no number of components does what its {size} numbers do: {equal.undefined}."
    return f"In variance explained, its {size} numbers do what PCA needs {equal.components:.0f} components for."


def no_curve_in_tuned(side: SideBySide) -> str:
    """Why a tuned graft is no point on the curve, and what its autoencoder is worth there."""
    why = "The trunk was tuned with its autoencoder inside, so components of its bottleneck are no measure of it"
    return f"{why}. {after_tuning(side, has_old=False)}"


def share_needed(side: SideBySide, ks: Sequence[int], skips: bool) -> str:
    """Without an autoencoder: what the curve itself says."""
    begin = f"With skips {'on' if skips else 'off'}"
    cost = side.difference(UNTOUCHED, str(ks[0]))
    if cost is None:
        return f"Nothing can be said: {TOO_FEW}."
    said = f"{begin}, the training mean in the bottleneck's place costs {points(cost)} of PCK"
    enough = next((k for k in ks if (lost := side.difference(UNTOUCHED, str(k))) and not lost.excludes_zero), None)
    if not cost.excludes_zero or enough is None:
        return f"{said}."
    return f"{said}; with {enough} principal components the loss cannot be told from chance."


def sentences(
    numbers: int | None,
    equal: Mapping[str, EqualRank],
    fewest: EqualRank | None,
    on: SideBySide,
    ks: Sequence[int],
) -> tuple[str, ...]:
    """What a curve allows to say; ``numbers`` is the size of the autoencoder's code, None without one."""
    if numbers is None:
        return (share_needed(on, ks, True),)
    if not equal:
        return (no_curve_in_tuned(on),)
    return (
        on_the_curve(equal["skips_on"], numbers, True),
        on_the_curve(equal["skips_off"], numbers, False),
        on_the_fvu(fewest, numbers),
    )
