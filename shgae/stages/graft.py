"""``shgae graft``: an hourglass and an autoencoder of its own activations -> one network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.manifest import Parent
from shgae.artifacts.store import Artifact, draft
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models import grafting
from shgae.models.zoo import load_autoencoder, load_hourglass, state_arrays
from shgae.stages.pose_training import TRAVELS
from shgae.stages.result import made


@dataclass(frozen=True)
class GraftResult:
    """A grafted network."""

    artifact: Artifact
    parameters: int
    """Weights of hourglass and autoencoder together."""
    code_size: int
    """Numbers in the code."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return made(self.artifact) | {"parameters": self.parameters, "code_size": self.code_size}


def run(model: Path, autoencoder: Path, output: Path, execution: Execution) -> GraftResult:
    """Puts the autoencoder behind the third bottleneck residual and writes an hourglass artefact; nothing is trained.

    Args:
        model: an hourglass artefact or run directory (then its best weights), not grafted yet.
        autoencoder: an autoencoder pre-trained on activations of exactly this model, or an imported one.
        output: the folder to make.
        execution: force and progress.

    Raises:
        Refused: the autoencoder was trained on another model's activations, or is of another width.
    """
    loaded = load_hourglass(model)
    code = load_autoencoder(autoencoder)
    trained_on = _model_behind(code.artifact)
    if trained_on is None:
        execution.progress.note("note: this autoencoder was imported; whose activations it knows cannot be checked")
    elif trained_on.id != loaded.artifact.id:
        why = f"pre-trained on activations of model {trained_on.id[:12]}, not of {model} ({loaded.artifact.short_id})"
        raise Refused("autoencoder", autoencoder, why, "shgae extract and pretrain-ae with this model")
    grafting.graft(loaded.module, code.module)
    spec = loaded.spec.with_graft(code.spec)
    parameters = sum(parameter.numel() for parameter in loaded.module.parameters())
    before = loaded.artifact.facts
    facts: dict[str, Any] = {"made_by": "graft", "spec": spec.to_json(), "parameters": parameters}
    facts |= {key: before[key] for key in (*TRAVELS, "heatmap") if key in before}
    parents = {"model": loaded.artifact, "autoencoder": code.artifact}
    with draft(output, kind="hourglass", config={"stack": "last"}, parents=parents, execution=execution) as draft_:
        draft_.write_tensors(MODEL, state_arrays(loaded.module))
        artifact = draft_.commit(facts)
    return GraftResult(artifact, parameters, code.spec.code_size)


def _model_behind(autoencoder: Artifact) -> Parent | None:
    activations = autoencoder.parent("activations")
    if activations is None:
        return None
    return next((parent for parent in activations.parents if parent.role == "model"), None)
