"""Where an autoencoder lies on the curve of principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shgae.analysis.phrases import points, turned
from shgae.analysis.splice.effects import TOO_FEW, UNTOUCHED, SideBySide, no_cost
from shgae.metrics.statistics import CONFIDENCE

Floats = npt.NDArray[np.float64]


def curve(squares: npt.NDArray[Any], spread: float) -> Floats:
    """FVU for every rank 0 .. D.

    Args:
        squares: (D,) squared coefficients along each component, summed over people.
        spread: sum |x - mean|^2 over them, above 0.

    Returns:
        (D + 1,), never rising, from 1 down to 0 but for rounding.
    """
    held = np.concatenate([[0.0], np.cumsum(squares, dtype=np.float64)])
    rates: Floats = np.maximum(1 - held / spread, 0)
    return rates


def equal_rank(ks: Sequence[int], scores: Floats, wanted: Floats) -> Floats:
    """How many components first reach a score.

    Between two ranks the score is a straight line over log k (over k between 0 and 1).

    Args:
        ks: (J,) rising ranks.
        scores: (M, J) the score at each, M curves.
        wanted: (M,) the score to reach on each curve.

    Returns:
        (M,); the first rank where that is enough already, infinity where none is.
    """
    reached = scores >= wanted[:, None]
    place = reached.argmax(1)
    before = np.maximum(place - 1, 0)
    row = np.arange(len(scores))
    low, high = scores[row, before], scores[row, place]
    x = np.asarray(ks, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(place > 0, (wanted - low) / (high - low), 0.0)
        in_log = np.exp(np.log(x[before]) * (1 - part) + np.log(x[place]) * part)
    in_line = x[before] * (1 - part) + x[place] * part
    found = np.where(x[before] >= 1, in_log, in_line)
    return np.where(place > 0, np.where(reached.any(1), found, np.inf), np.where(reached[:, 0], x[0], np.inf))


@dataclass(frozen=True)
class EqualRank:
    """How many principal components do what the autoencoder does."""

    components: float | None
    """Interpolated for PCK, a whole number for FVU; None if undefined, or if no rank on the curve is enough."""
    low: float | None
    high: float | None
    """The 95 % interval over photos; an end is None where it lies beyond the last rank of the curve, both where the
    number is exact for these people (FVU)."""
    undefined: str | None
    """Why there is no number."""


def equal_fvu(rates: Floats, fvu: float, determined: int) -> EqualRank:
    """The fewest components whose FVU is not above an autoencoder's.

    Args:
        rates: (D + 1,) of :func:`curve`.
        fvu: the autoencoder's, on the same people.
        determined: how many components the training people determine.
    """
    if fvu > rates[0]:
        return _undefined(f"its FVU of {fvu:.3g} is worse than the {rates[0]:.3g} of the training mean for everybody")
    enough = np.flatnonzero(rates[: determined + 1] <= fvu)
    if not len(enough):
        return _undefined(_not_enough(determined, determined, len(rates) - 1, "are not"))
    return EqualRank(float(enough[0]), None, None, None)


def equal_pck(compared: SideBySide, ks: Sequence[int], code: str, determined: int, size: int) -> EqualRank:
    """The rank whose PCK an autoencoder has; replacements of ``compared`` are named by their rank.

    Undefined where rank 0, the mean, costs under :data:`~shgae.analysis.splice.effects.CLEAR` standard errors, where
    the autoencoder does no better than the mean, and where its own loss may be none: the curve comes near the top only
    slowly, and where it first gets there is then a matter of noise.

    Args:
        compared: the untouched bottleneck, the ranks and the autoencoder on the same people.
        ks: the ranks, rising, from 0.
        code: the name of the autoencoder.
        determined: how many components the training people determine; ranks beyond tell nothing.
        size: D, how many components there are.
    """
    ks = [k for k in ks if k <= determined or k == 0]
    cost, ahead, lost = (compared.difference(*pair) for pair in ((UNTOUCHED, "0"), (code, "0"), (UNTOUCHED, code)))
    mine = compared.value(code, "pck")
    if cost is None or ahead is None or lost is None or mine is None:
        return _undefined(TOO_FEW)
    if why := no_cost("the training mean", cost, "pck"):
        return _undefined(why)
    if ahead.high < 0:
        return _undefined(f"it does worse than the training mean for everybody, by {points(turned(ahead))}")
    if not ahead.excludes_zero:
        return _undefined(f"it cannot be told from the training mean for everybody ({points(ahead)} ahead)")
    whole = np.array([[compared.value(str(k), "pck") for k in ks]], dtype=np.float64)
    (value,) = equal_rank(ks, whole, np.array([mine]))
    drawn = np.stack([compared.draws(str(k), "pck") for k in ks], axis=1)
    ranks = equal_rank(ks, drawn, compared.draws(code, "pck"))
    tail = (1 - CONFIDENCE) / 2
    # No mean of two order statistics: one of them may be infinite.
    low, high = (_finite(end) for end in np.quantile(ranks, [tail, 1 - tail], method="inverted_cdf"))
    if not lost.excludes_zero:
        return EqualRank(None, low, None, f"its loss of PCK cannot be told from none ({points(lost)})")
    if lost.value < 0:
        return _undefined(f"it does better than the bottleneck as it is, by {points(turned(lost))}")
    if high is None:
        return EqualRank(
            None, low, None, _not_enough(ks[-1], determined, size, "are not" if np.isinf(value) else "may not be")
        )
    return EqualRank(_finite(value), low, high, None)


def _not_enough(most: int, determined: int, size: int, are: str) -> str:
    if most < determined or determined == size:
        return f"{most} components {are} enough"
    return f"the {determined} components that the training people determine {are} enough"


def _undefined(why: str) -> EqualRank:
    return EqualRank(None, None, None, why)


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
