"""The bottleneck tensors of one split: shards that are read memory-mapped, and the statistics of each channel.

::

    SPLIT/bottleneck-00000.safetensors    "bottleneck" (n <= 4096, C, 4, 4) float32 or float16
    SPLIT/statistics.safetensors          see :class:`ChannelStatistics`

That is one stack's. Those of several stacks lie in SPLIT/stack-0, SPLIT/stack-1 and so on, in smaller shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shgae.arrays import Array, Floats, Floats32, Ints
from shgae.artifacts.hashing import state_of
from shgae.artifacts.store import Artifact
from shgae.artifacts.tensors import check_arrays, load_tensors, map_tensor, tensors_size
from shgae.errors import Refused

SHARD_ROWS = 4096
"""People of a shard where one stack was extracted; see :func:`shard_rows`."""
LARGEST = 1e14
"""No network that learned anything gives larger numbers, and sums of squares of these still have a float32 number."""


@dataclass(frozen=True)
class ChannelStatistics:
    """What one pass over a split counted, in float64."""

    mean: Floats
    """(C, 4, 4) mean over the people."""
    channel_mean: Floats
    """(C,) mean over people and positions."""
    channel_variance: Floats
    """(C,) variance over people and positions (divided by their number)."""
    channel_negative: Floats
    """(C,) share of values below zero, 0 to 1."""


class StatisticsSums:
    """Running sums of :class:`ChannelStatistics`, over batches of any size."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum = self._squares = self._negative = np.zeros(())

    def add(self, bottleneck: Array) -> None:
        """Counts a batch (n, C, 4, 4)."""
        values = bottleneck.astype(np.float64)
        self._rows += len(values)
        self._sum = self._sum + values.sum(0)
        self._squares = self._squares + np.einsum("nchw,nchw->c", values, values)
        self._negative = self._negative + (values < 0).sum((0, 2, 3))

    def result(self) -> ChannelStatistics:
        """The statistics of everything added."""
        mean = self._sum / self._rows
        count = self._rows * mean[0].size
        channel_mean = mean.mean((1, 2))
        variance = np.maximum(self._squares / count - channel_mean**2, 0)
        return ChannelStatistics(mean, channel_mean, variance, self._negative / count)


