"""``shgae pretrain-ae``: bottleneck tensors -> autoencoder, and how much of their variance it leaves unexplained."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.activations import Activations
from shgae.artifacts.checkpoint import HISTORY, MODEL
from shgae.artifacts.store import Artifact, draft, open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.execution import Execution
from shgae.metrics.reconstruction import Reconstruction
from shgae.models.zoo import AutoencoderSpec, build_autoencoder, load_state
from shgae.recipes import AutoencoderConfig, as_json
from shgae.stages.result import made
from shgae.training.hardware import describe, resolve_device, resolve_precision
from shgae.training.loop import FitSummary, fit
from shgae.training.objectives import ReconstructionObjective, reconstruct


@dataclass(frozen=True)
class AutoencoderResult:
    """A pre-trained autoencoder."""

    artifact: Artifact
    summary: FitSummary
    reconstruction: Reconstruction
    """On the validation split, in float32, without noise, with the best weights."""
    parameters: int

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        best = {"best_epoch": self.summary.best_epoch, "best": self.summary.best}
        rest = {"parameters": self.parameters, "validation": dataclasses.asdict(self.reconstruction)}
        return made(self.artifact) | best | rest | {"history": self.summary.history}


def run(activations: Path, output: Path, config: AutoencoderConfig, execution: Execution) -> AutoencoderResult:
    """Trains a new autoencoder on the training split and writes an autoencoder artefact.

    Args:
        activations: bottleneck tensors with a train and a val split.
        output: the folder to make.
        config: code, noise and training.
        execution: device, threads, progress; ``resume`` continues an interrupted run exactly.

    Raises:
        Refused, Diverged, Interrupted: see :mod:`shgae.errors`.
    """
    source = open_artifact(activations, "activations")
    device = resolve_device(execution.device)
    config = dataclasses.replace(config, precision=resolve_precision(config.precision, device))
    train, val = (Activations(source, split, config.limit) for split in ("train", "val"))
    width = int(source.facts["shape"][0])
    spec = AutoencoderSpec(width=width, code_size=config.code_size, output=config.decoder_output)
    model = build_autoencoder(spec, seed=config.seed).to(device)
    objective = ReconstructionObjective(train, val, config, device, config.precision)
    parents = {"activations": source}
    with draft(
        output, kind="autoencoder", config=as_json(config), parents=parents, execution=execution, resumable=True
    ) as draft_:
        summary = fit(model, objective, config, draft_, execution)
        load_state(model, load_tensors(draft_.file(MODEL)), draft_.path)
        reconstruction = reconstruct(model.eval(), val, objective.mean, device, "fp32", execution)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        facts = {
            "made_by": "pretrain-ae",
            "spec": spec.to_json(),
            "parameters": parameters,
            "best_epoch": summary.best_epoch,
            "epochs": len(summary.history),
            "validation": dataclasses.asdict(reconstruction),
        }
        artifact = draft_.commit(facts, volatile=(HISTORY,), device=describe(device))
    return AutoencoderResult(artifact, summary, reconstruction, parameters)
