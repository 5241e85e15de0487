"""Reports of earlier schemas -> the object of the next one, as :class:`~shgae.artifacts.typed_json.Schema` asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NotRequired, TypedDict

from shgae.artifacts.typed_json import Upgrade, without
from shgae.metrics.comparison import holm
from shgae.metrics.pck import GROUPS
from shgae.metrics.statistics import Verdict

_ROWS = ("models", "floors", "ceilings")
_Object = dict[str, Any]


def _each(old: Mapping[str, Any], row: Callable[[Any], _Object]) -> _Object:
    """The report with another row in the place of each."""
    return {**old, **{key: [row(one) for one in old[key]] for key in _ROWS}}


class _Bootstrap1(TypedDict):
    draws: int
    seed: int


class _Row1(TypedDict):
    joints: dict[str, _Object]


class _Interval1(TypedDict):
    low: float
    high: float
    smallest_to_show: float | None


class _Groups1(TypedDict):
    all: _Interval1 | None
    v1: _Interval1 | None
    v2: _Interval1 | None


class _Pair1(TypedDict):
    difference: _Groups1


class _Report1(TypedDict):
    models: list[_Row1]
    floors: NotRequired[list[_Row1]]
    ceilings: NotRequired[list[_Row1]]
    joints: NotRequired[list[str]]
    bootstrap: _Bootstrap1
    comparisons: list[_Pair1]


def from_schema_1(old: _Report1) -> _Object:
    """Schema 1 left out what a row lacks, and had sentences; its first reports lack floors and the joints' order."""

    def row(one: _Row1) -> _Object:
        origin = {"id": None, "predictions_sha256": None, "trained_on_other_data": False, "interval": None}
        return {**origin, **one, "joints": {name: {"interval": None, **joint} for name, joint in one["joints"].items()}}

    def pair(one: _Pair1) -> _Object:
        groups: Mapping[str, Any] = one["difference"]
        difference = {group: groups[group] and without(groups[group], "smallest_to_show") for group in GROUPS}
        whole = one["difference"]["all"]
        verdict = Verdict.of_bounds(whole["low"], whole["high"]) if whole else Verdict.TOO_FEW_PHOTOS
        least = {"verdict": verdict.value, "minimum_detectable": whole["smallest_to_show"] if whole else None}
        return {**without(one, "sentence"), **least, "difference": difference}

    rows = _each({"floors": [], "ceilings": [], **old}, row)
    bootstrap = {"resamples": old["bootstrap"]["draws"], "seed": old["bootstrap"]["seed"]}
    joints = old.get("joints") or [name for one in old["models"][:1] for name in one["joints"]]
    comparisons = [pair(one) for one in old["comparisons"]]
    return {**rows, "bootstrap": bootstrap, "joints": joints, "comparisons": comparisons}


class _Rows(TypedDict):
    models: list[_Object]
    floors: list[_Object]
    ceilings: list[_Object]


def from_schema_2(old: _Rows) -> _Object:
    """Schema 2 had no curves, matching or official numbers; the last reports of schema 1 had."""

    def row(one: _Object) -> _Object:
        keys = {"matched": "matched", "matched_at_0.5": "surely", "unmatched": "unmatched"}
        matching = {name: one.get(key) for key, name in keys.items()} if "matched" in one else None
        return {"curves": {}, "official": None, "matching": matching} | without(one, *keys)

    return _each(old, row)


class _Joint3(TypedDict):
    p: float


class _Pair3(TypedDict):
    joints: dict[str, _Joint3]


class _Report3(TypedDict):
    comparisons: list[_Pair3]


def from_schema_3(old: _Report3) -> _Object:
    """Schema 3 did not allow for the number of pairs and joints, and said what it might have missed."""

    def pair(one: _Pair3) -> _Object:
        adjusted = holm([joint["p"] for joint in one["joints"].values()])
        joints = zip(one["joints"].items(), adjusted, strict=True)
        new = {
            "p": None,
            "p_adjusted": None,
            "joints": {name: {**joint, "p_adjusted": p} for (name, joint), p in joints},
        }
        return {**without(one, "minimum_detectable"), **new}

    return {**old, "comparisons": [pair(one) for one in old["comparisons"]]}


class _Report4(_Rows):
    comparisons: list[_Object]


def from_schema_4(old: _Report4) -> _Object:
    """Schema 4 had no kinds of errors, no trainings, and no difference from the best of the floors."""
    new = _each(old, lambda one: {"above_floor": None, "errors": None, "trained": None} | one)
    unknown = {"errors": None, "trainings": {"verdict": "unknown", "differences": []}}
    return new | {"errors": None, "comparisons": [unknown | one for one in old["comparisons"]]}


class _Row5(TypedDict):
    trained: _Object | None


class _Report5(TypedDict):
    models: list[_Row5]
    floors: list[_Row5]
    ceilings: list[_Row5]


def from_schema_5(old: _Report5) -> _Object:
    """Schema 5 did not say how autoencoders were made."""

    def row(one: _Object) -> _Object:
        return one | {"trained": one["trained"] and {**one["trained"], "autoencoders": []}}

    return _each(old, row)


OLDER: Mapping[int, Upgrade] = {
    1: Upgrade(_Report1, from_schema_1),
    2: Upgrade(_Rows, from_schema_2),
    3: Upgrade(_Report3, from_schema_3),
    4: Upgrade(_Report4, from_schema_4),
    5: Upgrade(_Report5, from_schema_5),
    6: Upgrade(_Object, lambda old: old | {"official_photos": None}),
    7: Upgrade(_Object, lambda old: old | {"effective_photos": None}),
}
"""From each earlier version, what turns its object into that of the next one."""
