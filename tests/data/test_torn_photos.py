"""Photos that lack pixels at their end are refused, however the end is filled; those that lack nothing are whole."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from shgae.data.photo_decoding import open_photo
from shgae.errors import Refused

END = b"\xff\xd9"
PIXELS = np.random.default_rng(1).integers(0, 255, (40, 56, 3), np.uint8)


def saved(kind: str = "JPEG", pixels: Any = PIXELS, **options: Any) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


JPEGS = {
    "baseline": saved(),
    "progressive": saved(progressive=True),
    "optimized": saved(optimize=True),
    "4:4:4": saved(subsampling=0),
    "restarts": saved(restart_marker_rows=1),
    "grey": saved(pixels=PIXELS[..., 0]),
}
PROGRESSIVE = JPEGS["progressive"]
FLAT: list[tuple[str, dict[str, Any]]] = [
    *[("JPEG", {}), ("JPEG", {"optimize": True}), ("JPEG", {"progressive": True}), ("WEBP", {"lossless": True})],
    *[("PNG", {}), ("BMP", {}), ("PPM", {}), ("GIF", {})],
]
LENGTHS = range(5, 300, 7)


def opened(folder: Path, data: bytes) -> npt.NDArray[np.uint8]:
    (folder / "x.jpg").write_bytes(data)
    return np.asarray(open_photo(folder / "x.jpg"))


def is_torn(folder: Path, data: bytes) -> bool:
    try:
        opened(folder, data)
    except Refused as error:
        assert "truncated" in error.why
        return True
    return False


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_without_its_end_marker_is_whole_whatever_follows(tmp_path: Path, kind: str) -> None:
    data = JPEGS[kind]
    whole = opened(tmp_path, data)
    for other in (data[:-1], data[:-2], data + bytes(700), data[:-2] + bytes(700), data + b"a camera's" + bytes(9)):
        assert np.array_equal(opened(tmp_path, other), whole)


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_without_more_is_torn_also_with_zeros_in_place_of_it(tmp_path: Path, kind: str) -> None:
    data = JPEGS[kind]
    for cut in LENGTHS:
        assert is_torn(tmp_path, data[:-cut])
        assert is_torn(tmp_path, data[:-cut] + bytes(cut))
        assert is_torn(tmp_path, data[:-cut] + bytes(4096))


@pytest.mark.parametrize(
    "after", [b"", b"a camera's" + END, b"a camera's" + bytes(9), JPEGS["baseline"], JPEGS["grey"] + bytes(300)]
)
@pytest.mark.parametrize("kind", [kind for kind in JPEGS if kind != "progressive"])
def test_an_end_marker_behind_a_torn_jpeg_does_not_make_it_whole_whatever_follows(
    tmp_path: Path, kind: str, after: bytes
) -> None:
    for cut in range(400, 900, 60):  # more than the last block
        assert is_torn(tmp_path, JPEGS[kind][:-cut] + END + after), cut


@pytest.mark.parametrize("kind", JPEGS)
def test_a_picture_within_or_after_a_jpeg_does_not_make_it_torn(tmp_path: Path, kind: str) -> None:
    data = JPEGS[kind]
    thumbnail = b"Exif\0\0" + saved(pixels=PIXELS[:8, :8])
    block = b"\xff\xe1" + (2 + len(thumbnail)).to_bytes(2) + thumbnail
    for other in (
        data[:2] + block + data[2:],
        data + data,
        data + JPEGS["baseline"][:900],
        data[:2] + block + data[2:-2],
    ):
        assert np.array_equal(opened(tmp_path, other), opened(tmp_path, data))
    assert is_torn(tmp_path, data[:2] + block + data[2:-500] + END + data)


def detailed(mode: str = "RGB") -> Image.Image:
    """A large photo, every block of which has something of its own."""
    pixels = np.random.default_rng(2).integers(0, 255, (30, 40, 3), np.uint8)
    return Image.fromarray(pixels).resize((320, 240), Image.Resampling.BICUBIC).convert(mode)


@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {"progressive": True}), ("L", {"progressive": True}), ("CMYK", {}), ("RGB", {"restart_marker_rows": 1})],
)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_photo_of_any_kind_that_was_cut_is_torn_though_it_ends_as_whole_ones_do(
    tmp_path: Path, mode: str, options: dict[str, Any], share: float
) -> None:
    stream = BytesIO()
    detailed(mode).save(stream, "JPEG", quality=85, **options)
    whole = stream.getvalue()
    assert opened(tmp_path, whole).shape == (240, 320, 3)
    assert is_torn(tmp_path, whole[: int(share * len(whole))] + END)


@pytest.mark.parametrize("after", [b"", bytes(300), END])
def test_a_photo_that_was_cut_at_a_restart_marker_is_torn(tmp_path: Path, after: bytes) -> None:
    stream = BytesIO()
    detailed().save(stream, "JPEG", quality=85, restart_marker_rows=1)
    whole = stream.getvalue()
    markers = [match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", whole)]
    for marker in markers[len(markers) // 3 :: 4]:
        for end in (marker, marker + 1, marker + 2):
            assert is_torn(tmp_path, whole[:end] + after)


@pytest.mark.parametrize("scan", [match.start() for match in re.finditer(b"\xff\xda", PROGRESSIVE)][1:])
def test_a_progressive_jpeg_that_ends_between_two_scans_is_torn(tmp_path: Path, scan: int) -> None:
    for end in (scan, scan + 1):
        assert is_torn(tmp_path, PROGRESSIVE[:end])


def test_a_grey_corner_and_zeros_in_a_flat_photo_are_no_sign_alone(tmp_path: Path) -> None:
    for value in (0, 128, 255):
        flat = np.full((400, 560, 3), value, np.uint8)
        for kind, options in FLAT:
            assert np.array_equal(opened(tmp_path, saved(kind, flat, **options)), flat)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True})])
def test_zeros_at_the_end_of_a_png_or_webp_are_told_from_those_behind_it(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    data = saved(kind, **options)
    whole = opened(tmp_path, data)
    assert np.array_equal(opened(tmp_path, data + bytes(500)), whole)
    for cut in (100, 200, 500):
        with pytest.raises(Refused, match="decoded"):
            opened(tmp_path, data[:-cut] + bytes(cut))
