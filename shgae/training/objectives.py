"""What a training wants: a batch becomes a loss, a validation split becomes a score.

The loop knows none of this; an objective knows nothing of epochs, optimizers or checkpoints.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from shgae.artifacts.activations import Activations
from shgae.artifacts.crops import Crops
from shgae.data import heatmaps
from shgae.data.datasets import PoseBatch, Rows, in_chunks, load_pose_batch, read_ahead, to_images
from shgae.execution import Execution
from shgae.metrics import pck
from shgae.recipes import AutoencoderConfig, HeatmapConfig, Precision
from shgae.training.hardware import autocast
from shgae.training.seeding import sample_noise

BatchT = TypeVar("BatchT")


class Validation(NamedTuple):
    """How good a model is on the validation split."""

    score: float
    """What the best epoch has most of."""
    values: dict[str, float]
    """Numbers for the history, by name."""


class Objective(Protocol[BatchT]):
    """One of the trainings."""

    @property
    def samples(self) -> int:
        """Rows of the training split."""

    def load(self, rows: Rows, epoch: int) -> BatchT:
        """Reads rows of the training split; called in threads."""

    def loss(self, model: nn.Module, batch: BatchT) -> torch.Tensor:
        """The loss of a batch, a float32 scalar with a gradient."""

    def validate(self, model: nn.Module, execution: Execution) -> Validation:
        """Scores a model that is in eval mode."""

    def name_rows(self, rows: Rows) -> str:
        """The samples in words, for the error that names them."""


def heatmap_errors(
    maps: torch.Tensor, targets: torch.Tensor, visibility: torch.Tensor, unlabelled: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared error summed over cells, joints and people, for each stack, and the number of cells it counts.

    Args:
        maps: (N, S, K, H, W) predictions.
        targets: (N, K, H, W) float32.
        visibility: (N, K) uint8.
        unlabelled: "empty" counts every map, "masked" leaves out joints without a label.

    Returns:
        (S,) float32 sums and the float32 count; loss = (sums / count).sum() over stacks.
    """
    squares = (maps.float() - targets[:, None]).square().sum((-2, -1))
    counted = (visibility > 0) if unlabelled == "masked" else torch.ones_like(visibility, dtype=torch.bool)
    cells = targets.shape[-1] * targets.shape[-2]
    return (squares * counted[:, None]).sum((0, 2)), counted.sum(dtype=torch.float32) * cells


@dataclass(frozen=True)
class PoseObjective:
    """Mean squared error of the maps, summed over stacks; scored by the study's PCK of the last stack."""

    train: Crops
    val: Crops
    mean_rgb: Sequence[float]
    heatmap: HeatmapConfig
    device: torch.device
    precision: Precision
    batch_size: int

    @property
    def samples(self) -> int:
        """See :class:`Objective`."""
        return len(self.train)

    def load(self, rows: Rows, epoch: int) -> PoseBatch:
        """See :class:`Objective`; the crops do not depend on the epoch."""
        del epoch
        return load_pose_batch(self.train, rows)

    def loss(self, model: nn.Module, batch: PoseBatch) -> torch.Tensor:
        """See :class:`Objective`."""
        sums, count, _ = self._errors(model, batch)
        return (sums / count.clamp(min=1)).sum()

    def validate(self, model: nn.Module, execution: Execution) -> Validation:
        """See :class:`Objective`: ``val_loss`` and ``val_pck`` (all labelled joints, 0 to 1)."""
        squares, cells = 0.0, 0.0
        counts: list[pck.PCKCounts] = []
        chunks = in_chunks(np.arange(len(self.val)), self.batch_size)
        for batch in read_ahead(chunks, lambda rows: load_pose_batch(self.val, rows), execution.workers):
            with torch.inference_mode():
                sums, count, maps = self._errors(model, batch)
            squares, cells = squares + float(sums.double().sum()), cells + float(count)
            counts.append(score_maps(maps[:, -1], batch))
        score = functools.reduce(operator.add, counts).pck()["all"]
        return Validation(score or 0.0, {"val_loss": squares / max(cells, 1.0), "val_pck": score or 0.0})

    def name_rows(self, rows: Rows) -> str:
        """See :class:`Objective`."""
        return "people " + ", ".join(str(i) for i in self.train.people.annotation_id[rows])

    def _errors(self, model: nn.Module, batch: PoseBatch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        batch = batch.to(self.device)
        crop_size = batch.crops.shape[1]
        targets = heatmaps.encode(batch.xy_crop, batch.visibility, self.heatmap, crop_size=crop_size)
        with autocast(self.device, self.precision):
            maps = model(to_images(batch.crops, batch.valid, self.mean_rgb))
        return *heatmap_errors(maps, targets, batch.visibility, self.heatmap.unlabelled), maps


def score_maps(maps: torch.Tensor, batch: PoseBatch) -> pck.PCKCounts:
    """Counts the study's PCK of one batch of maps (N, K, H, W)."""
    true_cells, inside = heatmaps.cells(batch.xy_crop, batch.crops.shape[1])
    visibility = torch.where(inside, batch.visibility, 0)
    predicted = heatmaps.decode(maps.float().cpu()).cells
    return pck.count(predicted.numpy(), true_cells.numpy(), visibility.numpy(), maps.shape[-1])


class ActivationBatch(NamedTuple):
    """N bottleneck tensors, with and without noise: (N, C, 4, 4) float32."""

    noisy: torch.Tensor
    clean: torch.Tensor


@dataclass(frozen=True)
class ReconstructionObjective:
    """Mean squared error of the decoded code against the clean tensor; scored by its negative on validation."""

    train: Activations
    val: Activations
    config: AutoencoderConfig
    device: torch.device
    precision: Precision

    @property
    def samples(self) -> int:
        """See :class:`Objective`."""
        return len(self.train)

    def load(self, rows: Rows, epoch: int) -> ActivationBatch:
        """See :class:`Objective`: x + noise * x * e beside x."""
        clean = self.train.read(rows)
        noisy = clean
        if self.config.noise:
            e = sample_noise(rows, clean.shape[1:], epoch=epoch, seed=self.config.seed)
            noisy = clean + np.float32(self.config.noise) * clean * e
        return ActivationBatch(torch.from_numpy(noisy), torch.from_numpy(clean))

    def loss(self, model: nn.Module, batch: ActivationBatch) -> torch.Tensor:
        """See :class:`Objective`."""
        with autocast(self.device, self.precision):
            decoded = model(batch.noisy.to(self.device))
        return nn.functional.mse_loss(decoded.float(), batch.clean.to(self.device))

    def validate(self, model: nn.Module, execution: Execution) -> Validation:
        """See :class:`Objective`: ``val_loss`` (MSE) and ``val_fvu`` against the training mean."""
        squares, variance, values = 0.0, 0.0, 0
        mean = self.train.statistics.mean
        chunks = in_chunks(np.arange(len(self.val)), 256)
        for x in read_ahead(chunks, self.val.read, execution.workers):
            with torch.inference_mode(), autocast(self.device, self.precision):
                decoded = model(torch.from_numpy(x).to(self.device)).float().cpu().numpy()
            squares += float(np.square(x.astype(np.float64) - decoded).sum())
            variance += float(np.square(x - mean).sum())
            values += x.size
        mse = squares / values
        return Validation(-mse, {"val_loss": mse, "val_fvu": squares / variance if variance else 0.0})

    def name_rows(self, rows: Rows) -> str:
        """See :class:`Objective`."""
        return "activation rows " + ", ".join(str(row) for row in rows)
