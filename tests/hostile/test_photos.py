"""Photos that mean harm are refused, or counted and named; odd but honest ones are taken; nothing else is opened."""

from __future__ import annotations

import json
import os
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import read_rows
from shgae.data.photo_decoding import MAX_PHOTO_PIXELS, open_photo
from shgae.errors import Refused
from tests.builders.photo_models import exif_of
from tests.hostile.conftest import End, heard, opened, peak_of, run
from tests.promises import Kept

SIDE = 24
PIXELS = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
PHOTO = Image.fromarray(PIXELS)
PROMISE = (
    "A photo that cannot be used is refused by name, or left out, counted and named; none is read outside its folder"
)


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes with a header that announces so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


HONEST: dict[str, bytes] = {
    "grey": encoded(PHOTO.convert("L")),
    "black and white": encoded(PHOTO.convert("1")),
    "palette": encoded(PHOTO.convert("P")),
    "with an alpha channel": encoded(PHOTO.convert("RGBA")),
    "CMYK": encoded(PHOTO.convert("CMYK"), "JPEG", quality=95),
    "16 bits": encoded(Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)),
    "animated GIF": encoded(PHOTO, "GIF", save_all=True, append_images=[PHOTO.rotate(90)] * 3),
    "animated WebP": encoded(PHOTO, "WEBP", save_all=True, append_images=[PHOTO.rotate(90)] * 3, lossless=True),
    "animated PNG": encoded(PHOTO, save_all=True, append_images=[PHOTO.rotate(90)] * 3),
    **{f"EXIF {turn}": encoded(PHOTO, exif=exif_of(turn)) for turn in range(1, 9)},
}
BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no photo"),
    "a text": (b"<html>404</html>", "no photo"),
    "zeros": (bytes(5000), "no photo"),
    "of another size": (encoded(PHOTO.resize((25, 24))), "it is 25 x 24, the JSON says 24 x 24"),
    "turned on its side by whoever saved it": (encoded(PHOTO.resize((24, 30))), "it is 24 x 30, the JSON says"),
    "1 x 1": (encoded(PHOTO.resize((1, 1))), "it is 1 x 1, the JSON says 24 x 24"),
    "a header of 50,000 x 50,000": (
        png_that_claims(50_000, 50_000),
        "more than 178,956,970 pixels, at most",
    ),
    "a header of 12,000 x 12,000": (png_that_claims(12_000, 12_000), "it is 12000 x 12000, the JSON says 24 x 24"),
    "a header whose pixels are missing": (png_that_claims(SIDE, SIDE), "it cannot be decoded"),
    "a TIFF": (encoded(PHOTO, "TIFF"), "no photo"),
    "an EPS, which is a program": (encoded(PHOTO, "EPS"), "no photo"),
    "cut in the middle": (encoded(PHOTO)[:700], "it cannot be decoded"),
    "a bit flipped in its pixels": (encoded(PHOTO)[:500] + b"\x55" + encoded(PHOTO)[501:], "it cannot be decoded"),
}


