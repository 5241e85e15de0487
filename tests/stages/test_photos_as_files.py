"""Photos as people have them: turned by EXIF, twice under two names, without an end, of another kind."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from shgae.artifacts.crops import Crops, read_people
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import read_rows
from shgae.data.photo_decoding import open_photo
from shgae.data.photo_files import TURNS, Header, Turned
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import Exif, PrepareConfig
from shgae.stages.prepare import PrepareResult, Source, run
from tests.builders.chain import Notes
from tests.builders.photo_models import exif_of

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
UPRIGHT = (80, 60)
CONFIG = PrepareConfig(crop_size=128)


def encoded(image: Image.Image, form: str, orientation: int) -> bytes:
    stream = BytesIO()
    options: dict[str, Any] = {"quality": 98, "subsampling": 0} if form == "JPEG" else {"lossless": True}
    image.save(stream, form, exif=exif_of(orientation), **({} if form == "PNG" else options))
    return stream.getvalue()


def as_stored(upright: Image.Image, orientation: int) -> Image.Image:
    """The pixels that a camera stores so that EXIF's orientation makes them upright."""
    back = {
        Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
        Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
    }
    turn = TURNS.get(orientation)
    return upright if turn is None else upright.transpose(back.get(turn, turn))


@dataclass
class Folder:
    """A JSON and its photos; each has a person of three joints, which are squares of a colour each."""

    path: Path
    images: list[dict[str, Any]] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, orientation: int = 1, form: str = "JPEG", said: str = "upright", size: tuple[int, int] = UPRIGHT
    ) -> str:
        """A photo with an EXIF turn; its size and joints are of the upright or of the stored photo."""
        number = len(self.images) + 1
        numbers = np.random.default_rng(number)
        pixels = np.full((size[1], size[0], 3), 90 + number, np.uint8)
        places = numbers.permutation([(x, y) for x in range(9, size[0] - 8, 16) for y in range(9, size[1] - 8, 16)])[:3]
        for (x, y), colour in zip(places, COLOURS, strict=True):
            pixels[y - 4 : y + 5, x - 4 : x + 5] = colour
        stored = as_stored(Image.fromarray(pixels), orientation)
        xy = places + 0.5
        if said == "stored":
            size = stored.size
            seen = np.asarray(stored).astype(int)
            found = [np.argwhere(np.abs(seen - colour).sum(2) < 60).mean(0)[::-1] + 0.5 for colour in COLOURS]
            xy = np.array(found)
        name = f"{number}.{form.lower()}"
        (self.path / "photos").mkdir(parents=True, exist_ok=True)
        (self.path / "photos" / name).write_bytes(encoded(stored, form, orientation))
        self.images.append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
        keypoints = [float(one) for x, y in xy for one in (x, y, 2)]
        self.people.append({"id": 100 + number, "image_id": number, "category_id": 1, "keypoints": keypoints})
        return name

    @property
    def source(self) -> Source:
        category = {"id": 1, "name": "person", "keypoints": ["nose", "left_hand", "right_hand"]}
        content = {"images": self.images, "annotations": self.people, "categories": [category]}
        (self.path / "people.json").write_text(json.dumps(content))
        return Source(self.path / "people.json", self.path / "photos")


def prepared(folder: Folder, mode: Exif, notes: Notes | None = None) -> PrepareResult:
    shutil.rmtree(folder.path / "data", ignore_errors=True)
    how = Execution(progress=notes or Notes())
    return run({"train": folder.source}, folder.path / "data", replace(CONFIG, exif=mode), how)


def on_their_colour(result: PrepareResult) -> list[bool]:
    """Of every joint, whether the crop has its colour where it is said to be."""
    crops = Crops(result.artifact, "train")
    pixels = crops.read(np.arange(len(crops))).astype(int)
    found = []
    for person in range(len(crops)):
        for (x, y), colour in zip(crops.people.xy_crop[person].round().astype(int), COLOURS, strict=True):
            found.append(bool(np.abs(pixels[person, y, x] - colour).max() < 60))
    return found


