"""Crops come photo by photo, in order, whatever the threads; a bad photo costs its people and is told once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shgae.data import cropping as module
from shgae.data.coco import Photo, read_coco
from shgae.data.cropping import BadPhoto, Cut, Sample, cut_people, missing_photos, photos_to_cut, too_many
from shgae.data.geometry import with_context
from shgae.data.photo_decoding import cut, open_photo
from shgae.data.selection import Selection, hold_out, select
from shgae.errors import Refused
from shgae.recipes import PrepareConfig
from tests.builders.photo_folders import Folder, make

SIDE = 128


def selected(folder: Folder, **options: Any) -> Selection:
    source = folder.source
    config = PrepareConfig(crop_size=SIDE, **options)
    chosen = select(read_coco(source.annotations, source.photos), "train", config)
    return hold_out(chosen, config) if config.hold_out else chosen


def cuts(selection: Selection, workers: int = 0, around: int = 0) -> list[Cut]:
    config = PrepareConfig(crop_size=SIDE, context=1 + 2 * around / SIDE)
    return list(cut_people(selection, config, workers))


def samples(found: list[Cut]) -> list[Sample]:
    return [sample for one in found for sample in one.samples]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Five photos of several sizes with two samples, somebody without joints and a crowd each."""
    return make(tmp_path, 5)


@pytest.mark.parametrize("workers", [0, 3])
def test_each_sample_is_cut_out_of_its_photo_in_the_order_of_the_json(folder: Folder, workers: int) -> None:
    selection = selected(folder, hold_out=3, split_by="crop")
    found = cuts(selection, workers)
    assert [(one.samples[0].photo.id, one.people, len(one.samples), one.bad) for one in found] == [
        (number, 2, 2, None) for number in range(5)
    ]
    fates = [fate for fate in selection.fates if fate.split is not None]
    assert {fate.split for fate in fates} == {"train", "test"}
    image_of = {one["id"]: one["image_id"] for one in folder.content["annotations"]}
    for sample, fate in zip(samples(found), fates, strict=True):
        assert (sample.person.annotation_id, sample.split, sample.square) == (
            fate.annotation_id,
            fate.split,
            fate.square,
        )
        assert sample.photo.id == image_of[sample.person.annotation_id]
        photo = open_photo(folder.path / "photos" / sample.photo.file_name)
        pixels, valid = cut(photo, sample.square, SIDE)
        assert sample.valid == valid and np.array_equal(sample.pixels, pixels)
        assert sample.stored is sample.pixels


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 2))
@settings(max_examples=15)
def test_a_photo_with_many_people_comes_in_parts_and_is_decoded_once(
    tmp_path_factory: pytest.TempPathFactory, people: int, most: int, workers: int
) -> None:
    selection = selected(make(tmp_path_factory.mktemp("crowd"), 2, people=people))
    whole, opened = samples(cuts(selection)), list[Path]()

    def watched(path: Path, *more: Any) -> Image.Image:
        opened.append(path)
        return open_photo(path, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_AT_ONCE", most)
        patch.setattr(module, "open_photo", watched)
        found = cuts(selection, workers)
    parts = [min(most, people - start) for start in range(0, people, most)]
    assert [one.people for one in found] == parts * 2 == [len(one.samples) for one in found]
    assert [path.name for path in sorted(opened)] == ["0.png", "1.png"]
    for one, other in zip(samples(found), whole, strict=True):
        assert one.person.annotation_id == other.person.annotation_id and np.array_equal(one.pixels, other.pixels)


def test_at_most_64_people_are_cut_out_at_once(tmp_path: Path) -> None:
    assert [one.people for one in cuts(selected(make(tmp_path, 1, people=65)))] == [64, 1]


@pytest.mark.parametrize("around", [1, 32])
def test_the_context_lies_around_the_very_same_crop(folder: Folder, around: int) -> None:
    selection = selected(folder)
    for sample, alone in zip(samples(cuts(selection, 0, around)), samples(cuts(selection)), strict=True):
        photo = open_photo(folder.path / "photos" / sample.photo.file_name)
        larger, _ = cut(photo, with_context(sample.square, SIDE, around), SIDE + 2 * around)
        assert sample.stored.shape == (SIDE + 2 * around, SIDE + 2 * around, 3)
        middle = slice(around, around + SIDE)
        assert np.array_equal(sample.stored[middle, middle], alone.pixels)
        assert np.array_equal(sample.pixels, alone.pixels) and sample.valid == alone.valid
        ring = sample.stored.copy()
        ring[middle, middle] = larger[middle, middle]
        assert np.array_equal(ring, larger)


def test_a_bad_photo_costs_its_people_and_no_others(folder: Folder) -> None:
    selection, photos = selected(folder), folder.path / "photos"
    (photos / "1.png").write_bytes((photos / "1.png").read_bytes()[:500])
    (photos / "2.png").unlink()
    Image.new("RGB", (9, 9)).save(photos / "3.png")
    found = cuts(selection)
    assert [(one.people, len(one.samples)) for one in found] == [(2, 2), (2, 0), (2, 0), (2, 0), (2, 2)]
    assert [one.bad is None for one in found] == [True, False, False, False, True]
    for number, bad in enumerate(one.bad for one in found if one.bad):
        first = next(fate for photo, fates in selection.samples() if photo == bad.photo for fate in fates)
        assert (bad.photo.id, bad.source) == (number + 1, "train")
        assert bad.fault.where.startswith(str(photos / f"{number + 1}.png"))
        assert str(first.annotation_id) in bad.fault.where
    assert found[3].bad is not None and "9 x 9" in found[3].bad.fault.why


def test_of_a_crowd_on_a_bad_photo_the_first_part_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path, 1, people=5)
    (tmp_path / "photos" / "0.png").write_text("no photo")
    monkeypatch.setattr(module, "MOST_AT_ONCE", 2)
    found = cuts(selected(folder))
    assert [(one.people, one.samples, one.bad is None) for one in found] == [
        (2, [], False),
        (2, [], True),
        (1, [], True),
    ]


