"""Where an autoencoder lies on the curve of principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shgae.analysis.splice import CLEAR, TOO_FEW, UNTOUCHED, SideBySide
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


def rank_for(rates: Floats, fvu: float) -> int | None:
    """The fewest components whose FVU is not above this one, of :func:`curve`; None if all of them are not enough."""
    enough = np.flatnonzero(rates <= fvu)
    return int(enough[0]) if len(enough) else None


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
    """How many principal components score as the autoencoder does."""

    components: float | None
    """Interpolated; None if undefined, or if no rank on the curve is enough."""
    low: float | None
    high: float | None
    """The 95 % interval over photos; an end is None where it lies beyond the last rank of the curve."""
    undefined: str | None
    """Why there is no number."""


def equal_pck(compared: SideBySide, ks: Sequence[int], code: str) -> EqualRank:
    """The rank whose PCK an autoencoder has; replacements of ``compared`` are named by their rank.

    Undefined where rank 0, the mean, costs under :data:`~shgae.analysis.splice.CLEAR` standard errors.
    """
    cost = compared.lead(UNTOUCHED, str(ks[0]))
    mine = compared.value(code, "pck")
    if cost is None or mine is None:
        return EqualRank(None, None, None, TOO_FEW)
    if cost.value < CLEAR * cost.standard_error:
        why = f"{ks[0]} components cost {cost.value:.4g}, under {CLEAR:g} standard errors ({cost.standard_error:.2g})"
        return EqualRank(None, None, None, why)
    whole = np.array([[compared.value(str(k), "pck") for k in ks]], dtype=np.float64)
    (value,) = equal_rank(ks, whole, np.array([mine]))
    drawn = np.stack([compared.draws(str(k), "pck") for k in ks], axis=1)
    ranks = equal_rank(ks, drawn, compared.draws(code, "pck"))
    tail = (1 - CONFIDENCE) / 2
    # No mean of two order statistics: one of them may be infinite.
    low, high = np.quantile(ranks, [tail, 1 - tail], method="inverted_cdf")
    missing = None if np.isfinite(value) else f"{ks[-1]} components are not enough"
    return EqualRank(_finite(value), _finite(low), _finite(high), missing)


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
