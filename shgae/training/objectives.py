"""What a training wants: a batch becomes a loss, a validation split becomes numbers.

The loop knows none of this; an objective knows nothing of epochs, optimizers or checkpoints.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from shgae.arrays import Bools, Bytes, Floats, Floats32
from shgae.artifacts.activations import Activations
from shgae.artifacts.crops import Crops
from shgae.data import heatmaps
from shgae.data.augmentation import DRAWS, Augmentation
from shgae.data.datasets import PoseBatch, Rows, in_chunks, load_augmented_batch, load_pose_batch, sent
from shgae.data.prefetch import prefetch
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import autocast
from shgae.metrics import pck
from shgae.metrics.reconstruction import Reconstruction, ReconstructionSums
from shgae.models.autoencoder import Autoencoder
from shgae.recipes import AutoencoderConfig, CellRule, HeatmapConfig, Precision
from shgae.training.dropout import Dropout, multiplied
from shgae.training.seeding import sample_noise, sample_uniforms

BatchT = TypeVar("BatchT")

_MOVED = 4096
"""Bottleneck tensors that are sent to a device at once."""
_RECONSTRUCTED = 256
"""Tensors in one pass of an autoencoder outside training."""


class Objective(Protocol[BatchT]):
    """One of the trainings."""

    @property
    def samples(self) -> int:
        """Rows of the training split."""

    def load(self, rows: Rows, epoch: int) -> BatchT:
        """Reads rows (n,) of the training split; called in threads."""

    def weight(self, rows: Rows, epoch: int) -> int:
        """How many numbers the loss of these rows (n,) is the mean of in an epoch."""

    def loss(self, model: nn.Module, batch: BatchT, weight: int) -> torch.Tensor:
        """What a batch adds to the loss of a step, a float32 scalar with a gradient.

        Args:
            model: in train mode.
            batch: all rows of the step, or a micro-batch of them.
            weight: of all rows of the step: the micro-batches' losses then add up to the step's.
        """

    def validate(self, model: nn.Module, execution: Execution) -> dict[str, float]:
        """How good a model in eval mode is on the validation split: numbers for the history, by name."""

    def score(self, values: Mapping[str, float]) -> float:
        """The criterion of the best epoch, higher is better.

        Args:
            values: of :meth:`validate`; KeyError where they lack it.
        """

    def name_rows(self, rows: Rows) -> str:
        """The samples of rows (n,) in words, for the error that names them."""


def heatmap_errors(
    maps: torch.Tensor, targets: torch.Tensor, visibility: torch.Tensor, unlabelled: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared error summed over cells, joints and people, for each stack, and the number of cells it counts.

    Args:
        maps: (N, S, K, H, W) predictions.
        targets: (N, K, H, W) float32.
        visibility: (N, K) uint8.
        unlabelled: see :func:`~shgae.data.heatmaps.loss_counts`.

    Returns:
        (S,) float32 sums and the float32 count; loss = (sums / count).sum() over stacks.
    """
    squares = (maps.float() - targets[:, None]).square().sum((-2, -1))
    counted = heatmaps.loss_counts(visibility, unlabelled)
    cells = targets.shape[-1] * targets.shape[-2]
    return (squares * counted[:, None]).sum((0, 2)), counted.sum(dtype=torch.float32) * cells


