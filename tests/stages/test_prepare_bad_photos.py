"""Photos that cannot be used: refused all at once, or so many as are allowed dropped, counted and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shgae.artifacts.crops import Crops
from shgae.errors import Refused
from shgae.execution import Execution
from tests.builders.photo_folders import Folder, Listener, line_of, make, prepare, rows_of

TORN, GONE, OTHER, LINK = "it cannot be decoded", "no such file", "it is 7 x 7, the JSON says", "a link leads it out"


def torn(photo: Path) -> None:
    photo.write_bytes(photo.read_bytes()[:900])


def of_another_size(photo: Path) -> None:
    Image.new("RGB", (7, 7)).save(photo)


def led_out(photo: Path) -> None:
    outside = photo.parents[2] / "outside.png"
    photo.rename(outside)
    photo.symlink_to(outside)


HARM: dict[str, Callable[[Path], object]] = {TORN: torn, GONE: Path.unlink, OTHER: of_another_size, LINK: led_out}


def harmed(folder: Folder, *numbers: int, reason: str = TORN) -> Folder:
    for number in numbers:
        HARM[reason](folder.path / "photos" / f"{number}.png")
    return folder


@pytest.mark.parametrize("reason", HARM)
@pytest.mark.parametrize("workers", [0, 2])
def test_people_of_a_bad_photo_are_dropped_listed_and_named_and_nobody_takes_their_place(
    tmp_path: Path, reason: str, workers: int
) -> None:
    whole = prepare({"train": make(tmp_path / "sound")}, tmp_path / "whole", hold_out=4, limit=8)
    train = harmed(make(tmp_path / "train"), 2, reason=reason)
    result = prepare(
        {"train": train}, tmp_path / "data", Execution(workers=workers), hold_out=4, limit=8, max_bad_photos=1
    )
    assert result.bad_photos == 1
    assert result.dropped["bad photo"] == 2
    (bad,) = result.artifact.facts["bad_photos"]
    assert (bad["file"], bad["source"]) == ("2.png", "train")
    assert bad["reason"].startswith(reason)
    for before, after in zip(rows_of(whole), rows_of(result), strict=True):
        if before["image_id"] != 2 or before["split"] is None:
            assert (after["split"], after["reason"]) == (before["split"], before["reason"])
        else:
            assert (after["split"], after["reason"], after["row"]) == (None, "bad photo", None)
    for split, count in result.splits.items():
        crops, before = Crops(result.artifact, split), Crops(whole.artifact, split)
        kept = np.flatnonzero(before.people.photo_id != 2)
        assert len(crops) == count == len(kept)
        assert crops.people.annotation_id.tolist() == before.people.annotation_id[kept].tolist()
        assert (crops.read(np.arange(count)) == before.read(kept)).all()
        rows = [row["row"] for row in rows_of(result) if row["split"] == split]
        assert rows == list(range(count))


@pytest.mark.parametrize(("key", "value"), [("width", "40"), ("width", 40.5), ("file_name", "../photos/2.png")])
def test_what_a_json_has_wrong_about_a_photo_is_a_bad_photo_that_is_named(
    tmp_path: Path, key: str, value: object
) -> None:
    train = make(tmp_path / "train")
    image = train.content["images"][2]
    image[key] = value
    line = line_of(tmp_path, {"train": train})
    assert line.startswith(f"photo in {image['file_name']} (annotation ") and "--max-bad-photos 1" in line
    result = prepare({"train": train}, tmp_path / "data", max_bad_photos=1)
    assert (result.bad_photos, result.dropped["bad photo"]) == (1, 2)
    assert result.artifact.facts["bad_photos"][0]["file"] == image["file_name"]


def test_the_mean_colour_is_that_of_the_photos_that_could_be_read(tmp_path: Path) -> None:
    train = make(tmp_path / "train")
    some = prepare({"train": harmed(train, 0, 3)}, tmp_path / "data", max_bad_photos=2)
    for entry in train.content["annotations"]:
        entry["iscrowd"] = int(entry["image_id"] in (0, 3)) or entry["iscrowd"]
    assert some.mean_rgb == prepare({"train": train}, tmp_path / "without").mean_rgb


@pytest.mark.parametrize("reason", HARM)
def test_all_bad_photos_are_told_at_once_with_the_option_that_does_without_them(tmp_path: Path, reason: str) -> None:
    train = harmed(make(tmp_path / "train"), 1, 3, 4, 6, reason=reason)
    for allowed in (0, 3):
        line = line_of(tmp_path, {"train": train}, max_bad_photos=allowed)
        assert "1.png (annotation 1004): " in line
        assert reason in line
        assert "4 photos are bad (3.png, 4.png and 1 more)" in line
        assert "--max-bad-photos 4" in line
    assert prepare({"train": train}, tmp_path / "data", max_bad_photos=4).bad_photos == 4


def test_where_all_photos_are_bad_no_option_is_offered(tmp_path: Path) -> None:
    train = make(tmp_path / "train")
    for path in (train.path / "photos").iterdir():
        path.unlink()
    line = line_of(tmp_path, {"train": train})
    assert "all " in line and "max-bad-photos" not in line


def test_bad_photos_of_all_splits_are_counted_together(tmp_path: Path) -> None:
    sources = {
        "train": harmed(make(tmp_path / "train"), 0),
        "val": harmed(make(tmp_path / "val", first_id=20), 21),
    }
    line = line_of(tmp_path, sources, max_bad_photos=1)
    assert "0.png (annotation 1000)" in line
    assert "2 photos are bad (21.png)" in line
    result = prepare(sources, tmp_path / "data", max_bad_photos=2)
    assert [(one["source"], one["file"]) for one in result.artifact.facts["bad_photos"]] == [
        ("train", "0.png"),
        ("val", "21.png"),
    ]
    assert result.splits == {"train": 12, "val": 12}


def test_each_is_told_as_it_is_met_and_after_ten_too_many_it_ends(tmp_path: Path) -> None:
    train = harmed(make(tmp_path / "train", photos=30), *range(3, 28))
    listener = Listener()
    line = line_of(tmp_path, {"train": train}, execution=Execution(progress=listener), max_bad_photos=2)
    assert "12 photos are bad" in line
    assert sum(note.startswith("bad photo ") and TORN in note for note in listener.notes) == 12


def test_once_there_are_too_many_nothing_is_written_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr("shgae.artifacts.crops.CropWriter.add", lambda _, crop: written.append(crop))
    for first_bad in (0, 3):
        written.clear()
        line_of(tmp_path, {"train": harmed(make(tmp_path / f"train {first_bad}"), first_bad)})
        assert len(written) == 2 * first_bad


def test_progress_reaches_its_end_with_bad_photos(tmp_path: Path) -> None:
    listener = Listener()
    prepare(
        {"train": harmed(make(tmp_path / "train"), 5)},
        tmp_path / "data",
        Execution(progress=listener),
        max_bad_photos=1,
    )
    assert listener.done == listener.total == 14


def test_a_split_of_bad_photos_only_is_refused(tmp_path: Path) -> None:
    sources = {"train": make(tmp_path / "train"), "val": harmed(make(tmp_path / "val", photos=2), 0, 1)}
    assert "split val in " in line_of(tmp_path, sources, max_bad_photos=5)
    assert "photos are bad" in line_of(tmp_path, sources, max_bad_photos=5)


def test_a_bad_photo_without_samples_is_nobodys_loss(tmp_path: Path) -> None:
    train = make(tmp_path / "train")
    for entry in train.content["annotations"]:
        entry["iscrowd"] = int(entry["image_id"] == 4)
        entry["keypoints"][2] = 2
    assert prepare({"train": harmed(train, 4)}, tmp_path / "data").bad_photos == 0


def test_the_artefact_does_not_depend_on_where_the_photos_lie_or_who_reads_them(tmp_path: Path) -> None:
    ids = set()
    for number, reason in enumerate((GONE, GONE, TORN, TORN)):
        train = harmed(make(tmp_path / f"{number}" / ("deep" * number) / "train"), 1, 5, reason=reason)
        execution = Execution(workers=number)
        ids.add(prepare({"train": train}, tmp_path / f"data-{number}", execution, max_bad_photos=2).artifact.id)
    assert len(ids) == 2


def test_without_bad_photos_allowed_the_manifest_is_as_it_was_before_they_could_be(tmp_path: Path) -> None:
    plain = prepare({"train": make(tmp_path / "train")}, tmp_path / "data").artifact.manifest
    assert "max_bad_photos" not in plain.config
    assert "bad_photos" not in plain.facts
    allowed = prepare({"train": make(tmp_path / "again")}, tmp_path / "other", max_bad_photos=3).artifact.manifest
    assert allowed.config["max_bad_photos"] == 3


def test_a_negative_number_of_bad_photos_is_refused(tmp_path: Path) -> None:
    line = line_of(tmp_path, {"train": make(tmp_path / "train")}, max_bad_photos=-1)
    assert line.startswith("value in PrepareConfig.max_bad_photos: -1")


def test_a_fault_of_the_disk_is_no_bad_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = make(tmp_path / "train")

    def failing(path: Path) -> bytes:
        raise OSError(5, "Input/output error", str(path))

    folder = train.source
    assert json.loads(folder.annotations.read_bytes())["images"]
    monkeypatch.setattr("shgae.data.photo_decoding.read_input", lambda path, *_: failing(path))
    with pytest.raises(OSError, match="Input/output"):
        prepare({"train": train}, tmp_path / "data", max_bad_photos=100)


def test_a_photo_that_appears_twice_in_the_json_is_two_photos(tmp_path: Path) -> None:
    train = make(tmp_path / "train")
    train.content["images"][1] |= {"file_name": "0.png", "width": 90, "height": 60}
    with pytest.raises(Refused, match=r"2 photos are bad \(0.png\)"):
        prepare({"train": harmed(train, 0)}, tmp_path / "data", max_bad_photos=1)


@pytest.mark.parametrize("is_said", [True, False])
def test_a_photo_beyond_what_is_decoded_is_told_by_its_size_before_any_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_said: bool
) -> None:
    folder = make(tmp_path / "train")
    Image.new("RGB", (90, 90)).save(folder.path / "photos" / "3.png")
    folder.content["images"][3] |= {"width": 90, "height": 90}
    for image in [] if is_said else folder.content["images"]:
        del image["width"], image["height"]
    monkeypatch.setattr("shgae.data.photo_decoding.MAX_PHOTO_PIXELS", 8099)
    monkeypatch.setattr("shgae.data.cropping.open_photo", lambda *_: pytest.fail("a photo is decoded"))
    with pytest.raises(Refused, match="90 x 90"):
        prepare({"train": folder}, tmp_path / "data")
