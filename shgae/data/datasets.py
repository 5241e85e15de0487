"""Stored rows -> batches: crops become images with the mean taken off."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from shgae.arrays import Floats, Ints
from shgae.artifacts.crops import Crops
from shgae.data import heatmaps
from shgae.data.augmentation import Augmentation, Warp, warped
from shgae.data.geometry import Square, covered, with_context

Rows = Ints
Batch = TypeVar("Batch", bound=Any)

_FEW = 4
"""The images of so many stay in a CPU's caches: of 256 pixels they are warped twice as fast as a batch of 16."""


class PoseBatch(NamedTuple):
    """N people of one split."""

    rows: Rows
    """(N,) their rows."""
    crops: torch.Tensor
    """(N, H, W, 3) uint8 RGB; with a warp, as stored, with the context around them."""
    valid: torch.Tensor
    """(N, 4) int64 x0, y0, x1, y1: the pixels of ``crops`` (with a warp, of the stored square) that the photo covers;
    always on the CPU."""
    xy_crop: torch.Tensor
    """(N, K, 2) float32 joints in crop pixels."""
    visibility: torch.Tensor
    """(N, K) uint8: 0 not labelled or outside the crop, 1 hidden, 2 visible."""
    warp: Warp | None = None
    """What is to happen to the pixels; it has happened to the joints."""
    factors: torch.Tensor | None = None
    """(N, S, C, 4, 4) float32 of the bottlenecks, where some of their numbers are dropped."""

    def to(self, device: torch.device) -> PoseBatch:
        there = [sent(tensor, device) for tensor in (self.crops, self.xy_crop, self.visibility)]
        warp = self.warp
        if warp is not None:
            warp = warp._replace(sampling=sent(warp.sampling, device), gains=sent(warp.gains, device))
        factors = None if self.factors is None else sent(self.factors, device)
        return self._replace(crops=there[0], xy_crop=there[1], visibility=there[2], warp=warp, factors=factors)


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor of any shape on a device; an NVIDIA or AMD GPU fetches it while the CPU goes on."""
    if device.type != "cuda":
        return tensor.to(device)
    return (tensor.pin_memory() if tensor.is_cpu else tensor).to(device, non_blocking=True)


PINNING = threading.Lock()
"""While a GPU's graph is recorded, the driver gives no memory to any thread."""


def pinned(batch: Batch, device: torch.device) -> Batch:
    """A batch (any tuple) for a device: for a GPU its tensors go to pinned memory, best in the thread that read it."""
    if device.type != "cuda":
        return batch
    with PINNING:
        made: Batch = _in_pinned_memory(batch)
    return made


def _in_pinned_memory(one: Any) -> Any:
    if isinstance(one, torch.Tensor):
        return one.pin_memory() if one.is_cpu else one
    if not isinstance(one, tuple):
        return one
    there = map(_in_pinned_memory, one)
    return one._make(there) if hasattr(one, "_make") else tuple(there)


def load_pose_batch(crops: Crops, rows: Rows) -> PoseBatch:
    """Reads these rows (N,) of a split (on the CPU; safe in any thread)."""
    valid, (xy, visibility) = crops.people.valid[rows], labels(crops, rows)
    return PoseBatch(rows, torch.from_numpy(crops.read(rows)), torch.from_numpy(valid), xy, visibility)


