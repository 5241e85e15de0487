"""``shgae finetune``: an hourglass, grafted or not, and prepared data -> the same network, trained on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from shgae.artifacts.compatibility import check_crops, joint_mismatch, other_joints, seen
from shgae.artifacts.store import Artifact, open_artifact
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.inference.torch_settings import settled
from shgae.models.hourglass import StackedHourglass
from shgae.models.joints import with_joints
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.recipes import FinetuneConfig, HeatmapConfig, as_json
from shgae.skeleton import Skeleton
from shgae.stages.pose_training import FitResult, fit_pose
from shgae.training import tensorboard
from shgae.training.freezing import train_only


@settled()
def run(model: Path, data: Path, output: Path, config: FinetuneConfig, execution: Execution) -> FitResult:
    """Trains a network on, without noise in its autoencoder, and writes an hourglass artefact.

    Args:
        model: an hourglass artefact or run directory (then its best weights).
        data: prepared data with a train and a val split, of the model's crop size; of its joints too, unless
            ``config.joint_mismatch`` says what to do.
        output: the folder to make.
        config: what learns, joints, targets and training.
        execution: device, threads, progress; ``resume`` continues an interrupted run exactly.

    Raises:
        Refused, DiskError, Diverged, Interrupted: see :mod:`shgae.errors`.
    """
    tensorboard.check(wanted=execution.tensorboard)
    loaded = load_hourglass(model)
    prepared = open_artifact(data, "data", execution=execution)
    check_crops(loaded.artifact, prepared, execution.progress)
    module, spec, joints = _on_joints(loaded, prepared, config)
    train_only(module, config.trainable)
    if joints.get("new") and spec.stacks > 1 and config.trainable in ("head", "autoencoder"):
        what = "what a stack passes on of the new joints' maps starts at zero and, with"
        execution.progress.note(
            f"note: {what} --trainable {config.trainable}, stays there; --trainable decoder would teach it"
        )
    _note_other_targets(loaded.artifact, config, execution.progress)
    # The colour that is taken off stays the one that the weights know; the crops are those of the new data.
    kept = seen(prepared.facts) | {"mean_rgb": list(loaded.mean_rgb)}
    kept |= {"cell_rule": loaded.cell_rule} if loaded.cell_rule != "round" else {}
    facts = {"made_by": "finetune", "spec": spec.to_json()} | ({"joints": joints} if joints else {}) | kept
    parents = {"model": loaded.artifact, "data": prepared}
    return fit_pose(module, facts, config, parents, output, execution)


def _on_joints(
    loaded: LoadedHourglass, prepared: Artifact, config: FinetuneConfig
) -> tuple[StackedHourglass, HourglassSpec, dict[str, Any]]:
    """The network with the data's joints, its spec, and, where they may differ, which have a trained channel."""
    mine, theirs = loaded.skeleton, Skeleton.from_json(prepared.facts["skeleton"])
    if config.joint_mismatch == "error":
        if mine.names != theirs.names:
            why = f"trained on {other_joints(mine.names, theirs.names, prepared.path)}"
            raise Refused("model", loaded.artifact.path, why, joint_mismatch(loaded.artifact, prepared))
        return loaded.module, loaded.spec, {}
    by_name = theirs.sources(mine)
    sources = by_name if config.joint_mismatch != "reset" else (None,) * len(theirs)
    if config.joint_mismatch == "match" and not any(source is not None for source in sources):
        why = f"none of its {len(mine)} joints has the name of one of the data's {len(theirs)}"
        raise Refused("--joint-mismatch match", loaded.artifact.path, why, "--joint-mismatch reset")
    trained = [name for name, source in zip(theirs.names, sources, strict=True) if source is not None]
    gone = [name for joint, name in enumerate(mine.names) if joint not in by_name]
    joints = {
        "how": as_json(config)["joints"],  # as manifests spell it
        "trained": trained,
        "new": [name for name in theirs.names if name not in trained],
        "gone": gone,
    }
    if sources == tuple(range(len(mine))):
        return loaded.module, loaded.spec, joints
    return *with_joints(loaded.module, loaded.spec, sources, config.seed), joints


def _note_other_targets(model: Artifact, config: FinetuneConfig, progress: Progress) -> None:
    known = model.facts.get("heatmap")
    before = dataclasses.asdict(HeatmapConfig(**known)) if known else {}
    for key, value in before.items():
        if getattr(config, key) != value:
            progress.note(f"note: the model was trained with {key} = {value}, now it is {getattr(config, key)}")