class Activations:
    """The bottleneck tensors of one split at one stack or several, memory-mapped.

    Several are pooled: the rows of the first person at each of them, then those of the second person, and so on.
    """

    def __init__(
        self, artifact: Artifact, split: str, limit: int | None = None, stacks: Sequence[int] | None = None
    ) -> None:
        """Opens a split (train, val or test) of activations, or its first ``limit`` people.

        Stacks are of those that the artefact holds; None takes the last of them.

        Raises:
            Refused: the artefact does not hold the split, or its statistics are none that numbers can have.
        """
        people: dict[str, Any] = artifact.facts["splits"]
        if not people.get(split):
            has = ", ".join(name for name, rows in people.items() if rows)
            raise Refused(f"split {split}", artifact.path, f"these activations hold {has} only", "shgae extract again")
        stored = int(people[split])
        self._people = stored if limit is None else min(limit, stored)
        self._is_whole = self._people == stored
        there = stacks_of(artifact)
        self.stacks = there[-1:] if stacks is None else tuple(stacks)
        self._shard_rows = shard_rows(len(there))
        self._artifact = artifact
        self._folders = folders = [site_folder(split, stack, there) for stack in self.stacks]
        numbers = range(-(-self._people // self._shard_rows))
        self._states: dict[str, tuple[int, ...]] = {}
        self._shards = [[self._opened(shard_name(folder, number)) for number in numbers] for folder in folders]
        channels = self._shards[0][0].shape[1:2] or (0,)
        for folder, shards in zip(folders, self._shards, strict=True):
            for number, shard in enumerate(shards):
                rows = min(self._shard_rows, stored - number * self._shard_rows)
                dtype = "F16" if shard.dtype == np.float16 else "F32"
                path = artifact.file(shard_name(folder, number))
                check_arrays(path, {"bottleneck": shard}, {"bottleneck": (dtype, (rows, *channels, 4, 4))})
        found = []
        for name in map(statistics_name, folders):
            arrays = load_tensors(artifact.open(name))
            check_arrays(artifact.file(name), arrays, _statistics_formats(channels[0]))
            found.append(ChannelStatistics(**arrays))
            _check_ranges(found[-1], artifact.file(name))
        self.statistics = tuple(found)
        """Of each stack, over all people of the split."""

    def _opened(self, name: str) -> Array:
        file = self._artifact.open(name)
        self._states[name] = state_of(file)
        return map_tensor(file, "bottleneck")

    def __len__(self) -> int:
        return self._people * len(self.stacks)

    def mean(self) -> Floats:
        """(C, 4, 4) the mean of these rows: the stored one, or counted again where a limit leaves people out."""
        if self._is_whole:
            mean: Floats = np.mean([one.mean for one in self.statistics], axis=0)
            return mean
        sums = StatisticsSums()
        for start in range(0, len(self), SHARD_ROWS):
            sums.add(self.read(np.arange(start, min(start + SHARD_ROWS, len(self)))))
        return sums.result().mean

    def read(self, rows: Ints) -> Floats32:
        """The bottleneck tensors of these rows: (n, C, 4, 4) float32.

        Raises:
            Refused: a number of them is not finite, or larger than :data:`LARGEST`, or a file of them was written to
                since it was opened.
        """
        out = np.empty((len(rows), *self._shards[0][0].shape[1:]), np.float32)
        people, sites = np.divmod(rows, len(self.stacks))
        shards, places = np.divmod(people, self._shard_rows)
        pairs = sorted(set(zip(sites.tolist(), shards.tolist(), strict=True)))
        names = [shard_name(self._folders[site], shard) for site, shard in pairs]
        self._artifact.check_unwritten(names, self._states)  # before: one that became shorter would kill the process
        for into, site, shard, place in zip(out, sites.tolist(), shards.tolist(), places.tolist(), strict=True):
            into[...] = self._shards[site][shard][place]
        self._artifact.check_unwritten(names, self._states)
        if not are_sound(out):
            row, *_ = np.argwhere(~(np.abs(out) <= LARGEST))[0]
            path = self._artifact.file(shard_name(self._folders[sites[row]], int(shards[row])))
            why = f"its row {places[row]} holds numbers that are not finite, or beyond {LARGEST:g}"
            fix = "shgae extract again, with a model that did not diverge in training"
            raise Refused("tensor bottleneck", path, why, fix)
        return out

    def name(self, row: int) -> str:
        """A row in words: the row of its person, and which stack's it is where there are several."""
        person, site = divmod(row, len(self.stacks))
        return str(person) if len(self.stacks) == 1 else f"{person} of stack {self.stacks[site]}"


def are_sound(numbers: Array) -> bool:
    """Whether all numbers, of any shape, are finite, and none is larger than :data:`LARGEST`; makes no copy."""
    low, high = float(numbers.min(initial=0)), float(numbers.max(initial=0))
    return low >= -LARGEST and high <= LARGEST  # False for NaN; in float16 the limit itself would be infinite


def stacks_of(artifact: Artifact) -> tuple[int, ...]:
    """The stacks that activations hold, or that an autoencoder learned, in order.

    (-1,), the last one, where the manifest names none: it is from before there was a choice.
    """
    return tuple(int(stack) for stack in artifact.facts.get("stacks", (-1,)))


def shard_rows(stacks: int) -> int:
    """People of a shard where so many stacks were extracted.

    A power of two fewer than for one stack, so that the shards of all of them, which are made in one pass, take no
    more memory than one stack's shard, and batches begin with the same people.
    """
    return SHARD_ROWS >> (stacks - 1).bit_length()


def split_size(people: int, stacks: int, channels: int, dtype: str) -> int:
    """Bytes of the files of a split: tensors of so many people at so many stacks, ``dtype`` F32 or F16."""
    whole, rest = divmod(people, shard_rows(stacks))
    rows = [shard_rows(stacks)] * whole + [rest] * bool(rest)
    each = {count: tensors_size({"bottleneck": (dtype, (count, channels, 4, 4))}) for count in set(rows)}
    statistics = tensors_size(_statistics_formats(channels))
    return stacks * (sum(each[count] for count in rows) + statistics)


def _statistics_formats(channels: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    of_channels = dict.fromkeys(("channel_mean", "channel_variance", "channel_negative"), ("F64", (channels,)))
    return {"mean": ("F64", (channels, 4, 4)), **of_channels}


def _check_ranges(found: ChannelStatistics, path: Path) -> None:
    """Raises :class:`Refused` for what cannot be the mean, variance or share of numbers up to :data:`LARGEST`."""
    share = found.channel_negative
    sound = {
        "mean": (abs(found.mean) <= LARGEST).all((1, 2)),
        "channel_mean": abs(found.channel_mean) <= LARGEST,
        "channel_variance": (found.channel_variance >= 0) & (found.channel_variance <= LARGEST**2),
        "channel_negative": (share >= 0) & (share <= 1),
    }
    for name, is_sound in sound.items():
        if not is_sound.all():
            why = f"{name} of channel {np.flatnonzero(~is_sound)[0]} is out of range"
            fix = "shgae extract again, with a model that did not diverge in training"
            raise Refused("statistics", path, why, fix)


def site_folder(split: str, stack: int, stacks: Sequence[int]) -> str:
    """The folder of one stack's tensors inside an artefact that holds those of these stacks."""
    return split if len(stacks) == 1 else f"{split}/stack-{stack}"


def shard_name(folder: str, shard: int) -> str:
    """The file of a shard inside the artefact."""
    return f"{folder}/bottleneck-{shard:05d}.safetensors"


def statistics_name(folder: str) -> str:
    """The file of the statistics inside the artefact."""
    return f"{folder}/statistics.safetensors"
