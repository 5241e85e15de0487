"""Photos as pixels: decoded whole or refused in one line, and cut into crops."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from shgae.arrays import Bytes
from shgae.artifacts.file_kinds import FAILED_AS_JSON, NOT_FETCHED, kind_of
from shgae.artifacts.input_file import read_input
from shgae.data.geometry import Rectangle, Square, covered
from shgae.data.photo_files import FORMATS, JPEGS, TURNS, Header, orientation_of
from shgae.data.torn_photos import check_end, without_end
from shgae.errors import Refused
from shgae.recipes import Exif

MAX_PHOTO_PIXELS = 80_000_000
"""Larger photos are refused before they are decoded: a small file can claim gigabytes."""
MAX_PHOTO_BYTES = 500_000_000
"""Larger files are refused before they are read; 80 million pixels of 16 bits take less."""
HUGE = "pixels, at most"
"""What is said of such a photo, between its size and the limit."""
_KNOWN = "JPEG, PNG, WebP, BMP, PPM, GIF"
_CONVERT = "save it as JPEG or PNG"
_OTHER_KINDS = {
    **NOT_FETCHED,
    **FAILED_AS_JSON,
    rb"\x1f\x8b": ("packed by gzip", "gunzip it"),
    rb"II\*\0|MM\0\*|II\+\0|MM\0\+": ("a TIFF", _CONVERT),
    rb".{4}ftyp(heic|heix|hevc|heim|heis|mif1|msf1)": ("a HEIC", _CONVERT),
    rb".{4}ftypavi[fs]": ("an AVIF", _CONVERT),
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": ("a JPEG 2000", _CONVERT),
    rb"\xff\x0a|\0\0\0\x0cJXL ": ("a JPEG XL", _CONVERT),
    rb"%PDF": ("a PDF", _CONVERT),
    rb"%!PS|\xc5\xd0\xd3\xc6": ("an EPS, which is a program", _CONVERT),
    rb"\s*<svg|\s*<\?xml": ("an SVG or XML", _CONVERT),
}
"""How files begin that people take for photos: what they are, and what to do."""


def cut(photo: Image.Image, square: Square, crop_size: int) -> tuple[Bytes, Rectangle]:
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


def open_photo(
    path: Path,
    expected_size: tuple[int, int] | None = None,
    exif: Exif = "ignore",
    seen: Callable[[str], None] | None = None,
) -> Image.Image:
    """Decodes a photo as RGB.

    Grey, palette and CMYK photos are converted, an alpha channel is dropped, 16 bits become 8. A JPEG that lacks
    nothing but its end marker is whole; one with zeros or an end marker in place of pixels is torn.

    Args:
        expected_size: width and height in pixels that it must have; None admits any.
        exif: "apply" turns it as EXIF says; otherwise its pixels are as stored.
        seen: told the sha256 of the bytes that are decoded, before they are; what it raises goes on.

    Raises:
        Refused: no such file, no photo, torn, of another size, or larger than :data:`MAX_PHOTO_PIXELS` or
            :data:`MAX_PHOTO_BYTES`.
    """
    if expected_size is not None:
        refuse_huge(path, expected_size)
    data = read_input(path, "photo", "a smaller copy", MAX_PHOTO_BYTES)
    if seen:
        seen(hashlib.sha256(data).hexdigest())
    try:
        photo = Image.open(io.BytesIO(data), formats=FORMATS)
    except MemoryError:  # of the machine, not of the photo
        raise
    except Image.DecompressionBombError as error:  # Pillow's own limit, which is higher than ours
        raise _huge(path, f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,}") from error
    except Exception as error:  # About ten types, by format; the bytes are in memory, so none is a disk's error.
        raise _no_photo(path, data, error) from error
    header = Header(photo.size, orientation_of(photo))
    _check_size(path, header, expected_size, exif)
    refuse_huge(path, photo.size)
    if photo.mode == "F":
        why = "its pixels are floating-point numbers of unknown range"
        raise Refused("photo", path, why, "a copy as JPEG or PNG")
    try:
        decoded = _as_rgb(photo, data)
    except MemoryError:
        raise
    except Exception as error:  # As above: SyntaxError, struct.error, zlib.error ...
        raise Refused("photo", path, f"it cannot be decoded ({_reason(error)})", "fetch the file again") from error
    return decoded.transpose(TURNS[header.orientation]) if header.is_turned and exif == "apply" else decoded


def _check_size(path: Path, header: Header, expected: tuple[int, int] | None, exif: Exif) -> None:
    """Raises :class:`Refused` for a photo of another size, with EXIF for its cause where that is the cause."""
    size, other = header.size, header.upright_size
    if exif == "apply":
        size, other = other, size
    if expected is None or size == tuple(expected):
        return
    why = "it is {} x {}, the JSON says {} x {}".format(*size, *expected)
    fix = "the photos that belong to the JSON"
    if other == tuple(expected):
        why += ", as the photo is " + ("stored" if exif == "apply" else "once it is turned as its EXIF block says")
        fix = f"--exif {'ignore' if exif == 'apply' else 'apply'}"
    elif size == (expected[1], expected[0]):
        why += ", width and height swapped"
        fix = "the JSON with its widths and heights swapped, or " + fix
    raise Refused("photo", path, why, fix)


def refuse_huge(path: Path, size: tuple[int, int]) -> None:
    """Raises :class:`Refused` for a photo of more than :data:`MAX_PHOTO_PIXELS`; ``size`` is its width and height."""
    if size[0] * size[1] > MAX_PHOTO_PIXELS:
        raise _huge(path, f"{size[0]} x {size[1]}")


def _huge(path: Path, pixels: str) -> Refused:
    why = f"{pixels} {HUGE} {MAX_PHOTO_PIXELS:,} are decoded"
    return Refused("photo", path, why, "a smaller copy, with its JSON scaled as much")


def _as_rgb(photo: Image.Image, data: bytes) -> Image.Image:
    try:
        photo.load()
    except OSError:
        if photo.format not in JPEGS:
            raise
        photo = without_end(data)
    else:
        check_end(photo, data)
    if photo.mode == "RGB":
        return photo
    if photo.mode == "I" or photo.mode.startswith("I;16"):
        # Pillow would clip 16 bits at 255 instead of scaling them.
        grey = np.array(photo)
        if grey.dtype.itemsize > 2:
            np.clip(grey, 0, 65535, out=grey)
        grey >>= 8
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if photo.mode == "P":
        # By way of RGBA, as Pillow warns about palettes with transparency otherwise.
        photo = photo.convert("RGBA")
    return photo.convert("RGB")


def _no_photo(path: Path, data: bytes, error: Exception) -> Refused:
    """Says what the file is, where it is something that people take for a photo."""
    if not data:
        return Refused("photo", path, "no photo (the file is empty)", "fetch the file again")
    kind = kind_of(data, _OTHER_KINDS) if isinstance(error, UnidentifiedImageError) else None
    if kind is None:
        fix = f"fetch the file again, or {_CONVERT} if it opens elsewhere"
        return Refused("photo", path, f"no photo ({_reason(error)})", fix)
    return Refused("photo", path, f"no photo ({kind[0]}, none of {_KNOWN})", kind[1])


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"none of {_KNOWN}"
    return str(error) or type(error).__name__
