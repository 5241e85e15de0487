"""``shgae info``: what a folder holds, how it was made, and from what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.lineage import Ancestor, ancestors
from shgae.artifacts.store import open_artifact, unfinished


@dataclass(frozen=True)
class InfoResult:
    """A folder, described from its manifest alone: nothing is hashed."""

    path: Path
    kind: str
    id: str | None
    """None while it is unfinished: an artefact's id comes from its content."""
    complete: bool
    """False for what an interrupted step left, or what one is writing right now."""
    config: Mapping[str, Any]
    """Every option of the step that made it; of an unfinished one, its parents' ids by role too."""
    facts: Mapping[str, Any]
    """What its readers need to know: shapes, counts, scores."""
    files: int
    bytes: int
    provenance: Mapping[str, Any]
    """Versions, device, command, time."""
    lineage: tuple[Ancestor, ...]
    """Itself first, then everything it was made from, depth first."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        lineage = [
            {
                "depth": one.depth,
                "role": one.role,
                "kind": one.kind,
                "id": one.id,
                "path": str(one.path),
                "present": one.present,
            }
            for one in self.lineage
        ]
        return {
            "path": str(self.path),
            "kind": self.kind,
            "id": self.id,
            "complete": self.complete,
            "files": self.files,
            "bytes": self.bytes,
            "facts": dict(self.facts),
            "config": dict(self.config),
            "provenance": dict(self.provenance),
            "lineage": lineage,
        }


def run(path: Path) -> InfoResult:
    """Describes an artefact, or the unfinished one beside its target (NAME or NAME.partial may be given).

    Raises:
        Refused: no such folder, or its manifest is torn, changed or of another schema.
    """
    begun = unfinished(path)
    if begun:
        return _unfinished(*begun)
    artifact = open_artifact(path, verify=False)
    manifest = artifact.manifest
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
    return InfoResult(
        path=folder,
        kind=kind,
        id=None,
        complete=False,
        config={name: value for name, value in intent.items() if name != "kind"},
        facts={},
        files=len(sizes),
        bytes=sum(sizes),
        provenance={},
        lineage=(),
    )
