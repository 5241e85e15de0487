"""Killed, and killed again while what the first kill left is cleared: the same command goes on to the end."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from shgae.artifacts.folders import interrupted, partial_of
from shgae.execution import Execution
from tests.builders.artefacts import FORCE, RESUME, Killed, make, recorded

MOST_CALLS = 60
SOME = (9, 24, 38)
others = (pytest.param(call, marks=pytest.mark.torture) for call in range(MOST_CALLS) if call not in SOME)
first_kills = pytest.mark.parametrize("first", [*SOME, *others])
"""The call before which it is killed for the first time; the second kill comes before every one."""


@first_kills
def test_a_step_of_one_go_that_is_killed_twice_is_done_by_the_same_command(tmp_path: Path, first: int) -> None:
    target, wanted = tmp_path / "data", make(tmp_path / "undisturbed", value=2).id
    for second in range(MOST_CALLS):
        with recorded(dies_at=first), contextlib.suppress(Killed):
            make(target, value=2)
        if target.exists():  # it was complete already
            return
        with recorded(dies_at=second) as disk, contextlib.suppress(Killed):
            make(target, value=2)
        if second >= len(disk.calls):
            return
        if not target.exists():
            assert make(target, value=2).id == wanted
        assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "undisturbed"]
        shutil.rmtree(target)
    pytest.fail("it never came to its end")


@first_kills
def test_a_resumable_step_that_is_killed_twice_is_done_by_force_or_goes_on(tmp_path: Path, first: int) -> None:
    target, wanted = tmp_path / "data", make(tmp_path / "undisturbed", value=2).id
    for second in range(MOST_CALLS):
        with recorded(dies_at=first), contextlib.suppress(Killed):
            make(target, value=2, resumable=True)
        if target.exists():
            return
        with recorded(dies_at=second) as disk, contextlib.suppress(Killed):
            make(target, value=2, resumable=True, execution=FORCE)
        if second >= len(disk.calls):
            return
        if not target.exists():
            # As a study does: it goes on with what is there, and begins where nothing is.
            how = RESUME if interrupted(target) else Execution()
            assert make(target, value=2, resumable=True, execution=how).id == wanted
        assert not partial_of(target).exists()
        shutil.rmtree(target)
    pytest.fail("it never came to its end")
