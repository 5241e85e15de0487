"""Photo -> square crop and back, and the reading of photos.

Frames, both continuous, x to the right and y down, with pixel i covering [i, i + 1):

``xy_photo``
    pixels of the photo as it is stored, as COCO's coordinates are; where ``--exif apply`` is asked for, of the photo
    that EXIF makes upright
``xy_crop``
    pixels of the crop: ``xy_crop = (xy_photo - origin) * crop_size / side``
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from shgae.data.photo_files import FORMATS, JPEGS, TURNS, orientation_of
from shgae.errors import Refused
from shgae.recipes import Exif

MIN_SIDE = 8.0
"""Photo pixels: the least side of a square, for a single joint in a tiny box (a smaller photo bounds it further)."""
MOST_CONTEXT = 3.0
"""Crops: the widest square that is stored around one."""
MAX_PHOTO_PIXELS = 80_000_000
"""Larger photos are refused before they are decoded: a small file can claim gigabytes."""
MAX_PHOTO_BYTES = 500_000_000
"""Larger files are refused before they are read; 80 million pixels of 16 bits take less."""
_SLACK = 1e-6  # Photo or crop pixels that rounding may cost.
_SIDEWAYS = (
    *(Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270),
    *(Image.Transpose.TRANSPOSE, Image.Transpose.TRANSVERSE),
)
_FILLERS = [hashlib.sha512(bytes([number])).digest().replace(b"\xff", b"\x7f") for number in range(8)]
"""Random bytes, the same every time, that any pixels which are missing at the end of a JPEG would be made of."""
_KNOWN = "JPEG, PNG, WebP, BMP, PPM, GIF"
_CONVERT = "save it as JPEG or PNG"
_OTHER_KINDS = {
    rb"II\*\0|MM\0\*|II\+\0|MM\0\+": ("a TIFF", _CONVERT),
    rb".{4}ftyp(heic|heix|hevc|heim|heis|mif1|msf1)": ("a HEIC", _CONVERT),
    rb".{4}ftypavi[fs]": ("an AVIF", _CONVERT),
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": ("a JPEG 2000", _CONVERT),
    rb"\xff\x0a|\0\0\0\x0cJXL ": ("a JPEG XL", _CONVERT),
    rb"%PDF": ("a PDF", _CONVERT),
    rb"%!PS|\xc5\xd0\xd3\xc6": ("an EPS, which is a program", _CONVERT),
    rb"\s*<svg|\s*<\?xml": ("an SVG or XML", _CONVERT),
    rb"\s*<(!doctype html|!DOCTYPE html|html|HTML)": ("a web page, so its download failed", "fetch the file again"),
    rb"version https://git-lfs": ("a pointer of Git LFS", "git lfs pull"),
}
"""How files begin that people take for photos: what they are, and what to do."""


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
        """Whether it holds no pixel."""
        return self.x0 >= self.x1 or self.y0 >= self.y1


def square_around(
    box: Sequence[float] | npt.NDArray[np.float64],
    xy_labelled: npt.NDArray[np.float64],
    photo_size: tuple[int, int],
    policy: Literal["pad", "inside"],
    margin: float,
) -> Square | None:
    """The square that a person is cut out with.

    Its side is the longer side of the union of box and labelled joints, grown by ``margin`` (0.1 = 10 %), and at least
    :data:`MIN_SIDE`; its centre is the middle of the labelled joints' extent in x and in y. ``pad`` leaves it there;
    ``inside`` shifts it into the photo, having shrunk it to the photo's shorter side where it is larger. (The study's
    rule; ``pad`` is ours.)

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


def mpii_square(center: npt.NDArray[np.float64], scale: float) -> Square:
    """The square that nets of MPII are given: 200 px x scale, grown by 25 %, around a centre 15 px x scale lower.

    (pose-hg-train's ``annot.lua``, and pytorch-pose and HRNet after it.)

    Args:
        center: (2,) MPII's ``objpos`` in xy_photo.
        scale: MPII's, above 0.
    """
    side = max(200 * scale * (1 + FAMILY_MARGIN), MIN_SIDE)
    x, y = float(center[0]), float(center[1]) + 15 * scale
    return Square(x - side / 2, y - side / 2, side)


