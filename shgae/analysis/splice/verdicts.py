"""Verdicts of a splice: what its numbers allow to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shgae.analysis.changes import Change, change
from shgae.analysis.effects import UNTOUCHED, Effect, Recovered, Undefined
from shgae.errors import Inconsistent
from shgae.metrics.statistics import VERDICT_PHOTOS, Interval

LEADING = "mean"
"""The baseline that a replacement has to beat: of the ones that carry nothing of the person, the one fitted to the
network (Li and Janson 2024, arXiv 2409.09951). Zeros and another person's bottleneck lead out of what the network ever
saw, so they cost more and every replacement looks better against them."""


class CostVerdict(StrEnum):
    """What a replacement is worth against the training mean."""

    TOO_FEW = "too_few"
    NO_COST = "no_cost"
    """The mean costs nothing clear: a share of it is not defined."""
    MEAN_BETTER = "mean_better"
    """The mean does clearly better than the bottleneck itself."""
    GIVES_BACK = "gives_back"
    """The interval of the share lies above 0."""
    NOT_SHOWN = "not_shown"
    """The interval of the share holds 0."""
    WORSE = "worse"
    """The interval of the share lies below 0."""


@dataclass(frozen=True)
class Cost:
    """The cost of the training mean, and the share of it that a replacement recovers."""

    verdict: CostVerdict
    replacement: str
    """The autoencoder, or without one the principal components."""
    cost: Interval | None
    """PCK of the bottleneck minus PCK of the mean."""
    share: Interval | None
    """(replacement - mean) / (bottleneck - mean); None where it is not defined."""


def asked_about(names: Sequence[str]) -> str:
    """The replacement that a splice is about: the autoencoder, or without one the principal components.

    Raises:
        Inconsistent: there is neither.
    """
    found = [name for name in names if name == "ae"] or [name for name in names if name.startswith("pca-")]
    if not found:
        raise Inconsistent("neither an autoencoder nor principal components among the replacements")
    return found[0]


def cost_of(effects: Mapping[str, Effect], recovered: Sequence[Recovered], photos: int, name: str = "") -> Cost:
    """The verdict on one side, skips on or skips off, from its numbers over so many photos; on what the splice is
    about, or on a replacement by name.

    Raises:
        Inconsistent: what it recovers of the mean's cost, or the mean itself, is not among them.
    """
    name = name or asked_about(list(effects))
    found = [one for one in recovered if (one.replacement, one.baseline, one.measure) == (name, LEADING, "pck")]
    if not found or LEADING not in effects:
        raise Inconsistent(f"no {LEADING}, or no share of its cost for {name}")
    one = found[0]
    verdict = _cost_verdict(one) if photos >= VERDICT_PHOTOS else CostVerdict.TOO_FEW
    return Cost(verdict, name, effects[LEADING].pck_lost, one.share)


def _cost_verdict(one: Recovered) -> CostVerdict:
    if one.share is None:
        why = {
            Undefined.NO_COST: CostVerdict.NO_COST,
            Undefined.BASELINE_BETTER: CostVerdict.MEAN_BETTER,
        }
        return why.get(one.undefined or Undefined.TOO_FEW, CostVerdict.TOO_FEW)
    if not one.share.excludes_zero:
        return CostVerdict.NOT_SHOWN
    return CostVerdict.GIVES_BACK if one.share.low > 0 else CostVerdict.WORSE


def changes_of(
    ahead: Mapping[str, Interval | None], is_tuned: bool, photos: int, given: Sequence[str] = ()
) -> tuple[Change, ...]:
    """What the autoencoder is compared with: principal components; in a tuned trunk zeros, the mean, its absence and
    the autoencoder from before; what was given.

    ``ahead`` is PCK with the autoencoder minus PCK with each other replacement, over so many photos."""
    wanted = ("zero", LEADING, UNTOUCHED, "old-ae") if is_tuned else [one for one in ahead if one.startswith("pca-")]
    return tuple(change("ae", other, ahead[other], photos) for other in (*wanted, *given) if other in ahead)
