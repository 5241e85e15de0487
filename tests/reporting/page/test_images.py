"""Pictures of a page are never larger than a bound, and what is no picture is refused."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from shgae.reporting.page.images import MOST_BYTES, MOST_PIXELS, of_file, of_photo


def noise(width: int, height: int) -> Image.Image:
    """What compresses worst."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def stored(image: Image.Image, format_: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_)
    return buffer.getvalue()


def svg(width: str = "72pt", body: str = "") -> bytes:
    text = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="36pt">{body}</svg>'
    return f'<?xml version="1.0"?>\n{text}'.encode()


@pytest.mark.parametrize("most", [40_000, 5_000, 900])
def test_a_photo_fits_whatever_it_shows(most: int) -> None:
    picture = of_photo(noise(288, 288), "noise", most)
    assert len(picture.data) <= most
    opened = Image.open(io.BytesIO(picture.data))
    assert (opened.format, opened.size) == ("JPEG", (picture.width, picture.height))


def test_a_photo_that_fits_keeps_its_size() -> None:
    picture = of_photo(Image.new("RGB", (288, 200), "red"), "red")
    assert (picture.width, picture.height, picture.alt) == (288, 200, "red")


@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_a_small_file_is_kept_to_the_byte(format_: str) -> None:
    data = stored(noise(60, 40), format_)
    picture = of_file(data, "x")
    assert picture.data == data
    assert base64.b64decode(picture.url.partition(",")[2]) == data
    assert picture.url.startswith(f"data:image/{format_.lower()};base64,")


@pytest.mark.parametrize(("width", "height"), [(2000, 900), (1000, 700), (MOST_PIXELS + 1, 2)])
def test_a_large_file_is_made_small_enough(width: int, height: int) -> None:
    picture = of_file(stored(noise(width, height), "PNG"), "x")
    assert len(picture.data) <= MOST_BYTES
    assert max(picture.width, picture.height) <= MOST_PIXELS
    assert picture.width / picture.height == pytest.approx(width / height, rel=0.3)


def test_a_large_flat_drawing_stays_lossless() -> None:
    assert of_file(stored(Image.new("P", (3000, 1000)), "PNG"), "x").type == "image/png"


def test_a_tall_drawing_stays_as_wide_as_it_can_be_read() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (40, 3), np.uint8)
    cells = np.random.default_rng(0).integers(0, 40, (1000, 16)).repeat(9, 0).repeat(61, 1)
    data = stored(Image.fromarray(colours[cells]), "PNG")
    picture = of_file(data.ljust(MOST_BYTES + 1, b"\0"), "x")
    assert (picture.type, picture.width, picture.height) == ("image/png", 976, 9000)
    assert len(picture.data) <= MOST_BYTES


def test_an_svg_is_kept_with_its_size_in_css_pixels() -> None:
    picture = of_file(svg(), "x")
    assert (picture.type, picture.width, picture.height, picture.data) == ("image/svg+xml", 96, 48, svg())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no PNG, JPEG or SVG"),
        (b"GIF89a", "no PNG, JPEG or SVG"),
        (stored(noise(60, 40), "PNG")[:500], "no PNG, JPEG or SVG"),
        (svg(body="x" * MOST_BYTES), "fit"),
        (svg(body="<g>"), "no SVG"),
        (svg("100%"), "without a size"),
        (b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "b">]><svg width="1pt" height="1pt"/>', "entities"),
    ],
)
def test_what_is_no_picture_or_does_not_fit_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        of_file(data, "x")
