"""The bottleneck tensors of one split: shards that are read memory-mapped, and the statistics of each channel.

::

    SPLIT/bottleneck-00000.safetensors    "bottleneck" (n <= 4096, C, 4, 4) float32 or float16
    SPLIT/statistics.safetensors          see :class:`ChannelStatistics`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shgae.artifacts.store import Artifact
from shgae.artifacts.tensors import Array, load_tensors, map_tensor
from shgae.errors import Refused

SHARD_ROWS = 4096


@dataclass(frozen=True)
class ChannelStatistics:
    """What one pass over a split counted, in float64."""

    mean: npt.NDArray[np.float64]
    """(C, 4, 4) mean over the people."""
    channel_mean: npt.NDArray[np.float64]
    """(C,) mean over people and positions."""
    channel_variance: npt.NDArray[np.float64]
    """(C,) variance over people and positions (divided by their number)."""
    channel_negative: npt.NDArray[np.float64]
    """(C,) share of values below zero, 0 to 1."""


class StatisticsSums:
    """Running sums of :class:`ChannelStatistics`, over batches of any size."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum: npt.NDArray[np.float64] = np.zeros(())
        self._squares: npt.NDArray[np.float64] = np.zeros(())
        self._negative: npt.NDArray[np.float64] = np.zeros(())

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
    """One split of bottleneck tensors, memory-mapped."""

    def __init__(self, artifact: Artifact, split: str, limit: int | None = None) -> None:
        """Opens a split; raises :class:`Refused` if the artefact does not hold it."""
        rows: dict[str, Any] = artifact.facts["splits"]
        if not rows.get(split):
            has = ", ".join(name for name, people in rows.items() if people)
            raise Refused(f"split {split}", artifact.path, f"these activations hold {has} only", "shgae extract again")
        self._stored = int(rows[split])
        self._rows = int(rows[split]) if limit is None else min(limit, int(rows[split]))
        shards = -(-self._rows // SHARD_ROWS)
        self._shards = [map_tensor(artifact.file(shard_name(split, shard)), "bottleneck") for shard in range(shards)]
        self.statistics = ChannelStatistics(**load_tensors(artifact.file(f"{split}/statistics.safetensors")))

    def __len__(self) -> int:
        return self._rows

    def mean(self) -> npt.NDArray[np.float64]:
        """(C, 4, 4) the mean of these rows: the stored one, or counted anew where a limit leaves rows out."""
        if self._rows == self._stored:
            return self.statistics.mean
        sums = StatisticsSums()
        for start in range(0, self._rows, SHARD_ROWS):
            sums.add(self.read(np.arange(start, min(start + SHARD_ROWS, self._rows))))
        return sums.result().mean

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The bottleneck tensors of these rows: (n, C, 4, 4) float32."""
        out = np.empty((len(rows), *self._shards[0].shape[1:]), np.float32)
        for i, row in enumerate(rows):
            out[i] = self._shards[row // SHARD_ROWS][row % SHARD_ROWS]
        return out


def shard_name(split: str, shard: int) -> str:
    """The file of a shard inside the artefact."""
    return f"{split}/bottleneck-{shard:05d}.safetensors"
