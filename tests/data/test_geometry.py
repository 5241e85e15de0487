"""Squares, the two maps between photo and crop, the cutting itself, and what is no photo."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from shgae.data import photo_decoding
from shgae.data.geometry import MIN_SIDE, Square, covered, square_around, to_crop, to_photo
from shgae.data.photo_decoding import cut, open_photo
from shgae.errors import Refused
from tests.builders.photo_models import exif_of

SIZES = st.tuples(st.integers(1, 3000), st.integers(1, 3000))
MARGINS = st.sampled_from((0.0, 0.1, 0.25))
CROP_SIZES = st.sampled_from((128, 256))
FRACTION = st.floats(-0.25, 1.25)


@st.composite
def people(draw: st.DrawFn) -> tuple[tuple[int, int], np.ndarray, np.ndarray]:
    """A photo's size, a box and 1 to 17 labelled joints in and a little around it."""
    size = draw(SIZES)
    corners = np.sort(np.array(draw(st.tuples(FRACTION, FRACTION, FRACTION, FRACTION))).reshape(2, 2), axis=0) * size
    box = np.concatenate((corners[0], np.maximum(corners[1] - corners[0], 0.01)))
    points = draw(st.lists(st.tuples(FRACTION, FRACTION), min_size=1, max_size=17))
    return size, box, np.array(points, np.float64) * size


def holds(square: Square, xy: np.ndarray) -> bool:
    inside = (xy - (square.x0, square.y0)) / square.side
    return bool((inside >= -1e-6).all() and (inside <= 1 + 1e-6).all())


@given(people(), MARGINS, CROP_SIZES, st.sampled_from(("pad", "inside")))
def test_crop_and_back_is_the_identity_and_kept_joints_are_in_the_square(person, margin, crop_size, policy):
    size, box, xy = person
    square = square_around(box, xy, size, policy, margin)
    if square is None:
        assert policy == "inside"
        return
    assert square.side > 0
    assert holds(square, xy)
    assert np.abs(to_photo(to_crop(xy, square, crop_size), square, crop_size) - xy).max() <= 1e-3
    pixels = xy / max(size) * crop_size
    assert np.abs(to_crop(to_photo(pixels, square, crop_size), square, crop_size) - pixels).max() <= 1e-3


@given(people(), MARGINS, CROP_SIZES)
def test_inside_stays_inside_and_drops_only_whom_no_square_can_hold(person, margin, crop_size):
    size, box, xy = person
    square = square_around(box, xy, size, "inside", margin)
    lacking = max(-xy.min(), (xy - size).max(), np.ptp(xy, axis=0).max() - min(size))
    if square is None:
        assert lacking > 0
        return
    assert lacking <= 1e-5
    assert square.x0 >= 0
    assert square.y0 >= 0
    assert square.x0 + square.side <= size[0] + 1e-6
    assert square.y0 + square.side <= size[1] + 1e-6
    assert covered(square, size, crop_size) == (0, 0, crop_size, crop_size)


@given(people(), MARGINS)
def test_pad_centres_on_the_joints_and_grows_the_longer_side_of_box_and_joints(person, margin):
    size, box, xy = person
    square = square_around(box, xy, size, "pad", margin)
    assert square is not None
    middle = (xy.min(axis=0) + xy.max(axis=0)) / 2
    assert np.allclose((square.x0 + square.side / 2, square.y0 + square.side / 2), middle, atol=1e-6)
    corners = np.vstack((xy, box[:2], box[:2] + box[2:]))
    assert math.isclose(square.side, max(np.ptp(corners, axis=0).max() * (1 + margin), MIN_SIDE))


@given(people(), CROP_SIZES)
def test_the_valid_rectangle_is_what_a_pixel_by_pixel_check_finds(person, crop_size):
    size, box, xy = person
    square = square_around(box, xy, size, "pad", 0.1)
    assert square is not None
    valid = covered(square, size, crop_size)
    edges = np.arange(crop_size + 1) * square.side / crop_size
    for axis, (first, end) in enumerate(((valid.x0, valid.x1), (valid.y0, valid.y1))):
        start = edges[:-1] + square[axis]
        stop = edges[1:] + square[axis]
        slack = 1e-4 * square.side / crop_size
        surely = np.flatnonzero((start >= slack) & (stop <= size[axis] - slack))
        perhaps = np.flatnonzero((start >= -slack) & (stop <= size[axis] + slack))
        assert set(surely) <= set(range(first, end)) <= set(perhaps)


