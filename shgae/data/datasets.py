"""Stored rows -> batches: crops become images with the mean taken off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from shgae.artifacts.crops import Crops

Rows = npt.NDArray[np.int64]


class PoseBatch(NamedTuple):
    """N people of one split."""

    rows: Rows
    """(N,) their rows."""
    crops: torch.Tensor
    """(N, H, W, 3) uint8 RGB."""
    valid: torch.Tensor
    """(N, 4) int64 x0, y0, x1, y1: the crop's pixels that the photo covers; always on the CPU."""
    xy_crop: torch.Tensor
    """(N, K, 2) float32 joints in crop pixels."""
    visibility: torch.Tensor
    """(N, K) uint8: 0 not labelled, 1 hidden, 2 visible."""

    def to(self, device: torch.device) -> PoseBatch:
        """The same batch on a device."""
        there = [_sent(tensor, device) for tensor in (self.crops, self.xy_crop, self.visibility)]
        return self._replace(crops=there[0], xy_crop=there[1], visibility=there[2])


def _sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    # From pinned memory a GPU fetches it while the CPU goes on.
    pinned = tensor.pin_memory() if tensor.is_cpu and device.type == "cuda" else tensor
    return pinned.to(device, non_blocking=True)


def load_pose_batch(crops: Crops, rows: Rows) -> PoseBatch:
    """Reads these rows of a split (on the CPU; safe in any thread)."""
    people = crops.people
    return PoseBatch(
        rows,
        torch.from_numpy(crops.read(rows)),
        torch.from_numpy(people.valid[rows]),
        torch.from_numpy(people.xy_crop[rows]),
        torch.from_numpy(people.visibility[rows]),
    )


def to_images(crops: torch.Tensor, valid: torch.Tensor, mean_rgb: Sequence[float]) -> torch.Tensor:
    """What a network sees of stored crops.

    Args:
        crops: (N, H, W, 3) uint8 RGB.
        valid: (N, 4) int64 x0, y0, x1, y1: pixels that the photo covers; the rest becomes the mean colour. On the
            CPU, wherever the crops are: looking at it there would wait for the GPU at every step.
        mean_rgb: the training set's mean colour, 0 to 1.

    Returns:
        (N, 3, H, W) float32, RGB / 255 - mean, exactly 0 outside the photo; channels last in memory.
    """
    height, width = crops.shape[1:3]
    mean = torch.tensor(mean_rgb, dtype=torch.float32, device=crops.device)
    # A mean for every number of a row: subtracting three numbers over and over takes five times as long.
    images = crops.flatten(-2).to(torch.float32).div_(255).sub_(mean.repeat(width)).view(crops.shape)
    covered = torch.tensor([0, 0, width, height])
    for i in torch.nonzero((valid != covered).any(1)).flatten().tolist():
        x0, y0, x1, y1 = valid[i].tolist()
        images[i, :y0] = 0
        images[i, y1:] = 0
        images[i, :, :x0] = 0
        images[i, :, x1:] = 0
    return images.permute(0, 3, 1, 2)


def in_chunks(order: Rows, size: int) -> Iterator[Rows]:
    """The rows in batches of ``size``; the last may be smaller."""
    for start in range(0, len(order), size):
        yield order[start : start + size]
