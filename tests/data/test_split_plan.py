"""Who goes to which split is planned before any crop is written: in order, told where it is doubtful, and sized."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.tables import read_rows
from shgae.data import split_plan as module
from shgae.data.selection import CROWD, UNLABELLED
from shgae.data.split_plan import (
    SplitPlan,
    crops_in_words,
    cutting_time,
    described,
    fate_rows,
    ignored_rows,
    plan_splits,
    size_of,
    split_sizes,
)
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import PrepareConfig, Split
from tests.builders.chain import Notes
from tests.builders.photo_folders import Folder, make, prepare
from tests.builders.photo_models import turn

AREA = {"area": 12.5}


def planned(sources: Mapping[Split, Folder], notes: Notes | None = None, **options: Any) -> SplitPlan:
    config = PrepareConfig(**{"crop_size": 128, **options})
    how = Execution(progress=notes or Notes())
    return plan_splits({split: folder.source for split, folder in sources.items()}, config, how)


def said(sources: Mapping[Split, Folder], **options: Any) -> list[str]:
    notes = Notes()
    planned(sources, notes, **options)
    return notes.said


def sound(path: Path, photos: int = 4, first_id: int = 0, people: int = 2) -> Folder:
    """Photos of which nothing is to be said."""
    folder = make(path, photos, first_id, people)
    assert said({"train": folder}) == []
    return folder


def test_splits_come_in_their_order_whatever_the_order_of_the_sources(tmp_path: Path) -> None:
    train, val = sound(tmp_path / "train"), sound(tmp_path / "val", 3, 20, 1)
    for sources in ({"train": train, "val": val}, {"val": val, "train": train}):
        plan = planned(sources)  # type: ignore[arg-type]
        assert [selection.source for selection in plan.selections] == ["train", "val"]
        assert [len(selection.people) for selection in plan.selections] == [16, 9]
        assert (plan.twins, plan.turned, [*split_sizes(plan.selections).items()]) == ([], 0, [("train", 8), ("val", 3)])
    assert said({"train": train, "val": val}) == []


def test_people_are_held_out_of_the_first_split_before_each_is_limited(tmp_path: Path) -> None:
    train, val = sound(tmp_path / "train"), sound(tmp_path / "val", 3, 20)
    plan = planned({"train": train, "val": val}, hold_out=4, limit=3)
    assert split_sizes(plan.selections) == {"train": 3, "val": 3, "test": 3}
    assert [dict(one.counts) for one in plan.selections] == [{"train": 3, "test": 3}, {"val": 3}]
    assert [one.dropped["beyond the limit"] for one in plan.selections] == [2, 3]
    assert crops_in_words(plan.selections) == "crops of 9 people out of 28"


def test_splits_have_the_same_joints_in_the_same_order(tmp_path: Path) -> None:
    train, val = sound(tmp_path / "train"), sound(tmp_path / "val", 3, 20)
    for names in (["foot", "head"], ["head", "hand"], ["head"]):
        val.content["categories"][0]["keypoints"] = names
        with pytest.raises(Refused) as caught:
            planned({"train": train, "val": val})
        assert caught.value.where == str(val.path / "people.json") and str(train.path) in caught.value.why
        assert ("1 joints, 2 in" in caught.value.why) == (len(names) == 1)


def test_a_photo_that_is_missing_is_refused_unless_it_may_be(tmp_path: Path) -> None:
    train = sound(tmp_path / "train")
    (tmp_path / "train" / "photos" / "2.png").unlink()
    with pytest.raises(Refused) as caught:
        planned({"train": train})
    assert "2.png" in caught.value.where
    assert split_sizes(planned({"train": train}, max_bad_photos=1).selections) == {"train": 8}


def test_photos_that_exif_says_to_turn_are_counted_over_all_splits(tmp_path: Path) -> None:
    train, val = make(tmp_path / "train"), make(tmp_path / "val", 3, 20)
    for path in (tmp_path / "train" / "photos" / "0.png", *(tmp_path / "val" / "photos" / f"2{n}.png" for n in (0, 2))):
        turn(path, 3)
    notes = Notes()
    assert planned({"train": train, "val": val}, notes).turned == 3
    assert ["of val" in note for note in notes.said] == [False, True]


def test_one_json_for_two_splits_is_told_and_so_are_the_photos_of_both(tmp_path: Path) -> None:
    train = sound(tmp_path / "train")
    notes = said({"train": train, "test": train})
    assert len(notes) == 2 and all("train" in note and "test" in note for note in notes)
    assert "4 photos" in notes[1]


def test_photos_of_two_splits_are_told_by_their_number(tmp_path: Path) -> None:
    train, val = sound(tmp_path / "train"), sound(tmp_path / "val", 3, 20)
    shutil.copy(tmp_path / "train" / "photos" / "0.png", tmp_path / "val" / "photos" / "20.png")
    notes = Notes()
    plan = planned({"train": train, "val": val}, notes)
    assert plan.twins == [[(0, 0), (1, 20)]]
    (note,) = notes.said
    assert "1 photo of val" in note


@pytest.mark.parametrize("seed", range(4))
def test_a_photo_under_two_ids_is_told_and_goes_to_one_split(tmp_path: Path, seed: int) -> None:
    train = sound(tmp_path / "train", people=1)
    shutil.copy(tmp_path / "train" / "photos" / "0.png", tmp_path / "train" / "photos" / "3.png")
    train.content["images"][3] |= {name: train.content["images"][0][name] for name in ("width", "height")}
    notes = Notes()
    plan = planned({"train": train}, notes, hold_out=2, seed=seed)
    splits = [fate.split for fate in plan.selections[0].fates if fate.split is not None]
    assert splits[0] == splits[3] and Counter(splits) == {"train": 2, "test": 2}
    (note,) = notes.said
    assert f"1 photo of {splits[0]} " in note


def test_people_without_a_box_are_told_and_described_if_they_are_samples(tmp_path: Path) -> None:
    train = sound(tmp_path / "train")
    assert described(planned({"train": train}).selections[0]).keys() == {"sha256", "people", "photos"}
    for annotation in train.content["annotations"][:3]:  # two samples, one without joints
        del annotation["bbox"]
    notes = Notes()
    about = described(planned({"train": train}, notes).selections[0])
    assert (about["people"], about["photos"], about["without_box"]) == (16, 4, 2)
    (note,) = notes.said
    assert str(tmp_path / "train" / "people.json") in note and "2 people" in note


def test_notes_name_the_json_that_they_are_about(tmp_path: Path) -> None:
    train, val = sound(tmp_path / "train"), sound(tmp_path / "val", 3, 20)
    val.content["categories"][0]["skeleton"] = "none"
    (note,) = said({"train": train, "val": val})
    assert str(tmp_path / "val" / "people.json") in note


def test_every_person_has_a_row_with_the_place_in_its_split_or_why_there_is_none(tmp_path: Path) -> None:
    train = sound(tmp_path / "train")
    train.content["annotations"][0] |= AREA
    train.content["annotations"].append({**train.content["annotations"][0], "id": 5, "image_id": 77})
    train.content["annotations"].append({**train.content["annotations"][0], "id": 6, "image_id": "x"})
    (selection,) = planned({"train": train}, hold_out=3, bad_people="drop").selections
    rows, taken = list(fate_rows(selection)), Counter[str]()
    assert [row["annotation_id"] for row in rows] == [one["id"] for one in train.content["annotations"]]
    for row, fate, one in zip(rows, selection.fates, train.content["annotations"], strict=False):
        assert (row["split"], row["reason"]) == (fate.split, fate.reason)
        assert (row["image_id"], row["file_name"], row["source"]) == (
            one["image_id"],
            f"{one['image_id']}.png",
            "train",
        )
        assert row["row"] == (None if fate.split is None else taken[fate.split])
        taken[str(fate.split)] += 1
        assert {key: row[key] for key in ("area", "iscrowd") if key in row} == {
            key: one[key] for key in ("area", "iscrowd") if key in one
        }
    assert (taken["train"], taken["test"]) == (4, 4), "whole photos are held out"
    for row, photo in zip(rows[-2:], (77, None), strict=True):
        assert (row["image_id"], row["file_name"], row["split"], row["row"]) == (photo, None, None, None)
        assert row["reason"] and row["source"] == "train"


def test_crowds_and_people_without_joints_are_ignored_in_the_photos_of_samples(tmp_path: Path) -> None:
    train = sound(tmp_path / "train")
    by_id = {one["id"]: one for one in train.content["annotations"]}
    (selection,) = planned({"train": train}, hold_out=1, split_by="crop", limit=5).selections
    rows = {row["annotation_id"]: row for row in ignored_rows(selection)}
    expected = {}
    for photo, fates in selection:
        splits = {fate.split for fate in fates} - {None}
        if splits:
            ignored = [fate.annotation_id for fate in fates if fate.reason in (CROWD, UNLABELLED)]
            expected |= {one: (photo.id, sorted(map(str, splits)), by_id[one]["iscrowd"]) for one in ignored}
    assert {key: (row["image_id"], row["splits"], row["iscrowd"]) for key, row in rows.items()} == expected
    assert len(expected) == 6 and ["test", "train"] in [splits for _, splits, _ in expected.values()]


def test_a_region_without_a_box_is_not_ignored(tmp_path: Path) -> None:
    train = sound(tmp_path / "train", 1)
    del train.content["annotations"][2]["bbox"]
    (selection,) = planned({"train": train}).selections
    assert [row["annotation_id"] for row in ignored_rows(selection)] == [1003]


@pytest.mark.parametrize("context", [1.0, 1.5])
def test_the_size_is_that_of_the_files_to_the_byte(tmp_path: Path, context: float) -> None:
    train, val = make(tmp_path / "train", 3), make(tmp_path / "val", 2, 20)
    for one in train.content["annotations"]:
        one |= AREA
    options: dict[str, Any] = {"hold_out": 2, "context": context}
    config = PrepareConfig(crop_size=128, **options)
    plan = planned({"train": train, "val": val}, **options)
    prepare({"train": train, "val": val}, tmp_path / "data", **options)
    files = [*(tmp_path / "data").glob("*/*"), tmp_path / "data" / "people.jsonl", tmp_path / "data" / "ignored.jsonl"]
    files = [path for path in files if path.suffix in (".safetensors", ".jsonl")]
    assert size_of(plan.selections, config) == sum(path.stat().st_size for path in files)
    rows = [row for selection in plan.selections for row in fate_rows(selection)]
    assert rows == list(read_rows(tmp_path / "data" / "people.jsonl"))


@pytest.mark.parametrize(
    ("photos", "people", "most", "seconds"), [(1, 1, 64, 1), (5, 1, 64, 5), (40, 1, 64, 40), (3, 5, 2, 9)]
)
def test_the_time_of_all_photos_is_told_by_the_first_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: int, people: int, most: int, seconds: float
) -> None:
    """A part takes a second; a photo with five people, two at once, comes in three parts."""
    (selection,) = planned({"train": make(tmp_path / "train", photos, people=people)}).selections
    now, closed, config = [100.0], list[int](), PrepareConfig(crop_size=128, context=1.5)

    def cut(*given: Any) -> Iterator[None]:
        assert given == (selection, config, 3)
        try:
            for _ in range(photos * -(-people // most)):
                now[0] += 1
                yield None
        finally:
            closed.append(int(now[0]) - 100)

    monkeypatch.setattr(module, "cut_people", cut)
    monkeypatch.setattr(module, "MOST_AT_ONCE", most)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    assert cutting_time(selection, config, 3) == pytest.approx(seconds)
    assert closed == [min(seconds, 32)], "no more than 32 are tried"