def coco_square(box: npt.NDArray[np.float64]) -> Square:
    """The square that nets of COCO are given: the box's longer side, grown by 25 %, around the box's middle.

    (HRNet's and MMPose's ``_box2cs`` for square inputs.)

    Args:
        box: (4,) x, y, width, height in xy_photo.
    """
    x, y, width, height = (float(value) for value in box)
    side = max(max(width, height) * (1 + FAMILY_MARGIN), MIN_SIDE)
    return Square(x + (width - side) / 2, y + (height - side) / 2, side)


def to_crop(xy_photo: npt.NDArray[np.float64], square: Square, crop_size: int) -> npt.NDArray[np.float64]:
    """Takes points (..., 2) from xy_photo to xy_crop."""
    xy_crop: npt.NDArray[np.float64] = (xy_photo - np.array((square.x0, square.y0))) * (crop_size / square.side)
    return xy_crop


def to_photo(xy_crop: npt.NDArray[np.float64], square: Square, crop_size: int) -> npt.NDArray[np.float64]:
    """Takes points (..., 2) from xy_crop to xy_photo: the inverse of :func:`to_crop`."""
    xy_photo: npt.NDArray[np.float64] = xy_crop * (square.side / crop_size) + np.array((square.x0, square.y0))
    return xy_photo


def covered(square: Square, photo_size: tuple[int, int], crop_size: int) -> Rectangle:
    """The pixels of the crop that lie wholly inside the photo."""
    x0, x1 = _covered_range(square.x0, square.side / crop_size, photo_size[0], crop_size)
    y0, y1 = _covered_range(square.y0, square.side / crop_size, photo_size[1], crop_size)
    return Rectangle(x0, y0, x1, y1)


def cut(photo: Image.Image, square: Square, crop_size: int) -> tuple[npt.NDArray[np.uint8], Rectangle]:
    """Cuts a square out of an RGB photo and resamples it, antialiased and aligned with :func:`to_crop`.

    Returns:
        The crop (crop_size, crop_size, 3) uint8 RGB, and the pixels of it that the photo covers; the others are 0.
    """
    crop = np.zeros((crop_size, crop_size, 3), np.uint8)
    valid = covered(square, photo.size, crop_size)
    if valid.is_empty:
        return crop, valid
    step = square.side / crop_size
    source = (
        max(square.x0 + valid.x0 * step, 0.0),
        max(square.y0 + valid.y0 * step, 0.0),
        min(square.x0 + valid.x1 * step, photo.width),
        min(square.y0 + valid.y1 * step, photo.height),
    )
    size = (valid.x1 - valid.x0, valid.y1 - valid.y0)
    crop[valid.y0 : valid.y1, valid.x0 : valid.x1] = np.asarray(photo.resize(size, Image.Resampling.BILINEAR, source))
    return crop, valid


def around_crop(crop_size: int, context: float) -> int:
    """Pixels that are stored on each side of a crop, so that the stored square is about ``context`` crops wide."""
    return round(crop_size * (context - 1) / 2)


def with_context(square: Square, crop_size: int, around: int) -> Square:
    """The square of a crop with so many more of its pixels on each side."""
    more = square.side * around / crop_size
    return Square(square.x0 - more, square.y0 - more, square.side + 2 * more)


def open_photo(path: Path, expected_size: tuple[int, int] | None = None, exif: Exif = "ignore") -> Image.Image:
    """Decodes a photo as RGB.

    Grey, palette and CMYK photos are converted, an alpha channel is dropped, 16 bits become 8. A JPEG that lacks
    nothing but its end marker is whole.

    Args:
        path: the photo's file.
        expected_size: width and height in pixels that it must have; None admits any.
        exif: "apply" turns it as EXIF says; otherwise its pixels are as stored.

    Raises:
        Refused: no such file, no photo, torn, of another size, or larger than :data:`MAX_PHOTO_PIXELS` or
            :data:`MAX_PHOTO_BYTES`.
    """
    if expected_size is not None:
        _refuse_huge(path, expected_size)
    if not path.is_file():
        raise Refused("photo", path, "no such file", "check the folder of the photos")
    try:
        if path.stat().st_size > MAX_PHOTO_BYTES:
            raise Refused("photo", path, f"more than {MAX_PHOTO_BYTES:,} bytes", "a smaller copy")
        data = path.read_bytes()
    except PermissionError as error:
        raise Refused("photo", path, "it may not be read", "check its permissions") from error
    try:
        photo = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception as error:  # About ten types, by format; the bytes are in memory, so none is a disk's error.
        raise _no_photo(path, data, error) from error
    turn = TURNS.get(orientation_of(photo))
    _check_size(path, photo.size, expected_size, turn, exif)
    _refuse_huge(path, photo.size)
    try:
        decoded = _as_rgb(photo, data)
    except Exception as error:  # As above: SyntaxError, struct.error, zlib.error ...
        raise Refused("photo", path, f"it cannot be decoded ({_reason(error)})", "fetch the file again") from error
    return decoded.transpose(turn) if turn is not None and exif == "apply" else decoded


