"""A draft of several processes, what it leaves when it cannot begin, and what it says; the rest is in test_store."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts import hashing
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.folders import partial_of, unfinished
from shgae.artifacts.manifest import MANIFEST
from shgae.artifacts.run_log import ORIGIN
from shgae.artifacts.store import open_artifact, verify_files
from shgae.artifacts.tables import write_rows
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution, ProcessGroup, StopFlag
from tests.builders.artefacts import FILES, FORCE, RESUME, everything, fill, interrupted, make, recorded
from tests.builders.chain import Notes


class Process(ProcessGroup):
    """One of two processes; what the first one says is given to the second."""

    def __init__(self, rank: int, says: list[Any]) -> None:
        self.rank = rank
        self.size = 2
        self.says = says

    def broadcast(self, value: Any) -> Any:
        if self.is_main:
            self.says.append(value)
            return value
        return self.says.pop(0)


def stopped() -> StopFlag:
    flag = StopFlag()
    flag.signal_number = signal.SIGTERM
    return flag


def test_of_two_processes_the_first_makes_the_artefact_and_the_second_opens_it(tmp_path: Path) -> None:
    says: list[Any] = []
    made = make(tmp_path / "a", execution=Execution(world=Process(0, says)))
    assert says == [False, None, None], "it is begun anew; nobody reads in the draft any more; it is there"
    assert made.manifest.provenance["processes"] == 2
    before = everything(tmp_path)
    assert make(tmp_path / "a", execution=Execution(world=Process(1, says))) == made
    assert says == []
    assert everything(tmp_path) == before


def test_the_second_process_writes_nothing_and_needs_no_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(tmp_path / "a")
    (made.path / "x.safetensors").write_bytes(b"only the first one looks")
    second = Execution(world=Process(1, [True, None, None]))
    with new_artifact(tmp_path / "a", kind="data", config={}, parents={}, execution=second) as other:
        assert other.resumed
        assert other.file("deep/y.bin") == tmp_path / "a.partial" / "deep" / "y.bin"
        assert fill(other, 3) == made
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_both_processes_know_that_a_run_goes_on(tmp_path: Path) -> None:
    says: list[Any] = []
    interrupted(tmp_path / "run")
    make(tmp_path / "run", "hourglass", execution=Execution(resume=True, world=Process(0, says)), resumable=True)
    assert says == [True, None, None]


def test_a_draft_knows_how_many_bytes_it_holds(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "a", kind="data", config={}, parents={}, execution=Execution()) as made:
        before = made.size()
        made.file("x.bin").write_bytes(b"12345")
        made.file("deep/in/y.bin").write_bytes(b"123")
        assert made.size() == before + 8


@pytest.mark.parametrize("resumable", [True, False])
def test_only_what_can_be_resumed_says_where_it_came_from(tmp_path: Path, resumable: bool) -> None:
    how = {"config": {}, "parents": {}, "execution": Execution(), "resumable": resumable}
    with new_artifact(tmp_path / "a", kind="data", **how) as made:  # type: ignore[arg-type]
        assert (made.path / ORIGIN).is_file() == resumable
        assert not made.files()
        made.file("x.bin").touch()
        assert made.files()


@pytest.mark.parametrize(("resume", "resumable"), [(False, True), (True, False), (False, False)])
def test_only_who_wants_to_resume_and_could_is_told_that_it_begins(
    tmp_path: Path, resume: bool, resumable: bool
) -> None:
    notes = Notes()
    make(tmp_path / "a", execution=Execution(resume=resume, progress=notes), resumable=resumable)
    assert notes.said == []


@pytest.mark.parametrize("left", [".lock", ".intent.json.99.tmp"])
def test_what_a_kill_left_before_a_draft_had_begun_is_taken_over(tmp_path: Path, left: str) -> None:
    (tmp_path / "a.partial").mkdir()
    (tmp_path / "a.partial" / left).touch()
    assert everything(make(tmp_path / "a").path).keys() == {*FILES, MANIFEST}


@pytest.mark.parametrize("resumable", [True, False])
def test_a_draft_that_cannot_begin_for_want_of_room_leaves_nothing(tmp_path: Path, resumable: bool) -> None:
    with pytest.raises(OSError, match="No space"), recorded(fails_at=1):
        make(tmp_path / "a", resumable=resumable)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_cannot_be_begun_anew_for_want_of_room_is_what_it_was(tmp_path: Path) -> None:
    partial = interrupted(tmp_path / "run")
    (partial / ".lock").unlink()
    before = everything(partial)
    with pytest.raises(OSError, match="No space"), recorded(fails_at=1):
        make(tmp_path / "run", "hourglass", 1, execution=FORCE, resumable=True)
    (partial / ".lock").unlink()
    assert everything(partial) == before


@pytest.mark.parametrize("execution", [Execution(), RESUME], ids=["plain", "resume"])
def test_a_step_that_cannot_be_resumed_begins_anew_over_its_own_remains(tmp_path: Path, execution: Execution) -> None:
    (tmp_path / "data.partial").mkdir()
    (tmp_path / "data.partial" / ".intent.json").write_text('{"kind": "data", "seed": 0}')
    (tmp_path / "data.partial" / "half.json").touch()
    assert tuple(make(tmp_path / "data", execution=execution).manifest.files) == FILES


def test_nothing_and_what_is_complete_are_not_unfinished(tmp_path: Path) -> None:
    assert unfinished(tmp_path / "a") is None
    (tmp_path / "a").mkdir()
    assert unfinished(tmp_path / "a") is None
    (tmp_path / "a").rmdir()
    interrupted(tmp_path / "a")
    partial_of(tmp_path / "a").rename(tmp_path / "kept")
    whole = make(tmp_path / "a").path
    (tmp_path / "kept").rename(partial_of(whole))
    assert unfinished(whole) is None, "a run that would replace it does not speak for it"
    assert unfinished(partial_of(whole)) == (partial_of(whole), {"kind": "hourglass", "seed": 0})


def test_a_wish_to_stop_is_heard_while_opening_but_not_while_all_is_done_but_the_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_WORTH_TELLING", 0)
    made = make(tmp_path / "a", execution=Execution(stop=stopped()))
    with pytest.raises(Interrupted, match=f"checking {made.path}"):
        open_artifact(made.path, execution=Execution(stop=stopped()))
    with pytest.raises(Interrupted):
        verify_files(made, execution=Execution(stop=stopped()))


def test_only_the_files_that_are_asked_for_are_hashed(tmp_path: Path) -> None:
    made = make(tmp_path / "a")
    for name in ("x.safetensors", "history.jsonl"):
        (made.path / name).unlink()
    verify_files(made, ("train/",))
    open_artifact(made.path, only=("train/",))
    for only in (("x",), ("train/", "hist"), ("",)):
        with pytest.raises(Refused, match="is missing"):
            verify_files(made, only)
        with pytest.raises(Refused, match="is missing"):
            open_artifact(made.path, only=only)


def test_one_damaged_file_is_named_alone(tmp_path: Path) -> None:
    made = make(tmp_path / "a")
    (made.path / "x.safetensors").unlink()
    with pytest.raises(Refused, match=r"x.safetensors is missing\. Try"):
        verify_files(made)


def test_a_preview_reads_what_was_written_through_the_checks_of_an_artefact(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "a", kind="data", config={}, parents={}, execution=Execution()) as draft:
        draft.write_json("x.json", {"a": 1})
        write_rows(draft.file("rows.jsonl"), [{"b": 2}])
        seen = draft.preview({"c": 3})
        with seen.open("x.json") as first, seen.open("rows.jsonl") as second:
            assert (json.loads(first.read()), json.loads(second.read())) == ({"a": 1}, {"b": 2})
        assert seen.facts == {"c": 3}
        draft.commit({})
