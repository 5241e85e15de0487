"""A latent analysis, as it is written and read."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, TypedDict, get_args

import numpy as np

from shgae.analysis.effects import BySkips
from shgae.analysis.latent.clusters import Clusters, ClusterVerdict, verdict_of
from shgae.analysis.latent.spectrum import Spectrum, above_chance, check_shares
from shgae.artifacts.typed_json import Schema, Upgrade, renamed, without
from shgae.config import Limit, Share
from shgae.errors import Inconsistent
from shgae.metrics.pck import ByGroup
from shgae.metrics.statistics import VERDICT_PHOTOS, Interval

Bottleneck = Literal["as it is", "training mean"]
BOTTLENECKS: tuple[Bottleneck, ...] = get_args(Bottleneck)
STEPS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Where a component is decoded: standard deviations along it, c of c * sqrt(eigenvalue)."""


@dataclass(frozen=True)
class Traversed:
    """One component of a latent space, decoded at :data:`STEPS`."""

    component: int
    """Counted from 1."""
    deviation: float
    """sqrt(eigenvalue)."""
    share: float
    """Of the variance, 0 to 1."""
    moved: BySkips[float]
    """Mean distance of decoded joints between -2 and +2, as a share of the crop's side."""
    joints: Mapping[str, tuple[tuple[tuple[float, float], ...], ...]]
    """(steps, K, 2) decoded joints in pixels of the crop; ``skips_on`` (those of the mean person), ``skips_off``."""
    nearest_rows: tuple[int, ...]
    """Training rows of the people nearest to each step."""


@dataclass(frozen=True)
class Traversals:
    """The leading components of both spaces."""

    people: int
    """Training people; their mean stack input and skips decoded them."""
    bottleneck: tuple[Traversed, ...]
    code: tuple[Traversed, ...]
    """Empty without an autoencoder."""

    @property
    def spaces(self) -> tuple[tuple[str, tuple[Traversed, ...]], ...]:
        """By name."""
        return (("bottleneck", self.bottleneck), ("code", self.code))


@dataclass(frozen=True)
class Condition:
    """The network with something switched off."""

    bottleneck: Bottleneck
    skips: str
    """``all on``, ``all off`` or ``off at 32`` (rows and columns of the level)."""
    pck: ByGroup[Share | None]
    joints: Mapping[str, Share | None]
    """PCK of each joint."""
    lost: Interval | None
    """PCK of the whole network minus this one's."""


class UnitsVerdict(StrEnum):
    """What holding the units of a code at their mean, one at a time, shows."""

    NONE_VARIES = "none_varies"
    TOO_FEW = "too_few"
    """Fewer than 10 photos."""
    COUNTED = "counted"


@dataclass(frozen=True)
class CodeUnit:
    """One unit of the code."""

    unit: int
    """Counted from 0."""
    density: float
    """Share of training people for whom it is not 0."""
    mean: float
    deviation: float
    """Over training people; 0 for a unit that never varies."""
    lost: Interval | None
    """PCK of the autoencoder minus PCK with the unit at its mean for everybody; None for a unit that never varies, and
    where everybody is in one photo."""
    joints: Mapping[str, float | None]
    """The same of each joint; empty for a unit that never varies."""
    top_rows: tuple[int, ...]
    """Training rows of the people with the highest values, of those for whom it is not 0."""


@dataclass(frozen=True)
class CodeUnits:
    """All of them."""

    verdict: UnitsVerdict
    people: int
    """On whom they were tried."""
    varying: int
    """Units that vary."""
    costing: int
    """Varying units with an interval of the PCK lost above 0."""
    units: tuple[CodeUnit, ...]


@dataclass(frozen=True)
class Drawn:
    """A picture."""

    file: str
    title: str
    alt: str
    """What is to be seen, in words."""


