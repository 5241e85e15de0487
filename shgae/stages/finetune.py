"""``shgae finetune``: an hourglass, grafted or not, and prepared data -> the same network, trained on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from shgae.artifacts.store import draft, open_artifact
from shgae.execution import Execution
from shgae.models.zoo import load_hourglass
from shgae.recipes import FinetuneConfig, as_json
from shgae.stages.pose_training import TRAVELS, FitResult, check_fits, fit_pose, open_splits
from shgae.training.hardware import resolve_device, resolve_precision


def run(model: Path, data: Path, output: Path, config: FinetuneConfig, execution: Execution) -> FitResult:
    """Trains all weights of a network on, without noise in its autoencoder, and writes an hourglass artefact.

    Args:
        model: an hourglass artefact or run directory (then its best weights).
        data: prepared data with a train and a val split, of the model's joints and crop size.
        output: the folder to make.
        config: targets and training.
        execution: device, threads, progress; ``resume`` continues an interrupted run exactly.

    Raises:
        Refused, Diverged, Interrupted: see :mod:`shgae.errors`.
    """
    loaded = load_hourglass(model)
    prepared = open_artifact(data, "data")
    before = dict(loaded.artifact.facts)
    check_fits(before, prepared, model, execution.progress)
    splits = open_splits(prepared, config.limit)
    device = resolve_device(execution.device)
    config = dataclasses.replace(config, precision=resolve_precision(config.precision, device))
    trained_on = before.get("heatmap", {})
    for key, value in trained_on.items():
        if getattr(config, key) != value:
            execution.progress.note(
                f"note: the model was trained with {key} = {value}, now it is {getattr(config, key)}"
            )
    # The colour that is taken off stays the one that the weights know; the crops are those of the new data.
    seen = {key: prepared.facts[key] for key in TRAVELS} | {"mean_rgb": before["mean_rgb"]}
    facts = {"made_by": "finetune", "spec": loaded.spec.to_json()} | seen
    parents = {"model": loaded.artifact, "data": prepared}
    with draft(
        output, kind="hourglass", config=as_json(config), parents=parents, execution=execution, resumable=True
    ) as made:
        return fit_pose(loaded.module, facts, splits, config, made, execution)