def _check_size(
    path: Path, stored: tuple[int, int], expected: tuple[int, int] | None, turn: Image.Transpose | None, exif: Exif
) -> None:
    """Raises :class:`Refused` for a photo of another size, with EXIF for its cause where that is the cause."""
    upright = stored[::-1] if turn in _SIDEWAYS else stored
    size, other = (upright, stored) if exif == "apply" else (stored, upright)
    if expected is None or size == tuple(expected):
        return
    why = "it is {} x {}, the JSON says {} x {}".format(*size, *expected)
    fix = "the photos that belong to the JSON"
    if other == tuple(expected):
        why += ", as the photo is " + ("stored" if exif == "apply" else "once it is turned as its EXIF block says")
        fix = f"--exif {'ignore' if exif == 'apply' else 'apply'}"
    raise Refused("photo", path, why, fix)


def _covered_range(start: float, step: float, photo_length: int, crop_size: int) -> tuple[int, int]:
    first = math.ceil(-start / step - _SLACK)
    end = math.floor((photo_length - start) / step + _SLACK)
    return min(max(first, 0), crop_size), min(max(end, 0), crop_size)


def _refuse_huge(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PHOTO_PIXELS:
        why = f"{size[0]} x {size[1]} pixels, at most {MAX_PHOTO_PIXELS:,} are decoded"
        raise Refused("photo", path, why, "a smaller copy, with its JSON scaled alike")


def _as_rgb(photo: Image.Image, data: bytes) -> Image.Image:
    try:
        photo.load()
    except OSError:
        if photo.format not in JPEGS:
            raise
        photo = _without_end(data)
    if photo.mode == "RGB":
        return photo
    if photo.mode == "I" or photo.mode.startswith("I;16"):
        # Pillow would clip 16 bits at 255 instead of scaling them.
        grey = np.array(photo)
        if grey.dtype.itemsize > 2:
            np.clip(grey, 0, 65535, out=grey)
        grey >>= 8
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if photo.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if photo.mode == "P":
        # By way of RGBA, as Pillow warns about palettes with transparency otherwise.
        photo = photo.convert("RGBA")
    return photo.convert("RGB")


def _without_end(data: bytes) -> Image.Image:
    """A JPEG whose end marker is missing, and nothing else: whatever is put in its place changes no pixel.

    Raises:
        OSError: pixels are missing.
    """
    scan = data.rstrip(b"\xff")  # perhaps the first half of the marker
    first, *others = (
        Image.open(io.BytesIO(scan + filler + b"\xff\xd9"), formats=("JPEG",)) for filler in (b"\0" * 64, *_FILLERS)
    )
    if any(other.tobytes() != first.tobytes() for other in others):
        raise OSError("image file is truncated")
    return first


def _no_photo(path: Path, data: bytes, error: Exception) -> Refused:
    """Says what the file is, where it is something that people take for a photo."""
    if not data:
        return Refused("photo", path, "no photo (the file is empty)", "fetch the file again")
    kind = next((kind for start, kind in _OTHER_KINDS.items() if re.match(start, data, re.DOTALL)), None)
    if kind is None or not isinstance(error, UnidentifiedImageError):
        return Refused("photo", path, f"no photo ({_reason(error)})", "fetch the file again")
    return Refused("photo", path, f"no photo ({kind[0]}, none of {_KNOWN})", kind[1])


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"none of {_KNOWN}"
    return str(error) or type(error).__name__
