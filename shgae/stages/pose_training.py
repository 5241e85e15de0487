"""What ``train`` and ``finetune`` share: a network, prepared data, and the loop between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import Artifact
from shgae.data.augmentation import augmentation_of, for_joints
from shgae.execution import Execution, Progress
from shgae.inference.batches import Inference
from shgae.inference.device import placed
from shgae.models.hourglass import StackedHourglass
from shgae.recipe_parts import AugmentConfig, augment_in_words
from shgae.recipes import FinetuneConfig, HeatmapConfig, TrainConfig, as_json
from shgae.skeleton import Skeleton
from shgae.training.drafts import commit_training, training_draft
from shgae.training.dropout import Dropout
from shgae.training.loop import FitSummary, fit
from shgae.training.objectives import PoseObjective


@dataclass(frozen=True)
class FitResult:
    artifact: Artifact
    summary: FitSummary
    parameters: int
    """Weights of the network, its batch norms' included."""
    trained_parameters: int
    """How many of them learned; the others were frozen."""

    def to_json(self) -> dict[str, Any]:
        counts = {"parameters": self.parameters, "trained_parameters": self.trained_parameters}
        joints = {key: value for key, value in self.artifact.facts.items() if key == "joints"}
        best = {"best_epoch": self.summary.best_epoch, "best": self.summary.best}
        return self.artifact.to_json() | counts | joints | best | {"history": self.summary.history}


def fit_pose(
    model: StackedHourglass,
    facts: dict[str, Any],
    config: TrainConfig | FinetuneConfig,
    parents: Mapping[str, Artifact],
    output: Path,
    execution: Execution,
) -> FitResult:
    """Trains a network on prepared data and writes an hourglass artefact (best weights, checkpoint, history).

    Args:
        model: the network, on the CPU.
        facts: its ``spec``, and what travels from data to networks (:mod:`shgae.artifacts.compatibility`); they go into
            the manifest.
        config: targets and training.
        parents: the prepared ``data``, and what else it comes from.
        output: the folder to make.
        execution: device, threads, progress; ``resume`` continues an interrupted run exactly.

    Raises:
        Refused, DiskError, Diverged, Interrupted: see :mod:`shgae.errors`.
    """
    planned = config
    skeleton = Skeleton.from_json(facts["skeleton"])
    device, config = placed(for_joints(config, skeleton), execution, output=output, quiet=True)
    # channels last: convolutions run in this layout without copies, on CPUs as on GPUs
    model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective = _objective(facts, config, parents["data"], device)
    with training_draft(output, "hourglass", config, parents, model, execution, device) as draft:
        _announce_augmentation(planned, config, skeleton, execution.progress)
        summary = fit(model, objective, config, draft, execution)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        scores = {key: value for key, value in summary.best.items() if key.startswith("val_")}
        facts = facts | {
            "parameters": parameters,
            "trained_parameters": trained,
            "heatmap": as_json(objective.heatmap),
            **scores,
        }
        artifact = commit_training(draft, summary, facts)
    return FitResult(artifact, summary, parameters, trained)


def _announce_augmentation(
    planned: AugmentConfig, config: AugmentConfig, skeleton: Skeleton, progress: Progress
) -> None:
    """Says how the crops are changed, which ``auto`` leaves to the data."""
    if (changes := augment_in_words(vars(config))) != "none":
        progress.note(f"augmentation: {changes}")
    if planned.augment == "auto" and planned.flip is None and not config.flip:
        progress.note("note: no mirror pairs of joints are known (flip_pairs), so no crop is mirrored")
    if config.flip and (said := skeleton.mirror_note()):
        progress.note(said)


def _objective(
    facts: Mapping[str, Any], config: TrainConfig | FinetuneConfig, data: Artifact, device: torch.device
) -> PoseObjective:
    """Targets, augmentation and dropout of a network on prepared data."""
    train, val = (Crops(data, split, config.limit) for split in ("train", "val"))
    heatmap = HeatmapConfig(**{f.name: getattr(config, f.name) for f in dataclasses.fields(HeatmapConfig)})
    inference = Inference(device, config.precision, config.batch_size, facts["mean_rgb"])
    augmentation = augmentation_of(config, Skeleton.from_json(facts["skeleton"]), train.crop_size, data.path)
    stacks, width = (facts["spec"][key] for key in ("stacks", "width"))
    dropout = Dropout(config.dropout, stacks, width, config.seed) if config.dropout else None
    rule = facts.get("cell_rule", "round")
    return PoseObjective(train, val, heatmap, inference, augmentation, config.seed, dropout, rule)
