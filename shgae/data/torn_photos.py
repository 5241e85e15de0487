"""Photos that lack their last bytes, or have zeros or an end marker in their place: whole or torn?

Decoders take such files in silence. A download that was broken off in a file of full size ends in zeros; who repairs
by appending an end marker, or cuts a progressive JPEG between two scans, gets a photo that is grey below or blurred.
"""

from __future__ import annotations

import hashlib
import io
import re

from PIL import Image

from shgae.data.photo_files import FORMATS, JPEGS

_END = b"\xff\xd9"
"""The end marker of a JPEG."""
_LENGTH = 64
_FILLERS = [hashlib.sha512(bytes([number])).digest().replace(b"\xff", b"\x7f") for number in range(8)]
"""Random bytes, the same every time, that any pixels which are missing at the end would be made of."""
_GREY = (128, (128,) * 3, (127,) * 4, (128,) * 4)
"""What libjpeg makes of blocks that are not there; of four colours some are kept inverted."""
_RESTART = [bytes((0xFF, 0xD0 + number)) for number in range(8)]
"""Markers at which decoding may begin again; what stands before the expected one is skipped."""
_ZEROS_OF_PIXELS = 2
"""Bytes at the end of a JPEG's pixels that may be zeros by themselves."""
_LEAST_ZEROS = 64
"""The same of a WebP, about."""
_LAST_OF_PNG = 16
"""Bytes after the pixels of a PNG."""
_COEFFICIENTS = 64
_MARKER = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")
"""Any but those within the pixels of a scan."""
_ALONE = b"\x01\xd8"
"""Markers without a length after them."""
_INTERVAL = b"\xff\xdd\0\4"
"""The head of what says how far restart markers are apart."""


def without_end(data: bytes, tries: int = 9) -> Image.Image:
    """A photo without its last bytes, if they are no pixels: whatever is put there, in so many tries, changes none.

    Raises:
        OSError: pixels are missing.
    """
    body = _without_zeros(data).rstrip(b"\xff")  # perhaps the first half of the marker
    length = max(len(data) - len(body), _LENGTH)
    endings = [(filler * (length // _LENGTH + 1))[:length] for filler in (b"\0" * _LENGTH, *_FILLERS)][:tries]
    if _INTERVAL in body:
        endings += [marker + ending for marker, ending in zip(_RESTART, endings, strict=False)]
    first, *others = (Image.open(io.BytesIO(body + ending + _END), formats=FORMATS) for ending in endings)
    if not _has_every_bit(body) or any(other.tobytes() != first.tobytes() for other in others):
        raise OSError("image file is truncated")
    return first


def check_end(photo: Image.Image, data: bytes) -> None:
    """Looks again at a photo that was decoded, where its end is not what the end of a photo is.

    Raises:
        OSError: pixels are missing.
    """
    body = _without_zeros(data)
    zeros = len(data) - len(body)
    end = _end_of(data) if photo.format in JPEGS else None
    if end == -1:
        without_end(data)
    elif end and photo.getpixel((photo.width - 1, photo.height - 1)) in _GREY:
        without_end(data[:end])
    elif end and "progressive" in photo.info:
        # Each scan passes all pixels, so the last one says nothing of the last bytes; few tries, for most are whole.
        without_end(data[:end], tries=3)
    elif photo.format == "WEBP" and zeros >= _LEAST_ZEROS:
        without_end(data)
    elif photo.format == "PNG" and zeros > _LAST_OF_PNG and b"IEND" not in body:
        raise OSError("image file is truncated")


def _end_of(data: bytes) -> int:
    """Where the end marker of a JPEG's own picture stands, not of a thumbnail or a second picture; -1: nowhere."""
    place = 0
    while found := _MARKER.search(data, place):
        if found[0] == _END:
            return found.start()
        place = found.end()
        if found[0][1] not in _ALONE:
            place += int.from_bytes(data[place : place + 2])
    return data.rfind(_END)


def _without_zeros(data: bytes) -> bytes:
    body = data.rstrip(b"\0")
    return body if len(data) - len(body) > _ZEROS_OF_PIXELS else data


def _has_every_bit(data: bytes) -> bool:
    """Whether the scans of a progressive JPEG bring every bit of every coefficient; other JPEGs have one scan."""
    frame = data[data.rfind(b"\xff\xc2\0") :]
    if not frame.startswith(b"\xff\xc2"):
        return True
    left = {(component, place) for component in frame[10 : 10 + 3 * frame[9] : 3] for place in range(_COEFFICIENTS)}
    for scan in re.finditer(rb"\xff\xda\0.([\x01-\x04])", frame, re.DOTALL):
        end = scan.end() + 2 * scan[1][0]
        band = frame[end : end + 3]  # the first and last coefficient of a scan, and which bits of them it brings
        if len(band) == 3 and band[2] & 0xF == 0:
            places = range(band[0], band[1] + 1)
            left -= {(component, place) for component in frame[scan.end() : end : 2] for place in places}
    return not left
