"""``shgae import``: somebody else's weight file -> an hourglass or autoencoder artefact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.manifest import hash_file
from shgae.artifacts.store import Artifact, draft
from shgae.execution import Execution
from shgae.models.foreign import read_foreign
from shgae.models.zoo import HourglassSpec
from shgae.skeleton import COCO_PERSON, Skeleton
from shgae.stages.result import made

COCO_MEAN_RGB = (0.4103, 0.3741, 0.3536)
"""Mean colour of the study's training crops, which its weight files do not carry."""


@dataclass(frozen=True)
class ImportResult:
    """An imported network."""

    artifact: Artifact
    family: str
    """What the file was recognised as."""
    parameters: int

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return made(self.artifact) | {"family": self.family, "parameters": self.parameters}


def run(file: Path, output: Path, execution: Execution) -> ImportResult:
    """Reads a weight file without running anything in it and writes an artefact of our own.

    Args:
        file: ``.pth`` or ``.safetensors``.
        output: the folder to make.
        execution: force and progress.

    Raises:
        Refused: no such file, no checkpoint, of no family we know, or a tensor is missing, unexpected or misshapen.
    """
    foreign = read_foreign(file)
    parameters = sum(array.size for name, array in foreign.arrays.items() if "running_" not in name and array.ndim)
    facts: dict[str, Any] = {"made_by": "import", "spec": foreign.spec.to_json(), "parameters": parameters}
    if isinstance(foreign.spec, HourglassSpec):
        facts |= _travels(foreign.spec)
    config = {"family": foreign.family, "source_sha256": hash_file(file)}
    with draft(output, kind=foreign.kind, config=config, parents={}, execution=execution) as draft_:
        draft_.write_tensors(MODEL, foreign.arrays)
        artifact = draft_.commit(facts)
    execution.progress.note(f"recognised {foreign.family} ({parameters:,} parameters)")
    return ImportResult(artifact, foreign.family, parameters)


def _travels(spec: HourglassSpec) -> dict[str, Any]:
    if spec.keypoints == len(COCO_PERSON):
        skeleton = COCO_PERSON
    else:
        skeleton = Skeleton.from_names([f"joint_{i}" for i in range(spec.keypoints)])
    return {
        "skeleton": skeleton.to_json(),
        "category_id": 1,
        "mean_rgb": list(COCO_MEAN_RGB),
        "crop_size": spec.crop_size,
        "crop_policy": "inside",
        "margin": 0.1,
    }
