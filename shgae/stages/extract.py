"""``shgae extract``: an hourglass and prepared data -> the bottleneck tensors of every split."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shgae.artifacts.activations import SHARD_ROWS, StatisticsSums, shard_name
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import Artifact, Draft, draft, open_artifact
from shgae.artifacts.tensors import Array, map_tensor
from shgae.data.datasets import Rows, in_chunks
from shgae.execution import Execution
from shgae.models.hourglass import StackedHourglass
from shgae.models.zoo import LoadedHourglass, load_hourglass
from shgae.recipes import SPLITS, ExtractConfig, Split, as_json
from shgae.stages.disk import check_space
from shgae.stages.pose_training import check_fits
from shgae.stages.result import made
from shgae.training.hardware import describe, resolve_device, resolve_precision
from shgae.training.inference import Inference

_NUMBERS: dict[str, np.dtype[Any]] = {"fp32": np.dtype(np.float32), "fp16": np.dtype(np.float16)}


@dataclass(frozen=True)
class ExtractResult:
    """Finished activations."""

    artifact: Artifact
    splits: dict[Split, int]
    """Rows a split."""
    shape: tuple[int, int, int]
    """One tensor: (C, 4, 4)."""
    size: int
    """Bytes of all tensors."""
    negative_share: float
    """Share of values below zero in the training split, 0 to 1."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        rest = {"shape": list(self.shape), "bytes": self.size, "negative_share": self.negative_share}
        return made(self.artifact) | {"splits": self.splits} | rest


def run(model: Path, data: Path, output: Path, config: ExtractConfig, execution: Execution) -> ExtractResult:
    """Computes the bottleneck of every person (nothing after it, no skip residual) and writes it in shards.

    Args:
        model: an hourglass artefact or run directory (then its best weights).
        data: prepared data of the model's joints and crop size.
        output: the folder to make.
        config: number formats and batch size.
        execution: device, threads, progress; ``resume`` continues after the last complete shard.

    Raises:
        Refused: the model and the data do not belong together, or the output exists.
        DiskError: the disk has less room than the tensors need.
        Interrupted: a signal came; complete shards are kept.
    """
    loaded = load_hourglass(model)
    prepared = open_artifact(data, "data")
    check_fits(loaded.artifact.facts, prepared, model, execution.progress)
    device = resolve_device(execution.device)
    config = dataclasses.replace(config, precision=resolve_precision(config.precision, device))
    crops = {split: Crops(prepared, split, config.limit) for split in SPLITS if prepared.facts["splits"].get(split)}
    shape = (loaded.spec.width, 4, 4)
    people = sum(len(rows) for rows in crops.values())
    size = people * math.prod(shape) * _NUMBERS[config.dtype].itemsize
    parents = {"model": loaded.artifact, "data": prepared}
    with draft(
        output, kind="activations", config=as_json(config), parents=parents, execution=execution, resumable=True
    ) as draft_:
        check_space(output, size - draft_.size(), f"{people:,} bottleneck tensors", execution.progress)
        extraction = _Extraction(loaded, config, device, draft_, execution)
        negative = {split: extraction.split(split, rows) for split, rows in crops.items()}
        splits = {split: len(rows) for split, rows in crops.items()}
        facts = {"splits": splits, "shape": list(shape), "dtype": config.dtype, "site": "third bottleneck residual"}
        artifact = draft_.commit(facts, device=describe(device))
    return ExtractResult(artifact, splits, shape, size, negative.get("train", next(iter(negative.values()))))


class _Extraction:
    """One model's way through the splits."""

    def __init__(
        self, loaded: LoadedHourglass, config: ExtractConfig, device: torch.device, draft: Draft, execution: Execution
    ) -> None:
        self._model: StackedHourglass = loaded.module
        self._model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._inference = Inference(device, config.precision, config.batch_size, loaded.mean_rgb)
        self._dtype = _NUMBERS[config.dtype]
        self._draft, self._execution = draft, execution
        self._shape = (loaded.spec.width, 4, 4)

    def split(self, split: str, crops: Crops) -> float:
        """Writes the shards that are not there yet, then the statistics; returns the share of negative values."""
        sums = StatisticsSums()
        self._execution.progress.start(f"extract {split}", len(crops), "people")
        for shard, rows in enumerate(in_chunks(np.arange(len(crops)), SHARD_ROWS)):
            path = self._draft.file(shard_name(split, shard))
            if path.is_file():  # shards are written whole or not at all
                self._execution.progress.advance(len(rows), "already there")
            else:
                out = np.empty((len(rows), *self._shape), self._dtype)
                done = 0
                for tensors in self._tensors(crops, rows):
                    out[done : done + len(tensors)] = tensors
                    done += len(tensors)
                self._draft.write_tensors(shard_name(split, shard), {"bottleneck": out})
            sums.add(map_tensor(path, "bottleneck"))
        statistics = sums.result()
        self._draft.write_tensors(f"{split}/statistics.safetensors", dataclasses.asdict(statistics))
        self._execution.progress.finish()
        return float(statistics.channel_negative.mean())

    def _tensors(self, crops: Crops, rows: Rows) -> Iterator[Array]:
        for _, tensors in self._inference.over(self._model.bottleneck, crops, self._execution, rows):
            self._execution.stop.raise_if_set(self._draft.path, "the same command with --resume")
            yield tensors.float().cpu().numpy()
