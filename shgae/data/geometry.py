"""Photo -> square crop and back (photos are decoded in :mod:`shgae.data.photo_decoding`).

Frames, both continuous, x to the right and y down, with pixel i covering [i, i + 1):

``xy_photo``
    pixels of the photo as it is stored, as COCO's coordinates are; where ``--exif apply`` is asked for, of the photo
    that EXIF makes upright
``xy_crop``
    pixels of the crop: ``xy_crop = (xy_photo - origin) * crop_size / side``
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from shgae.arrays import Floats

MIN_SIDE = 8.0
"""Photo pixels: the least side of a square, for a single joint in a tiny box (a smaller photo bounds it further)."""
_SLACK = 1e-6  # Photo or crop pixels that rounding may cost.


class Square(NamedTuple):
    """A square in xy_photo; it may reach beyond the photo."""

    x0: float
    y0: float
    side: float
    """Always positive."""


class Rectangle(NamedTuple):
    """Whole pixels x0 <= x < x1, y0 <= y < y1 of a crop."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def is_empty(self) -> bool:
        return self.x0 >= self.x1 or self.y0 >= self.y1


def square_around(
    box: Sequence[float] | Floats,
    xy_labelled: Floats,
    photo_size: tuple[int, int],
    policy: Literal["pad", "inside"],
    margin: float,
) -> Square | None:
    """The square that a person is cut out with.

    Its side is the longer side of the union of box and labelled joints, grown by ``margin`` (0.1 = 10 %), and at least
    :data:`MIN_SIDE`; its centre is the middle of the labelled joints' extent in x and in y. ``pad`` leaves it there;
    ``inside`` shifts it into the photo, having shrunk it to the photo's shorter side where it is larger. (The original
    study's rule; ``pad`` is ours.)

    Args:
        box: x, y, width, height in xy_photo.
        xy_labelled: (L, 2) the labelled joints in xy_photo, L >= 1.
        photo_size: width and height of the photo in pixels.

    Returns:
        The square, which holds every labelled joint; None if, under ``inside``, it cannot.
    """
    left, top = (float(value) for value in xy_labelled.min(axis=0))
    right, bottom = (float(value) for value in xy_labelled.max(axis=0))
    x, y, width, height = (float(value) for value in box)
    longer = max(max(right, x + width) - min(left, x), max(bottom, y + height) - min(top, y))
    side = max(longer * (1 + margin), MIN_SIDE)
    if policy == "inside":
        side = min(side, *photo_size)
    x0, y0 = (left + right - side) / 2, (top + bottom - side) / 2
    if policy == "inside":
        x0 = min(max(x0, 0.0), photo_size[0] - side)
        y0 = min(max(y0, 0.0), photo_size[1] - side)
        if min(left - x0, top - y0, x0 + side - right, y0 + side - bottom) < -_SLACK:
            return None
    return Square(x0, y0, side)


FAMILY_MARGIN = 0.25
"""Growth of the squares of MPII's and COCO's families."""


def mpii_square(center: Floats, scale: float) -> Square:
    """The square that nets of MPII are given: 200 px x scale, grown by 25 %, around a centre 15 px x scale lower.

    Of MPII's ``objpos``, (2,) in xy_photo, and its scale, above 0. (pose-hg-train's ``src/util/dataset/mpii.lua``, and
    pytorch-pose and HRNet after it.)
    """
    side = max(200 * scale * (1 + FAMILY_MARGIN), MIN_SIDE)
    x, y = float(center[0]), float(center[1]) + 15 * scale
    return Square(x - side / 2, y - side / 2, side)


def coco_square(box: Floats) -> Square:
    """The square that nets of COCO are given: the box's longer side, grown by 25 %, around the box's middle.

    Of a box (4,) x, y, width, height in xy_photo. (HRNet's and MMPose's ``_box2cs`` for square inputs.)
    """
    x, y, width, height = (float(value) for value in box)
    side = max(max(width, height) * (1 + FAMILY_MARGIN), MIN_SIDE)
    return Square(x + (width - side) / 2, y + (height - side) / 2, side)


def to_crop(xy_photo: Floats, square: Square, crop_size: int) -> Floats:
    """Takes points (..., 2) from xy_photo to xy_crop."""
    xy_crop: Floats = (xy_photo - np.array((square.x0, square.y0))) * (crop_size / square.side)
    return xy_crop


def to_photo(xy_crop: Floats, square: Square, crop_size: int) -> Floats:
    """Takes points (..., 2) from xy_crop to xy_photo: the inverse of :func:`to_crop`."""
    xy_photo: Floats = xy_crop * (square.side / crop_size) + np.array((square.x0, square.y0))
    return xy_photo


def covered(square: Square, photo_size: tuple[int, int], crop_size: int) -> Rectangle:
    """The pixels of the crop that lie wholly inside the photo."""
    x0, x1 = _covered_range(square.x0, square.side / crop_size, photo_size[0], crop_size)
    y0, y1 = _covered_range(square.y0, square.side / crop_size, photo_size[1], crop_size)
    return Rectangle(x0, y0, x1, y1)


def around_crop(crop_size: int, context: float) -> int:
    """Pixels that are stored on each side of a crop, so that the stored square is about ``context`` crops wide."""
    return round(crop_size * (context - 1) / 2)


def with_context(square: Square, crop_size: int, around: int) -> Square:
    """The square of a crop with so many more of its pixels on each side."""
    more = square.side * around / crop_size
    return Square(square.x0 - more, square.y0 - more, square.side + 2 * more)


def _covered_range(start: float, step: float, photo_length: int, crop_size: int) -> tuple[int, int]:
    first = math.ceil(-start / step - _SLACK)
    end = math.floor((photo_length - start) / step + _SLACK)
    return min(max(first, 0), crop_size), min(max(end, 0), crop_size)
