"""Reports of earlier schemas -> the object of the next one, as :class:`~shgae.artifacts.typed_json.Schema` asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shgae.artifacts.typed_json import Upgrade
from shgae.metrics.paired_tests import holm
from shgae.metrics.statistics import Verdict

_ROWS = ("models", "floors", "ceilings")


def from_schema_1(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 left out what a row lacks, and had sentences; its first reports lack floors and the joints' order."""

    def row(one: dict[str, Any]) -> dict[str, Any]:
        origin = {"id": None, "predictions_sha256": None, "trained_on_other_data": False, "interval": None}
        return origin | one | {"joints": {name: {"interval": None} | joint for name, joint in one["joints"].items()}}

    def pair(one: dict[str, Any]) -> dict[str, Any]:
        difference = {group: _without(found, "smallest_to_show") for group, found in one["difference"].items()}
        whole = one["difference"]["all"]
        verdict = Verdict.of_bounds(whole["low"], whole["high"]) if whole else Verdict.TOO_FEW_PHOTOS
        least = {"verdict": verdict.value, "minimum_detectable": whole["smallest_to_show"] if whole else None}
        return {**_without(one, "sentence"), **least, "difference": difference}

    rows = {key: [row(one) for one in old.get(key, [])] for key in _ROWS}
    bootstrap = {"resamples": old["bootstrap"]["draws"], "seed": old["bootstrap"]["seed"]}
    joints = old.get("joints") or list(old["models"][0]["joints"])
    return old | rows | {"bootstrap": bootstrap, "joints": joints, "comparisons": [*map(pair, old["comparisons"])]}


def from_schema_2(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 had no curves, matching or official numbers; the last reports of schema 1 had."""

    def row(one: dict[str, Any]) -> dict[str, Any]:
        keys = {"matched": "matched", "matched_at_0.5": "surely", "unmatched": "unmatched"}
        kept = {key: value for key, value in one.items() if key not in keys}
        matching = {name: one[key] for key, name in keys.items()} if "matched" in one else None
        return {"curves": {}, "official": None, "matching": matching} | kept

    return old | {key: [row(one) for one in old[key]] for key in _ROWS}


def from_schema_3(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 3 did not allow for the number of pairs and joints, and said what it might have missed."""

    def pair(one: dict[str, Any]) -> dict[str, Any]:
        adjusted = holm([joint["p"] for joint in one["joints"].values()])
        joints = zip(one["joints"].items(), adjusted, strict=True)
        new = {
            "p": None,
            "p_adjusted": None,
            "joints": {name: joint | {"p_adjusted": p} for (name, joint), p in joints},
        }
        return {**_without(one, "minimum_detectable"), **new}

    return old | {"comparisons": [pair(one) for one in old["comparisons"]]}


def from_schema_4(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 4 had no kinds of errors, no trainings, and no difference from the best of the floors."""
    rows = {key: [{"above_floor": None, "errors": None, "trained": None} | one for one in old[key]] for key in _ROWS}
    unknown = {"errors": None, "trainings": {"verdict": "unknown", "differences": []}}
    return old | rows | {"errors": None, "comparisons": [unknown | one for one in old["comparisons"]]}


def from_schema_5(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 5 did not say how autoencoders were made."""
    rows = {key: [one | {"trained": _with_autoencoders(one["trained"])} for one in old[key]] for key in _ROWS}
    return old | rows


def from_schema_6(old: dict[str, Any]) -> dict[str, Any]:
    """Schema 6 did not say which photos COCO's official numbers are of."""
    return old | {"official_photos": None}


OLDER: Mapping[int, Upgrade] = {
    1: from_schema_1,
    2: from_schema_2,
    3: from_schema_3,
    4: from_schema_4,
    5: from_schema_5,
    6: from_schema_6,
}
"""From each earlier version, what turns its object into that of the next one."""


def _with_autoencoders(trained: Any) -> Any:
    return trained and {**trained, "autoencoders": []}


def _without(one: Any, key: str) -> Any:
    return one and {name: value for name, value in one.items() if name != key}
