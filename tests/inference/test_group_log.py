"""The log of complete groups: what a later run goes on from, what it forgets, and the predictions that it becomes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shgae.artifacts.draft import Draft
from shgae.artifacts.hashing import hash_file
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import dumps
from shgae.data.photo_decoding import refuse_huge
from shgae.data.photo_request import PhotoRequest
from shgae.data.photos import BoxedPhoto
from shgae.errors import Refused
from shgae.inference.group_log import PREDICTIONS, GroupLog, collect, remove_put_aside
from shgae.inference.pose_finder import TOO_THIN

Groups = list[list[BoxedPhoto]]
LOG, ASIDE = "groups.jsonl", ".groups.jsonl"


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    """Three groups, of one, two and one photo; the last one is not there."""
    photos = [BoxedPhoto(tmp_path / f"{name}.png", f"{name}.png", number) for number, name in enumerate("abcd")]
    for photo in photos[:3]:
        photo.path.write_text(f"pixels of {photo.file_name}")
    return [photos[:1], photos[1:3], photos[3:]]


def rows_of(group: list[BoxedPhoto]) -> list[dict[str, Any]]:
    hashes = [hash_file(photo.path) if photo.path.is_file() else None for photo in group]
    return [
        {"file_name": photo.file_name, "people": [{"score": 0.1 + 0.2}], "sha256": sha256}
        for photo, sha256 in zip(group, hashes, strict=True)
    ]


def filled(draft: Draft, groups: Groups) -> GroupLog:
    log = GroupLog(draft)
    for group in groups:
        log.append(rows_of(group))
    return log


def names(log: GroupLog) -> list[str]:
    return [row["file_name"] for row in log]


def test_a_draft_without_a_log_has_no_complete_groups(draft: Draft, groups: Groups) -> None:
    assert GroupLog(draft).take_up(groups) == 0
    assert not (draft.path / LOG).exists()


@pytest.mark.parametrize("complete", range(1, 4))
def test_a_later_run_takes_up_every_group_that_was_completed(draft: Draft, groups: Groups, complete: int) -> None:
    filled(draft, groups[:complete])
    log = GroupLog(draft)
    assert log.take_up(groups) == complete
    assert list(log) == [row for group in groups[:complete] for row in rows_of(group)]


def test_it_goes_on_with_the_group_that_follows(draft: Draft, groups: Groups) -> None:
    filled(draft, groups[:1])
    log = GroupLog(draft)
    log.take_up(groups)
    log.append(rows_of(groups[1]))
    assert names(log) == ["a.png", "b.png", "c.png"]
    assert GroupLog(draft).take_up(groups) == 2


def test_groups_beyond_those_that_are_asked_for_are_forgotten(draft: Draft, groups: Groups) -> None:
    log = filled(draft, groups)
    assert log.take_up(groups[:2]) == 2
    assert names(log) == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize(("changed", "left"), [("a", 0), ("b", 1), ("c", 1), ("d", 2)])
def test_from_a_photo_that_was_changed_on_every_group_is_forgotten(
    draft: Draft, groups: Groups, tmp_path: Path, changed: str, left: int
) -> None:
    log = filled(draft, groups)
    (tmp_path / f"{changed}.png").write_text("other pixels")
    assert log.take_up(groups) == left
    assert log.take_up(groups) == left, "and nothing of them comes back"
    assert len(names(log)) == [0, 1, 3][left]


def test_so_it_is_where_a_photo_is_gone(draft: Draft, groups: Groups, tmp_path: Path) -> None:
    log = filled(draft, groups)
    (tmp_path / "b.png").unlink()
    assert log.take_up(groups) == 1


def test_groups_that_were_cut_otherwise_are_others(draft: Draft, groups: Groups) -> None:
    log = filled(draft, groups)
    assert log.take_up([groups[0] + groups[1], groups[2]]) == 0


def line_of(rows: Any) -> str:
    """A line with the checksum that fits it."""
    return dumps({"photos": rows, "sha256": hashlib.sha256(dumps(rows).encode()).hexdigest()})


DAMAGES: dict[str, Callable[[str], str]] = {
    "torn": lambda line: line[: len(line) // 2],
    "another number": lambda line: line.replace("0.3", "0.4"),
    "a NaN": lambda line: line.replace("0.30000000000000004", "NaN"),
    "no checksum": lambda line: dumps({"photos": json.loads(line)["photos"]}),
    "another checksum": lambda line: dumps(json.loads(line) | {"sha256": "0" * 64}),
    "no photos": lambda line: dumps({"sha256": json.loads(line)["sha256"]}),
    "no object": lambda _: "5",
    "a list of numbers": lambda _: line_of([1, 2]),
    "a number": lambda _: line_of(5),
    "one photo of two": lambda line: line_of(json.loads(line)["photos"][:1]),
    "photos in another order": lambda line: line_of(json.loads(line)["photos"][::-1]),
    "empty": lambda _: "",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_line_that_is_not_what_was_written_ends_what_is_taken_up(draft: Draft, groups: Groups, damage: str) -> None:
    log = filled(draft, groups)
    first, second, third = (draft.path / LOG).read_text().splitlines(keepends=True)
    (draft.path / LOG).write_text(first + DAMAGES[damage](second).rstrip("\n") + "\n" + third)
    assert log.take_up(groups) == 1
    assert names(log) == ["a.png"]
    assert (draft.path / LOG).read_text() == first


def test_a_last_line_that_a_kill_tore_anywhere_is_looked_at_again(draft: Draft, groups: Groups) -> None:
    log = filled(draft, groups)
    content = (draft.path / LOG).read_bytes()
    last = content.splitlines(keepends=True)[-1]
    for missing in range(1, len(last) + 1, 7):
        (draft.path / LOG).write_bytes(content[:-missing])
        assert log.take_up(groups) == (3 if missing == 1 else 2), "the line end alone is no loss"


def test_a_log_put_aside_is_no_part_of_what_is_committed_and_goes_away(draft: Draft, groups: Groups) -> None:
    log = filled(draft, groups)
    log.put_aside()
    draft.commit({})
    assert LOG not in open_artifact(draft.target).manifest.files
    assert not (draft.target / LOG).exists()
    assert (draft.target / ASIDE).is_file()
    for _ in range(2):  # a kill may have come between
        remove_put_aside(draft.target)
        assert not (draft.target / ASIDE).exists()


def test_after_an_interrupted_commit_a_run_goes_on_from_the_log_that_was_put_aside(
    draft: Draft, groups: Groups
) -> None:
    filled(draft, groups[:2]).put_aside()
    log = GroupLog(draft)
    assert log.take_up(groups) == 2
    assert names(log) == ["a.png", "b.png", "c.png"]
    assert not (draft.path / ASIDE).exists()


def test_a_log_that_is_removed_leaves_nothing_to_go_on_from(draft: Draft, groups: Groups) -> None:
    log = filled(draft, groups)
    log.remove()
    assert list(draft.path.glob("*groups*")) == []
    assert GroupLog(draft).take_up(groups) == 0


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
