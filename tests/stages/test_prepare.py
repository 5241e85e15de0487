"""The whole of ``prepare`` on photos that are drawn here."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.errors import DiskError, Interrupted, Refused
from shgae.execution import Execution
from tests.builders.photo_folders import Listener, line_of, make, prepare, rows_of
from tests.builders.photo_models import turn


def test_rows_and_crops_sum_up(tmp_path: Path):
    train, val = make(tmp_path / "train"), make(tmp_path / "val", photos=3, first_id=20)
    result = prepare({"train": train, "val": val}, tmp_path / "data", hold_out=4)
    rows = rows_of(result)
    assert result.splits == {"train": 10, "val": 6, "test": 4}
    assert result.dropped == {"crowd": 10, "no labelled joint": 10}
    assert [row["annotation_id"] for row in rows] == [
        entry["id"] for folder in (train, val) for entry in folder.content["annotations"]
    ]
    assert Counter(row["split"] for row in rows) == {**result.splits, None: 20}
    data = open_artifact(result.artifact.path, "data")
    for split, count in result.splits.items():
        crops = Crops(data, split)
        mine = [row for row in rows if row["split"] == split]
        assert len(crops) == count
        assert [row["row"] for row in mine] == list(range(count))
        assert [row["annotation_id"] for row in mine] == crops.people.annotation_id.tolist()
        assert [row["image_id"] for row in mine] == crops.people.photo_id.tolist()
        assert all(row["reason"] is None for row in mine)
        assert {row["source"] for row in mine} == {"val" if split == "val" else "train"}
    assert all(row["reason"] and row["row"] is None for row in rows if row["split"] is None)


@pytest.mark.parametrize("policy", ["pad", "inside"])
def test_joints_lie_on_their_dots_in_the_crops(tmp_path: Path, policy: Any):
    train = make(tmp_path / "train", people=1)
    result = prepare({"train": train}, tmp_path / "data", crop_policy=policy, bad_people="drop")
    crops = Crops(result.artifact, "train")
    table = crops.people
    pixels = crops.read(np.arange(len(crops)))
    assert len(crops) >= 4
    assert table.visibility.tolist() == [[2, 1]] * len(crops)
    for row in range(len(crops)):
        (x, y), side = table.xy_crop[row, 1], table.square[row, 2]
        # The middle of the dot's middle pixel is half a photo pixel further.
        x, y = (int(value + 64 / side) for value in (x, y))
        red, green, blue = pixels[row, y, x].astype(int)
        assert green > 150 > max(red, blue)
        x0, y0, x1, y1 = table.valid[row]
        outside = pixels[row].copy()
        outside[y0:y1, x0:x1] = 0
        assert not outside.any()
        assert policy == "pad" or table.valid[row].tolist() == [0, 0, 128, 128]


def test_the_table_keeps_boxes_and_photo_sizes(tmp_path: Path):
    train = make(tmp_path / "train", people=1)
    table = Crops(prepare({"train": train}, tmp_path / "data").artifact, "train").people
    by_id = {entry["id"]: entry for entry in train.content["annotations"]}
    for row in range(len(table)):
        entry = by_id[int(table.annotation_id[row])]
        image = train.content["images"][entry["image_id"]]
        assert table.box[row].tolist() == entry["bbox"]
        assert table.photo_size[row].tolist() == [image["width"], image["height"]]


def test_joints_without_a_label_are_zero_in_the_table(tmp_path: Path):
    train = make(tmp_path / "train", photos=1)
    train.content["annotations"][0]["keypoints"][3:] = [1e300, 7, 0]
    table = Crops(prepare({"train": train}, tmp_path / "data").artifact, "train").people
    assert table.xy_crop[0, 1].tolist() == [0, 0]
    assert table.visibility[0].tolist() == [2, 0]


def test_the_mean_colour_is_that_of_the_train_splits_valid_pixels(tmp_path: Path):
    train, val = make(tmp_path / "train"), make(tmp_path / "val", first_id=20)
    result = prepare({"train": train, "val": val}, tmp_path / "data", hold_out=5)
    crops = Crops(result.artifact, "train")
    seen = [
        crop[y0:y1, x0:x1].reshape(-1, 3)
        for crop, (x0, y0, x1, y1) in zip(crops.read(np.arange(len(crops))), crops.people.valid, strict=True)
    ]
    assert np.allclose(result.mean_rgb, np.concatenate(seen).mean(axis=0) / 255, rtol=0, atol=1e-12)
    assert result.artifact.facts["mean_rgb"] == list(result.mean_rgb)


def test_the_manifest_says_what_readers_need(tmp_path: Path):
    train = make(tmp_path / "train")
    artifact = prepare({"train": train}, tmp_path / "data", margin=0.2).artifact
    facts = open_artifact(artifact.path, "data").facts
    assert facts["skeleton"] == {"names": ["head", "foot"], "limbs": [[0, 1]], "flip_pairs": []}
    assert (facts["crop_size"], facts["crop_policy"], facts["margin"]) == (128, "pad", 0.2)
    assert facts["splits"] == {"train": 14}
    assert facts["dropped"] == {"crowd": 7, "no labelled joint": 7}
    assert facts["sources"]["train"]["people"] == 28
    assert facts["sources"]["train"]["photos"] == 7
    assert len(facts["sources"]["train"]["sha256"]) == 64


def test_the_artefact_does_not_depend_on_the_workers(tmp_path: Path):
    train = make(tmp_path / "train")
    ids = {
        prepare({"train": train}, tmp_path / f"data-{workers}", Execution(workers=workers), hold_out=3).artifact.id
        for workers in (0, 1, 2, 5)
    }
    assert len(ids) == 1


def test_by_photo_no_photo_is_in_two_splits(tmp_path: Path):
    result = prepare({"train": make(tmp_path / "train")}, tmp_path / "data", hold_out=6)
    photos = {
        split: {row["image_id"] for row in rows_of(result) if row["split"] == split} for split in ("train", "test")
    }
    assert result.splits == {"train": 8, "test": 6}
    assert not photos["train"] & photos["test"]


def test_by_crop_the_number_is_exact(tmp_path: Path):
    result = prepare({"train": make(tmp_path / "train")}, tmp_path / "data", hold_out=5, split_by="crop")
    assert result.splits == {"train": 9, "test": 5}


def test_limit_takes_the_first_of_each_split(tmp_path: Path):
    folder = make(tmp_path / "train")
    whole = prepare({"train": folder}, tmp_path / "whole", hold_out=5)
    some = prepare({"train": folder}, tmp_path / "some", hold_out=5, limit=3)
    assert some.splits == {"train": 3, "test": 3}
    assert some.dropped["beyond the limit"] == 8
    for split in ("train", "test"):
        first, all_of_them = Crops(some.artifact, split), Crops(whole.artifact, split)
        assert first.people.annotation_id.tolist() == all_of_them.people.annotation_id[:3].tolist()
        assert (first.read(np.arange(3)) == all_of_them.read(np.arange(3))).all()


def test_more_people_than_a_shard_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shgae.artifacts.crops.SHARD_ROWS", 4)
    crops = Crops(prepare({"train": make(tmp_path / "train")}, tmp_path / "data").artifact, "train")
    names = sorted(path.name for path in (tmp_path / "data" / "train").glob("crops-*"))
    assert names == [f"crops-0000{shard}.safetensors" for shard in range(4)]
    assert len(crops.read(np.arange(14))) == 14


def test_a_truncated_photo_is_named_with_its_annotation_and_nothing_is_left(tmp_path: Path):
    train = make(tmp_path / "train")
    photo = tmp_path / "train" / "photos" / "4.png"
    photo.write_bytes(photo.read_bytes()[:900])
    for workers in (0, 2):
        line = line_of(tmp_path, {"train": train}, execution=Execution(workers=workers))
        assert "4.png (annotation 1016)" in line and "decoded" in line


def test_a_photo_of_another_size_is_refused(tmp_path: Path):
    train = make(tmp_path / "train")
    Image.new("RGB", (60, 90)).save(tmp_path / "train" / "photos" / "0.png")
    assert "60 x 90" in line_of(tmp_path, {"train": train})


def test_a_missing_photo_is_refused_before_any_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    train = make(tmp_path / "train")
    (tmp_path / "train" / "photos" / "6.png").unlink()
    monkeypatch.setattr("shgae.data.cropping.open_photo", lambda *_: pytest.fail("opened"))
    line = line_of(tmp_path, {"train": train})
    assert "6.png (annotation 1024)" in line


def test_a_photo_without_samples_is_not_needed(tmp_path: Path):
    train = make(tmp_path / "train")
    for entry in train.content["annotations"]:
        entry["iscrowd"] = int(entry["image_id"] == 6)
        entry["keypoints"][2] = 2
    (tmp_path / "train" / "photos" / "6.png").unlink()
    assert prepare({"train": train}, tmp_path / "data").splits == {"train": 24}


def test_exif_turns_no_photo(tmp_path: Path):
    train = make(tmp_path / "train", photos=1)
    plain = prepare({"train": train}, tmp_path / "plain").artifact
    turn(tmp_path / "train" / "photos" / "0.png", 6)
    assert prepare({"train": train}, tmp_path / "turned").artifact.id == plain.id


def test_a_split_without_anybody_is_refused(tmp_path: Path):
    train, val = make(tmp_path / "train", photos=2), make(tmp_path / "val", photos=2, people=0)
    assert "nobody is left" in line_of(tmp_path, {"train": train, "val": val})


def test_broken_people_are_refused_or_dropped(tmp_path: Path):
    train = make(tmp_path / "train", photos=2)
    train.content["annotations"][1]["bbox"][2] = float("nan")
    assert "annotation 1001" in line_of(tmp_path, {"train": train})
    result = prepare({"train": train}, tmp_path / "data", bad_people="drop")
    assert result.dropped["box that is not finite"] == 1
    assert rows_of(result)[1]["reason"] == "box that is not finite"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hold_out": -1}, "PrepareConfig.hold_out"),
        ({"hold_out": 14}, "--hold-out"),
        ({"limit": 0}, "PrepareConfig.limit"),
        ({"margin": -0.1}, "PrepareConfig.margin"),
        ({"margin": float("nan")}, "PrepareConfig.margin"),
    ],
)
def test_impossible_options_are_refused(tmp_path: Path, options: dict[str, Any], words: str):
    assert words in line_of(tmp_path, {"train": make(tmp_path / "train")}, **options)


@pytest.mark.parametrize("photo", [999, None, [], "1", True])
def test_people_of_a_photo_that_is_not_listed_are_refused_or_dropped_and_listed(tmp_path: Path, photo: Any):
    train = make(tmp_path / "train", photos=2)
    stray = train.content["annotations"][0]
    stray["image_id"] = photo
    line = line_of(tmp_path, {"train": train})
    assert f"annotation {stray['id']} in " in line and "(image_id " in line
    result = prepare({"train": train}, tmp_path / "data", bad_people="drop")
    assert result.dropped["of a photo that is not listed"] == 1
    rows = rows_of(result)
    assert len(rows) == len(train.content["annotations"])
    assert [row["image_id"] for row in rows if row["annotation_id"] == stray["id"]] == [999 if photo == 999 else None]


def test_hold_out_and_a_test_split_exclude_each_other(tmp_path: Path):
    train = make(tmp_path / "train")
    assert "--test" in line_of(tmp_path, {"train": train, "test": train}, hold_out=2)
    assert "--train" in line_of(tmp_path, {"val": train})


def test_a_disk_too_small_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=64_600_000))
    with pytest.raises(DiskError, match=r"696\.5 kB .* 64\.6 MB"):
        prepare({"train": make(tmp_path / "train")}, tmp_path / "out" / "data")
    assert not list((tmp_path / "out").iterdir())


def test_the_bytes_are_told_first_and_are_right_within_2_percent(tmp_path: Path):
    listener = Listener()
    result = prepare(
        {"train": make(tmp_path / "train", photos=40)}, tmp_path / "data", Execution(progress=listener), crop_size=256
    )
    assert listener.notes[0].startswith("crops of 80 people out of 160 will take ")
    told = float(listener.notes[0].split(" MB")[0].split()[-1]) * 1e6
    assert abs(told / result.size - 1) < 0.02
    assert listener.done == listener.total == 80


def test_a_signal_ends_it_between_two_photos_and_nothing_is_left(tmp_path: Path):
    class Stopper(Listener):
        def advance(self, amount: int = 1, facts: str = "") -> None:
            super().advance(amount, facts)
            execution.stop.signal_number = signal.SIGTERM

    stopper = Stopper()
    execution = Execution(progress=stopper)
    with pytest.raises(Interrupted) as caught:
        prepare({"train": make(tmp_path / "train")}, tmp_path / "out" / "data", execution)
    assert caught.value.exit_code == 143
    assert stopper.done == 2
    assert not list((tmp_path / "out").iterdir())


def test_an_output_that_exists_is_spared_without_force(tmp_path: Path):
    train = make(tmp_path / "train", photos=2)
    first = prepare({"train": train}, tmp_path / "data").artifact
    with pytest.raises(Refused, match="exists"):
        prepare({"train": train}, tmp_path / "data")
    assert prepare({"train": train}, tmp_path / "data", replace(Execution(), force=True)).artifact.id == first.id


def test_an_output_that_holds_the_json_or_the_photos_is_refused_and_they_are_spared(tmp_path: Path):
    prepare({"train": make(tmp_path / "train", photos=2)}, tmp_path / "data")
    inside = make(tmp_path / "data" / "inside", photos=2)
    with pytest.raises(Refused, match="input"):
        prepare({"train": inside}, tmp_path / "data", replace(Execution(), force=True))
    assert inside.source.annotations.is_file()
