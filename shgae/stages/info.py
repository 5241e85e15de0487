"""``shgae info``: what a folder holds, how it was made, and from what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.checkpoint import CHECKPOINT, read_position
from shgae.artifacts.folders import report_of, unfinished
from shgae.artifacts.lineage import Ancestor, ancestors, ancestors_of
from shgae.artifacts.manifest import package_versions
from shgae.artifacts.run_log import read_origin
from shgae.artifacts.store import open_artifact
from shgae.evaluation.study_report import read_study


@dataclass(frozen=True)
class InfoResult:
    """A folder, described from its manifest alone: nothing is hashed."""

    path: Path
    kind: str
    id: str | None
    """None while it is unfinished: an artefact's id comes from its content."""
    complete: bool
    """False for what an interrupted step left, or what one is writing right now."""
    files: int
    bytes: int
    facts: Mapping[str, Any]
    """What its readers need to know: shapes, counts, scores; of an unfinished training, where it stands."""
    config: Mapping[str, Any]
    """Every option of the step that made it; of an unfinished one, its parents' ids by role too."""
    provenance: Mapping[str, Any]
    """Versions, device, command, time; of an unfinished one, those of its last run, and the command that began it."""
    lineage: tuple[Ancestor, ...]
    """Itself first (unless it is unfinished), then everything it was made from, depth first."""

    def to_json(self) -> dict[str, Any]:
        lineage = [asdict(one) | {"path": str(one.path)} for one in self.lineage]
        return asdict(self) | {"path": str(self.path), "lineage": lineage}


def run(path: Path) -> InfoResult:
    """Describes an artefact (of a study's folder its report), or the unfinished one of a target (NAME or NAME.partial).

    Raises:
        Refused: no such folder, its manifest is torn, changed or of another schema, or a study's report is not of its
            plan.
    """
    begun = unfinished(path)
    if begun:
        return _unfinished(*begun)
    path = report_of(path)
    artifact = open_artifact(path, verify=False)
    manifest = artifact.manifest
    if manifest.kind == "study":
        read_study(artifact)
    return InfoResult(
        path=path,
        kind=manifest.kind,
        id=artifact.id,
        complete=True,
        config=manifest.config,
        facts=manifest.facts,
        files=len(manifest.files),
        bytes=sum(entry.size for entry in manifest.files.values()),
        provenance=manifest.provenance,
        lineage=tuple(ancestors(artifact)),
    )


def _unfinished(folder: Path, intent: Mapping[str, Any]) -> InfoResult:
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".")]
    kind = str(intent["kind"])
    origin = read_origin(folder)
    provenance: dict[str, Any] = {}
    if origin:
        changes = {"resumed_otherwise": origin.changes()} if origin.changes() else {}
        about = {"command": list(origin.command), "begun": origin.begun}
        conditions = dict(origin.conditions[-1])
        versions = {name: conditions.pop(name) for name in package_versions() if name in conditions}
        provenance = {**conditions, "versions": versions, **changes, **about}
    return InfoResult(
        path=folder,
        kind=kind,
        id=None,
        complete=False,
        config={name: value for name, value in intent.items() if name != "kind"},
        facts=_stands(folder),
        files=len(sizes),
        bytes=sum(sizes),
        provenance=provenance,
        lineage=tuple(ancestors_of(origin.parents, folder.with_suffix(""))) if origin else (),
    )


def _stands(folder: Path) -> dict[str, Any]:
    """Where a training stands, by its checkpoint."""
    if not (folder / CHECKPOINT).is_file():
        return {}
    at = read_position(folder / CHECKPOINT)
    best = {"best_epoch": at.best_epoch, "best_score": at.best_score} if at.best_epoch else {}
    return {"epochs_done": at.epoch, "steps_of_the_next": at.step, **best}
