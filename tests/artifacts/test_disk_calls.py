"""Killed, or out of space, at every call that changes the disk."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.folders import REPLACED, partial_of
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from tests.builders.artefacts import FORCE, RESUME, Killed, everything, interrupted, make, recorded


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artefact that is to be replaced."""
    return make(tmp_path_factory.mktemp("old") / "data", value=1).path


def new(target: Path, execution: Execution, resumable: bool) -> str:
    return make(target, value=2, execution=execution, resumable=resumable).id


resumable_or_not = pytest.mark.parametrize("resumable", [False, True], ids=["at one go", "resumable"])
MOST_CALLS = 60


@resumable_or_not
@pytest.mark.parametrize("over", [False, True], ids=["new target", "over an old one"])
def test_killed_at_any_call_the_old_artefact_or_the_new_one_stands_and_the_step_can_be_done_again(
    tmp_path: Path, old: Path, over: bool, resumable: bool
) -> None:
    target, ids = tmp_path / "data", {open_artifact(old).id, new(tmp_path / "data", FORCE, resumable)}
    shutil.rmtree(target)
    between = 0
    for call in range(MOST_CALLS):
        if over:
            shutil.copytree(old, target)
        with recorded(dies_at=call) as disk, contextlib.suppress(Killed):
            new(target, FORCE, resumable)
        if call >= len(disk.calls):
            break
        if target.exists():
            assert open_artifact(target).id in ids
        elif over:  # between the two renames; both are whole, and the next writer sets it right
            between += 1
            assert {open_artifact(path).id for path in (*tmp_path.glob(".data.old-*"), partial_of(target))} == ids
        new(target, Execution(force=True, resume=call % 2 == 0), resumable)
        assert open_artifact(target).id in ids
        assert [path.name for path in tmp_path.iterdir()] == ["data"], f"killed before {disk.calls[call]}"
        shutil.rmtree(target)
    assert 20 < call < MOST_CALLS - 1
    assert between == over


@resumable_or_not
def test_out_of_space_at_any_call_the_old_artefact_or_the_new_one_stands(
    tmp_path: Path, old: Path, resumable: bool
) -> None:
    target, ids = tmp_path / "data", {open_artifact(old).id, new(tmp_path / "data", FORCE, resumable)}
    for call in range(MOST_CALLS):
        shutil.rmtree(target)
        shutil.copytree(old, target)
        with recorded(fails_at=call) as disk, contextlib.suppress(OSError):
            new(target, FORCE, resumable)
        assert open_artifact(target).id in ids
        if call >= len(disk.calls):
            break
        new(target, FORCE, resumable)
        assert [path.name for path in tmp_path.iterdir()] == ["data"], f"failed at {disk.calls[call]}"
    assert 20 < call < MOST_CALLS - 1


def test_killed_while_it_drops_an_interrupted_run_that_run_is_whole_or_never_resumed(tmp_path: Path) -> None:
    target, resumed = tmp_path / "run", 0
    for call in range(MOST_CALLS):
        partial = interrupted(target, value=1)
        for name in ("a", "b", "c"):
            (partial / name).write_text("work")
        with recorded(dies_at=call) as disk, contextlib.suppress(Killed):
            new(target, FORCE, resumable=True)
        if call >= len(disk.calls):
            break
        with (
            contextlib.suppress(Refused),
            new_artifact(
                target, kind="hourglass", config={"seed": 1}, parents={}, execution=RESUME, resumable=True
            ) as made,
        ):
            if made.resumed:
                resumed += 1
                assert everything(partial).keys() >= {"a", "b", "c", "half.json"}
        for folder in tmp_path.iterdir():
            shutil.rmtree(folder)
    assert 0 < resumed < call < MOST_CALLS - 1


@resumable_or_not
def test_an_old_artefact_that_a_kill_put_aside_comes_back_unless_force_is_given(
    tmp_path: Path, old: Path, resumable: bool
) -> None:
    shutil.copytree(old, tmp_path / ".data.old-99")
    (tmp_path / ".data.old-99" / REPLACED).touch()
    (tmp_path / ".data.old-mine").mkdir()
    with (
        pytest.raises(Refused, match="it exists already"),
        new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution(), resumable=resumable),
    ):
        pytest.fail("hours of work were begun that can never be committed")
    assert open_artifact(tmp_path / "data").id == open_artifact(old).id
    assert (tmp_path / ".data.old-mine").is_dir()