def test_one_joint_in_a_tiny_box_gets_a_square_of_a_few_pixels():
    square = square_around((10, 10, 0.1, 0.1), np.array([[10.0, 10.0]]), (640, 480), "pad", 0.1)
    assert square == Square(10 - MIN_SIDE / 2, 10 - MIN_SIDE / 2, MIN_SIDE)


def test_a_photo_of_one_pixel_still_gives_a_square():
    assert square_around((0, 0, 1, 1), np.array([[0.5, 0.5]]), (1, 1), "inside", 0.1) == Square(0, 0, 1)


def test_inside_shifts_before_it_shrinks():
    xy = np.array([[90.0, 90.0]])
    assert square_around((60, 60, 40, 40), xy, (100, 200), "inside", 0.0) == Square(60, 70, 40)
    assert square_around((0, 20, 100, 160), xy, (100, 200), "inside", 0.0) == Square(0, 40, 100)


def test_inside_gives_up_joints_further_apart_than_the_photo_is_high():
    xy = np.array([[10.0, 50.0], [190.0, 50.0]])
    assert square_around((0, 0, 200, 100), xy, (200, 100), "inside", 0.1) is None


@given(st.integers(20, 79), st.integers(20, 59), st.floats(-40, 40), st.floats(-40, 40), st.floats(30, 200), CROP_SIZES)
@settings(max_examples=60)
def test_a_dot_lands_where_to_crop_says(column, row, dx, dy, side, crop_size):
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[row, column] = 255
    centre = np.array((column + 0.5, row + 0.5))
    square = Square(centre[0] - side / 2 + dx * side / 100, centre[1] - side / 2 + dy * side / 100, side)
    crop, valid = cut(Image.fromarray(pixels), square, crop_size)
    weight = crop[..., 0].astype(np.float64)
    ys, xs = np.mgrid[:crop_size, :crop_size] + 0.5
    found = np.array(((weight * xs).sum(), (weight * ys).sum())) / weight.sum()
    expected = to_crop(centre, square, crop_size)
    reach = 1.5 * crop_size / side + 2
    if (expected - reach > valid[:2]).all() and (expected + reach < valid[2:]).all():
        assert np.abs(found - expected).max() < 0.25


@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(40, 300))
@settings(max_examples=60)
def test_a_gradient_keeps_its_values_and_what_lies_outside_is_zero(x0, y0, side):
    width, height = 120, 90
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.arange(width)[None, :] + 50
    pixels[..., 1] = np.arange(height)[:, None] + 50
    pixels[..., 2] = 200
    crop, valid = cut(Image.fromarray(pixels), Square(x0, y0, side), 128)
    is_valid = np.zeros((128, 128), bool)
    is_valid[valid.y0 : valid.y1, valid.x0 : valid.x1] = True
    assert (crop[~is_valid] == 0).all()
    assert (crop[is_valid][:, 2] == 200).all()
    ys, xs = np.mgrid[:128, :128] + 0.5
    photo = to_photo(np.stack((xs, ys), -1), Square(x0, y0, side), 128)
    # Away from the photo's edge, where the filter has both its neighbours.
    reach = side / 128 + 1.5
    inner = is_valid & (photo > reach).all(-1) & (photo < np.array((width, height)) - reach).all(-1)
    assert np.abs(crop[inner][:, :2] - (photo[inner] - 0.5 + 50)).max(initial=0) <= 1


def test_a_checkerboard_is_averaged_when_it_is_shrunk():
    board = (np.indices((512, 512)).sum(0) % 2 * 255).astype(np.uint8)
    crop, _ = cut(Image.fromarray(np.dstack([board] * 3)), Square(0, 0, 512), 128)
    assert np.abs(crop.astype(int) - 128).max() <= 2


def test_a_crop_of_its_own_size_is_the_photo_itself():
    pixels = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    crop, valid = cut(Image.fromarray(pixels), Square(0, 0, 128), 128)
    assert (crop == pixels).all()
    crop, valid = cut(Image.fromarray(pixels), Square(-28, -100, 128), 128)
    assert valid == (28, 100, 128, 128)
    assert (crop[100:, 28:] == pixels[:28, :100]).all()


def test_a_square_beside_the_photo_covers_nothing():
    crop, valid = cut(Image.new("RGB", (10, 10), "white"), Square(50, 50, 20), 128)
    assert valid.is_empty
    assert not crop.any()


