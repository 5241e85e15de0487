"""``shgae train``: prepared data -> baseline hourglass."""

from __future__ import annotations

from pathlib import Path

from shgae.artifacts.compatibility import seen
from shgae.artifacts.store import open_artifact
from shgae.execution import Execution
from shgae.inference.torch_settings import settled
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass
from shgae.recipes import TrainConfig
from shgae.stages.pose_training import FitResult, fit_pose
from shgae.training import tensorboard


@settled()
def run(data: Path, output: Path, config: TrainConfig, execution: Execution) -> FitResult:
    """Trains a new hourglass and writes an hourglass artefact (best weights, checkpoint, history).

    Args:
        data: prepared data with a train and a val split.
        output: the folder to make.
        config: network, targets and training.
        execution: device, threads, progress; ``resume`` continues an interrupted run exactly.

    Raises:
        Refused, DiskError, Diverged, Interrupted: see :mod:`shgae.errors`.
    """
    tensorboard.check(wanted=execution.tensorboard)
    prepared = open_artifact(data, "data", execution=execution)
    spec = HourglassSpec(
        keypoints=len(prepared.facts["skeleton"]["names"]),
        crop_size=prepared.facts["crop_size"],
        residual=config.residual,
        stacks=config.stacks,
        width=config.width,
    )
    facts = {"made_by": "train", "spec": spec.to_json()} | seen(prepared.facts)
    return fit_pose(build_hourglass(spec, seed=config.seed), facts, config, {"data": prepared}, output, execution)
