"""``shgae extract``: an hourglass and prepared data -> the bottleneck tensors of every split."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from shgae.artifacts.activations import (
    StatisticsSums,
    pick,
    shard_name,
    shard_rows,
    site_folder,
    split_size,
    statistics_name,
)
from shgae.artifacts.compatibility import check_crops, other_joints
from shgae.artifacts.crops import Crops
from shgae.artifacts.disk_space import DryRun, check_space, free_bytes
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tensors import Array, map_tensor
from shgae.data.datasets import Rows, in_chunks
from shgae.data.mean_pose import note_near_mean_pose
from shgae.data.prefetch import behind
from shgae.errors import Diverged
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import announce, describe, determinism, resolve_device, resolve_precision
from shgae.models.hourglass import StackedHourglass
from shgae.models.zoo import LoadedHourglass, load_hourglass, no_such_stack
from shgae.recipes import SPLITS, ExtractConfig, Split, Stack, as_json
from shgae.wording import counted

_FORMATS = {"fp32": "F32", "fp16": "F16"}
_MOST_NAMED = 3
_NUMBERS: dict[str, np.dtype[Any]] = {"fp32": np.dtype(np.float32), "fp16": np.dtype(np.float16)}


@dataclass(frozen=True)
class ExtractResult:
    """Finished activations."""

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
        """What ``--json`` prints."""
        sites = {"stacks": list(self.stacks), "model_stacks": self.model_stacks}
        rest = {"shape": list(self.shape), "bytes": self.size, "negative_share": list(self.negative_share)}
        return self.artifact.to_json() | {"splits": self.splits} | sites | rest


def run(model: Path, data: Path, output: Path, config: ExtractConfig, execution: Execution) -> ExtractResult:
    """Computes the bottleneck of every person in one pass, at one stack or several, and writes it in shards.

    Nothing is computed that no bottleneck needs: of the last stack neither skips nor decoder, and no stack after it.

    Args:
        model: an hourglass artefact or run directory (then its best weights).
        data: prepared data of the model's joints and crop size.
        output: the folder to make.
        config: stack, number formats and batch size.
        execution: device, threads, progress; ``resume`` continues after the last shard that all stacks have.

    Raises:
        Refused: the model has no such stack, the model and the data do not belong together, or the output exists.
        Diverged: a number is not finite, or too large for the format on disk; shards before it are kept.
        DiskError: the disk has less room than the tensors need.
        Interrupted: a signal came; complete shards are kept.
    """
    plan = _plan(model, data, config, execution)
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
        determinism(execution.deterministic),
    ):
        check_space(output, plan.size - draft.size(), plan.what, execution.progress)
        announce(plan.device, plan.config.precision, execution.progress)
        extraction = _Extraction(plan, draft, execution)
        negative = {split: extraction.split(split, rows) for split, rows in plan.crops.items()}
        splits = {split: len(rows) for split, rows in plan.crops.items()}
        model_stacks = plan.loaded.spec.stacks
        facts = {"splits": splits, "stacks": list(plan.stacks), "model_stacks": model_stacks, "shape": list(plan.shape)}
        facts |= {"dtype": plan.config.dtype, "site": "last bottleneck residual"}
        artifact = draft.commit(facts)
    share = negative.get("train", next(iter(negative.values())))
    size = plan.tensors * math.prod(plan.shape) * _NUMBERS[plan.config.dtype].itemsize
    return ExtractResult(artifact, splits, plan.stacks, model_stacks, plan.shape, size, share)


def dry_run(model: Path, data: Path, output: Path, config: ExtractConfig, execution: Execution) -> DryRun:
    """Says what :func:`run` would make, and how long that takes by the first batch; nothing is written.

    Raises:
        Refused: as :func:`run`.
    """
    plan = _plan(model, data, config, execution)
    bottlenecks, inference = _network(plan)
    crops = next(iter(plan.crops.values()))
    rows = np.arange(min(config.batch_size, len(crops)))
    begun = 0.0
    for _ in range(2):  # the first one warms up
        begun = time.perf_counter()
        for _, tensors in inference.over(bottlenecks, crops, execution, rows):
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
        dtype = _FORMATS[self.config.dtype]
        people = [len(rows) for rows in self.crops.values()]
        return sum(split_size(count, len(self.stacks), self.loaded.spec.width, dtype) for count in people)


def _plan(model: Path, data: Path, config: ExtractConfig, execution: Execution) -> _Plan:
    loaded = load_hourglass(model)
    stacks = _stacks(config.stack, loaded.spec.stacks, model)
    prepared = open_artifact(data, "data", execution=execution)
    check_crops(loaded.artifact.facts, prepared, model, execution.progress)
    mine, theirs = loaded.skeleton.names, prepared.facts["skeleton"]["names"]
    if list(mine) != theirs:  # no bottleneck depends on them
        execution.progress.note(
            f"note: {model} was trained on {other_joints(mine, theirs, data)}; no bottleneck depends on them"
        )
    device = resolve_device(execution.device)
    config = dataclasses.replace(config, precision=resolve_precision(config.precision, device))
    crops = {split: Crops(prepared, split, config.limit) for split in SPLITS if prepared.facts["splits"].get(split)}
    note_near_mean_pose(loaded.artifact, execution.progress)
    return _Plan(loaded, prepared, config, device, stacks, crops)


def _network(plan: _Plan) -> tuple[Callable[[torch.Tensor], torch.Tensor], Inference]:
    """What gives the bottlenecks of a batch, (n, stacks, C, 4, 4), and how it is run."""
    model: StackedHourglass = plan.loaded.module
    model.to(device=plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    inference = Inference(plan.device, plan.config.precision, plan.config.batch_size, plan.loaded.mean_rgb)
    return lambda images: torch.stack(model.bottlenecks(images, plan.stacks), dim=1), inference


def _stacks(stack: Stack, has: int, model: Path) -> tuple[int, ...]:
    stacks = pick(stack, range(has))
    if not stacks:
        raise no_such_stack(stack, has, model, f"--stack {has - 1} or all")
    return stacks


class _Extraction:
    """One model's way through the splits."""

    def __init__(self, plan: _Plan, draft: Draft, execution: Execution) -> None:
        self._bottlenecks, self._inference = _network(plan)
        self._dtype = _NUMBERS[plan.config.dtype]
        self._draft, self._execution, self._world = draft, execution, execution.world
        self._stacks, self._shape = plan.stacks, plan.shape
        self._model = plan.loaded.artifact.path

    def split(self, split: str, crops: Crops) -> tuple[float, ...]:
        """Writes the shards that are not there yet, then the statistics; returns each stack's share of negatives."""
        folders = [site_folder(split, stack, self._stacks) for stack in self._stacks]
        sums = [StatisticsSums() for _ in folders]
        self._execution.progress.start(f"extract {split}", len(crops), "people")
        with behind() as hand_over:
            for shard, rows in enumerate(in_chunks(np.arange(len(crops)), shard_rows(len(folders)))):
                names = [shard_name(folder, shard) for folder in folders]
                tensors = None
                # Written whole or not at all, and as it was written.
                if self._world.broadcast(all(self._draft.has(name) for name in names)):
                    self._execution.progress.advance(len(rows), "already there")
                else:
                    tensors = self._computed(len(names), crops, rows)
                if self._world.is_main:
                    hand_over(partial(self._keep, names, tensors, sums))
        if not self._world.is_main:
            return tuple(self._world.broadcast([]))
        statistics = [sum_.result() for sum_ in sums]
        for folder, one in zip(folders, statistics, strict=True):
            self._draft.write_tensors(statistics_name(folder), dataclasses.asdict(one))
        self._execution.progress.finish()
        return tuple(self._world.broadcast([float(one.channel_negative.mean()) for one in statistics]))

    def _keep(self, names: Sequence[str], tensors: Array | None, sums: Sequence[StatisticsSums]) -> None:
        """Writes one shard of every stack, unless it is there, and counts it; the network is at the next one then."""
        for place, (name, sum_) in enumerate(zip(names, sums, strict=True)):
            if tensors is not None:
                self._draft.write_tensors(name, {"bottleneck": tensors[place]})
            sum_.add(map_tensor(self._draft.file(name), "bottleneck"))

    def _check(self, found: npt.NDArray[np.float32], annotation_id: npt.NDArray[np.int64]) -> None:
        """Raises :class:`Diverged` for bottlenecks (n, stacks, C, 4, 4) of which a number cannot be kept."""
        most = float(np.finfo(self._dtype).max)
        is_lost = ~(np.abs(found) <= most)
        if not is_lost.any():
            return
        people = annotation_id[is_lost.reshape(len(found), -1).any(axis=1)].tolist()
        more = f" and {len(people) - _MOST_NAMED:,} more" if len(people) > _MOST_NAMED else ""
        who = f"annotation {', '.join(map(str, people[:_MOST_NAMED]))}{more}"
        if not np.isfinite(found).all():
            why = f"the bottleneck of {who} holds numbers that are not finite"
            raise Diverged("activations", self._model, why, "a model whose training did not diverge")
        share, largest = f"{100 * is_lost.mean():.3g} %", f"{np.abs(found).max():,.0f}"
        why = f"{share} of the numbers of a batch are beyond {most:,.0f}, all that fp16 holds; the largest is {largest}"
        raise Diverged("activations", self._model, f"{why} ({who})", "--dtype fp32")

    def _computed(self, stacks: int, crops: Crops, rows: Rows) -> Array:
        """One shard of every stack: (stacks, n, C, 4, 4)."""
        out: Array = np.zeros((stacks, len(rows), *self._shape), self._dtype)
        for batch, tensors in self._inference.over(self._bottlenecks, crops, self._execution, rows):
            self._execution.stop.raise_if_set(self._draft.path, "the same command with --resume")
            found = tensors.float().cpu().numpy()
            self._check(found, crops.people.annotation_id[batch.rows])
            out[:, batch.rows - rows[0]] = found.swapaxes(0, 1)
        return self._world.merge_disjoint(out)
