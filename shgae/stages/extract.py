"""``shgae extract``: an hourglass and prepared data -> the bottleneck tensors of every split."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from shgae.artifacts.activations import split_size
from shgae.artifacts.checking import check_sizes, checking
from shgae.artifacts.compatibility import check_crops, find_stacks, other_joints
from shgae.artifacts.crops import PEOPLE, Crops
from shgae.artifacts.disk_space import DryRun, check_space, free_bytes
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.data.mean_pose import note_near_mean_pose
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import announce, describe, placed
from shgae.inference.extraction import FORMATS, NUMBERS, Extraction, bottlenecks_of
from shgae.inference.torch_settings import determinism, settled
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.recipes import SPLITS, ExtractConfig, Split, as_json
from shgae.wording import counted


@dataclass(frozen=True)
class ExtractResult:
    artifact: Artifact
    splits: dict[Split, int]
    """People a split."""
    stacks: tuple[int, ...]
    """The stacks of these bottlenecks, counted from 0."""
    model_stacks: int
    """Stacks that the model has."""
    shape: tuple[int, int, int]
    """One tensor: (C, 4, 4)."""
    size: int
    """Bytes of all tensors."""
    negative_share: tuple[float, ...]
    """Of each stack: share of values below zero in the training split, 0 to 1."""

    def to_json(self) -> dict[str, Any]:
        sites = {"stacks": list(self.stacks), "model_stacks": self.model_stacks}
        rest = {"shape": list(self.shape), "bytes": self.size, "negative_share": list(self.negative_share)}
        return self.artifact.to_json() | {"splits": self.splits} | sites | rest


@settled()
def run(model: Path, data: Path, output: Path, config: ExtractConfig, execution: Execution) -> ExtractResult:
    """Computes the bottleneck of every person in one pass, at one stack or several, and writes it in shards.

    Nothing is computed that no bottleneck needs: of the last stack neither skips nor decoder, and no stack after it.

    Args:
        model: an hourglass artefact or run directory (then its best weights).
        data: prepared data of the model's joints and crop size.
        output: the folder to make.
        config: stack, number formats and batch size.
        execution: device, threads, progress; ``resume`` continues after the last people that were kept.

    Raises:
        Refused: the model has no such stack, the model and the data do not belong together, or the output exists.
        Diverged: a number is not finite, or too large for the format on disk.
        DiskError: the disk has less room than the tensors need.
        Interrupted: a signal came; all that was finished is kept. A kill costs half a minute and a batch
            (:data:`~shgae.inference.extraction.KEPT_SECONDS`).
    """
    plan = _plan(model, data, config, execution, output)
    read = [name for crops in plan.crops.values() for name in crops.files]
    parents = {"model": plan.loaded.artifact, "data": plan.data}
    with (
        new_artifact(
            output,
            kind="activations",
            config=as_json(plan.config),
            parents=parents,
            execution=execution,
            resumable=True,
            device=describe(plan.device),
        ) as draft,
        checking(plan.data, read, execution.world) as checked,
        determinism(execution.deterministic),
    ):
        check_space(output, plan.size - draft.size(), plan.what, execution.progress)
        announce(plan.device, plan.config.precision, execution.progress)
        inference = _inference(plan)
        extraction = Extraction(plan.loaded, plan.stacks, inference, plan.config.dtype, draft, checked, execution)
        negative = {split: extraction.split(split, rows) for split, rows in plan.crops.items()}
        splits = {split: len(rows) for split, rows in plan.crops.items()}
        model_stacks = plan.loaded.spec.stacks
        facts = {"splits": splits, "stacks": list(plan.stacks), "model_stacks": model_stacks, "shape": list(plan.shape)}
        facts |= {"dtype": plan.config.dtype, "site": "last bottleneck residual"}
        artifact = draft.commit(facts)
    share = negative.get("train", next(iter(negative.values())))
    size = plan.tensors * math.prod(plan.shape) * NUMBERS[plan.config.dtype].itemsize
    return ExtractResult(artifact, splits, plan.stacks, model_stacks, plan.shape, size, share)


@settled()
def dry_run(model: Path, data: Path, output: Path, config: ExtractConfig, execution: Execution) -> DryRun:
    """Says what :func:`run` would make, and how long that takes by the first batch; nothing is written.

    Raises:
        Refused: as :func:`run`.
    """
    plan = _plan(model, data, config, execution)
    bottlenecks, inference = bottlenecks_of(plan.loaded, plan.stacks), _inference(plan)
    crops = next(iter(plan.crops.values()))
    rows = np.arange(min(config.batch_size, len(crops)))
    verify_files(plan.data, tuple(crops.files_of(rows)), execution)
    begun = 0.0
    for _ in range(2):  # the first one warms up
        begun = time.perf_counter()
        for _, tensors in inference.over(bottlenecks, crops, execution, [rows]):
            tensors.cpu()
    people = sum(len(rows) for rows in plan.crops.values())
    seconds = (time.perf_counter() - begun) * people / len(rows)
    return DryRun(output, plan.what, plan.size, free_bytes(output), seconds)


class _Plan(NamedTuple):
    """What is extracted from what, checked."""

    loaded: LoadedHourglass
    data: Artifact
    config: ExtractConfig
    """With the precision resolved."""
    device: torch.device
    stacks: tuple[int, ...]
    crops: dict[Split, Crops]

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.loaded.spec.width, 4, 4)

    @property
    def tensors(self) -> int:
        return sum(len(rows) for rows in self.crops.values()) * len(self.stacks)

    @property
    def what(self) -> str:
        return counted(self.tensors, "bottleneck tensor")

    @property
    def size(self) -> int:
        """Bytes of all files."""
        dtype = FORMATS[self.config.dtype]
        people = [len(rows) for rows in self.crops.values()]
        return sum(split_size(count, len(self.stacks), self.loaded.spec.width, dtype) for count in people)


def _plan(model: Path, data: Path, config: ExtractConfig, execution: Execution, output: Path | None = None) -> _Plan:
    loaded = load_hourglass(model)
    has = loaded.spec.stacks
    stacks = find_stacks(config.stack, range(has), model, f"--stack {has - 1} or all")
    prepared = open_artifact(data, "data", verify=False)
    check_sizes(prepared)
    verify_files(prepared, tuple(PEOPLE.format(split=split) for split in SPLITS), execution)
    check_crops(loaded.artifact, prepared, execution.progress)
    mine, theirs = loaded.skeleton.names, prepared.facts["skeleton"]["names"]
    if list(mine) != theirs:  # no bottleneck depends on them
        execution.progress.note(
            f"note: {model} was trained on {other_joints(mine, theirs, data)}; no bottleneck depends on them"
        )
    device, config = placed(config, execution, output=output, quiet=True)
    crops = {
        split: Crops(prepared, split, config.limit, checked=False)
        for split in SPLITS
        if prepared.facts["splits"].get(split)
    }
    note_near_mean_pose(loaded.artifact, execution.progress)
    return _Plan(loaded, prepared, config, device, stacks, crops)


def _inference(plan: _Plan) -> Inference:
    """How batches are run; the network goes to the device."""
    plan.loaded.module.to(device=plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Inference(plan.device, plan.config.precision, plan.config.batch_size, plan.loaded.mean_rgb)
