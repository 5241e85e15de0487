"""Who becomes a sample, the hold-out draw, and the limit."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shgae.data.coco import read_coco
from shgae.data.geometry import coco_square, mpii_square
from shgae.data.selection import (
    BAD_PHOTO,
    BEYOND_LIMIT,
    CROWD,
    NO_FIT,
    NO_PLACE,
    OUTSIDE,
    UNLABELLED,
    Selection,
    hold_out,
    limit,
    select,
    without_photos,
)
from shgae.errors import Refused
from shgae.recipes import PrepareConfig

WHOLE = {"bbox": [10, 10, 20, 20], "keypoints": [12, 12, 2, 28, 28, 1]}

EMPTY_CROWD = {"iscrowd": 1, "keypoints": [0] * 6}


def chosen(
    folder: Path, people_of_photos: list[list[dict[str, Any]]], width: int | None = 100, **options: Any
) -> Selection:
    """Selects from photos of 100 x 60 pixels, each given as the annotations of its people."""
    photo = {"file_name": "a.jpg", "width": width, "height": 60}
    content: dict[str, Any] = {
        "images": [{"id": i} | photo for i in range(len(people_of_photos))],
        "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": ["head", "foot"], "skeleton": []}],
    }
    for photo, people in enumerate(people_of_photos):
        for person in people:
            entry = {"id": 100 + len(content["annotations"]), "image_id": photo, "category_id": 1, "iscrowd": 0}
            content["annotations"].append(entry | WHOLE | person)
    (folder / "people.json").write_text(json.dumps(content))
    return select(read_coco(folder / "people.json", folder), "train", PrepareConfig(**options))


def reasons(selection: Selection) -> list[str | None]:
    return [fate.reason for fate in selection.fates]


def test_each_dropped_person_has_a_reason(tmp_path: Path):
    people = [
        WHOLE,
        {"iscrowd": 1},
        {"keypoints": [0] * 6},
        {"bbox": [1, 1, float("nan"), 5]},
        {"keypoints": [150, 10, 2, 0, 0, 0], "bbox": [145, 8, 10, 10]},
    ]
    selection = chosen(tmp_path, [people], bad_people="drop")
    assert reasons(selection) == [None, CROWD, UNLABELLED, "box that is not finite", OUTSIDE]
    assert [fate.split for fate in selection.fates] == ["train", None, None, None, None]
    assert [fate.annotation_id for fate in selection.fates] == [100, 101, 102, 103, 104]
    assert selection.counts == {"train": 1}
    assert selection.dropped.total() == 4


def test_inside_drops_whom_no_square_holds_and_pad_keeps_them(tmp_path: Path):
    people = [[WHOLE, {"keypoints": [5, 30, 2, 95, 30, 2], "bbox": [0, 10, 100, 40]}]]
    assert reasons(chosen(tmp_path, people, crop_policy="inside")) == [None, NO_FIT]
    assert reasons(chosen(tmp_path, people, crop_policy="pad")) == [None, None]


def test_broken_people_are_refused_by_default_with_one_of_them_and_their_number(tmp_path: Path):
    broken = {"keypoints": [1, 1, 3, 0, 0, 0]}
    with pytest.raises(
        Refused, match=r"annotation 101 .*visibility other .*\(2 people are broken\).*--bad-people drop"
    ):
        chosen(tmp_path, [[WHOLE, broken], [WHOLE, broken]])


def test_where_everybody_is_broken_dropping_them_is_no_advice(tmp_path: Path):
    nested = {"keypoints": [[12, 12, 2], [28, 28, 1]]}
    with pytest.raises(Refused, match=r"\(2 people are broken\)\. Try: repair"):
        chosen(tmp_path, [[nested, nested, {"keypoints": [0] * 6}]])


def test_a_crowd_or_a_person_without_labels_is_never_broken(tmp_path: Path):
    people = [[WHOLE, {"iscrowd": 1, "bbox": [1, 1, 0, 0]}, {"keypoints": [0] * 6, "bbox": [1, 1, 0, 0]}]]
    assert reasons(chosen(tmp_path, people)) == [None, CROWD, UNLABELLED]


def test_of_a_photo_without_a_size_everybody_is_kept_with_a_square_until_it_is_read(tmp_path: Path):
    beyond = {"keypoints": [150, 10, 2, 0, 0, 0], "bbox": [145, 8, 10, 10]}
    for options in ({}, {"crop_policy": "inside"}, {"square": "mpii"}):
        selection = chosen(tmp_path, [[WHOLE, beyond, {"iscrowd": 1}]], width=None, **options)
        assert reasons(selection) == [None, None, CROWD]
        sized = chosen(tmp_path, [[WHOLE]], crop_policy="pad").fates[0]
        assert selection.fates[0] == sized
        assert selection.fates[1].square and selection.fates[1].square.x0 > 100


def test_mpiis_square_needs_a_centre_and_a_scale_and_no_more(tmp_path: Path):
    people = [{"center": [20, 20], "scale": 0.1}, {"center": [20, 20], "scale": 0.1, "area": 9}]
    people += [{"center": [20, 20], "area": 9}, {"scale": 0.1, "area": 9}]
    selection = chosen(tmp_path, [people], square="mpii")
    assert reasons(selection) == [None, None, NO_PLACE, NO_PLACE]
    assert selection.fates[0].square == mpii_square(np.array([20.0, 20.0]), 0.1)


def test_cocos_square_is_of_the_box_alone(tmp_path: Path):
    selection = chosen(tmp_path, [[WHOLE | {"keypoints": [12, 12, 2, 60, 28, 1]}]], square="coco")
    assert selection.fates[0].square == coco_square(np.array(WHOLE["bbox"], float))


def test_nobody_left_is_refused_with_the_reasons(tmp_path: Path):
    with pytest.raises(Refused, match=r"nobody is left \(no labelled joint: 2, crowd: 1\)"):
        chosen(tmp_path, [[{"keypoints": [0] * 6}, {"keypoints": [0] * 6}, EMPTY_CROWD]])


@pytest.mark.parametrize(
    ("options", "person", "fix"),
    [
        ({"square": "mpii"}, {}, "--square study, or a JSON of shgae convert mpii"),
        ({"crop_policy": "inside"}, {"keypoints": [1, 1, 2, 99, 59, 2]}, "--crop-policy pad"),
        ({}, {"keypoints": [150, 10, 2, 0, 0, 0], "bbox": [145, 8, 10, 10]}, "the photos that the JSON was made for"),
        ({"square": "mpii"}, {"keypoints": [0] * 6}, "a JSON with labelled people"),
        ({}, {"keypoints": [12, 12, 0, 28, 28, 0]}, "v = 1 or 2 for joints with a label"),
        ({}, {"iscrowd": 1}, "iscrowd 0 for single people"),
    ],
)
def test_where_nobody_is_left_the_fix_fits_the_reason(
    tmp_path: Path, options: dict[str, Any], person: dict[str, Any], fix: str
) -> None:
    with pytest.raises(Refused, match="nobody is left") as refused:
        chosen(tmp_path, [[person, {"keypoints": [0] * 6}, EMPTY_CROWD]], **options)
    assert refused.value.fix == fix


def photos_of(selection: Selection, split: str) -> set[int]:
    return {fate.photo for fate in selection.fates if fate.split == split}


@given(st.lists(st.integers(0, 4), min_size=2, max_size=8), st.integers(1, 12), st.integers(0, 5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hold_out_by_photo_keeps_photos_whole(tmp_path: Path, sizes: list[int], wanted: int, seed: int):
    sizes = [1, *sizes]
    before = chosen(tmp_path, [[WHOLE] * size for size in sizes])
    config = PrepareConfig(hold_out=wanted, seed=seed)
    try:
        after = hold_out(before, config)
    except Refused:
        assert wanted + max(sizes) > sum(sizes)
        return
    assert not photos_of(after, "train") & photos_of(after, "test")
    assert after.counts.total() == sum(sizes)
    assert wanted <= after.counts["test"] < wanted + max(sizes)
    assert hold_out(before, config) == after


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 5), st.sampled_from(["photo", "crop"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_val_is_drawn_from_those_that_test_left(tmp_path: Path, test: int, val: int, seed: int, split_by: Any):
    before = chosen(tmp_path, [[WHOLE] * size for size in (3, 1, 1, 2, 1, 1, 3, 1, 1, 1, 1)])
    after = hold_out(before, PrepareConfig(hold_out=test, hold_out_val=val, seed=seed, split_by=split_by))
    assert after.counts.total() == 16
    assert after.counts["test"] == test, "single people fill up"
    assert val <= after.counts["val"] < val + (3 if split_by == "photo" and val else 1)
    alone = hold_out(before, PrepareConfig(hold_out=test, seed=seed, split_by=split_by))
    assert [one.split == "test" for one in after.fates] == [one.split == "test" for one in alone.fates]
    if split_by == "photo":
        assert not photos_of(after, "val") & (photos_of(after, "test") | photos_of(after, "train"))


def test_a_val_split_that_leaves_nobody_is_refused_by_its_own_option(tmp_path: Path):
    before = chosen(tmp_path, [[WHOLE]] * 5)
    with pytest.raises(Refused) as caught:
        hold_out(before, PrepareConfig(hold_out=3, hold_out_val=2))
    assert caught.value.what == "--hold-out-val"


def test_hold_out_by_photo_is_exact_where_single_people_can_fill_up(tmp_path: Path):
    before = chosen(tmp_path, [[WHOLE] * size for size in (3, 1, 1, 2, 1, 1, 3, 1, 1, 1, 1)])
    for wanted in range(1, 9):
        assert hold_out(before, PrepareConfig(hold_out=wanted, seed=wanted)).counts["test"] == wanted


def test_hold_out_by_crop_is_exact_and_parts_photos(tmp_path: Path):
    before = chosen(tmp_path, [[WHOLE] * 4] * 5)
    after = hold_out(before, PrepareConfig(hold_out=10, split_by="crop"))
    assert after.counts == {"train": 10, "test": 10}
    assert photos_of(after, "train") & photos_of(after, "test")


def test_the_seed_decides_who_is_held_out(tmp_path: Path):
    before = chosen(tmp_path, [[WHOLE]] * 30)
    draws = [photos_of(hold_out(before, PrepareConfig(hold_out=10, seed=seed)), "test") for seed in range(3)]
    assert len({frozenset(draw) for draw in draws}) == 3


@pytest.mark.parametrize("split_by", ["photo", "crop"])
@pytest.mark.parametrize("wanted", [4, 5])
def test_holding_everybody_out_is_refused(tmp_path: Path, split_by: Any, wanted: int):
    before = chosen(tmp_path, [[WHOLE]] * 4)
    with pytest.raises(Refused, match="none for training"):
        hold_out(before, PrepareConfig(hold_out=wanted, split_by=split_by))


def test_where_one_photo_holds_everybody_the_way_out_is_told(tmp_path: Path):
    with pytest.raises(Refused) as caught:
        hold_out(chosen(tmp_path, [[WHOLE] * 5]), PrepareConfig(hold_out=1))
    assert caught.value.fix.startswith("--split-by crop")
    assert hold_out(chosen(tmp_path, [[WHOLE] * 5]), PrepareConfig(hold_out=1, split_by="crop")).counts["test"] == 1


def test_dropped_people_are_not_held_out(tmp_path: Path):
    before = chosen(tmp_path, [[WHOLE, {"iscrowd": 1}], [WHOLE]])
    after = hold_out(before, PrepareConfig(hold_out=1))
    assert Counter(reasons(after)) == {None: 2, CROWD: 1}


def test_limit_keeps_the_first_of_each_split(tmp_path: Path):
    before = hold_out(chosen(tmp_path, [[{"iscrowd": 1}, WHOLE]] * 9), PrepareConfig(hold_out=4))
    after = limit(before, PrepareConfig(limit=3))
    assert after.counts == {"train": 3, "test": 3}
    assert after.dropped == {CROWD: 9, BEYOND_LIMIT: 3}
    for split in ("train", "test"):
        first = [fate for fate in before.fates if fate.split == split][:3]
        assert [fate for fate in after.fates if fate.split == split] == first
    assert limit(before, PrepareConfig()) == before


def test_people_of_bad_photos_are_dropped_and_those_who_were_dropped_before_keep_their_reason(tmp_path: Path):
    before = chosen(tmp_path, [[WHOLE, {"iscrowd": 1}], [WHOLE], [WHOLE, WHOLE]])
    after = without_photos(before, {0, 2})
    assert reasons(after) == [BAD_PHOTO, CROWD, None, BAD_PHOTO, BAD_PHOTO]
    assert [fate.split for fate in after.fates] == [None, None, "train", None, None]
    assert [fate.square is None for fate in after.fates] == [True, True, False, True, True]
    assert without_photos(before, {7}) == before


def test_a_fate_knows_its_photo_and_its_square(tmp_path: Path):
    selection = chosen(tmp_path, [[WHOLE, {"iscrowd": 1}], [WHOLE]])
    assert [fate.photo for fate in selection.fates] == [0, 0, 1]
    assert [fate.square is None for fate in selection.fates] == [False, True, False]
    assert [[fate.annotation_id for fate in fates] for _, fates in selection] == [[100, 101], [102]]


def test_one_broken_person_is_not_counted(tmp_path: Path):
    with pytest.raises(Refused, match=r"annotation 100 in .*: visibility other than 0, 1 and 2\. Try"):
        chosen(tmp_path, [[{"keypoints": [1, 1, 3, 0, 0, 0]}, WHOLE]])


def test_where_no_photos_add_up_the_smallest_of_the_others_is_taken_too(tmp_path: Path):
    before = chosen(tmp_path, [[WHOLE] * size for size in (3, 4, 5)])
    for seed in range(5):
        assert hold_out(before, PrepareConfig(hold_out=1, seed=seed)).counts["test"] == 3
        assert hold_out(before, PrepareConfig(hold_out=2, seed=seed)).counts["test"] == 3
    taken = {hold_out(before, PrepareConfig(hold_out=6, seed=seed)).counts["test"] for seed in range(20)}
    assert taken <= {7, 8}, "the first one drawn, and the smallest of the others"


def test_nobody_is_held_out_unless_that_is_asked_for(tmp_path: Path):
    before = chosen(tmp_path, [[WHOLE], [WHOLE]])
    for split_by in ("photo", "crop"):
        assert hold_out(before, PrepareConfig(hold_out=0, split_by=split_by)) == before  # type: ignore[arg-type]


def test_a_limit_of_as_many_as_there_are_drops_nobody(tmp_path: Path):
    before = chosen(tmp_path, [[WHOLE, WHOLE]])
    assert limit(before, PrepareConfig(limit=2)) == before
    assert limit(before, PrepareConfig(limit=1)).fates[1].square is None
