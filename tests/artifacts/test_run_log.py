"""An unfinished run knows who began it; a run that goes on under other conditions says so, and so does its manifest."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts import run_log
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.manifest import Parent
from shgae.artifacts.run_log import ORIGIN, RunOrigin, now, read_origin
from shgae.artifacts.store import Artifact, open_artifact
from shgae.execution import Execution
from tests.builders.artefacts import make
from tests.builders.chain import Notes

TEXT = st.text(max_size=8)
PARENT = Parent("data", "data", "0" * 64, "../data", (Parent("model", "hourglass", "1" * 64, "/m"),))
ORIGINS = st.builds(
    RunOrigin,
    st.lists(TEXT),
    TEXT,
    st.lists(st.just(PARENT), max_size=2).map(tuple),
    st.lists(st.dictionaries(TEXT, TEXT, max_size=3), min_size=1, max_size=3).map(tuple),
)


def run(
    target: Path, how: Execution, *, device: str = "cpu", data: Artifact | None = None, ends: bool = False
) -> Artifact | None:
    """A resumable step on a device, which ends before it is done unless told otherwise."""
    parents = {"data": data} if data else {}
    try:
        with new_artifact(
            target, kind="data", config={}, parents=parents, execution=how, resumable=True, device=device
        ) as made:
            made.write_json("a.json", {})
            if not ends:
                raise KeyboardInterrupt
            return made.commit({})
    except KeyboardInterrupt:
        return None


@given(ORIGINS)
def test_an_origin_comes_back(folder: Path, found: RunOrigin) -> None:
    found.write(folder)
    assert read_origin(folder) == found


def test_an_origin_of_hundreds_of_generations_is_kept(tmp_path: Path) -> None:
    parent = Parent("model", "hourglass", "1" * 64, "..")
    for _ in range(320):
        parent = Parent("model", "hourglass", "1" * 64, "..", (parent,))
    RunOrigin([], "", (parent,), ({},)).write(tmp_path)
    found = read_origin(tmp_path)
    assert found
    generations, parents = 0, found.parents
    while parents:
        generations, parents = generations + 1, parents[0].parents
    assert generations == 321


NO_RUN = '{"command": [], "begun": "", "parents": [], "conditions": []}'


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"command": [], "begun": "", "parents": 3}', "\0", NO_RUN])
def test_one_that_cannot_be_read_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / ORIGIN).write_text(content)
    assert read_origin(tmp_path) is None


def test_a_resume_under_the_same_conditions_says_nothing(tmp_path: Path) -> None:
    notes = Notes()
    run(tmp_path / "run", Execution())
    made = run(tmp_path / "run", Execution(resume=True, progress=notes), ends=True)
    assert made
    assert notes.said == []
    assert "resumed_otherwise" not in made.manifest.provenance
    assert not (tmp_path / "run" / ORIGIN).exists()


def test_a_resume_under_other_conditions_says_so_and_the_manifest_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Notes()
    again = Execution(resume=True, progress=notes)
    run(tmp_path / "run", Execution(), device="cpu (threads: 1)")
    run(tmp_path / "run", again, device="cpu (threads: 2)")
    run(tmp_path / "run", again, device="cpu (threads: 2)")
    versions = run_log.package_versions()
    monkeypatch.setattr(run_log, "package_versions", lambda: versions | {"torch": "9.9"})
    made = run(tmp_path / "run", again, device="cpu (threads: 2)", ends=True)
    assert made
    first, second = notes.said
    assert "(device: cpu (threads: 2) here, cpu (threads: 1) there)" in first
    assert f"(torch: 9.9 here, {versions['torch']} there)" in second
    assert made.manifest.provenance["resumed_otherwise"] == [
        "device: cpu (threads: 1), then cpu (threads: 2)",
        f"torch: {versions['torch']}, then 9.9",
    ]
    assert made.manifest.provenance["device"] == "cpu (threads: 2)"


def test_conditions_are_no_part_of_the_id(tmp_path: Path) -> None:
    made = [
        run(tmp_path / name, Execution(deterministic=mode), device=device, ends=True)
        for name, device, mode in (("a", "cpu", "off"), ("b", "cuda", "error"))  # type: ignore[list-item]
    ]
    assert made[0] and made[1]
    assert made[0].id == made[1].id
    assert made[1].manifest.provenance["deterministic"] == "error"


def test_a_run_that_begins_anew_forgets_what_was_before(tmp_path: Path) -> None:
    run(tmp_path / "run", Execution(), device="cpu")
    notes = Notes()
    made = run(tmp_path / "run", Execution(force=True, progress=notes), device="cuda", ends=True)
    assert made
    assert notes.said == []
    assert "resumed_otherwise" not in made.manifest.provenance


def test_a_run_whose_origin_was_lost_goes_on(tmp_path: Path) -> None:
    run(tmp_path / "run", Execution())
    (tmp_path / "run.partial" / ORIGIN).unlink()
    notes = Notes()
    assert run(tmp_path / "run", Execution(resume=True, progress=notes), device="cuda", ends=True)
    assert notes.said == []


def test_to_resume_where_nothing_was_begun_says_that_it_begins(tmp_path: Path) -> None:
    notes = Notes()
    assert run(tmp_path / "run", Execution(resume=True, progress=notes), ends=True)
    assert len(notes.said) == 1


def test_an_unfinished_run_knows_its_parents_and_its_command(tmp_path: Path, monkeypatch: Any) -> None:
    parent = make(tmp_path / "data")
    monkeypatch.setattr("sys.argv", ["/usr/bin/shgae", "train", "data"])
    with (
        pytest.raises(RuntimeError),
        new_artifact(
            tmp_path / "run",
            kind="hourglass",
            config={},
            parents={"data": parent},
            execution=Execution(),
            resumable=True,
        ) as made,
    ):
        made.write_json("a.json", {})
        raise RuntimeError
    found = read_origin(tmp_path / "run.partial")
    assert found
    assert list(found.command) == ["shgae", "train", "data"]
    assert [(one.role, one.id, one.path) for one in found.parents] == [("data", parent.id, "../data")]


def test_a_resumed_run_knows_its_parents_where_they_lie_now(tmp_path: Path) -> None:
    run(tmp_path / "run", Execution(), data=make(tmp_path / "data"))
    (tmp_path / "data").rename(tmp_path / "moved")
    run(tmp_path / "run", Execution(resume=True), data=open_artifact(tmp_path / "moved"))
    found = read_origin(tmp_path / "run.partial")
    assert found
    assert [one.path for one in found.parents] == ["../moved"]


def test_every_change_between_two_runs_is_named_once() -> None:
    runs = ({"a": "1", "b": "1"}, {"a": "2", "b": "1"}, {"a": "2", "c": "3"})
    found = RunOrigin([], "", (), runs).changes()
    assert found == ["a: 1, then 2", "b: 1, then None", "c: None, then 3"]
    assert RunOrigin([], "", (), runs[:1]).changes() == []
    assert all(RunOrigin([], "", (), pair).changes() for pair in itertools.pairwise(runs))


def test_the_time_is_kept_to_the_second_in_utc() -> None:
    assert datetime.now(UTC) - datetime.fromisoformat(now()) < timedelta(minutes=1)
    assert now().endswith("+00:00")
    assert len(now()) == len("2026-01-01T00:00:00+00:00")
