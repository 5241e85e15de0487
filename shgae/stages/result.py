"""What every stage result can say of the artefact it made."""

from __future__ import annotations

from typing import Any

from shgae.artifacts.store import Artifact


def made(artifact: Artifact) -> dict[str, Any]:
    """The artefact's part of a result's JSON."""
    return {"output": str(artifact.path), "kind": artifact.manifest.kind, "id": artifact.id}