@dataclass(frozen=True)
class AnalysisReport:
    """What the parts found; a part that was left out is None or empty."""

    split: str | None
    """The split that PCK was measured on."""
    persons: int
    """People of the split on whom skips were switched off."""
    spectrum: Spectrum | None
    code_spectrum: Spectrum | None
    clusters: Clusters | None
    """By the code, or without an autoencoder by the leading components."""
    direction_clusters: Clusters | None
    """The same people at unit length: groups that differ in more than in how strongly they are coded."""
    traversals: Traversals | None
    skips: tuple[Condition, ...]
    code_units: CodeUnits | None
    left_out: Mapping[str, str]
    """Why, by part."""
    figures: tuple[Drawn, ...]

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` where skips were not switched off with both bottlenecks."""
        tried = [(one.bottleneck, one.skips) for one in self.skips]
        if {*tried} != set(itertools.product(BOTTLENECKS, (skips for _, skips in tried))):
            raise Inconsistent("skips that were not tried with both bottlenecks")


def units_of(units: Sequence[CodeUnit], people: int, photos: int) -> CodeUnits:
    """The verdict on the units of a code, tried on so many people of so many photos."""
    varying = [unit for unit in units if unit.deviation]
    costing = [unit for unit in varying if unit.lost and unit.lost.low > 0]
    verdict = UnitsVerdict.COUNTED
    if not varying:
        verdict = UnitsVerdict.NONE_VARIES
    elif photos < VERDICT_PHOTOS or all(unit.lost is None for unit in varying):
        verdict = UnitsVerdict.TOO_FEW
    return CodeUnits(verdict, people, len(varying), len(costing), tuple(units))


_RENAMED = {"walks": "traversals", "atlas": "code-units"}
"""Parts, before and now."""
_MOST_PEOPLE = 10**9


class _FirstSpectrum(TypedDict):
    shares: list[Share]
    people: Annotated[int, Limit(2, _MOST_PEOPLE)]


class _FirstClustering(TypedDict):
    silhouette: float


class _FirstClusters(TypedDict):
    tried: list[_FirstClustering]


class _FirstLost(TypedDict):
    low: float


class _FirstUnit(TypedDict):
    deviation: float
    lost: _FirstLost | None


class _FirstUnits(TypedDict):
    units: list[_FirstUnit]


class _First(TypedDict):
    walks: dict[str, Any] | None
    atlas: _FirstUnits | None
    spectrum: _FirstSpectrum | None
    code_spectrum: _FirstSpectrum | None
    clusters: _FirstClusters | None
    skips: list[Any] | None
    left_out: dict[str, str]


def _from_first(old: _First) -> dict[str, Any]:
    """Schema 1 to 2: other names; verdicts are made of its numbers, its sentences are left out."""
    walks, atlas = old["walks"], old["atlas"]
    return without(old, "says", "walks", "atlas") | {
        "spectrum": _spectrum_from_first(old["spectrum"]),
        "code_spectrum": _spectrum_from_first(old["code_spectrum"]),
        "clusters": _clusters_from_first(old["clusters"]),
        "direction_clusters": None,
        "traversals": {"bottleneck": [], "code": [], **walks} if walks else None,
        "skips": old["skips"] or [],
        "code_units": _units_from_first(atlas) if atlas else None,
        "left_out": {_RENAMED.get(part, part): why for part, why in old["left_out"].items()},
    }


def _spectrum_from_first(old: _FirstSpectrum | None) -> dict[str, Any] | None:
    if old is None:
        return None
    names = {"numbers": "dimension", "determined": "rank"}
    check_shares(old["shares"])
    # That version broke the stick into as many pieces as there are numbers, however few people there were.
    above = above_chance(np.array(old["shares"]), old["people"]) if any(old["shares"]) else 0
    return renamed(old, names) | {"above_chance": above}


def _clusters_from_first(old: _FirstClusters | None) -> dict[str, Any] | None:
    if old is None:
        return None
    if not old["tried"]:
        raise Inconsistent("no number of clusters was tried")
    verdict: ClusterVerdict = verdict_of(max(one["silhouette"] for one in old["tried"]), None)
    return {**old, "verdict": verdict.value, "one_mode": None}


def _units_from_first(old: _FirstUnits) -> dict[str, Any]:
    varying = [one for one in old["units"] if one["deviation"]]
    told = [one["lost"] for one in varying if one["lost"]]
    verdict = UnitsVerdict.COUNTED if told else UnitsVerdict.TOO_FEW if varying else UnitsVerdict.NONE_VARIES
    costing = sum(lost["low"] > 0 for lost in told)
    return {**old, "verdict": verdict.value, "varying": len(varying), "costing": costing}


ANALYSIS_REPORT = Schema(AnalysisReport, version=2, older={1: Upgrade(_First, _from_first)})
"""The form of ``report.json``."""
