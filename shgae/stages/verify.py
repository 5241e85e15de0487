"""``shgae verify``: every file of an artefact and of all its ancestors, hashed again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts import lineage
from shgae.artifacts.folders import parts_in, report_of, stripped_in
from shgae.artifacts.manifest import MANIFEST
from shgae.artifacts.store import open_artifact
from shgae.errors import AGAIN, Refused
from shgae.evaluation.study_report import read_study
from shgae.execution import Execution


@dataclass(frozen=True)
class VerifyResult(lineage.Verification):
    """What was found up the chain of the artefact at ``path``."""

    path: Path

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints; its paths are absolute."""
        missing = [{"kind": one.kind, "id": one.id, "path": os.path.abspath(one.path)} for one in self.missing]  # noqa: PTH100
        verified = [os.path.abspath(path) for path in self.verified]  # noqa: PTH100
        return {"path": os.path.abspath(self.path), "verified": verified, "missing": missing}  # noqa: PTH100

    def fault(self) -> Refused | None:
        """Why the chain is not whole, if it is not."""
        if not self.missing:
            return None
        first = self.missing[0]
        more = f" (and {len(self.missing) - 1} more)" if len(self.missing) > 1 else ""
        why = f"its ancestor {first.kind} {first.id[:12]} is not in {first.path}{more}"
        return Refused(
            "lineage", self.path, why, "move that folder to this place again, or --allow-missing if it was deleted"
        )


def run(path: Path, execution: Execution | None = None) -> VerifyResult:
    """Recomputes the hashes of an artefact and of its ancestors that are there; of a study's folder, of all parts.

    Raises:
        Refused: no artefact, a file of it or of an ancestor is missing or changed (folder and file are named), a
            study's part has lost its manifest, or its report is not of its plan.
        Interrupted: a signal came.
    """
    folder, path = path, report_of(path)
    artifact = open_artifact(path, verify=False)
    if path != folder and (stripped := stripped_in(folder)):
        raise Refused("study", stripped[0], f"it has no {MANIFEST}", AGAIN)
    verification = lineage.verify(artifact, execution, parts_in(folder) if path != folder else ())
    if artifact.manifest.kind == "study":
        read_study(artifact)
    return VerifyResult(verification.verified, verification.missing, path)
