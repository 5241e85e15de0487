"""What the head of a photo says: EXIF's turn and no other, and nothing on standard error."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from shgae.data.coco import read_coco
from shgae.data.photo_files import read_header, settled_pillow
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import PrepareConfig
from shgae.stages import convert, predict, prepare
from tests.builders.photo_models import CONFIG, make_model

XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
HOW = Execution(workers=2)


def block(orientation: int | None) -> bytes:
    made = Image.Exif()
    made[0x011A] = 72.0  # a resolution, for which Pillow reads the block as it opens a JPEG
    if orientation is not None:
        made[0x0112] = orientation
    return made.tobytes()


@pytest.mark.parametrize("form", ["jpg", "png", "webp"])
@pytest.mark.parametrize(("exif", "expected"), [(b"", 1), (block(None), 1), (block(1), 1), (block(8), 8)])
def test_a_turn_that_only_xmp_names_is_none(tmp_path: Path, form: str, exif: bytes, expected: int) -> None:
    of_png = PngInfo()
    of_png.add_itxt("XML:com.adobe.xmp", XMP.decode())
    Image.new("RGB", (40, 30)).save(tmp_path / f"a.{form}", exif=exif, xmp=XMP, pnginfo=of_png)
    header = read_header(tmp_path / f"a.{form}")
    assert header is not None and header.orientation == expected


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with a photo of two orientations in one entry, and one that is too large."""
    entry = struct.pack(">HHIHH", 0x112, 3, 2, 1, 1)
    (tmp_path / "odd").mkdir()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + entry + bytes(4)
    Image.new("RGB", (40, 30)).save(tmp_path / "odd" / "1.jpg", exif=exif)
    (tmp_path / "odd" / "2.ppm").write_bytes(b"P6 10000 9000 255\n")
    return tmp_path / "odd"


def prepared(photos: Path, dry: bool = False) -> None:
    images = [{"id": n, "file_name": name} for n, name in enumerate(("1.jpg", "2.ppm"))]
    person = {"category_id": 1, "bbox": [2, 2, 20, 20], "keypoints": [5, 5, 2]}
    people = [person | {"id": n, "image_id": n} for n in range(2)]
    category = {"id": 1, "name": "person", "keypoints": ["nose"]}
    path = photos.parent / "people.json"
    path.write_text(json.dumps({"images": images, "annotations": people, "categories": [category]}))
    config = PrepareConfig(crop_size=128, max_bad_photos=1)
    (prepare.dry_run if dry else prepare.run)(
        {"train": prepare.Source(path, photos)}, photos.parent / "data", config, HOW
    )


def predicted(photos: Path) -> None:
    result = predict.run(make_model(photos.parent / "m"), [photos], None, photos.parent / "out", CONFIG, HOW)
    assert len(result.to_json()["bad_photos"]) == 1


def converted(photos: Path) -> None:
    person = {"isValidation": 0, "joint_self": [[5, 5, 1]] * 16}
    path = photos.parent / "mpii.json"
    path.write_text(json.dumps([person | {"img_paths": name} for name in ("1.jpg", "2.ppm")]))
    convert.run("mpii", path, photos.parent / "out", photos, HOW)


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("command", [prepared, lambda photos: prepared(photos, dry=True), predicted, converted])
def test_no_command_prints_pillows_warnings_of_a_photo(
    odd: Path, command: Callable[[Path], None], recwarn: pytest.WarningsRecorder
) -> None:
    command(odd)
    assert [str(one.message) for one in recwarn if "PIL" in one.filename or "pixels" in str(one.message)] == []


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.symlink_to(path.parent / "store" / "blob"), "a link to a file that is not there"),
        (lambda path: path.symlink_to(path.name), "a link in a circle"),
        (lambda path: path.mkdir(), "it is a folder"),
        (os.mkfifo, "it is a pipe"),
    ],
    ids=["a link to what was not fetched", "a loop", "a folder", "a pipe"],
)
def test_what_lies_in_the_place_of_a_photo_is_called_by_its_name(
    tmp_path: Path, make: Callable[[Path], None], why: str
) -> None:
    make(tmp_path / "1.jpg")
    category = {"id": 1, "name": "person", "keypoints": ["nose"]}
    person = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 20, 20], "keypoints": [5, 5, 2]}
    dataset = {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [person], "categories": [category]}
    (tmp_path / "people.json").write_text(json.dumps(dataset))
    people = read_coco(tmp_path / "people.json", tmp_path)
    with pytest.raises(Refused) as refused:
        people.photo_path(next(photo for photo, _ in people))
    assert refused.value.why.startswith(why)


def test_what_a_program_told_pillow_holds_again_when_the_last_of_several_commands_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two commands that end in the order in which they began, as in threads."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    one, other = ExitStack(), ExitStack()
    one.enter_context(settled_pillow)
    other.enter_context(settled_pillow)
    one.close()
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    other.close()
    assert ImageFile.LOAD_TRUNCATED_IMAGES
