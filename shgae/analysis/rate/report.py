"""A rate curve, as it is written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict

from shgae.analysis.changes import Change, change, turned
from shgae.analysis.effects import UNTOUCHED, BySkips, Effect
from shgae.analysis.rate.curve import EqualRank, RankVerdict
from shgae.artifacts.typed_json import Schema, Upgrade, part, renamed, to_json, without
from shgae.config import Natural
from shgae.errors import Inconsistent
from shgae.metrics.statistics import VERDICT_PHOTOS, Interval


@dataclass(frozen=True)
class RatePoint:
    """The network with a replacement of limited capacity."""

    n_components: Natural
    """How many dimensions pass: principal components, or the size of the code."""
    fvu: float | None
    """On the split, against the training mean; None if the bottlenecks do not vary."""
    fvu_interval: Interval | None
    """The FVU with its 95 % interval over photos; None with it, from fewer than two photos, and in reports of before.
    """
    skips_on: Effect
    skips_off: Effect


@dataclass(frozen=True)
class GivenPoint:
    """The network with what another program put in the bottleneck's place; how many dimensions pass is not known."""

    sha256: str
    """Of the file that it was given in."""
    fvu: float | None
    """As in :class:`RatePoint`; so are its interval and the effects."""
    fvu_interval: Interval | None
    skips_on: Effect
    skips_off: Effect
    equal_fvu: EqualRank | None
    """As the autoencoder's in :class:`RateReport`; so is ``equal_pck``."""
    equal_pck: Mapping[str, EqualRank]


class CurveVerdict(StrEnum):
    """What a curve without an autoencoder says, skips on."""

    TOO_FEW = "too_few"
    NO_COST = "no_cost"
    """The training mean costs nothing significant."""
    REGAINED = "regained"
    """From some rank on the loss is not significant."""
    NOT_REGAINED = "not_regained"
    """The highest rank tried that the training people determine loses something significant."""


@dataclass(frozen=True)
class Needed:
    """The components that a curve needs to lose nothing significant, skips on."""

    verdict: CurveVerdict
    cost: Interval | None
    """PCK that the training mean loses."""
    components: int | None
    """The fewest from which on no rank loses anything significant."""
    loss: Interval | None
    """PCK that this many lose."""


@dataclass(frozen=True)
class RateReport:
    """The curve."""

    model: str
    """Its id."""
    data: str
    activations: str
    split: str
    persons: int
    photos: int
    stack: int
    """Counted from 0."""
    tuned: bool
    """Whether the network was trained with its autoencoder inside: then ``untouched`` is the trunk with it taken out,
    the curve is of that trunk, and no number of components is equal to the autoencoder."""
    trained_on: int
    """Rows that the components were computed from."""
    rank: int
    """How many components these rows determine; what is called component beyond is an arbitrary direction."""
    points: tuple[RatePoint, ...]
    """By number of principal components; 0 is the training mean for everybody."""
    untouched: BySkips[Effect]
    """The bottleneck as it is."""
    autoencoder: RatePoint | None
    equal_fvu: EqualRank | None
    """The fewest components that leave no more variance unexplained than the autoencoder; None without one, where
    nothing varies, and of a tuned graft."""
    equal_pck: Mapping[str, EqualRank]
    """The components that reach its PCK, ``skips_on`` and ``skips_off``; empty without one and of a tuned graft."""
    taken_out: Change | None
    """A tuned graft with its autoencoder against the trunk without, skips on."""
    needed: Needed | None
    """Without an autoencoder: what the curve alone says."""
    given: Mapping[str, GivenPoint]
    """By name."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` unless the points rise from 0."""
        _check_points(self.points)


def _check_points(points: Sequence[RatePoint]) -> None:
    tried = [one.n_components for one in points]
    if tried != sorted({0, *tried}):
        raise Inconsistent("its points do not rise from 0 components")