@dataclass(frozen=True)
class PoseObjective:
    """Mean squared error of the maps, summed over stacks; scored by the original study's PCK of the last stack."""

    train: Crops
    val: Crops
    heatmap: HeatmapConfig
    inference: Inference
    augmentation: Augmentation | None = None
    seed: int = 0
    """Of the augmentation."""
    dropout: Dropout | None = None
    rule: CellRule = "round"
    """Which cell a joint falls on."""

    @property
    def samples(self) -> int:
        return len(self.train)

    def load(self, rows: Rows, epoch: int) -> PoseBatch:
        """See :class:`Objective`; the crops depend on the epoch where they are augmented."""
        if self.augmentation is None:
            batch = load_pose_batch(self.train, rows)
        else:
            batch = load_augmented_batch(self.train, rows, self.augmentation, self._uniforms(rows, epoch))
        return batch if self.dropout is None else batch._replace(factors=self.dropout.factors(rows, epoch))

    def weight(self, rows: Rows, epoch: int) -> int:
        """See :class:`Objective`: cells of the maps that count; those of joints that left the crop do not."""
        xy, visibility = self.train.people.xy_crop[rows], self.train.people.visibility[rows]
        if self.augmentation is not None:
            changes = self.augmentation.draw(self._uniforms(rows, epoch), xy, visibility)
            _, visibility = self.augmentation.joints(changes, xy, visibility)
        maps = np.count_nonzero(visibility) if self.heatmap.unlabelled == "masked" else visibility.size
        return int(maps) * (self.train.crop_size // heatmaps.STRIDE) ** 2

    def loss(self, model: nn.Module, batch: PoseBatch, weight: int) -> torch.Tensor:
        on_device = batch.to(self.inference.device)
        with multiplied(model, on_device.factors):
            maps = self.inference.forward(model, on_device)
        sums, _ = self._errors(maps, on_device)
        return (sums / sums.new_full((), max(weight, 1))).sum()

    def validate(self, model: nn.Module, execution: Execution) -> dict[str, float]:
        """See :class:`Objective`: ``val_loss`` and ``val_pck`` (all labelled joints, 0 to 1), by the model's cell rule.

        ``shgae evaluate`` counts every network on the original study's cells ("round"), so its PCK of a network with
        another rule can differ a little.
        """
        size = self.inference.batch_size
        errors = np.zeros((-(-len(self.val) // size), 2))  # of each batch, the squares and the cells they are of
        found, counted = np.zeros((2, *self.val.people.visibility.shape), np.uint8)
        execution.progress.start("validation", len(self.val), "people")
        for batch, maps in self.inference.over(model, self.val, execution):
            _end_if_stopped(execution)
            sums, count = self._errors(maps, batch)
            errors[batch.rows[0] // size] = sums.cpu().double().sum().item(), count.item()
            if not np.isfinite(errors).all():  # such maps have no peak to score; the loop ends the training
                break
            found[batch.rows], counted[batch.rows] = hits(maps[:, -1], batch, self.rule)
        execution.progress.finish()
        squares, cells = np.cumsum(execution.world.merge_disjoint(errors), axis=0)[-1].tolist()
        found, counted = execution.world.merge_disjoint(np.stack((found, counted)))
        if not math.isfinite(squares):
            return {"val_loss": squares, "val_pck": math.nan}
        score = pck.tally(found > 0, counted).pck().all or 0.0
        return {"val_loss": squares / max(cells, 1.0), "val_pck": score}

    def score(self, values: Mapping[str, float]) -> float:
        """See :class:`Objective`: the PCK."""
        return values["val_pck"]

    def name_rows(self, rows: Rows) -> str:
        return "people " + ", ".join(str(i) for i in self.train.people.annotation_id[rows])

    def _uniforms(self, rows: Rows, epoch: int) -> Floats:
        return sample_uniforms(rows, DRAWS, epoch=epoch, seed=self.seed)

    def _errors(self, maps: torch.Tensor, batch: PoseBatch) -> tuple[torch.Tensor, torch.Tensor]:
        crop_size = self.train.crop_size
        targets = heatmaps.encode(batch.xy_crop, batch.visibility, self.heatmap, crop_size, self.rule)
        return heatmap_errors(maps, targets, batch.visibility, self.heatmap.unlabelled)


def hits(maps: torch.Tensor, batch: PoseBatch, rule: CellRule = "round") -> tuple[Bools, Bytes]:
    """Which joints maps (N, K, H, W) find by the original study's PCK, and their v, 0 where none counts: (N, K)."""
    true_cells, visibility = heatmaps.truth(batch.xy_crop, batch.visibility, batch.crops.shape[1], rule)
    predicted = heatmaps.decode(maps).cells
    found = pck.hits(predicted.cpu().numpy(), true_cells.cpu().numpy(), maps.shape[-1])
    return found, visibility.cpu().numpy()


def _end_if_stopped(execution: Execution) -> None:
    execution.stop.raise_if_set("validation", "the same command with --resume")


class ActivationBatch(NamedTuple):
    """N bottleneck tensors, with and without noise: (N, C, 4, 4) float32."""

    noisy: torch.Tensor
    clean: torch.Tensor


class ResidentBatch(NamedTuple):
    """N bottleneck tensors that lie on the device."""

    rows: torch.Tensor
    """(N,) int64: which."""
    noise: torch.Tensor | None
    """(N, C, 4, 4) float32, standard normal; None where there is none."""


def resident(rows: Activations, device: torch.device) -> torch.Tensor | None:
    """All tensors (N, C, 4, 4) float32 on a GPU of which they take at most half of the free memory; None elsewhere."""
    if device.type != "cuda":
        return None
    shape = rows.read(np.arange(1)).shape[1:]
    free, _ = torch.cuda.mem_get_info(device)
    if 4 * len(rows) * math.prod(shape) > free // 2:
        return None
    return moved(rows, device)


def moved(rows: Activations, device: torch.device) -> torch.Tensor:
    """All tensors (N, C, 4, 4) float32 on a device; a part of them at a time is in memory."""
    there = torch.empty((len(rows), *rows.read(np.arange(1)).shape[1:]), device=device)
    for part in in_chunks(np.arange(len(rows)), _MOVED):
        there[part[0] : part[-1] + 1] = torch.from_numpy(rows.read(part))
    return there


@dataclass(frozen=True)
class ReconstructionObjective:
    """Mean squared error of the decoded code against the clean tensor; scored by its negative on validation."""

    train: Activations
    val: Activations
    config: AutoencoderConfig
    device: torch.device
    precision: Precision
    there: torch.Tensor | None = None
    """All rows of ``train`` on the device, where it has room; see :func:`resident`."""

    @property
    def samples(self) -> int:
        return len(self.train)

    @functools.cached_property
    def mean(self) -> Floats:
        """(C, 4, 4): the mean of the training rows that are used."""
        return self.train.mean()

    def load(self, rows: Rows, epoch: int) -> ActivationBatch | ResidentBatch:
        """See :class:`Objective`: x + noise * x * e next to x, or what gives both on the device."""
        if self.there is not None:
            noise = torch.from_numpy(self._noise(rows, self.there.shape[1:], epoch)) if self.config.noise else None
            return ResidentBatch(torch.from_numpy(rows), noise)
        noisy = clean = self.train.read(rows)
        if self.config.noise:
            noisy = clean + np.float32(self.config.noise) * clean * self._noise(rows, clean.shape[1:], epoch)
        return ActivationBatch(torch.from_numpy(noisy), torch.from_numpy(clean))

    def _noise(self, rows: Rows, shape: tuple[int, ...], epoch: int) -> Floats32:
        return sample_noise(rows, shape, epoch=epoch, seed=self.config.seed)

    def weight(self, rows: Rows, epoch: int) -> int:
        """See :class:`Objective`: numbers of the tensors."""
        del epoch
        return len(rows) * self.mean.size

    def loss(self, model: nn.Module, batch: ActivationBatch | ResidentBatch, weight: int) -> torch.Tensor:
        noisy, clean = self._on_device(batch)
        with autocast(self.device, self.precision):
            decoded = model(noisy).float()
        squares = nn.functional.mse_loss(decoded, clean, reduction="sum")
        return squares / squares.new_full((), weight)

    def _on_device(self, batch: ActivationBatch | ResidentBatch) -> ActivationBatch:
        if isinstance(batch, ActivationBatch):
            return ActivationBatch(*(sent(tensor, self.device) for tensor in batch))
        assert self.there is not None
        clean = self.there[sent(batch.rows, self.device)]
        if batch.noise is None:
            return ActivationBatch(clean, clean)
        # In the order of load(), a rounding each: the same bits.
        return ActivationBatch(clean + self.config.noise * clean * sent(batch.noise, self.device), clean)

    def validate(self, model: nn.Module, execution: Execution) -> dict[str, float]:
        """See :class:`Objective`: ``val_loss`` (MSE) and ``val_fvu`` against the mean of the training split."""
        if not isinstance(model, Autoencoder):
            raise TypeError("only an autoencoder reconstructs")
        found = reconstruct(model, self.val, self.mean, self.device, self.precision, execution)
        return {"val_loss": found.mse, "val_fvu": found.fvu or 0.0}

    def score(self, values: Mapping[str, float]) -> float:
        """See :class:`Objective`: the MSE, negative."""
        return -values["val_loss"]

    def name_rows(self, rows: Rows) -> str:
        return "activation rows " + ", ".join(self.train.name(int(row)) for row in rows)


def reconstruct(
    autoencoder: Autoencoder,
    rows: Activations,
    mean: Floats,
    device: torch.device,
    precision: Precision,
    execution: Execution,
) -> Reconstruction:
    """One float64 pass over a split, without noise: MSE, FVU against a mean (C, 4, 4), ReLU floor, dead code units."""
    sums = ReconstructionSums(mean)
    for x in prefetch(in_chunks(np.arange(len(rows)), _RECONSTRUCTED), rows.read, execution.workers):
        _end_if_stopped(execution)
        with torch.inference_mode(), autocast(device, precision):
            code = autoencoder.encode(torch.from_numpy(x).to(device))
            decoded = autoencoder.decode(code)
        sums.add(x, decoded.float().cpu().numpy(), code.float().cpu().numpy())
    return sums.result()
