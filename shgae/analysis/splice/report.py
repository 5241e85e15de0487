"""What a splice found, as it is written and shown: its numbers, and what they allow to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict

from shgae.analysis.changes import Change, change
from shgae.analysis.effects import MEASURES, UNTOUCHED, Effect, Recovered, ReplacementEffects, Undefined
from shgae.analysis.splice.code_health import CodeHealth
from shgae.artifacts.typed_json import Schema, Upgrade, part, renamed, to_json, without
from shgae.errors import Inconsistent
from shgae.metrics.reconstruction import Fidelity
from shgae.metrics.statistics import VERDICT_PHOTOS, Interval

LEADING = "mean"
"""The baseline that a replacement has to beat: of the ones that carry nothing of the person, the one fitted to the
network (Li and Janson 2024, arXiv 2409.09951). Zeros and another person's bottleneck lead out of what the network ever
saw, so they cost more and every replacement looks better against them."""
BASELINES = (LEADING, "zero", "shuffle")
"""Replacements that carry nothing of the person: the one that a replacement has to beat, then the sensitivity rows."""


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


@dataclass(frozen=True)
class Check:
    """One property that a splice has if it is what it claims to be; see :mod:`shgae.analysis.splice.checks`."""

    what: str
    passed: bool
    max_abs_diff: float
    """Largest difference of two map values; 0 is bit for bit. 1 where weights changed."""


@dataclass(frozen=True)
class Replaced:
    """A replacement of the bottleneck."""

    name: str
    meaning: str
    """What it is, in words."""
    fidelity: Fidelity
    """How near it comes to the bottleneck itself."""
    fvu_interval: Interval | None
    """The FVU with its 95 % interval over photos; None where the bottlenecks do not vary, from fewer than two photos,
    and in reports of before."""
    sha256: str | None
    """Of the file that it was given in; None of what shgae makes itself."""


@dataclass(frozen=True)
class MeasuredSide:
    """The numbers of a :class:`Side`, of which its verdicts are made."""

    effects: Mapping[str, Effect]
    """By replacement."""
    recovered: tuple[Recovered, ...]
    """Of each replacement, the baselines too, against each other baseline, in each measure."""
    ae_ahead: Mapping[str, Interval | None]
    """PCK with the autoencoder minus PCK with each other replacement; empty without an autoencoder."""


@dataclass(frozen=True)
class Side(MeasuredSide):
    """All replacements with the stack's skips on, or all with them off."""

    cost: Cost | None
    """What the training mean costs and what of it is recovered; None in a tuned trunk."""
    changes: tuple[Change, ...]
    """What the autoencoder is compared with."""
    given: tuple[Cost, ...]
    """What each given replacement recovers of that cost; empty in a tuned trunk."""

    def recovered_of(self, name: str, baseline: str, measure: str) -> Recovered | None:
        """One entry of ``recovered``; None if there is none."""
        wanted = (name, baseline, measure)
        return next((one for one in self.recovered if (one.replacement, one.baseline, one.measure) == wanted), None)