def taken_out_of(autoencoder: RatePoint | None, is_tuned: bool, photos: int) -> Change | None:
    """What a tuned graft loses without its autoencoder, over so many photos; None of any other network."""
    if autoencoder is None or not is_tuned:
        return None
    lost = autoencoder.skips_on.pck_lost
    return change("ae", UNTOUCHED, None if lost is None else turned(lost), photos)


def needed_of(points: tuple[RatePoint, ...], rank: int, photos: int) -> Needed:
    """What a curve says without an autoencoder, with losses over so many photos; points by number of components, 0
    first, of which those beyond the rank that the training people determine are not asked."""
    losses = [(one.n_components, one.skips_on.pck_lost) for one in points if one.n_components <= rank]
    cost = points[0].skips_on.pck_lost
    if cost is None or photos < VERDICT_PHOTOS:
        return Needed(CurveVerdict.TOO_FEW, cost, None, None)
    if cost.low <= 0:
        return Needed(CurveVerdict.NO_COST, cost, None, None)
    held = None
    for components, loss in reversed(losses):
        if loss is None or loss.low > 0:
            break
        held = (components, loss)
    return Needed(CurveVerdict.REGAINED, cost, *held) if held else Needed(CurveVerdict.NOT_REGAINED, cost, None, None)


class _FirstRank(TypedDict):
    components: float | None
    low: float | None
    high: float | None
    undefined: Any


class _First(TypedDict):
    tuned: bool
    photos: int
    determined: int
    points: list[dict[str, Any]]
    autoencoder: dict[str, Any] | None
    equal_pck: dict[str, _FirstRank]
    equal_fvu: _FirstRank | None


def _from_first(old: _First) -> dict[str, Any]:
    """Schema 1 to 2: other names, and verdicts that are made of its numbers; its sentences are left out."""
    names = {"numbers": "n_components"}
    code = renamed(old["autoencoder"], names) if old["autoencoder"] else None
    points = [renamed(one, names) for one in old["points"]]
    tuned, rank = old["tuned"], old["determined"]
    read = tuple(part(RatePoint, one | {"fvu_interval": None}, f"points[{i}]") for i, one in enumerate(points))
    mine = part(RatePoint, code | {"fvu_interval": None}, "autoencoder") if code else None
    _check_points(read)
    out = taken_out_of(mine, tuned, old["photos"])
    most = max(one.n_components for one in read if one.n_components <= rank or one.n_components == 0)
    return without(old, "says", "determined") | {
        "rank": rank,
        "points": points,
        "autoencoder": code,
        "equal_pck": {side: _rank_from_first(one, most) for side, one in old["equal_pck"].items()},
        "equal_fvu": _rank_from_first(old["equal_fvu"], rank) if old["equal_fvu"] else None,
        "taken_out": to_json(out) if out else None,
        "needed": None if code else to_json(needed_of(read, rank, old["photos"])),
    }


def _rank_from_first(old: _FirstRank, most: int) -> dict[str, Any]:
    verdict = RankVerdict.EARLIER if old["undefined"] else RankVerdict.NAMED
    named = {"components": old["components"], "low": old["low"], "high": old["high"]}
    return {**named, "verdict": verdict.value, "at_least": None, "most": most, "difference": None}


class _Second(TypedDict):
    points: list[dict[str, Any]]
    autoencoder: dict[str, Any] | None


def _from_second(old: _Second) -> dict[str, Any]:
    """Schema 2 had no interval of the FVU, and nothing given."""
    points = [one | {"fvu_interval": None} for one in old["points"]]
    code = old["autoencoder"] and old["autoencoder"] | {"fvu_interval": None}
    return {**old, "points": points, "autoencoder": code, "given": {}}


RATE_REPORT = Schema(RateReport, version=3, older={1: Upgrade(_First, _from_first), 2: Upgrade(_Second, _from_second)})
"""The form of ``report.json``."""
