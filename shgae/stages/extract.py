"""``shgae extract``: an hourglass and prepared data -> the bottleneck tensors of every split."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
import torch

from shgae.artifacts.activation_writer import WHOLE, ActivationWriter
from shgae.artifacts.activations import LARGEST, shard_rows, split_size
from shgae.artifacts.checking import Checking, check_sizes, checking
from shgae.artifacts.compatibility import check_crops, find_stacks, other_joints
from shgae.artifacts.crops import PEOPLE, Crops
from shgae.artifacts.disk_space import DryRun, check_space, free_bytes
from shgae.artifacts.draft import Draft, new_artifact
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.artifacts.tensors import Array
from shgae.data.datasets import Rows, in_chunks
from shgae.data.mean_pose import note_near_mean_pose
from shgae.data.prefetch import behind
from shgae.errors import Diverged
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import announce, describe, determinism, placed, sound_model
from shgae.models.hourglass import StackedHourglass
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.recipes import SPLITS, ExtractConfig, Split, as_json
from shgae.wording import counted

KEPT_SECONDS = 30.0
"""So often what is finished of a shard is kept: a kill costs less than a minute of work."""
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
        execution: device, threads, progress; ``resume`` continues after the last people that were kept.

    Raises:
        Refused: the model has no such stack, the model and the data do not belong together, or the output exists.
        Diverged: a number is not finite, or too large for the format on disk.
        DiskError: the disk has less room than the tensors need.
        Interrupted: a signal came; all that was finished is kept. A kill costs :data:`KEPT_SECONDS` and a batch.
    """
    plan = _plan(model, data, config, execution)
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
        extraction = _Extraction(plan, draft, checked, execution)
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
        dtype = _FORMATS[self.config.dtype]
        people = [len(rows) for rows in self.crops.values()]
        return sum(split_size(count, len(self.stacks), self.loaded.spec.width, dtype) for count in people)


def _plan(model: Path, data: Path, config: ExtractConfig, execution: Execution) -> _Plan:
    loaded = load_hourglass(model)
    has = loaded.spec.stacks
    stacks = find_stacks(config.stack, range(has), model, f"--stack {has - 1} or all")
    prepared = open_artifact(data, "data", verify=False)
    check_sizes(prepared)
    verify_files(prepared, tuple(PEOPLE.format(split=split) for split in SPLITS), execution)
    check_crops(loaded.artifact.facts, prepared, model, execution.progress)
    mine, theirs = loaded.skeleton.names, prepared.facts["skeleton"]["names"]
    if list(mine) != theirs:  # no bottleneck depends on them
        execution.progress.note(
            f"note: {model} was trained on {other_joints(mine, theirs, data)}; no bottleneck depends on them"
        )
    device, config = placed(config, execution, quiet=True)
    crops = {
        split: Crops(prepared, split, config.limit, checked=False)
        for split in SPLITS
        if prepared.facts["splits"].get(split)
    }
    note_near_mean_pose(loaded.artifact, execution.progress)
    return _Plan(loaded, prepared, config, device, stacks, crops)


