"""What ``train`` and ``finetune`` share: a network, prepared data, and the loop between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import Artifact, draft
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.models.hourglass import StackedHourglass
from shgae.recipes import EvaluatedSplit, FinetuneConfig, HeatmapConfig, Split, TrainConfig, as_json
from shgae.stages.disk import check_training_space
from shgae.stages.result import made
from shgae.training import tensorboard
from shgae.training.hardware import describe, determinism, resolve_device, resolve_precision
from shgae.training.inference import Inference
from shgae.training.loop import FitSummary, fit
from shgae.training.objectives import PoseObjective

TRAVELS = ("skeleton", "category_id", "mean_rgb", "crop_size", "crop_policy", "margin")
"""Facts of the prepared data that a network trained on it must keep: what it saw, and how."""


@dataclass(frozen=True)
class FitResult:
    """A finished pose training."""

    artifact: Artifact
    summary: FitSummary
    parameters: int
    """Weights of the network, its batch norms' included."""
    trained_parameters: int
    """How many of them learned; the others were frozen."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        counts = {"parameters": self.parameters, "trained_parameters": self.trained_parameters}
        joints = {key: value for key, value in self.artifact.facts.items() if key == "joints"}
        best = {"best_epoch": self.summary.best_epoch, "best": self.summary.best}
        return made(self.artifact) | counts | joints | best | {"history": self.summary.history}


def check_fits(facts: Mapping[str, Any], data: Artifact, where: object, progress: Progress) -> None:
    """Refuses a network (by its facts) and prepared data of other joints or another crop size.

    Crops that were cut in another way than those the network was trained on are allowed, with a note.
    """
    check_crops(facts, data, where, progress)
    mine, theirs = facts["skeleton"]["names"], data.facts["skeleton"]["names"]
    if mine != theirs:
        fix = "data with the model's joints, in its order; or shgae finetune with --joints match or new-head"
        raise Refused("model", where, f"trained on {other_joints(mine, theirs, data.path)}", fix)


def check_crops(facts: Mapping[str, Any], data: Artifact, where: object, progress: Progress) -> None:
    """The part of :func:`check_fits` that has nothing to do with joints."""
    if facts["crop_size"] != data.facts["crop_size"]:
        why = f"trained on crop size {facts['crop_size']}, the data in {data.path} has {data.facts['crop_size']}"
        raise Refused("model", where, why, "data prepared with the model's --crop-size")
    for key in ("crop_policy", "margin"):
        if facts[key] != data.facts[key]:
            progress.note(f"note: {where} was trained with {key} = {facts[key]}, this data has {data.facts[key]}")


def other_joints(mine: Sequence[str], theirs: Sequence[str], data: object) -> str:
    """In words: how the joints of a network differ from those of some data."""
    pairs = enumerate(zip(mine, theirs, strict=False), 1)
    first = next((f"joint {n} is {a} there, {b} here" for n, (a, b) in pairs if a != b), "the first ones agree")
    return f"{len(mine)} joints, the data in {data} has {len(theirs)} ({first})"


def scored_split(data: Artifact, split: EvaluatedSplit) -> Split:
    """The split that is scored: "auto" is test, or val where there is none."""
    if split != "auto":
        return split
    return "test" if data.facts["splits"].get("test") else "val"


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
        facts: its ``spec`` and what :data:`TRAVELS`; they go into the manifest.
        config: targets and training.
        parents: the prepared ``data``, and what else it comes from.
        output: the folder to make.
        execution: device, threads, progress; ``resume`` continues an interrupted run exactly.

    Raises:
        Refused, DiskError, Diverged, Interrupted: see :mod:`shgae.errors`.
    """
    train, val = (Crops(parents["data"], split, config.limit) for split in ("train", "val"))
    device = resolve_device(execution.device)
    config = dataclasses.replace(config, precision=resolve_precision(config.precision, device))
    # channels last: convolutions run in this layout without copies, on CPUs and GPUs alike
    model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    heatmap = HeatmapConfig(**{f.name: getattr(config, f.name) for f in dataclasses.fields(HeatmapConfig)})
    inference = Inference(device, config.precision, config.batch_size, facts["mean_rgb"])
    objective = PoseObjective(train=train, val=val, heatmap=heatmap, inference=inference)
    with (
        draft(
            output,
            kind="hourglass",
            config=as_json(config),
            parents=parents,
            execution=execution,
            resumable=True,
            device=describe(device),
        ) as draft_,
        determinism(execution.deterministic),
    ):
        check_training_space(draft_, model, config, execution.progress)
        summary = fit(model, objective, config, draft_, execution)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        scores = {key: value for key, value in summary.best.items() if key.startswith("val_")}
        facts = facts | {
            "parameters": parameters,
            "trained_parameters": trained,
            "heatmap": dataclasses.asdict(heatmap),
            "best_epoch": summary.best_epoch,
            "epochs": len(summary.history),
            **scores,
        }
        artifact = draft_.commit(facts, volatile=(HISTORY, *tensorboard.files_of(draft_.path)))
    return FitResult(artifact, summary, parameters, trained)
