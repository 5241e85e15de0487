"""``shgae train``: prepared data -> baseline hourglass."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from shgae.artifacts.store import draft, open_artifact
from shgae.execution import Execution
from shgae.models.zoo import HourglassSpec, build_hourglass
from shgae.recipes import TrainConfig, as_json
from shgae.stages.pose_training import TRAVELS, FitResult, fit_pose, open_splits
from shgae.training import tensorboard
from shgae.training.hardware import describe, determinism, resolve_device, resolve_precision


def run(data: Path, output: Path, config: TrainConfig, execution: Execution) -> FitResult:
    """Trains a new hourglass and writes an hourglass artefact (best weights, checkpoint, history).

    Args:
        data: prepared data with a train and a val split.
        output: the folder to make.
        config: network, targets and training.
        execution: device, threads, progress; ``resume`` continues an interrupted run exactly.

    Raises:
        Refused, Diverged, Interrupted: see :mod:`shgae.errors`.
    """
    tensorboard.check(wanted=execution.tensorboard)
    prepared = open_artifact(data, "data", execution=execution)
    splits = open_splits(prepared, config.limit)
    device = resolve_device(execution.device)
    config = dataclasses.replace(config, precision=resolve_precision(config.precision, device))
    spec = HourglassSpec(
        keypoints=len(prepared.facts["skeleton"]["names"]),
        crop_size=prepared.facts["crop_size"],
        residual=config.residual,
        stacks=config.stacks,
        width=config.width,
    )
    facts = {"made_by": "train", "spec": spec.to_json()} | {key: prepared.facts[key] for key in TRAVELS}
    parents = {"data": prepared}
    with (
        draft(
            output,
            kind="hourglass",
            config=as_json(config),
            parents=parents,
            execution=execution,
            resumable=True,
            device=describe(device),
        ) as made,
        determinism(execution.deterministic),
    ):
        return fit_pose(build_hourglass(spec, seed=config.seed), facts, splits, config, made, execution)
