"""Photos that predict meets: their sizes, colours, boxes and faults."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageFile

from shgae.errors import Refused
from shgae.execution import Execution
from shgae.skeleton import Skeleton
from shgae.stages import predict
from tests.builders.chain import Notes
from tests.builders.photo_models import CONFIG, HOW, entries, make_model, noise, peaks, say, turn

pytestmark = pytest.mark.usefixtures("sketched")


def test_bad_photos_are_named_and_the_others_go_on(tmp_path: Path, model: Path, photos: Path) -> None:
    whole = (photos / "00002.png").read_bytes()
    (photos / "00002.png").write_bytes(whole[: len(whole) // 2])
    (photos / "00004.png").write_text("no photo")
    notes = Notes()
    given = [photos, tmp_path / "missing.jpg"]
    result = predict.run(model, given, None, tmp_path / "out", CONFIG, Execution(progress=notes)).to_json()
    reasons = {one["file"]: one["reason"] for one in result["bad_photos"]}
    assert reasons.keys() == {"00002.png", "00004.png", "missing.jpg"}
    assert "decoded" in reasons["00002.png"] and "JPEG" in reasons["00004.png"]
    assert reasons["missing.jpg"] == "no such file"
    assert result["photos"] == result["people"] == len(entries(tmp_path / "out")) == 5
    assert [line.split(": ")[0] for line in notes.said if line.startswith("bad photo")] == [
        f"bad photo {path}" for path in (photos / "00002.png", photos / "00004.png", tmp_path / "missing.jpg")
    ]
    assert sorted(path.name for path in (tmp_path / "out" / "overlays").iterdir()) == [
        f"{number:05d}.jpg" for number in (0, 1, 3, 5, 6)
    ]


def test_when_every_photo_is_bad_the_run_is_refused_and_leaves_nothing(tmp_path: Path, model: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no photo")
    with pytest.raises(Refused, match="nobody to predict") as refused:
        predict.run(model, [tmp_path / "a.jpg", tmp_path / "b.jpg"], None, tmp_path / "out", CONFIG, HOW)
    assert "JPEG" in refused.value.why and "1 more photo" in refused.value.why
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg"]


def test_a_torn_photo_is_bad_and_a_large_one_good_whatever_the_caller_has_told_pillow(
    tmp_path: Path, model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (photos / "00002.png").read_bytes()
    (photos / "torn.png").write_bytes(whole[: len(whole) // 2])
    expected = predict.run(model, [photos], None, tmp_path / "expected", CONFIG, HOW).to_json()
    assert [one["file"] for one in expected["bad_photos"]] == ["torn.png"]
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    found = predict.run(model, [photos], None, tmp_path / "found", CONFIG, HOW).to_json()
    assert (found["bad_photos"], found["id"]) == (expected["bad_photos"], expected["id"])
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == (True, 100)


def test_boxes_of_another_photo_size_make_a_photo_bad(tmp_path: Path, model: Path, photos: Path, boxes: Path) -> None:
    document = json.loads(boxes.read_text())
    document["images"][2] |= {"width": 640, "height": 480}
    document["images"][3]["width"] = "320"
    document["images"][4]["height"] = 0
    boxes.write_text(json.dumps(document))
    result = predict.run(model, [photos], boxes, tmp_path / "out", CONFIG, HOW).to_json()
    assert [one["file"][:5] for one in result["bad_photos"]] == ["00002", "00003"]
    assert "640 x 480" in result["bad_photos"][0]["reason"]
    assert "width" in result["bad_photos"][1]["reason"]


def test_what_was_skipped_is_counted(tmp_path: Path, model: Path, photos: Path, boxes: Path) -> None:
    document = json.loads(boxes.read_text())
    first = document["annotations"][0]
    document["annotations"] += [
        first | {"id": 900, "iscrowd": 1},
        first | {"id": 901, "category_id": 2},
        first | {"id": 902, "bbox": [5000, 5000, 30, 30]},
        first | {"id": 903, "bbox": [0, 0, 1e9, 1e9]},
    ]
    boxes.write_text(json.dumps(document))
    (photos / "00006.png").unlink()
    notes = Notes()
    result = predict.run(model, [photos], boxes, tmp_path / "out", CONFIG, Execution(progress=notes)).to_json()
    assert result["boxes_skipped"] == {
        "crowd": 1,
        "of a photo that was not given": 6,
        "other category": 1,
        "too thin or too far off to fill a pixel of the crop": 2,
    }
    assert result["photos_without_box"] == 1
    assert (result["photos"], result["people"]) == (5, 15)
    assert set(notes.said) >= {
        "note: 1 of 6 photos have no box",
        "note: 1 box skipped: crowd",
        "note: 6 boxes skipped: of a photo that was not given",
    }
    assert not {900, 901, 902, 903} & {entry["annotation_id"] for entry in entries(tmp_path / "out")}


def test_boxes_that_all_lie_outside_are_refused(tmp_path: Path, model: Path, photos: Path) -> None:
    detection = {"image_id": 1, "bbox": [-500, -500, 20, 20]}
    (tmp_path / "b.json").write_text(json.dumps([detection] * 3))
    with pytest.raises(Refused, match="all 3 boxes"):
        predict.run(model, [photos], tmp_path / "b.json", tmp_path / "out", CONFIG, HOW)
    assert not list(tmp_path.glob("out*"))


def test_a_photo_too_thin_for_a_pixel_of_the_crop_is_bad_and_the_others_go_on(
    tmp_path: Path, model: Path, photos: Path
) -> None:
    noise(1, 3000, 1).save(photos / "thin.png")
    notes = Notes()
    result = predict.run(model, [photos], None, tmp_path / "out", CONFIG, Execution(progress=notes)).to_json()
    reason = "too thin or too far off to fill a pixel of the crop"
    assert result["bad_photos"] == [{"file": "thin.png", "reason": reason}]
    assert f"bad photo {photos / 'thin.png'}: {reason}" in notes.said
    assert (result["photos"], result["people"], result["boxes_skipped"]) == (7, 7, {})


def test_when_no_path_is_there_it_is_refused_before_anything_is_measured(tmp_path: Path, model: Path) -> None:
    notes = Notes()
    with pytest.raises(Refused, match="nowhere") as refused:
        predict.run(model, [tmp_path / "nowhere"], None, tmp_path / "out", CONFIG, Execution(progress=notes))
    assert refused.value.fix == "check the path"
    assert notes.said == []


@pytest.mark.parametrize(("count", "words"), [(1, "1 person in 1 photo,"), (7, "7 people in 7 photos,")])
def test_the_size_of_the_request_is_told(tmp_path: Path, model: Path, photos: Path, count: int, words: str) -> None:
    notes = Notes()
    given = sorted(photos.iterdir())[:count]
    predict.run(model, given, None, tmp_path / "out", CONFIG, Execution(progress=notes))
    assert any(words in line for line in notes.said)


def test_exif_turns_are_told_and_not_applied(tmp_path: Path, model: Path, photos: Path, boxes: Path) -> None:
    predict.run(model, [photos], None, tmp_path / "before", CONFIG, HOW)
    for number, orientation in ((0, 1), (1, 6), (2, 3), (3, 0)):
        turn(photos / f"{number:05d}.png", orientation)
    said = {}
    for name, asked in (("whole", None), ("boxed", boxes)):
        notes = Notes()
        predict.run(model, [photos], asked, tmp_path / name, CONFIG, Execution(progress=notes))
        said[name] = [line for line in notes.said if "EXIF" in line]
    assert said["whole"] == said["boxed"]
    (note,) = said["whole"]
    assert note.startswith("note: EXIF says to turn 2 photos, which is not done: not JPEGs; ")
    assert note.endswith("? then --exif apply"), "a doubt, for some readers turn them"
    assert entries(tmp_path / "whole") == entries(tmp_path / "before")


@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12", b"Exif\0\0?"])
@pytest.mark.filterwarnings("error")
def test_a_torn_exif_block_does_not_spoil_a_photo(tmp_path: Path, model: Path, exif: bytes) -> None:
    given = [tmp_path / "a.jpg", tmp_path / "b.png"]
    for path in given:
        noise(1, 90, 70).save(path, exif=exif)
    result = predict.run(model, given, None, tmp_path / "out", CONFIG, HOW).to_json()
    assert (result["people"], result["bad_photos"]) == (2, [])


def test_the_turn_of_a_jpeg_is_told(tmp_path: Path, model: Path) -> None:
    noise(1, 90, 70).save(tmp_path / "a.jpg")
    turn(tmp_path / "a.jpg", 8)
    with pytest.raises(Refused, match="--exif apply.*--exif ignore"):
        predict.run(model, [tmp_path / "a.jpg"], None, tmp_path / "out", CONFIG, HOW)
    for exif in ("ignore", "apply"):
        notes = Notes()
        config = dataclasses.replace(CONFIG, exif=exif)
        predict.run(model, [tmp_path / "a.jpg"], None, tmp_path / exif, config, Execution(progress=notes))
        assert any("EXIF" in line and f"--exif {exif}" in line for line in notes.said)


@pytest.mark.parametrize(("names", "told"), [(["nose", "chin"], 1), (["left_eye", "right_eye"], 0)])
def test_a_flip_test_that_swaps_nothing_is_told(tmp_path: Path, photos: Path, names: list[str], told: int) -> None:
    model = make_model(tmp_path / "model", Skeleton.from_names(names))
    notes = Notes()
    for flip in (True, False):
        config = dataclasses.replace(CONFIG, flip_test=flip, limit=1)
        predict.run(model, [photos], None, tmp_path / f"{flip}", config, Execution(progress=notes))
    line = f"note: no joint of {model} has a mirror partner; --flip-test mirrors without swapping any"
    assert notes.said.count(line) == told


def test_maps_that_are_no_numbers_are_refused(tmp_path: Path, photos: Path) -> None:
    def poison(module: Any) -> None:
        with torch.no_grad():
            module.stacks[-1].head.maps[-1].bias[0] = float("inf")

    sick = make_model(tmp_path / "sick", edit=poison)
    with pytest.raises(Refused, match="not finite"):
        predict.run(sick, [photos], None, tmp_path / "out", CONFIG, HOW)


def test_the_first_photos_are_those_that_have_a_box(tmp_path: Path, model: Path, photos: Path, boxes: Path) -> None:
    predict.run(model, [photos], boxes, tmp_path / "out", dataclasses.replace(CONFIG, limit=2), HOW)
    assert {entry["file_name"] for entry in entries(tmp_path / "out")} == {"00001.png", "00002.png"}


def test_a_crowd_is_cut_out_a_batch_at_a_time(
    tmp_path: Path, model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b.json").write_text(json.dumps([{"image_id": 0, "bbox": [n, n, 20, 20]} for n in range(9)]))
    seen: list[int] = []
    say(monkeypatch, lambda count: (seen.append(count), peaks([(n, n) for n in range(4)]).repeat(count, 1, 1, 1))[1])
    predict.run(model, [photos], tmp_path / "b.json", tmp_path / "out", CONFIG, HOW)
    assert seen == [4, 4, 1]
    assert [entry["bbox"][0] for entry in entries(tmp_path / "out")] == list(range(9))


def test_boxes_beyond_the_photo_neither_fill_a_batch_nor_overfill_one(
    tmp_path: Path, model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = {0, 5, 6}  # of the first part of four and of the second
    detections = [{"image_id": 0, "bbox": [9000 if n in far else n, n, 20, 20]} for n in range(10)]
    (tmp_path / "b.json").write_text(json.dumps(detections))
    seen: list[int] = []
    say(monkeypatch, lambda count: (seen.append(count), peaks([(n, n) for n in range(4)]).repeat(count, 1, 1, 1))[1])
    result = predict.run(model, [photos], tmp_path / "b.json", tmp_path / "out", CONFIG, HOW).to_json()
    assert seen == [3, 4], "parts of 3, 2 and 2 people"
    assert result["boxes_skipped"] == {"too thin or too far off to fill a pixel of the crop": 3}
    assert [entry["bbox"][1] for entry in entries(tmp_path / "out")] == [1, 2, 3, 4, 7, 8, 9]