def write(photos: dict[str, bytes | None], names: dict[str, str] | None = None) -> None:
    """``people.json`` and ``photos/`` with one person a photo; None leaves the file out."""
    Path("photos").mkdir()
    images, people = [], []
    for number, (what, data) in enumerate(photos.items()):
        name = (names or {}).get(what, f"{number}.png")
        if data is not None:
            Path("photos", f"{number}.png").write_bytes(data)
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
        person = {"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "bbox": [1, 1, 20, 20]}
        people.append(person | {"keypoints": [4, 5, 2, 9, 8, 1, 15, 15, 2]})
    category = {"id": 1, "name": "person", "keypoints": ["nose", "left_hand", "right_hand"], "skeleton": []}
    Path("people.json").write_text(json.dumps({"images": images, "annotations": people, "categories": [category]}))


def prepare(*options: object) -> End:
    words = ("prepare", "--train", "people.json", "photos", "-o", "out", "--crop-size", 128, "--json", *options)
    return run(*words).check()


def test_honest_photos_of_every_kind_are_taken_with_their_pixels_as_stored(here: Path, kept: Kept) -> None:
    write(HONEST)
    assert prepare().result["splits"] == {"train": len(HONEST)}
    crops = Crops(open_artifact(Path("out")), "train")
    rows = dict(zip(HONEST, crops.read(np.arange(len(HONEST))), strict=True))
    for name in HONEST:
        if name.startswith("EXIF") or name in ("animated WebP", "animated PNG", "with an alpha channel"):
            assert (rows[name] == rows["EXIF 1"]).all(), f"{name}: turned, or another frame"
    difference = np.abs(rows["16 bits"].astype(int) - rows["EXIF 1"][..., :1]).max()
    assert difference <= 1, "16 bits are clipped"
    kept(PROMISE, len(HONEST), "photos")


@pytest.mark.parametrize("workers", [0, 3])
def test_all_bad_photos_at_once_are_counted_and_named_with_their_people(here: Path, workers: int, kept: Kept) -> None:
    photos: dict[str, bytes | None] = {what: data for what, (data, _) in BROKEN.items()}
    write({**photos, **HONEST})
    wanted = [reason for _, reason in BROKEN.values()]
    assert "photo in photos/0.png (annotation 0): no photo" in prepare("--workers", workers).line
    assert " photos are bad (1.png, 2.png and " in prepare("--workers", workers).line
    end = prepare("--workers", workers, "--max-bad-photos", len(wanted))
    assert end.result["bad_photos"] == end.result["dropped"]["bad photo"] == len(wanted)
    assert end.result["splits"] == {"train": len(HONEST)}
    named = open_artifact(Path("out")).facts["bad_photos"]
    assert [one["file"] for one in named] == [f"{number}.png" for number in range(len(wanted))]
    for one, reason in zip(named, wanted, strict=True):
        assert one["reason"].startswith(reason)
    rows = list(read_rows(Path("out/people.jsonl")))
    assert [row["reason"] for row in rows] == ["bad photo"] * len(wanted) + [None] * len(HONEST)
    kept(PROMISE, len(wanted), "photos")


def test_a_photo_cut_at_any_of_a_hundred_places_is_refused_by_name(here: Path, kept: Kept) -> None:
    cuts = {}
    for form in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        whole = encoded(PHOTO, form)
        # Behind the last pixel there are up to 40 bytes that a picture can do without.
        cuts |= {f"{form} {i}": whole[: (len(whole) - 40) * i // 20] for i in range(20)}
    write({**cuts, "whole": encoded(PHOTO)})
    end = prepare("--max-bad-photos", len(cuts))
    assert end.result["bad_photos"] == len(cuts) == 100
    assert prepare("-o", "other", "--max-bad-photos", len(cuts) - 1).code == 2
    kept(PROMISE, len(cuts), "photos")


LEADING_OUT = {
    "an absolute name": "/etc/hostname",
    "a name above the folder": "../secret.png",
    "a name above it, and back": "../photos/../secret.png",
    "a name with NUL": "0.png\0.jpg",
    "a name that is the folder": ".",
    "a name of a terminal's commands": "\x1b]0;x\x07.png",
    "a link to a file outside": "link.png",
    "a link to a folder outside": "folder/secret.png",
    "a link to a link outside": "twice.png",
    "a link to itself": "circle.png",
    "a link to nowhere": "nowhere.png",
    "a device": "zero.png",
    "a pipe that nobody writes to": "pipe.png",
    "a folder": "a folder.png",
}


@pytest.mark.parametrize("how", LEADING_OUT)
@pytest.mark.parametrize("tolerant", [False, True])
def test_nothing_outside_the_folder_is_ever_opened(here: Path, how: str, tolerant: bool, kept: Kept) -> None:
    write({"victim": None, "sound": encoded(PHOTO)}, {"victim": LEADING_OUT[how]})
    outside = here / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(encoded(PHOTO))
    (here / "secret.png").write_bytes(encoded(PHOTO))
    photos = here / "photos"
    (photos / "link.png").symlink_to(outside / "secret.png")
    (photos / "folder").symlink_to(outside)
    (photos / "twice.png").symlink_to(photos / "link.png")
    (photos / "circle.png").symlink_to(photos / "circle.png")
    (photos / "nowhere.png").symlink_to(here / "not there")
    (photos / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(photos / "pipe.png")
    (photos / "a folder.png").mkdir()
    with heard() as events:
        end = prepare(*(["--max-bad-photos", 1] if tolerant else []))
    written = {here / "out.partial" / "sheet.png"}
    photos_read = {path for path in opened(events) if path.suffix == ".png"} - written
    assert photos_read <= {photos / "1.png"}
    assert not opened(events) & {Path("/etc/hostname"), Path("/dev/zero"), photos / "pipe.png"}
    assert end.code == 2 or (tolerant and end.result["bad_photos"] == 1)
    assert not tolerant or end.code == 0 or "people.json" in end.line
    kept(PROMISE, 1, "names that lead out of the folder")


def test_a_link_within_the_folder_is_followed(here: Path) -> None:
    write({"linked": None, "sound": encoded(PHOTO)}, {"linked": "link.png"})
    Path("photos/link.png").symlink_to("1.png")
    assert prepare().result["splits"] == {"train": 2}


def test_a_file_of_gigabytes_is_refused_unread(here: Path) -> None:
    Path("huge.png").write_bytes(encoded(PHOTO))
    os.truncate("huge.png", 6_000_000_000)
    with heard() as events, pytest.raises(Refused, match="more than 500,000,000 bytes"):
        open_photo(Path("huge.png"))
    assert Path("huge.png").resolve() not in opened(events)


@pytest.mark.torture
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_the_largest_photo_that_is_taken_needs_less_than_a_gigabyte(here: Path, mode: str, kept: Kept) -> None:
    side = int(MAX_PHOTO_PIXELS**0.5)
    Path("bomb.png").write_bytes(encoded(Image.new(mode, (side, side))))
    assert Path("bomb.png").stat().st_size < 400_000
    assert peak_of(lambda: open_photo(Path("bomb.png"), (side, side))) < 1 << 30
    kept("The largest photo that is decoded needs less than 1 GB", 1, "kinds of pixels")


@pytest.mark.torture
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "PPM"])
def test_a_photo_with_any_byte_changed_is_read_or_refused(here: Path, form: str, kept: Kept) -> None:
    whole = encoded(PHOTO, form)
    path = Path("photo")
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        try:
            assert open_photo(path).mode == "RGB"
        except Refused as refused:
            assert len(refused.line()) <= 200
    kept("A photo with a byte changed is read, or refused in one line", len(whole), "changed bytes")
