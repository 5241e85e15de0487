"""What ``train`` and ``finetune`` share: a network, prepared data, and the loop between them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import Artifact, Draft
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.hourglass import StackedHourglass
from shgae.recipes import FinetuneConfig, HeatmapConfig, TrainConfig
from shgae.stages.result import made
from shgae.training.hardware import resolve_device
from shgae.training.loop import FitSummary, fit
from shgae.training.objectives import PoseObjective

TRAVELS = ("skeleton", "mean_rgb", "crop_size", "crop_policy", "margin")
"""Facts of the prepared data that a network trained on it must keep: what it saw, and how."""


@dataclass(frozen=True)
class FitResult:
    """A finished pose training."""

    artifact: Artifact
    summary: FitSummary
    parameters: int
    """Weights of the network, its batch norms' included."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        best = {"best_epoch": self.summary.best_epoch, "best": self.summary.best}
        return made(self.artifact) | {"parameters": self.parameters} | best | {"history": self.summary.history}


def check_fits(facts: dict[str, Any], data: Artifact, where: object) -> None:
    """Refuses a network (by its facts) and prepared data of other joints or another crop size."""
    for key, name in (("crop_size", "crop size"), ("skeleton", "joints")):
        if facts[key] != data.facts[key]:
            mine, theirs = _short(facts[key]), _short(data.facts[key])
            why = f"trained on {name} {mine}, the data in {data.path} has {theirs}"
            raise Refused("model", where, why, f"data prepared with the model's {name}")


def fit_pose(
    model: StackedHourglass,
    facts: dict[str, Any],
    data: Artifact,
    config: TrainConfig | FinetuneConfig,
    draft: Draft,
    execution: Execution,
) -> FitResult:
    """Trains a network on prepared data and commits the draft.

    Args:
        model: the network, on the CPU.
        facts: its ``spec`` and what :data:`TRAVELS`; they go into the manifest.
        data: prepared data; its train and val splits are used.
        config: with the precision resolved.
        draft: the artefact being made.
        execution: device, threads, progress.
    """
    device = resolve_device(execution.device)
    # channels last: convolutions run in this layout without copies, on CPUs and GPUs alike
    model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    heatmap = HeatmapConfig(**{f.name: getattr(config, f.name) for f in dataclasses.fields(HeatmapConfig)})
    objective = PoseObjective(
        train=Crops(data, "train", config.limit),
        val=Crops(data, "val", config.limit),
        mean_rgb=facts["mean_rgb"],
        heatmap=heatmap,
        device=device,
        precision=config.precision,
        batch_size=config.batch_size,
    )
    summary = fit(model, objective, config, draft, execution)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    scores = {key: value for key, value in summary.best.items() if key.startswith("val_")}
    facts = facts | {
        "parameters": parameters,
        "heatmap": dataclasses.asdict(heatmap),
        "best_epoch": summary.best_epoch,
        "epochs": len(summary.history),
        **scores,
    }
    artifact = draft.commit(facts, volatile=(HISTORY,), device=str(device))
    return FitResult(artifact, summary, parameters)


def _short(value: Any) -> str:
    if isinstance(value, dict) and "names" in value:
        names = value["names"]
        return f"{len(names)} ({names[0]} ... {names[-1]})"
    return str(value)