def save(folder: Path, image: Image.Image, name: str = "photo.png", **options: object) -> Path:
    image.save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_kind_of_png_becomes_rgb(tmp_path: Path, mode: str):
    photo = open_photo(save(tmp_path, Image.new("RGB", (6, 4), "white").convert(mode)), (6, 4))
    assert photo.mode == "RGB"
    assert np.asarray(photo).min() == 255


def test_a_palette_with_transparency_becomes_rgb_without_a_warning(tmp_path: Path, recwarn: pytest.WarningsRecorder):
    image = Image.new("RGB", (6, 4), (9, 8, 7)).convert("P", palette=Image.Palette.ADAPTIVE)
    path = save(tmp_path, image, transparency=bytes(range(4)))
    assert np.asarray(open_photo(path))[0, 0].tolist() == [9, 8, 7]
    assert not recwarn.list


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path):
    path = save(tmp_path, Image.fromarray(np.array([[0, 0x1234, 0x8000, 0xFFFF]], np.uint16)))
    assert np.asarray(open_photo(path))[0, :, 0].tolist() == [0, 0x12, 0x80, 0xFF]


def test_cmyk_becomes_rgb(tmp_path: Path):
    image = Image.new("RGB", (16, 16), (200, 30, 60)).convert("CMYK")
    photo = open_photo(save(tmp_path, image, "photo.jpg", quality=95))
    assert photo.mode == "RGB"
    assert np.abs(np.asarray(photo).astype(int) - (200, 30, 60)).max() < 12


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_does_not_turn_a_photo(tmp_path: Path, name: str, orientation: int):
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :16] = 255
    path = save(tmp_path, Image.fromarray(pixels), name, exif=exif_of(orientation))
    photo = np.asarray(open_photo(path, (32, 16)))
    assert photo[:7, :15].min() > 200
    assert photo[9:].max() < 50


def line_of(path: Path, size: tuple[int, int] | None = None) -> str:
    with pytest.raises(Refused) as caught:
        open_photo(path, size)
    assert "\n" not in caught.value.line()
    assert path.name in caught.value.line()
    return caught.value.line()


def test_a_photo_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 255, (24, 24, 3), dtype=np.uint8)
    for form in ("PNG", "JPEG"):
        whole = io.BytesIO()
        Image.fromarray(pixels).save(whole, form)
        path = tmp_path / "photo"
        for length in range(0, int(len(whole.getvalue()) * 0.9), 17):
            path.write_bytes(whole.getvalue()[:length])
            line_of(path)


def test_a_photo_of_another_size_is_refused_with_both_sizes(tmp_path: Path):
    line = line_of(save(tmp_path, Image.new("RGB", (6, 4))), (4, 6))
    assert "6 x 4" in line
    assert "4 x 6" in line


def test_what_is_no_photo_is_refused(tmp_path: Path):
    (tmp_path / "text.jpg").write_text("no photo")
    assert "JPEG" in line_of(tmp_path / "text.jpg")
    assert "no such file" in line_of(tmp_path / "missing.jpg")
    assert "a folder" in line_of(tmp_path)


@pytest.mark.parametrize(
    ("data", "kind", "fix"),
    [
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "a store's error page", "fetch"),
        (b'{"error": "rate limit"}', "a JSON", "fetch"),
        (b"\x1f\x8b\x08\0", "packed by gzip", "gunzip"),
        (b"<svg></svg>", "an SVG or XML", "save it as JPEG"),
    ],
)
def test_what_a_download_leaves_in_place_of_a_photo_is_called_by_its_name(
    tmp_path: Path, data: bytes, kind: str, fix: str
):
    (tmp_path / "a.jpg").write_bytes(data)
    line = line_of(tmp_path / "a.jpg")
    assert f"no photo ({kind}" in line and f"Try: {fix}" in line


def test_a_png_that_others_open_and_pillow_does_not_is_to_be_saved_again(tmp_path: Path):
    text = PngInfo()
    text.add_text("workflow", "x" * 2_000_000, zip=True)
    assert "save it as JPEG or PNG" in line_of(save(tmp_path, Image.new("RGB", (6, 4)), pnginfo=text))


def test_a_tiff_is_refused_as_pillow_would_turn_it(tmp_path: Path):
    line_of(save(tmp_path, Image.new("RGB", (6, 4)), "photo.tiff"))


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(photo_decoding, "MAX_PHOTO_PIXELS", 1000)
    path = save(tmp_path, Image.new("RGB", (100, 100)))
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    assert "at most 1,000" in line_of(path)
    assert "at most 1,000" in line_of(path, (100, 100))