def labels(crops: Crops, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    """``xy_crop`` and ``visibility`` of these rows (N,), as a :class:`PoseBatch` has them."""
    xy, visibility = (torch.from_numpy(of[rows]) for of in (crops.people.xy_crop, crops.people.visibility))
    return xy, heatmaps.truth(xy, visibility, crops.crop_size)[1]


def load_augmented_batch(crops: Crops, rows: Rows, augmentation: Augmentation, uniforms: Floats) -> PoseBatch:
    """Reads these rows (N,) with their context, moves their joints, and says what is to happen to the pixels.

    The uniforms (N, DRAWS) decide it, see :mod:`shgae.data.augmentation`.
    """
    people, stored = crops.people, crops.stored_size
    around = (stored - crops.crop_size) // 2
    changes = augmentation.draw(uniforms, people.xy_crop[rows], people.visibility[rows])
    xy, visibility = augmentation.joints(changes, people.xy_crop[rows], people.visibility[rows])
    valid = people.valid[rows]
    if around:
        squares = [with_context(Square(*square), crops.crop_size, around) for square in people.square[rows].tolist()]
        sizes = people.photo_size[rows].tolist()
        valid = np.array([covered(square, (w, h), stored) for square, (w, h) in zip(squares, sizes, strict=True)])
        valid = valid.reshape(-1, 4)  # of no rows too
    return PoseBatch(
        rows,
        torch.from_numpy(crops.read(rows, context=True)),
        torch.from_numpy(valid),
        torch.from_numpy(xy),
        torch.from_numpy(visibility),
        augmentation.warp(changes, stored),
    )


def batch_images(batch: PoseBatch, mean_rgb: Sequence[float]) -> torch.Tensor:
    """What a network sees of a batch that is on its device: :func:`to_images`, then its warp, if it has one.

    (N, 3, H, W) float32, RGB - mean; H and W of the crop, without the context around it.
    """
    if batch.warp is None:
        return to_images(batch.crops, batch.valid, mean_rgb)
    sampling, gains, hidden, crop_size = batch.warp
    few = _FEW if batch.crops.is_cpu else max(len(batch.rows), 1)
    portions = zip(
        *(torch.split(part, few) for part in (batch.crops, batch.valid, sampling, gains, hidden)), strict=True
    )
    return torch.cat([warped(to_images(c, v, mean_rgb, g), Warp(s, g, h, crop_size)) for c, v, s, g, h in portions])


def to_images(
    crops: torch.Tensor, valid: torch.Tensor, mean_rgb: Sequence[float], gains: torch.Tensor | None = None
) -> torch.Tensor:
    """What a network sees of stored crops.

    Args:
        crops: (N, H, W, 3) uint8 RGB.
        valid: (N, 4) int64 x0, y0, x1, y1: pixels that the photo covers; the rest becomes the mean colour. On the
            CPU, wherever the crops are: looking at it there would wait for the GPU at every step.
        mean_rgb: the training set's mean colour, 0 to 1.
        gains: (N, 3) factors of the colours, if they are changed; what becomes brighter than 1 is 1.

    Returns:
        (N, 3, H, W) float32, RGB / 255 - mean, exactly 0 outside the photo; channels last in memory.
    """
    height, width = crops.shape[1:3]
    # A mean for every number of a row: subtracting three numbers over and over takes five times as long.
    images = crops.flatten(-2).to(torch.float32).div_(255)
    if gains is not None:
        images.mul_(gains.repeat(1, width)[:, None]).clamp_(max=1)
    images = images.sub_(_repeated(tuple(mean_rgb), width, crops.device)).view(crops.shape)
    covered = torch.tensor([0, 0, width, height])
    for i in torch.nonzero((valid != covered).any(1)).flatten().tolist():
        x0, y0, x1, y1 = valid[i].tolist()
        images[i, :y0] = 0
        images[i, y1:] = 0
        images[i, :, :x0] = 0
        images[i, :, x1:] = 0
    return images.permute(0, 3, 1, 2)


@lru_cache(maxsize=8)
def _repeated(mean_rgb: tuple[float, ...], width: int, device: torch.device) -> torch.Tensor:
    # Once a training: making a tensor on a GPU waits for it.
    with torch.inference_mode(False):
        return torch.tensor(mean_rgb, dtype=torch.float32).repeat(width).to(device)


def in_chunks(order: Rows, size: int) -> Iterator[Rows]:
    """The rows (N,) in batches (size,); the last may be smaller."""
    for start in range(0, len(order), size):
        yield order[start : start + size]
