"""Study reports of earlier schemas -> those of the next one, as :class:`~shgae.artifacts.typed_json.Schema` asks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from shgae.artifacts.typed_json import Upgrade, renamed, without
from shgae.metrics.statistics import Verdict
from shgae.option_lists import BASELINE, LETTERS

_Object = dict[str, Any]
_Letter = Literal["a", "b", "c", "d", "e", "parent"]


class _Estimate1(TypedDict):
    low: float
    high: float
    smallest_to_show: float


class _Groups1(TypedDict):
    all: _Estimate1 | None
    v1: _Estimate1 | None
    v2: _Estimate1 | None


class _Difference1(TypedDict):
    arm: _Letter
    minus: _Letter
    fair: bool
    groups: _Groups1


class _Arm1(TypedDict):
    name: _Letter


class _Report1(TypedDict):
    arms: list[_Arm1]
    differences: list[_Difference1]
    cautions: list[str]


def from_schema_1(old: _Report1) -> _Object:
    """Schema 1 had letters for arms and sentences for what its verdicts and cautions say."""
    names = {letter: name for name, letter in LETTERS.items()} | {"parent": BASELINE}

    def estimate(one: Any) -> _Object | None:
        return one and renamed(one, {"smallest_to_show": "minimum_detectable"})

    differences = [
        {
            "arm": names[one["arm"]],
            "minus": names[one["minus"]],
            "fair": one["fair"],
            "verdict": _verdict_1(one["groups"]["all"]).value,
            "groups": {group: estimate(found) for group, found in one["groups"].items()},
        }
        for one in old["differences"]
    ]

    def said(pattern: str) -> str | None:
        return next((found[1] for line in old["cautions"] if (found := re.search(pattern, line))), None)

    devices, epochs = said(r"on one device: (.*)\.$"), said(r"had (\d{1,9}) epoch")
    limit = said(r"first (\d[\d,]{0,11}) p")
    return without(old, "conclusion", "cautions") | {
        "arms": [{**one, "name": names[one["name"]]} for one in old["arms"]],
        "differences": differences,
        "verdict": next((one["verdict"] for one in differences if one["fair"]), Verdict.NOT_COMPARED.value),
        "devices": devices.split("; ") if devices else [],
        "ae_epochs": int(epochs) if epochs else None,
        "limit": int(limit.replace(",", "")) if limit else None,
    }


def _verdict_1(found: _Estimate1 | None) -> Verdict:
    return Verdict.of_bounds(found["low"], found["high"]) if found else Verdict.TOO_FEW_PHOTOS


class _Difference2(TypedDict):
    fair: bool
    groups: dict[str, _Object | None]


class _Report2(TypedDict):
    arms: list[_Object]
    differences: list[_Difference2]


def from_schema_2(old: _Report2) -> _Object:
    """Schema 2 knew no plan and no margin, took the first fair difference as primary, and said what it missed."""

    def groups(found: Mapping[str, _Object | None]) -> _Object:
        new = {"equivalence": None, "seed_error": None}
        return {group: one and {**without(one, "minimum_detectable"), **new} for group, one in found.items()}

    first = next((place for place, one in enumerate(old["differences"]) if one["fair"]), None)
    nothing = {"within_margin": False, "margin": None, "alpha": 0.05, "p": None, "p_adjusted": None, "compared": 1}
    differences = [
        {**one, **nothing, "primary": place == first, "groups": groups(one["groups"])}
        for place, one in enumerate(old["differences"])
    ]
    arms = [arm | {"gflop": None} for arm in old["arms"]]
    return {**old, "arms": arms, "differences": differences, "registered": None, "code_sizes": None}


class _Report3(TypedDict):
    differences: list[_Object]


def from_schema_3(old: _Report3) -> _Object:
    """Schema 3 knew arms that were trained here only."""
    return {**old, "differences": [one | {"joints": None} for one in old["differences"]]}


class _Look5(TypedDict):
    seeds: int


class _Registered5(TypedDict):
    looks: list[_Look5]


class _Report5(TypedDict):
    seeds: list[int]
    registered: _Registered5 | None


def from_schema_5(old: _Report5) -> _Object:
    """Schema 5 knew looks by their seeds alone."""
    registered, new = old["registered"], None
    if registered is not None:
        counts, mine = [look["seeds"] for look in registered["looks"]], len(old["seeds"])
        current = counts.index(mine) if mine in counts else None
        looks = [{**look, "runs": None} for look in registered["looks"]]
        new = {**registered, "looks": looks, "current": current, "planned_runs": None}
    return {**old, "registered": new, "scored_by_studies": []}


OLDER: Mapping[int, Upgrade] = {
    1: Upgrade(_Report1, from_schema_1),
    2: Upgrade(_Report2, from_schema_2),
    3: Upgrade(_Report3, from_schema_3),
    4: Upgrade(_Object, lambda old: old | {"detectable": None}),  # no spread over runs was stated
    5: Upgrade(_Report5, from_schema_5),
}
"""From each earlier version, what turns its object into that of the next one."""
