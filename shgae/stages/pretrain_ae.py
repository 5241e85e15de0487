"""``shgae pretrain-ae``: bottleneck tensors -> autoencoder, and how much of their variance it leaves unexplained."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shgae.artifacts.activations import Activations, site_folder, stacks_of
from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.compatibility import find_stacks
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.artifacts.tensors import load_tensors
from shgae.execution import Execution
from shgae.inference.device import placed
from shgae.inference.torch_settings import settled
from shgae.metrics.reconstruction import Reconstruction
from shgae.models.autoencoder import Autoencoder
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder, load_state
from shgae.recipes import AutoencoderConfig, Stack
from shgae.training import tensorboard
from shgae.training.drafts import commit_training, training_draft
from shgae.training.loop import FitSummary, fit
from shgae.training.objectives import ReconstructionObjective, reconstruct, resident


@dataclass(frozen=True)
class AutoencoderResult:
    artifact: Artifact
    summary: FitSummary
    reconstruction: Reconstruction
    """On the validation split, in float32, without noise, with the best weights."""
    by_stack: dict[int, Reconstruction]
    """The same of each stack alone, against the mean of its own training rows, where it learned several."""
    stacks: tuple[int, ...]
    """The stacks of its bottlenecks, counted from 0; (-1,), the last, where the activations do not number them."""
    model_stacks: int
    """Stacks of the model; 0 where the activations do not tell."""
    parameters: int

    def to_json(self) -> dict[str, Any]:
        best = {"best_epoch": self.summary.best_epoch, "best": self.summary.best}
        rest = {"stacks": list(self.stacks), "model_stacks": self.model_stacks, "parameters": self.parameters}
        validation = _validation(self.reconstruction, self.by_stack)
        return self.artifact.to_json() | best | rest | validation | {"history": self.summary.history}


@settled()
def run(activations: Path, output: Path, config: AutoencoderConfig, execution: Execution) -> AutoencoderResult:
    """Trains a new autoencoder on the training split and writes an autoencoder artefact.

    Args:
        activations: bottleneck tensors with a train and a val split.
        output: the folder to make.
        config: stack, code, noise and training.
        execution: device, threads, progress; ``resume`` continues an interrupted run exactly.

    Raises:
        Refused, DiskError, Diverged, Interrupted: see :mod:`shgae.errors`.
    """
    tensorboard.check(wanted=execution.tensorboard)
    source = open_artifact(activations, "activations", verify=False)
    stacks = _stacks(config.stack, source)
    read = [site_folder(split, stack, stacks_of(source)) for split in ("train", "val") for stack in stacks]
    verify_files(source, tuple(f"{folder}/" for folder in read), execution)
    device, config = placed(config, execution, output=output, quiet=True)
    train, val = (Activations(source, split, config.limit, stacks) for split in ("train", "val"))
    width, model_stacks = int(source.facts["shape"][0]), int(source.facts.get("model_stacks", 0))
    spec = AutoencoderSpec.of(config, width)
    model = new(spec, config, device)
    objective = ReconstructionObjective(train, val, config, device, config.precision, resident(train, device))
    with training_draft(output, "autoencoder", config, {"activations": source}, model, execution, device) as draft:
        summary = fit(model, objective, config, draft, execution)
        load_state(model, load_tensors(draft.file(MODEL)), draft.path)
        reconstruction = reconstruct(model.eval(), val, objective.mean, device, "fp32", execution)
        by_stack = _by_stack(model, objective, source, execution) if len(stacks) > 1 else {}
        parameters = sum(parameter.numel() for parameter in model.parameters())
        facts = {
            "made_by": "pretrain-ae",
            "spec": spec.to_json(),
            "stacks": list(stacks),
            "model_stacks": model_stacks,
            "parameters": parameters,
            **_validation(reconstruction, by_stack),
        }
        artifact = commit_training(draft, summary, facts)
    return AutoencoderResult(artifact, summary, reconstruction, by_stack, stacks, model_stacks, parameters)


def new(spec: AutoencoderSpec, config: AutoencoderConfig, device: torch.device) -> Autoencoder:
    """An autoencoder with new weights on the device, laid out in memory as its number format is fastest."""
    model = build_autoencoder(spec, seed=config.seed).to(device)
    if config.precision != "fp32":  # transposed convolutions take half the time so; in float32 none is faster
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def _stacks(stack: Stack, source: Artifact) -> tuple[int, ...]:
    there = stacks_of(source)
    fix = f"--stack {'last' if there[-1] < 0 else there[-1]}"
    if stack.isdecimal() and int(stack) < source.facts.get("model_stacks", 0):
        fix += f", or shgae extract with --stack {stack}"
    return find_stacks(stack, there, source.path, fix)


def _by_stack(
    model: Autoencoder, objective: ReconstructionObjective, source: Artifact, execution: Execution
) -> dict[int, Reconstruction]:
    found = {}
    for stack in objective.train.stacks:
        train, val = (Activations(source, split, objective.config.limit, (stack,)) for split in ("train", "val"))
        found[stack] = reconstruct(model, val, train.mean(), objective.device, "fp32", execution)
    return found


def _validation(pooled: Reconstruction, by_stack: dict[int, Reconstruction]) -> dict[str, Any]:
    each = {str(stack): dataclasses.asdict(one) for stack, one in by_stack.items()}
    return {"validation": dataclasses.asdict(pooled)} | ({"validation_by_stack": each} if each else {})