@given(
    st.lists(
        st.tuples(
            st.integers(1, 8), st.sampled_from(["JPEG", "PNG", "WEBP"]), st.sampled_from([(80, 60), (60, 80), (64, 64)])
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["upright", "stored"]),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_joint_is_on_its_colour_or_the_photos_are_refused(
    tmp_path: Path, photos: list[tuple[int, str, tuple[int, int]]], said: str
) -> None:
    shutil.rmtree(tmp_path / "x", ignore_errors=True)
    folder = Folder(tmp_path / "x")
    for orientation, form, size in photos:
        folder.add(orientation, form, said, size)
    assert all(on_their_colour(prepared(folder, "apply" if said == "upright" else "ignore")))
    notes = Notes()
    try:
        result = prepared(folder, "refuse", notes)
    except Refused as refused:
        assert "EXIF" in refused.line()
        assert "--exif apply" in refused.line()
        return
    turned = sum(orientation > 1 for orientation, *_ in photos)
    assert result.to_json()["exif_turned"] == turned
    assert any("EXIF" in note for note in notes.said) == bool(turned)
    # No camera writes a PNG or WebP: where nothing tells, they are taken as stored, and that is said.
    is_told = said == "stored" or all(form == "JPEG" for orientation, form, _ in photos if orientation > 1)
    assert all(on_their_colour(result)) or not is_told


def test_sizes_that_show_the_stored_pixels_speak_for_the_other_photos(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add(3, said="stored")
    with pytest.raises(Refused, match="--exif apply.*--exif ignore"):
        prepared(folder, "refuse")
    folder.add(6, said="stored")
    notes = Notes()
    assert all(on_their_colour(prepared(folder, "refuse", notes)))
    assert sum("2 photos of train" in note for note in notes.said) == 1


@pytest.mark.parametrize(("mode", "said", "fix"), [("ignore", "upright", "apply"), ("apply", "stored", "ignore")])
def test_a_size_of_the_other_way_up_names_the_option(tmp_path: Path, mode: Exif, said: str, fix: str) -> None:
    folder = Folder(tmp_path)
    folder.add(6, said=said)
    with pytest.raises(Refused, match=f"it is .* the JSON says .* --exif {fix}"):
        prepared(folder, mode)


def test_a_size_with_width_and_height_swapped_is_told_as_such(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    with pytest.raises(Refused, match="it is 30 x 20, the JSON says 20 x 30, width and height swapped.*swapped, or"):
        open_photo(tmp_path / "a.png", (20, 30))


def test_options_that_change_nothing_leave_the_id(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add()
    assert prepared(folder, "refuse").artifact.manifest.config.keys().isdisjoint({"exif", "category"})


@given(
    st.lists(st.tuples(st.integers(1, 8), st.booleans(), st.sampled_from([None, (8, 6), (6, 8), (7, 7)])), max_size=5)
)
def test_a_turned_photo_is_sorted_by_what_its_size_says(photos: list[tuple[int, bool, Any]]) -> None:
    turned = Turned()
    for number, (orientation, is_jpeg, said) in enumerate(photos):
        turned.add(Path(str(number)), Header((8, 6), orientation, is_jpeg), said)
    assert len(turned.all) == len(set(turned.all)) <= sum(orientation > 1 for orientation, *_ in photos)
    assert not (turned.refused and turned.stored and not turned.upright)
    for path in turned.stored + turned.upright:
        assert photos[int(str(path))][0] >= 5, "a photo that stays as wide as it is says nothing"


@pytest.mark.parametrize(
    "begin", [b"II*\0", b"MM\0*", b"\0\0\0\x18ftypheic", b"\0\0\0\x0cjP  ", b"%PDF-1.4", b"<!DOCTYPE html>"]
)
def test_what_is_no_photo_is_called_by_its_name(tmp_path: Path, begin: bytes) -> None:
    (tmp_path / "x.jpg").write_bytes(begin + bytes(50))
    with pytest.raises(Refused, match=r"no photo \((a|an) .*(JPEG or PNG|fetch)"):
        open_photo(tmp_path / "x.jpg")


def twins(folder: Folder, photos: int = 6, copies: int = 4) -> None:
    """Photos, and some of them once more under another id and name, or under another id alone."""
    for _ in range(photos):
        folder.add()
    for number in range(copies):
        image, person = folder.images[number], folder.people[number]
        name = image["file_name"]
        if number % 2:
            name = f"copy-{name}"
            shutil.copy(folder.path / "photos" / image["file_name"], folder.path / "photos" / name)
        folder.images.append({**image, "id": 1000 + number, "file_name": name})
        folder.people.append({**person, "id": 2000 + number, "image_id": 1000 + number})


@pytest.mark.parametrize("seed", range(6))
def test_a_photo_under_two_ids_goes_to_one_split_and_counts_as_one(tmp_path: Path, seed: int) -> None:
    folder = Folder(tmp_path)
    twins(folder)
    notes = Notes()
    config = replace(CONFIG, hold_out=4, seed=seed)
    result = run({"train": folder.source}, tmp_path / "data", config, Execution(progress=notes))
    rows = list(read_rows(tmp_path / "data" / "people.jsonl"))
    splits: dict[bytes, set[str]] = {}
    for row in rows:
        content = (tmp_path / "photos" / row["file_name"]).read_bytes()
        splits.setdefault(content, set()).add(row["split"])
    assert len(splits) == 6
    assert all(len(one) == 1 for one in splits.values())
    assert sum("several ids" in note for note in notes.said) >= 1
    data = open_artifact(result.artifact.path)
    photos = [len(np.unique(Crops(data, split).photos)) for split in data.facts["splits"]]
    assert sum(photos) == 6
    assert sum(len(np.unique(read_people(data, split).photo_id)) for split in data.facts["splits"]) == 10


def test_a_photo_in_two_jsons_is_told(tmp_path: Path) -> None:
    one, other = Folder(tmp_path / "one"), Folder(tmp_path / "other")
    for folder, photos in ((one, 3), (other, 4)):
        for _ in range(photos):
            folder.add()
    other.add(form="PNG")
    notes = Notes()
    result = run({"train": one.source, "val": other.source}, tmp_path / "data", CONFIG, Execution(progress=notes))
    assert sum("3 photos of val also in train" in note for note in notes.said) == 1
    assert "same_photos" not in result.artifact.facts
    assert result.to_json()["shared_photos"] == result.artifact.facts["shared_photos"] == {"train-val": 3}


def test_data_without_a_shared_photo_says_so_and_keeps_no_fact_of_it(tmp_path: Path) -> None:
    one, other = Folder(tmp_path / "one"), Folder(tmp_path / "other")
    one.add()
    other.add(form="PNG")
    result = run({"train": one.source, "val": other.source}, tmp_path / "data", CONFIG, Execution())
    assert result.to_json()["shared_photos"] == {} and "shared_photos" not in result.artifact.facts
