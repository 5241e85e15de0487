"""Training crops, changed at random: one affine map for pixels and joints, colours, and a rectangle that hides.

What happens to a sample follows from :data:`DRAWS` uniform numbers, which the training draws for (seed, epoch, row).
Each part has numbers of its own, so that switching one on leaves the others as they were. Joints are moved where
batches are read; pixels on the device, a batch at once, in a single resampling (bilinear, from the stored crop with
the context around it). Beyond the photo lies the mean colour, which is 0 in an image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from shgae.arrays import Bools, Bytes, Floats, Floats32, Ints
from shgae.errors import Refused
from shgae.recipe_parts import PARTS, AugmentConfig, ConfigT, with_parts
from shgae.skeleton import Skeleton, mirrored

DRAWS = 16
"""Uniform numbers a sample."""
_ANGLE, _SIZE, _MIRROR, _SHIFT, _COLOUR, _HALVE, _HALF, _HIDE, _HIDDEN = 0, 1, 2, 3, 5, 8, 9, 10, 11
"""Which of them is for what; a shift has two, colour three, a hidden rectangle four."""
_HALF_MARGIN, _MOST_ZOOM, _FEWEST_OF_HALF = 1.5, 2.0, 3
"""HRNet's half-body: 1.5 times the extent of at least 3 joints; a limit to the zoom is ours."""
_HIDDEN_SIDES = (0.2, 0.4)


class Changes(NamedTuple):
    """What happens to N samples, in the frame of the crop."""

    affine: Floats
    """(N, 2, 3): xy_crop -> place in the changed crop."""
    mirrored: Bools
    """(N,)"""
    gains: Floats
    """(N, 3) factors of the colours, by channel."""
    hidden: Ints
    """(N, 4) x0, y0, x1, y1 of the rectangle that hides; empty where none does."""


class Warp(NamedTuple):
    """What happens to the pixels of N stored crops."""

    sampling: Tensor
    """(N, 2, 3) float32: pixel of the changed crop -> place in the stored one, -1 to 1 from border to border."""
    gains: Tensor
    """(N, 3) float32."""
    hidden: Tensor
    """(N, 4) int64, see :class:`Changes`; always on the CPU."""
    crop_size: int
    """Rows and columns of the changed crops."""


@dataclass(frozen=True)
class Augmentation:
    """What may happen to crops of one kind, see :class:`~shgae.recipe_parts.AugmentConfig`."""

    parts: Mapping[str, float]
    """The strength of each of :data:`~shgae.recipe_parts.PARTS`."""
    crop_size: int
    mirrored: tuple[int, ...]
    """Which joint each joint is in a mirror image."""
    upper: tuple[bool, ...]
    """Joints of the upper body."""
    lower: tuple[bool, ...]
    """Joints of the lower body."""

    def draw(self, uniforms: Floats, xy_crop: Floats32, visibility: Bytes) -> Changes:
        """What happens to samples.

        Args:
            uniforms: (N, DRAWS) in [0, 1).
            xy_crop: (N, K, 2) joints in the crop.
            visibility: (N, K), 0 not labelled.
        """
        parts, size = self.parts, float(self.crop_size)
        either_way = 2 * uniforms - 1
        mirrored = uniforms[:, _MIRROR] < parts["flip"]
        centre, zoom = self._focus(uniforms, xy_crop.astype(np.float64), visibility > 0)
        zoom = zoom * (1 + parts["scale"] * either_way[:, _SIZE])
        angle = np.deg2rad(parts["rotation"] * either_way[:, _ANGLE])
        cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
        way = np.where(mirrored, -1.0, 1.0)
        turn = np.stack((cos * way, -sin, sin * way, cos), -1).reshape(-1, 2, 2)
        to = size / 2 + parts["translation"] * size * either_way[:, _SHIFT : _SHIFT + 2]
        shift = to[:, :, None] - turn @ centre[:, :, None]
        gains = 1 + parts["colour"] * either_way[:, _COLOUR : _COLOUR + 3]
        return Changes(np.concatenate((turn, shift), -1), mirrored, gains, self._hidden(uniforms))

    def joints(self, changes: Changes, xy_crop: Floats32, visibility: Bytes) -> tuple[Floats32, Bytes]:
        """Joints (N, K, 2) in the crop and their v (N, K) -> both in the changed crop.

        Mirror pairs have changed places; v is 0 for a joint that left the crop, and 1 for one under the rectangle.
        """
        order = np.where(changes.mirrored[:, None], np.array(self.mirrored), np.arange(len(self.mirrored)))
        xy = np.take_along_axis(xy_crop.astype(np.float64), order[..., None], 1)
        v = np.take_along_axis(visibility, order, 1)
        xy = xy @ changes.affine[:, :, :2].swapaxes(1, 2) + changes.affine[:, None, :, 2]
        v = np.where(((xy >= 0) & (xy <= self.crop_size)).all(-1), v, 0)
        first, last = changes.hidden[:, None, :2], changes.hidden[:, None, 2:]
        under = ((xy >= first) & (xy < last)).all(-1)
        v = np.where(under, np.minimum(v, 1), v)
        return xy.astype(np.float32), v.astype(np.uint8)

    def warp(self, changes: Changes, stored_size: int) -> Warp:
        """The same changes for pixels of stored crops; their middle is the crop."""
        turn, shift = changes.affine[:, :, :2], changes.affine[:, :, 2:]
        back = np.linalg.inv(turn)
        around = (stored_size - self.crop_size) / 2
        sampling = np.concatenate((back, around - back @ shift), -1) * (2 / stored_size)
        sampling[:, :, 2] -= 1
        places, gains = (torch.from_numpy(part.astype(np.float32)) for part in (sampling, changes.gains))
        return Warp(places, gains, torch.from_numpy(changes.hidden), self.crop_size)

    def _focus(self, uniforms: Floats, xy_crop: Floats, labelled: Bools) -> tuple[Floats, Floats]:
        """What comes into the crop's middle, (N, 2), and how much larger it becomes, (N,): the crop's own, or a half's.

        As HRNet does it: of people with more than half of all joints labelled, either half with equal odds, or the
        other one where that has too few joints.
        """
        size, people = float(self.crop_size), len(uniforms)
        centre, zoom = np.full((people, 2), size / 2), np.ones(people)
        wanted = uniforms[:, _HALVE] < self.parts["half_body"]
        for n in np.flatnonzero(wanted & (labelled.sum(1) * 2 > labelled.shape[1])):
            halves = (self.upper, self.lower) if uniforms[n, _HALF] < 0.5 else (self.lower, self.upper)
            joints = [xy_crop[n, labelled[n] & np.array(half)] for half in halves]
            chosen = next((half for half in joints if len(half) >= _FEWEST_OF_HALF), None)
            if chosen is not None:
                low, high = chosen.min(0), chosen.max(0)
                centre[n] = (low + high) / 2
                zoom[n] = np.clip(size / max(_HALF_MARGIN * (high - low).max(), 1.0), 1.0, _MOST_ZOOM)
        return centre, zoom

    def _hidden(self, uniforms: Floats) -> Ints:
        least, most = (share * self.crop_size for share in _HIDDEN_SIDES)
        hides = uniforms[:, _HIDE] < self.parts["occlusion"]
        sides = np.where(hides[:, None], least + (most - least) * uniforms[:, _HIDDEN : _HIDDEN + 2], 0)
        first = (self.crop_size - sides) * uniforms[:, _HIDDEN + 2 : _HIDDEN + 4]
        return np.concatenate((first, first + sides), 1).astype(np.int64)


