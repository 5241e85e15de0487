"""The file of predictions and its facts, counted from the groups by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shgae.artifacts.draft import Draft
from shgae.data.photo_decoding import refuse_huge
from shgae.data.photo_request import PhotoRequest
from shgae.data.photos import BoxedPhoto
from shgae.errors import Refused
from shgae.inference.collected import PREDICTIONS, collect
from shgae.inference.group_log import GroupLog
from shgae.inference.pose_finder import TOO_THIN

JOINTS = ("nose", "left_hand", "right_hand")
PHOTOS = tuple(BoxedPhoto(Path(f"{name}.png"), f"{name}.png", number) for number, name in enumerate("abcd"))


def asked(boxes: Path | None = Path("boxes.json"), **skipped: int) -> PhotoRequest:
    return PhotoRequest(PHOTOS, 7, skipped, boxes, None if boxes is None else "ab" * 32)


def person(scores: tuple[float, ...], **more: list[str]) -> dict[str, Any]:
    return {"keypoints": [number for score in scores for number in (1.5, 2.5, score)], "score": 0.5, **more}


def photo(name: str, *people: dict[str, Any], fault: str | None = None, beyond: int = 0, **more: int) -> dict[str, Any]:
    return {"file_name": f"{name}.png", "fault": fault, "beyond": beyond, "people": list(people), **more}


def logged(draft: Draft, *groups: list[dict[str, Any]]) -> GroupLog:
    log = GroupLog(draft)
    for rows in groups:
        log.append(rows)
    return log


def test_the_people_of_all_groups_are_written_in_order_and_counted(draft: Draft) -> None:
    first, second = person((0.25, 0.5, 0.75)), person((1.0, 0.0, 0.5), undecided=["left_hand"])
    third = person((0.1, 0.2, 0.3), undecided=["right_hand", "left_hand"], outside_photo=["nose"])
    log = logged(
        draft,
        [photo("a", first, second), photo("b", fault="no photo")],
        [photo("c", beyond=2), photo("d", third, beyond=1)],
    )
    facts = collect(draft, log, asked(crowd=3))
    assert json.loads((draft.path / PREDICTIONS).read_bytes()) == [first, second, third]
    assert facts == {
        "photos": 3,
        "people": 3,
        "mean_score": 0.4,  # of 0.5, 0.5 and 0.2
        "bad_photos": [{"file": "b.png", "reason": "no photo"}],
        "photos_without_box": 7,
        "boxes_skipped": {"crowd": 3, TOO_THIN: 3},
        "boxes_sha256": "ab" * 32,
        "undecided": {"left_hand": 2, "right_hand": 1},
        "outside_photo": {"nose": 1},
    }
    assert list(facts["undecided"]) == ["left_hand", "right_hand"], "by name"


def test_what_did_not_happen_is_not_told(draft: Draft) -> None:
    facts = collect(draft, logged(draft, [photo("a", person((0.5,)), suppressed=0)]), asked(boxes=None))
    assert facts["boxes_skipped"] == facts["undecided"] == facts["outside_photo"] == {}
    assert facts["bad_photos"] == [] and facts["photos"] == 4
    assert facts["boxes_sha256"] is None and "suppressed" not in facts


def test_people_who_were_dropped_as_found_twice_are_added_up(draft: Draft) -> None:
    rows = [photo("a", person((0.5,)), suppressed=2), photo("b", suppressed=1), photo("c", suppressed=0)]
    assert collect(draft, logged(draft, rows), asked())["suppressed"] == 3


SCORES = st.lists(st.floats(0, 1).map(lambda score: round(score, 4)), min_size=3, max_size=3).map(tuple)
NAMES = st.lists(st.sampled_from(JOINTS), unique=True)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(SCORES, NAMES), max_size=3), min_size=1, max_size=4))
def test_the_mean_score_is_that_of_the_joints_of_everybody(
    draft: Draft, photos: list[list[tuple[tuple[float, ...], list[str]]]]
) -> None:
    rows = [photo("a", *(person(scores, undecided=names) for scores, names in one)) for one in photos]
    people = [one for row in rows for one in row["people"]]
    (draft.path / "groups.jsonl").unlink(missing_ok=True)
    log = logged(draft, *([row] for row in rows))
    if not people:
        with pytest.raises(Refused):
            collect(draft, log, asked())
        return
    facts = collect(draft, log, asked())
    assert json.loads((draft.path / PREDICTIONS).read_bytes()) == people
    assert facts["people"] == len(people)
    of_all = [score for one in photos for scores, _ in one for score in scores]
    assert facts["mean_score"] == pytest.approx(sum(of_all) / len(of_all), abs=1e-6)
    counted = {name: sum(name in names for one in photos for _, names in one) for name in JOINTS}
    assert facts["undecided"] == {name: count for name, count in counted.items() if count}


@pytest.mark.parametrize(("bad", "numbers"), [(1, []), (2, ["1"]), (3, ["2"])])
def test_where_all_photos_are_bad_the_first_ones_reason_is_said_and_nothing_is_left(
    draft: Draft, bad: int, numbers: list[str]
) -> None:
    log = logged(draft, [photo("a", fault="first reason")], [photo(name, fault="another") for name in "bc"[: bad - 1]])
    with pytest.raises(Refused) as refused:
        collect(draft, log, asked())
    assert refused.value.where == "a.png"
    assert "first reason" in refused.value.why and "another" not in refused.value.why
    assert re.findall(r"\d+", refused.value.why) == numbers, "how many more there are"
    assert not draft.files(), "a later run has nothing to go on from"


def test_a_photo_that_is_too_large_wants_a_smaller_copy(draft: Draft) -> None:
    with pytest.raises(Refused) as huge:
        refuse_huge(Path("a.png"), (10_000, 8_001))
    with pytest.raises(Refused, match=r"10000 x 8001 pixels.*Try: a smaller copy\.$"):
        collect(draft, logged(draft, [photo("a", fault=huge.value.why)]), asked())


@pytest.mark.parametrize(("boxes", "where"), [(Path("boxes.json"), "boxes.json"), (None, "a.png")])
@pytest.mark.parametrize(("beyond", "numbers"), [(1, []), (2, ["2"]), (1500, ["1", "500"])])
def test_where_every_box_is_too_thin_the_boxes_are_named(
    draft: Draft, boxes: Path | None, where: str, beyond: int, numbers: list[str]
) -> None:
    with pytest.raises(Refused) as refused:
        collect(draft, logged(draft, [photo("a", beyond=1), photo("b", beyond=beyond - 1)]), asked(boxes))
    assert refused.value.where == where
    assert TOO_THIN in refused.value.why
    assert re.findall(r"\d+", refused.value.why) == numbers
    assert not draft.files()
