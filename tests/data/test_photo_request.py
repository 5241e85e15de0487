"""A request for predictions: which photos and boxes are meant, what is noted, and what makes it another request."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shgae.artifacts.manifest import MANIFEST
from shgae.cli.app import main
from shgae.data.photo_request import PhotoRequest, read_request
from shgae.data.photos import SUFFIXES
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import Exif, PredictConfig
from tests.builders.chain import Notes
from tests.builders.photo_models import exif_of

SIZE = (40, 30)
BOX = [5, 5, 10, 10]


def draw(path: Path, orientation: int = 1, grey: int = 0) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("L", SIZE, grey).save(path, exif=exif_of(orientation))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of four different photos."""
    for grey, name in enumerate(("c.jpg", "a.png", "d.jpg", "b.png")):
        draw(tmp_path / "photos" / name, grey=50 * grey)
    return tmp_path / "photos"


def boxed(folder: Path, *boxes: tuple[str, Any], size: tuple[int, int] | None = SIZE, **more: Any) -> Path:
    """A JSON of boxes, each with the name of its photo."""
    names = sorted({name for name, _ in boxes})
    said = {} if size is None else {"width": size[0], "height": size[1]}
    images = [{"id": number, "file_name": name, **said} for number, name in enumerate(names)]
    annotations = [
        {"id": number, "image_id": names.index(name), "category_id": 1, "bbox": box} | more
        for number, (name, box) in enumerate(boxes)
    ]
    (folder / "boxes.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return folder / "boxes.json"


def asked(
    *given: Path, boxes: Path | None = None, notes: Notes | None = None, workers: int = 0, **options: Any
) -> PhotoRequest:
    how = Execution(progress=notes or Notes(), workers=workers)
    return read_request(given, boxes, 1, PredictConfig(**options), how)


def said(*given: Path, **options: Any) -> list[str]:
    notes = Notes()
    asked(*given, notes=notes, **options)
    return notes.said


def refused(*given: Path, **options: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        asked(*given, **options)
    return caught.value


def names(request: PhotoRequest) -> list[str]:
    return [photo.file_name for photo in request.photos]


def test_without_boxes_each_photo_is_one_person_and_nothing_is_said(photos: Path) -> None:
    found = asked(photos)
    assert names(found) == ["a.png", "b.png", "c.jpg", "d.jpg"]
    assert (found.people, found.without_box, found.skipped, found.boxes) == (4, 0, {}, None)
    assert found.size == sum(path.stat().st_size for path in photos.iterdir())
    assert found.inputs() == [photos / name for name in names(found)]
    assert said(photos) == []


@pytest.mark.parametrize("limit", [1, 3, 4, 9])
def test_a_limit_takes_the_first_photos(photos: Path, limit: int) -> None:
    assert names(asked(photos, limit=limit)) == ["a.png", "b.png", "c.jpg", "d.jpg"][:limit]


def test_with_boxes_their_photos_and_people_are_meant_and_the_rest_is_noted(photos: Path, tmp_path: Path) -> None:
    boxes = boxed(
        tmp_path,
        *[(f"{n}.png", BOX) for n in "ax"],
        ("b.png", [5, 5, 0, 9]),
        *[("d.jpg", [5, 5, 10, n]) for n in (8, 9)],
    )
    found = asked(photos, boxes=boxes)
    assert names(found) == ["a.png", "d.jpg"] and [photo.people for photo in found.photos] == [1, 2]
    assert (found.people, found.without_box, len(found.photos)) == (3, 2, 2)
    assert sum(found.skipped.values()) == 2 and [*found.skipped] == sorted(found.skipped)
    assert found.boxes_sha256 == hashlib.sha256(boxes.read_bytes()).hexdigest()
    assert found.inputs() == [photos / "a.png", photos / "d.jpg", boxes]
    without, *skipped = said(photos, boxes=boxes)
    assert "2 of 4" in without
    assert [note.partition(": ")[2] for note in skipped] == [f"1 box skipped: {reason}" for reason in found.skipped]


def test_with_boxes_a_limit_counts_the_photos_that_have_one(photos: Path, tmp_path: Path) -> None:
    boxes = boxed(tmp_path, ("d.jpg", BOX), ("b.png", BOX), ("c.jpg", BOX))
    found = asked(photos, boxes=boxes, limit=2)
    assert (names(found), found.without_box) == (["b.png", "c.jpg"], 1)


def test_where_every_photo_has_a_box_nothing_is_said(photos: Path, tmp_path: Path) -> None:
    boxes = boxed(tmp_path, *((path.name, BOX) for path in photos.iterdir()))
    assert said(photos, boxes=boxes) == []


def test_a_request_is_another_one_with_other_names_another_order_or_other_sizes(photos: Path, tmp_path: Path) -> None:
    identity = asked(photos).identity()
    assert asked(photos, workers=2).identity() == identity
    a, b, c, d = sorted(photos.iterdir())
    assert asked(a, b, c, d).identity() == identity
    moved = photos.rename(tmp_path / "moved")
    assert asked(moved).identity() == identity, "wherever they lie"
    a, b, c, d = sorted(moved.iterdir())
    others = [asked(b, a, c, d), asked(a, b, c), asked(moved, boxes=boxed(tmp_path, ("a.png", BOX)))]
    a.write_bytes(a.read_bytes() + b"\0")
    others.append(asked(moved))
    a.write_bytes(a.read_bytes()[:-1])
    assert asked(moved).identity() == identity
    a.rename(moved / "aa.png")
    others.append(asked(moved))
    assert len({json.dumps(one.identity()) for one in others} | {json.dumps(identity)}) == 6


def test_other_boxes_for_the_same_photos_are_another_request(photos: Path, tmp_path: Path) -> None:
    one = asked(photos, boxes=boxed(tmp_path, ("a.png", BOX))).identity()
    other = asked(photos, boxes=boxed(tmp_path, ("a.png", [5, 5, 10, 11]))).identity()
    assert one["photos_sha256"] == other["photos_sha256"] and one["boxes_sha256"] != other["boxes_sha256"]


def test_a_file_that_is_gone_has_no_bytes_and_spoils_no_request(photos: Path) -> None:
    found = asked(photos / "a.png", photos / "none.jpg")
    assert names(found) == ["a.png", "none.jpg"]
    assert found.size == (photos / "a.png").stat().st_size
    (photos / "a.png").unlink()
    assert found.size == 0 and found.identity() != asked(photos / "b.png", photos / "none.jpg").identity()


def test_where_nothing_is_there_the_first_path_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path / "one", tmp_path / "other.jpg")
    assert error.where == str(tmp_path / "one")


@pytest.mark.parametrize("count", [0, 6, 7])
def test_a_folder_without_photos_is_refused_with_up_to_six_kinds_that_it_holds(tmp_path: Path, count: int) -> None:
    (tmp_path / "empty").mkdir()
    for number in range(count):
        (tmp_path / "empty" / f"x.k{number}").write_text("")
    error = refused(tmp_path / "empty")
    assert error.where == str(tmp_path / "empty") and ".webp" in error.fix
    assert error.why.count("1 .k") == min(count, 6) and ("(" in error.why) == bool(count)


def test_what_is_not_taken_for_a_photo_and_folders_without_any_are_noted(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("a.txt", "b.txt", "c.heic"):
        (photos / name).write_text("")
    others, empty = said(photos, tmp_path / "empty")
    assert others.endswith("1 .heic, 2 .txt") and str(tmp_path / "empty") in empty


def test_photos_of_the_same_bytes_are_noted_by_two_names(photos: Path) -> None:
    for name in ("x.png", "y.png"):
        (photos / name).write_bytes((photos / "b.png").read_bytes())
    (note,) = said(photos)
    assert "1 photo " in note and "b.png and x.png" in note
    (photos / "z.png").write_bytes((photos / "a.png").read_bytes())
    (note,) = said(photos)
    assert "2 photos " in note


@pytest.mark.parametrize("workers", [0, 2])
def test_a_photo_that_exif_says_to_turn_is_refused_unless_an_option_says_what_to_do(photos: Path, workers: int) -> None:
    draw(photos / "c.jpg", 6)
    error = refused(photos, workers=workers)
    assert error.where == str(photos / "c.jpg") and "--exif" in error.fix
    assert len(asked(photos, limit=2).photos) == 2, "it is not asked for"
    for exif in ("apply", "ignore"):
        (note,) = said(photos, exif=exif, workers=workers)
        assert "1 photo" in note and f"--exif {exif}" in note


def test_the_size_in_the_boxes_tells_which_way_up_is_meant(photos: Path, tmp_path: Path) -> None:
    draw(photos / "c.jpg", 6)
    (_, note) = said(photos, boxes=boxed(tmp_path, ("c.jpg", BOX)))
    assert "1 photo" in note
    assert len(asked(photos, boxes=boxed(tmp_path, ("a.png", BOX))).photos) == 1, "no box is of it"
    upright = refused(photos, boxes=boxed(tmp_path, ("c.jpg", BOX), size=SIZE[::-1]))
    unclear = refused(photos, boxes=boxed(tmp_path, ("c.jpg", BOX), size=None))
    assert upright.where == unclear.where == str(photos / "c.jpg")
    assert len({upright.why, unclear.why, refused(photos).why}) == 3, "boxes, or people, are what is unclear"


def test_a_box_that_a_photo_has_twice_is_noted_and_one_of_two_photos_is_not(photos: Path, tmp_path: Path) -> None:
    four = [(path.name, BOX) for path in photos.iterdir()]
    assert said(photos, boxes=boxed(tmp_path, *four)) == []
    (note,) = said(photos, boxes=boxed(tmp_path, *four, four[0], four[0], four[1]))
    assert note.startswith("note: 3 boxes twice")


@pytest.mark.parametrize(
    ("exif", "orientation", "is_odd"), [("ignore", 6, False), ("apply", 6, True), ("apply", 3, False)]
)
def test_boxes_by_their_corners_are_noted_by_the_size_that_is_cut_from(
    photos: Path, tmp_path: Path, exif: Exif, orientation: int, is_odd: bool
) -> None:
    """The box reaches to x = 40: to the edge of the stored photo, and beyond the upright one, 30 wide."""
    draw(photos / "c.jpg", orientation)
    boxes = boxed(tmp_path, ("c.jpg", [10, 5, 30, 10]), size=None)
    assert sum("corners" in note for note in said(photos, boxes=boxes, exif=exif)) == is_odd


@pytest.mark.parametrize(("odd", "of"), [(1, 9), (1, 10), (2, 19)])
def test_a_tenth_of_boxes_by_their_corners_is_no_doubt_and_more_is(
    photos: Path, tmp_path: Path, odd: int, of: int
) -> None:
    boxes = boxed(tmp_path, *[("a.png", [20, 10, 39, 29])] * odd, *[("c.jpg", BOX)] * (of - odd))
    notes = [note for note in said(photos, boxes=boxes) if "corners" in note]
    assert len(notes) == (10 * odd > of) and all(f"{odd} of {of}" in note for note in notes)


@pytest.mark.parametrize(
    ("box", "is_odd"), [([35, 5, 20, 10], True), ([20, 20, 15, 14], True), ([20, 20, 15, 15], False)]
)
def test_boxes_beyond_the_photo_are_noted_but_for_squares(
    photos: Path, tmp_path: Path, box: list[int], is_odd: bool
) -> None:
    notes = said(photos, boxes=boxed(tmp_path, ("a.png", box)))
    assert sum("1 of 1 box reach beyond the photo: is bbox" in note for note in notes) == is_odd


@pytest.mark.parametrize(("most", "is_odd"), [(100, True), (101, False)])
def test_boxes_of_per_cent_are_noted_where_photos_are_large(
    photos: Path, tmp_path: Path, most: int, is_odd: bool
) -> None:
    Image.new("RGB", (320, 240)).save(photos / "large.png")
    boxes = boxed(tmp_path, *[("large.png", [0, 0, 90, 80])] * 2, ("large.png", [20, 20, most - 20, 10]))
    assert sum("per cent" in note for note in said(photos / "large.png", boxes=boxes)) == is_odd


def test_boxes_of_a_photo_that_cannot_be_read_are_no_doubt(photos: Path, tmp_path: Path) -> None:
    (photos / "a.png").write_text("no photo")
    boxes = boxed(tmp_path, ("a.png", [20, 10, 39, 29]))
    assert not any("corners" in note for note in said(photos, boxes=boxes))


def test_boxes_of_no_photo_that_was_given_are_refused(photos: Path, tmp_path: Path) -> None:
    boxes = boxed(tmp_path, ("x.png", BOX))
    assert refused(photos, boxes=boxes).where == str(boxes)


def test_photos_in_subfolders_are_told_of_unless_they_are_given_too(photos: Path) -> None:
    for grey, name in enumerate(("sub/e.JPG", "sub/.hidden.jpg", ".cache/f.jpg"), 100):
        draw(photos / name, grey=grey)
    draw(photos / "sub" / "deep" / "g.png", grey=110)
    (photos / "sub" / "notes.txt").touch()
    assert ["subfolders" in line for line in said(photos)] == [True]
    assert ["subfolders" in line for line in said(photos, photos / "sub")] == [True, False]
    assert not any("subfolders" in line for line in said(photos, photos / "sub", photos / "sub" / "deep"))
    assert said(photos / "c.jpg") == []


def test_links_in_subfolders_are_photos_too_and_what_is_no_file_is_none(photos: Path) -> None:
    os.mkfifo(photos / "pipe.jpg")
    (photos / "sub" / "folder.jpg").mkdir(parents=True)
    os.mkfifo(photos / "sub" / "pipe.jpg")
    assert said(photos) == []
    (photos / "sub" / "e.jpg").symlink_to(photos / "c.jpg")
    assert ["subfolders" in line for line in said(photos)] == [True]


def test_links_to_one_file_are_noted_as_copies_are(photos: Path) -> None:
    (photos / "x.png").symlink_to(photos / "b.png")
    assert len(asked(photos).photos) == 5
    (note,) = said(photos)
    assert "b.png and x.png" in note


def test_pictures_of_an_artefact_in_the_folder_are_no_photos_in_subfolders(photos: Path) -> None:
    draw(photos / "found" / "overlay.png")
    assert any("subfolders" in line for line in said(photos))
    (photos / "found" / MANIFEST).touch()
    assert said(photos) == []


def test_a_folder_of_folders_is_refused_with_what_they_hold(tmp_path: Path) -> None:
    draw(tmp_path / "all" / "c.jpg").rename(draw(tmp_path / "all" / "sub" / "d.jpg"))
    assert "subfolders" in refused(tmp_path / "all").why


def test_a_request_for_nothing_is_refused() -> None:
    assert refused().where == "photos"


def test_the_help_names_every_suffix_of_photos(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--help"]) == 0
    assert [word for word in capsys.readouterr().out.split() if word.strip("│") in SUFFIXES] == list(SUFFIXES)