def for_joints(config: ConfigT, skeleton: Skeleton) -> ConfigT:
    """A config with numbers for its parts; preset auto has no mirroring where no mirror pair is known."""
    if config.augment == "auto" and config.flip is None and not skeleton.flip_pairs:
        config = dataclasses.replace(config, flip=0.0)
    return with_parts(config)


def augmentation_of(config: AugmentConfig, skeleton: Skeleton, crop_size: int, where: object) -> Augmentation | None:
    """The augmentation that a config asks for, of crops of so many pixels a side; None where it asks for none.

    ``where`` names the data in a refusal.

    Raises:
        Refused: mirroring without a known mirror pair, or halves of a body where the joints' names tell none.
    """
    config = for_joints(config, skeleton)
    parts = {name: getattr(config, name) or 0.0 for name in PARTS}
    if not any(parts.values()):
        return None
    if config.flip and not skeleton.flip_pairs:
        why = "its joints have no mirror pairs (left and right in their names, or flip_pairs in the JSON's category)"
        raise Refused("--flip", where, why, "--flip 0")
    upper, lower = skeleton.halves()
    if config.half_body and min(sum(upper), sum(lower)) < _FEWEST_OF_HALF:
        why = "the names of its joints do not tell an upper and a lower body"
        raise Refused("--half-body", where, why, "--half-body 0")
    return Augmentation(parts, crop_size, tuple(mirrored(len(skeleton), skeleton.flip_pairs)), upper, lower)


def warped(images: Tensor, warp: Warp) -> Tensor:
    """Images of stored crops -> images of changed ones, resampled once.

    Args:
        images: (N, 3, H, W) float32, 0 where the photo does not reach; the colours are changed already.
        warp: what happens to them, on the device of the images.

    Returns:
        (N, 3, crop_size, crop_size) float32, 0 beyond the stored crop; channels last in memory.
    """
    crop_size = warp.crop_size
    middles = torch.arange(crop_size, dtype=torch.float32, device=images.device) + 0.5
    places = images.new_empty((len(images), crop_size, crop_size, 2))
    for axis in (0, 1):
        # Sums of products, number by number: a matrix product might round in another way in a batch of another size.
        per_x, per_y, start = warp.sampling[:, axis].unbind(-1)
        along_y = per_y[:, None] * middles + start[:, None]
        torch.add((per_x[:, None] * middles)[:, None, :], along_y[:, :, None], out=places[..., axis])
    changed = torch.nn.functional.grid_sample(images, places, mode="bilinear", align_corners=False)
    changed = changed.contiguous(memory_format=torch.channels_last)
    for n in torch.nonzero(warp.hidden[:, 0] < warp.hidden[:, 2]).flatten().tolist():
        x0, y0, x1, y1 = warp.hidden[n].tolist()
        changed[n, :, y0:y1, x0:x1] = 0
    return changed
