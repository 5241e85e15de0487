"""Crops -> the bottlenecks of an hourglass, kept in shards while it goes on; what ``shgae extract`` runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np
import torch

from shgae.arrays import Array, Floats32, Ints
from shgae.artifacts.activation_writer import WHOLE, ActivationWriter
from shgae.artifacts.activations import LARGEST, shard_rows
from shgae.artifacts.checking import Checking
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import Draft
from shgae.data.datasets import Rows, in_chunks
from shgae.data.prefetch import behind, one_ahead
from shgae.errors import Diverged
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import fetch, sound_model
from shgae.models.hourglass import StackedHourglass
from shgae.models.zoo import LoadedHourglass
from shgae.wording import few

KEPT_SECONDS = 30.0
"""So often what is finished of a shard is kept: a kill costs less than a minute of work."""
FORMATS = {"fp32": "F32", "fp16": "F16"}
"""Number formats on disk, as safetensors names them."""
NUMBERS: dict[str, np.dtype[Any]] = {"fp32": np.dtype(np.float32), "fp16": np.dtype(np.float16)}
"""The same, as numpy names them."""


def bottlenecks_of(loaded: LoadedHourglass, stacks: tuple[int, ...]) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function that maps images (n, 3, H, W) to bottlenecks (n, stacks, C, 4, 4)."""
    model: StackedHourglass = loaded.module
    return lambda images: torch.stack(model.bottlenecks(images, stacks), dim=1)


class Extraction:
    """One model's way through the splits: reading, network, and writing run side by side, in order."""

    def __init__(
        self,
        loaded: LoadedHourglass,
        stacks: tuple[int, ...],
        inference: Inference,
        dtype: str,
        draft: Draft,
        checking: Checking,
        execution: Execution,
    ) -> None:
        """The model is on the device of the inference; stacks count from 0; ``dtype``, on disk, is a key of
        :data:`FORMATS`; ``checking`` takes the checksums of the crops meanwhile."""
        self._bottlenecks, self._inference = bottlenecks_of(loaded, stacks), inference
        self._dtype, self._format = NUMBERS[dtype], FORMATS[dtype]
        self._draft, self._checking, self._execution, self._world = draft, checking, execution, execution.world
        self._stacks, self._shape = stacks, (loaded.spec.width, 4, 4)
        self._model = loaded.artifact.path
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
        negative: list[float] = []
        if self._world.is_main:
            negative = [float(one.channel_negative.mean()) for one in writer.finish()]
            self._execution.progress.finish()
        return tuple(self._world.broadcast(negative))

    def _computed(self, crops: Crops, shards: Sequence[Rows]) -> Iterator[tuple[Rows, Floats32]]:
        """This process's batches of the rows of several shards, in order: (n,) and (stacks, n, C, 4, 4)."""
        chunks: list[Rows] = []
        for rows in shards:
            chunks += in_chunks(rows, self._inference.batch_size)
            chunks += [rows[:0]] * (-len(chunks) % self._world.size)  # so that the first process begins every shard
        batches = self._inference.over(self._bottlenecks, crops, self._execution, chunks)
        asked = ((batch.rows, fetch(tensors.float())) for batch, tensors in batches)
        # A GPU is asked for the next batch before this one is waited for; on a CPU nothing would be won.
        for rows, fetched in one_ahead(asked) if self._inference.device.type == "cuda" else asked:
            found = fetched().numpy()
            self._check(found, crops.people.annotation_id[rows])
            yield rows, found.swapaxes(0, 1)

    def _fill(
        self,
        tensors: Array,
        at: int,
        rows: Rows,
        crops: Crops,
        batches: Iterator[tuple[Rows, Floats32]],
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
        is_kept = self._world.broadcast(bool(self._draft.files()))
        fix = "the same command with --resume" if is_kept else "the same command again"
        self._execution.stop.raise_if_set(self._draft.path, fix, saved=is_kept)
        raise AssertionError("nobody asked to stop")

    def _check(self, found: Floats32, annotation_id: Ints) -> None:
        """Raises :class:`Diverged` for bottlenecks (n, stacks, C, 4, 4) of which a number cannot be kept."""
        most = min(float(np.finfo(self._dtype).max), LARGEST)
        is_lost = ~(np.abs(found) <= most)
        if not is_lost.any():
            return
        people = annotation_id[is_lost.reshape(len(found), -1).any(axis=1)].tolist()
        who = f"annotation {few([str(one) for one in people])}"
        largest, why = float(np.abs(found).max()), f"the bottleneck of {who} holds numbers that are not finite"
        if np.isfinite(largest):
            share = f"{100 * is_lost.mean():.3g} %"
            why = f"{share} of the numbers of a batch are beyond {most:,g}; the largest is {largest:,g} ({who})"
        fix = "--dtype fp32, which holds more" if largest <= LARGEST else sound_model(self._inference.precision)
        raise Diverged("activations", self._model, why, fix)