def test_a_photo_of_which_nobody_knew_the_size_is_not_cut_once_it_has_one(folder: Folder) -> None:
    """Squares were made without it."""
    path = folder.path / "photos" / "0.png"
    whole = path.read_bytes()
    for image in folder.content["images"]:
        del image["width"], image["height"]
    path.write_text("no photo")
    selection = selected(folder)
    path.write_bytes(whole)
    found = cuts(selection)
    assert [one.bad is None for one in found] == [False, True, True, True, True]
    assert found[0].samples == [] and len(samples(found)) == 8


def test_a_reason_is_said_without_its_details() -> None:
    photo = Photo(1, "a.jpg", None)
    for why, reason in (("torn (at byte 5) (x)", "torn"), ("no such file", "no such file"), ("f(x)", "f(x)")):
        assert BadPhoto(photo, "train", Refused("photo", "a.jpg", why)).reason == reason


def test_photos_that_are_not_there_or_too_large_are_known_before_any_is_opened(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "open_photo", lambda *_: pytest.fail("opened"))
    photos = folder.path / "photos"
    (photos / "0.png").rename(folder.path / "outside.png")
    (photos / "0.png").symlink_to(folder.path / "outside.png")
    folder.content["images"][1] |= {"width": 100_000, "height": 100_000}
    (photos / "3.png").unlink()
    (photos / "4.png").unlink()
    for one in folder.content["annotations"]:
        one["iscrowd"] |= int(one["image_id"] == 4)  # a photo without samples may be missing
    selection = selected(folder)
    missing = missing_photos(selection)
    assert [bad.photo.id for bad in missing] == [0, 1, 3]
    first = {photo.id: fates[0].annotation_id for photo, fates in selection.samples()}
    assert all(f"(annotation {first[bad.photo.id]})" in bad.fault.where for bad in missing)
    assert photos_to_cut(selection) == 4


def test_photos_of_which_nobody_says_the_size_are_only_looked_for(folder: Folder) -> None:
    for image in folder.content["images"]:
        del image["width"], image["height"]
    (folder.path / "photos" / "2.png").write_text("no photo")
    assert missing_photos(selected(folder)) == []


def test_a_long_name_is_shortened_in_the_place_of_the_fault(folder: Folder) -> None:
    name = f"{'x' * 90}.png"
    folder.content["images"][0]["file_name"] = name
    (bad,) = missing_photos(selected(folder))
    assert bad.photo.file_name == name and name not in bad.fault.where
    assert bad.fault.where.startswith(str(folder.path / "photos" / "xxx"))


def bad(name: str, fix: str = "look") -> BadPhoto:
    return BadPhoto(Photo(1, name, None), "train", Refused("photo", f"/p/{name}", "torn", fix))


def test_one_bad_photo_is_refused_as_it_is() -> None:
    alone = too_many([bad("a.jpg")], 1)
    assert (alone.what, alone.where, alone.why, alone.fix) == ("photo", "/p/a.jpg", "torn", "look")
    assert too_many([bad("a.jpg")], 2).fix.endswith("--max-bad-photos 1")


@pytest.mark.parametrize(("count", "of"), [(2, 3), (3, 3), (3, 9), (4, 9), (2, 2), (4, 4)])
def test_of_several_bad_photos_three_are_named_and_an_option_is_advised_where_it_helps(count: int, of: int) -> None:
    error = too_many([bad(f"{one}.jpg") for one in "abcd"[:count]], of)
    assert error.where == "/p/a.jpg"
    named = [f"{one}.jpg" in error.why for one in "bcd"]
    assert named == [True, count > 2, False] and ("more" in error.why) == (count > 3)
    assert f"{count} photos" in error.why and ("all" in error.why) == (count == of)
    assert error.fix == ("look" if count == of else f"look, or --max-bad-photos {count}")
