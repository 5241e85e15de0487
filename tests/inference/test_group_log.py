"""The log of complete groups: what a later run goes on from, and what it forgets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.draft import Draft
from shgae.artifacts.hashing import hash_file
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import dumps
from shgae.data.photos import BoxedPhoto
from shgae.inference.group_log import GroupLog, remove_put_aside

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
