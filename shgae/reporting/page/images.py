"""Pictures as they go into a page: small enough, of known size, with words for those who cannot see them."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from matplotlib.figure import Figure
from PIL import Image, UnidentifiedImageError

from shgae.artifacts.input_file import read_input
from shgae.artifacts.scratch import scratch
from shgae.plots.style import save_figure

MOST_BYTES = 200_000
"""Of one picture in a page; a larger one is stored again until it fits."""
MOST_PIXELS, MOST_COLOURS = 1600, 10_000
"""Of a picture's width, and of a drawing: more are a photo's."""
_NARROW = 600
"""CSS pixels that a picture may lose half of."""
_QUALITIES = (88, 75, 60, 45, 30)
_POINTS_TO_PIXELS = 96 / 72
_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}


@dataclass(frozen=True)
class Picture:
    """A picture in a page."""

    data: bytes
    type: str
    """image/png, image/jpeg or image/svg+xml."""
    width: int
    """CSS pixels at its natural size."""
    height: int
    alt: str
    """What is to be seen, in words."""

    @property
    def is_wide(self) -> bool:
        """Whether a narrow screen would make it illegible, so that it scrolls there instead."""
        return self.width > _NARROW

    @property
    def url(self) -> str:
        """The picture itself as a ``data:`` URL."""
        return f"data:{self.type};base64,{base64.b64encode(self.data).decode()}"


def of_photo(photo: Image.Image, alt: str, most_bytes: int = MOST_BYTES) -> Picture:
    """An RGB photo as JPEG, as good as fits into so many bytes."""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=quality)
        if len(buffer.getvalue()) <= most_bytes:
            return Picture(buffer.getvalue(), "image/jpeg", photo.width, photo.height, alt)
    half = photo.resize((max(photo.width // 2, 1), max(photo.height // 2, 1)), Image.Resampling.LANCZOS)
    return of_photo(half, alt, most_bytes)


def of_figure(figure: Figure, alt: str) -> Picture:
    """A figure as SVG, or as PNG where that is too large for a page."""
    with scratch("figure") as folder:
        path = folder / "figure.svg"
        save_figure(figure, path, "")
        if path.stat().st_size > MOST_BYTES:
            path = path.with_suffix(".png")
            save_figure(figure, path, "")
        return of_file(read_input(path, "figure", "a smaller figure", 2**30), alt)


def of_file(data: bytes, alt: str) -> Picture:
    """A PNG, JPEG or SVG; kept as it is where it is small enough, and made smaller (PNG and JPEG) where not.

    Raises:
        ValueError: it is none of these, cannot be decoded, or is an SVG that is too large.
    """
    if data.lstrip()[:5] in (b"<?xml", b"<svg "):
        return _of_svg(data, alt)
    try:
        opened = Image.open(io.BytesIO(data), formats=tuple(_TYPES))
        opened.load()
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"no PNG, JPEG or SVG ({error})") from error
    if len(data) <= MOST_BYTES and opened.width <= MOST_PIXELS:
        return Picture(data, _TYPES[str(opened.format)], opened.width, opened.height, alt)
    image = opened.convert("RGB")
    is_drawn = bool(image.getcolors(MOST_COLOURS))
    image.thumbnail((MOST_PIXELS, image.height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    (image.quantize(64) if is_drawn else image).save(buffer, "PNG", optimize=True)
    if len(buffer.getvalue()) <= MOST_BYTES:
        return Picture(buffer.getvalue(), "image/png", image.width, image.height, alt)
    return of_photo(image, alt)


def _of_svg(data: bytes, alt: str) -> Picture:
    if len(data) > MOST_BYTES:
        raise ValueError(f"an SVG of {len(data):,} bytes, {MOST_BYTES:,} fit")
    if b"<!ENTITY" in data:
        raise ValueError("an SVG that defines entities")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ValueError(f"no SVG ({error})") from error
    width, height = (_pixels(root.get(side, "")) for side in ("width", "height"))
    return Picture(data, "image/svg+xml", width, height, alt)


def _pixels(length: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(pt|px)?", length)
    if found is None:
        raise ValueError("an SVG without a size in pt or px")
    return round(float(found[1]) * (_POINTS_TO_PIXELS if found[2] == "pt" else 1))