def _network(plan: _Plan) -> tuple[Callable[[torch.Tensor], torch.Tensor], Inference]:
    """What gives the bottlenecks of a batch, (n, stacks, C, 4, 4), and how it is run."""
    model: StackedHourglass = plan.loaded.module
    model.to(device=plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    inference = Inference(plan.device, plan.config.precision, plan.config.batch_size, plan.loaded.mean_rgb)
    return lambda images: torch.stack(model.bottlenecks(images, plan.stacks), dim=1), inference


class _Extraction:
    """One model's way through the splits: reading, network, and writing run side by side, in order."""

    def __init__(self, plan: _Plan, draft: Draft, checking: Checking, execution: Execution) -> None:
        self._bottlenecks, self._inference = _network(plan)
        self._dtype, self._format = _NUMBERS[plan.config.dtype], _FORMATS[plan.config.dtype]
        self._draft, self._checking, self._execution, self._world = draft, checking, execution, execution.world
        self._stacks, self._shape = plan.stacks, plan.shape
        self._model = plan.loaded.artifact.path
        self._kept_at = time.monotonic()

    def split(self, split: str, crops: Crops) -> tuple[float, ...]:
        """Writes the shards that are not there yet, then the statistics; returns each stack's share of negatives."""
        writer = ActivationWriter(self._draft, split, self._stacks, self._shape, self._format)
        shards = list(in_chunks(np.arange(len(crops)), shard_rows(len(self._stacks))))
        kept = self._world.broadcast([writer.kept(number) for number in range(len(shards))])
        left = [rows[len(rows) if at == WHOLE else at :] for rows, at in zip(shards, kept, strict=True)]
        self._execution.progress.start(f"extract {split}", len(crops), "people", len(crops) - sum(map(len, left)))
        batches = self._computed(crops, left)
        is_stopped = False
        with behind() as hand_over:
            for number, (rows, at) in enumerate(zip(shards, kept, strict=True)):
                tensors = None
                if at != WHOLE:
                    tensors = np.zeros((len(self._stacks), len(rows), *self._shape), self._dtype)
                    writer.restore(number, tensors[:, :at])
                    keep = partial(writer.keep, number)
                    is_stopped = self._fill(tensors, at, rows, crops, batches, keep, hand_over)
                if is_stopped:
                    break
                if self._world.is_main:
                    hand_over(partial(writer.complete, number, tensors))
        if is_stopped:
            self._end()
        if not self._world.is_main:
            return tuple(self._world.broadcast([]))
        statistics = writer.finish()
        self._execution.progress.finish()
        return tuple(self._world.broadcast([float(one.channel_negative.mean()) for one in statistics]))

    def _computed(self, crops: Crops, shards: Sequence[Rows]) -> Iterator[tuple[Rows, npt.NDArray[np.float32]]]:
        """This process's batches of the rows of several shards, in order: (n,) and (stacks, n, C, 4, 4)."""
        chunks: list[Rows] = []
        for rows in shards:
            chunks += in_chunks(rows, self._inference.batch_size)
            chunks += [rows[:0]] * (-len(chunks) % self._world.size)  # so that the first process begins every shard
        for batch, tensors in self._inference.over(self._bottlenecks, crops, self._execution, chunks):
            found = tensors.float().cpu().numpy()
            self._check(found, crops.people.annotation_id[batch.rows])
            yield batch.rows, found.swapaxes(0, 1)

    def _fill(
        self,
        tensors: Array,
        at: int,
        rows: Rows,
        crops: Crops,
        batches: Iterator[tuple[Rows, npt.NDArray[np.float32]]],
        keep: Callable[[int, Array], None],
        hand_over: Callable[[Callable[[], None]], None],
    ) -> bool:
        """Computes the rest of a shard (stacks, n, C, 4, 4) from row ``at`` on; whether a wish to stop ended it."""
        each, world = self._inference.batch_size, self._world
        for first in range(at, len(rows), each * world.size):
            end = min(first + each * world.size, len(rows))
            if first + each * world.rank < end:
                mine, found = next(batches)
                tensors[:, mine - rows[0]] = found
            self._checking.look()
            is_stopped = world.any_stopped(self._execution.stop)
            is_due = world.broadcast(time.monotonic() - self._kept_at > KEPT_SECONDS)
            if not (end == len(rows) or is_stopped or is_due):
                continue
            read = crops.files_of(rows[at:end])
            self._checking.wait(read)
            crops.check_same(read)
            tensors[:, at:end] = world.merge_disjoint(tensors[:, at:end])
            if world.is_main and (is_stopped or end < len(rows)):
                hand_over(partial(keep, at, tensors[:, at:end]))
            at, self._kept_at = end, time.monotonic()
            if is_stopped:
                return True
        return False

    def _end(self) -> NoReturn:
        """Ends it after a signal, when everything that was finished lies on the disk."""
        is_kept = self._world.broadcast(self._draft.holds_files())
        fix = "the same command with --resume" if is_kept else "the same command again"
        self._execution.stop.raise_if_set(self._draft.path, fix, saved=is_kept)
        raise AssertionError("nobody asked to stop")

    def _check(self, found: npt.NDArray[np.float32], annotation_id: npt.NDArray[np.int64]) -> None:
        """Raises :class:`Diverged` for bottlenecks (n, stacks, C, 4, 4) of which a number cannot be kept."""
        most = min(float(np.finfo(self._dtype).max), LARGEST)
        is_lost = ~(np.abs(found) <= most)
        if not is_lost.any():
            return
        people = annotation_id[is_lost.reshape(len(found), -1).any(axis=1)].tolist()
        more = f" and {len(people) - _MOST_NAMED:,} more" if len(people) > _MOST_NAMED else ""
        who = f"annotation {', '.join(map(str, people[:_MOST_NAMED]))}{more}"
        if not np.isfinite(found).all():
            why = f"the bottleneck of {who} holds numbers that are not finite"
            raise Diverged("activations", self._model, why, sound_model(self._inference.precision))
        share, largest = f"{100 * is_lost.mean():.3g} %", float(np.abs(found).max())
        if largest > LARGEST:
            why = f"{share} of the numbers of a batch are beyond {LARGEST:g}; the largest is {largest:.3g} ({who})"
            raise Diverged("activations", self._model, why, sound_model(self._inference.precision))
        why = f"{share} of the numbers of a batch are beyond {most:,.0f}, all that fp16 holds"
        raise Diverged("activations", self._model, f"{why}; the largest is {largest:,.0f} ({who})", "--dtype fp32")