@dataclass(frozen=True)
class SpliceReport:
    """What a splice found."""

    model: str
    """Its id."""
    data: str
    split: str
    persons: int
    photos: int
    stack: int
    """Counted from 0."""
    tuned: bool
    """Whether the network was trained with its autoencoder inside: then the bottleneck as it is, the autoencoder taken
    out, is no longer what the trunk expects, and shares of it say little; ``ae_ahead`` does."""
    training: str
    """What the training mean and the principal components were computed from."""
    bottleneck_effective_dimension: float | None
    """Participation ratio of the training bottleneck's principal components; None if the bottlenecks do not vary."""
    bottleneck_components_95: int | None
    """How many of them hold 95 % of its variance."""
    replacements: tuple[Replaced, ...]
    skips_on: Side
    skips_off: Side
    code: CodeHealth | None
    """Of the autoencoder on the split; None without one."""
    checks: tuple[Check, ...]

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` where a side lacks a replacement, or what it is about is none."""
        names = [one.name for one in self.replacements]
        asked_about(names)
        if any(not {*names, LEADING} <= side.effects.keys() for _, side in self.sides):
            raise Inconsistent("a side lacks a replacement")

    @property
    def given(self) -> tuple[str, ...]:
        """Replacements that were given as tensors, by name."""
        return tuple(one.name for one in self.replacements if one.sha256)

    @property
    def sides(self) -> tuple[tuple[str, Side], ...]:
        """Skips on, then skips off, by name."""
        return (("skips on", self.skips_on), ("skips off", self.skips_off))


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


def side_of(compared: ReplacementEffects, names: Sequence[str], is_tuned: bool, given: Sequence[str] = ()) -> Side:
    """Everything about replacements by name, skips all on or all off; ``given`` are those of another program."""
    effects = {name: compared.effect(name) for name in names}
    recovered = tuple(
        compared.recovered(name, baseline, measure)
        for name in names
        if name != UNTOUCHED
        for baseline in BASELINES
        if baseline in names and baseline != name
        for measure in MEASURES
    )
    ahead = {name: compared.difference("ae", name) for name in names if name != "ae"} if "ae" in names else {}
    photos = compared.photos
    cost = None if is_tuned else cost_of(effects, recovered, photos)
    theirs = () if is_tuned else tuple(cost_of(effects, recovered, photos, name) for name in given)
    return Side(effects, recovered, ahead, cost, changes_of(ahead, is_tuned, photos, given), theirs)


class _FirstRecovered(TypedDict):
    undefined: str | None


class _FirstSide(TypedDict):
    """A side in schema 1, which stored sentences and no verdicts."""

    effects: dict[str, Any]
    recovered: list[_FirstRecovered]
    ae_ahead: dict[str, Any]


class _FirstReplaced(TypedDict):
    fidelity: dict[str, Any]


class _First(TypedDict):
    tuned: bool
    photos: int
    replacements: list[_FirstReplaced]
    checks: list[dict[str, Any]]
    skips_on: _FirstSide
    skips_off: _FirstSide


def _from_first(old: _First) -> dict[str, Any]:
    """Schema 1 to 2: verdicts are made of its numbers, its sentences are left out."""
    new = without(old, "says")
    new["replacements"] = [
        {**one, "fidelity": renamed(one["fidelity"], {"sign_floor": "relu_floor"})} for one in old["replacements"]
    ]
    new["checks"] = [renamed(one, {"off_by": "max_abs_diff"}) for one in old["checks"]]
    return new | {
        name: _side_from_first(side, old["tuned"], old["photos"], name)
        for name, side in (("skips_on", old["skips_on"]), ("skips_off", old["skips_off"]))
    }


def _side_from_first(old: _FirstSide, is_tuned: bool, photos: int, name: str) -> dict[str, Any]:
    recovered = [{**one, "undefined": _undefined_of(one["undefined"])} for one in old["recovered"]]
    side = part(MeasuredSide, {**old, "recovered": recovered}, name)
    cost = None if is_tuned else cost_of(side.effects, side.recovered, photos)
    changes = changes_of(side.ae_ahead, is_tuned, photos)
    return without(to_json(Side(**vars(side), cost=cost, changes=changes, given=())), "given")  # which schema 3 brought


def _undefined_of(said: str | None) -> str | None:
    if said is None:
        return None
    if said.startswith("too few"):
        return Undefined.TOO_FEW.value
    return (Undefined.BASELINE_BETTER if "does better" in said else Undefined.NO_COST).value


class _Second(TypedDict):
    replacements: list[dict[str, Any]]
    skips_on: dict[str, Any]
    skips_off: dict[str, Any]


def _from_second(old: _Second) -> dict[str, Any]:
    """Schema 2 had no interval of the FVU, and nothing given."""
    replacements = [one | {"fvu_interval": None, "sha256": None} for one in old["replacements"]]
    sides = {"skips_on": old["skips_on"] | {"given": []}, "skips_off": old["skips_off"] | {"given": []}}
    return {**old, "replacements": replacements, **sides}


SPLICE_REPORT = Schema(
    SpliceReport, version=3, older={1: Upgrade(_First, _from_first), 2: Upgrade(_Second, _from_second)}
)
"""The form of ``report.json``."""
