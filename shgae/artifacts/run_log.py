"""How an unfinished artefact came about: who began it, from what, and under which conditions it was worked on.

A hidden file of the draft. It decides nothing: a resume is allowed or refused by the draft's intent alone. It lets
``info`` and ``verify-resume`` tell what an interrupted run was, and says when a run goes on under conditions that may
change last bits: another device, number of computing threads or processes, or version.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from shgae.artifacts.manifest import Parent, differences, package_versions
from shgae.artifacts.tables import read_json, write_json
from shgae.errors import Refused
from shgae.execution import Execution, Progress

ORIGIN = ".origin.json"
_COMPILE = "compile"


@dataclass(frozen=True)
class RunOrigin:
    """What a draft knows of its past."""

    command: Sequence[str]
    """The command line that began it."""
    begun: str
    """When: ISO 8601, UTC."""
    parents: Sequence[Parent]
    conditions: Sequence[Mapping[str, str]]
    """Device, processes, determinism, compilation and versions of its runs, in order; a run like the one before it adds
    nothing."""

    def changes(self) -> list[str]:
        """In words: what was not the same in all its runs, in order; empty for the usual case."""
        return [
            f"{key}: {old.get(key)}, then {new.get(key)}"
            for old, new in itertools.pairwise(self.conditions)
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key)
        ]

    def write(self, folder: Path) -> None:
        """Keeps it in a draft's folder."""
        write_json(folder / ORIGIN, vars(self) | {"parents": [parent.to_json() for parent in self.parents]})


def read_origin(folder: Path) -> RunOrigin | None:
    """The origin of an unfinished artefact; None where there is none, or it cannot be read."""
    try:
        value = read_json(folder / ORIGIN)
        parents = tuple(Parent.from_json(parent) for parent in value["parents"])
        conditions = tuple({str(key): str(text) for key, text in one.items()} for one in value["conditions"])
        command, begun = [str(word) for word in value["command"]], str(value["begun"])
    except (Refused, KeyError, TypeError, ValueError, AttributeError):
        return None
    return RunOrigin(command, begun, parents, conditions) if conditions else None


def going_on(new: RunOrigin, folder: Path, progress: Progress) -> RunOrigin:
    """The origin of a draft that is resumed, stored again, with its parents where they lie now; conditions that are not
    those of its last run are told."""
    origin, here = read_origin(folder) or new, new.conditions[-1]
    # Before there was a choice, nothing was compiled.
    conditions = [{_COMPILE: "off"} | dict(one) for one in origin.conditions]
    if changed := differences(here, conditions[-1]):
        progress.note(f"note: going on under other conditions ({'; '.join(changed)}): the last bits may differ")
        conditions.append(dict(here))
    origin = replace(origin, parents=new.parents, conditions=conditions)
    origin.write(folder)
    return origin


def conditions_of(device: str, execution: Execution) -> dict[str, str]:
    """What may change the last bits of a result, though it is not part of the method."""
    how = {"device": device, "deterministic": execution.deterministic, "processes": str(execution.world.size)}
    return how | {_COMPILE: "on" if execution.compile else "off"} | package_versions()


def now() -> str:
    """The time as manifests keep it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
