"""Whoever holds a part's lock makes it alone; the lock goes with its holder, however that one ends."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from shgae.errors import Interrupted
from shgae.execution import Execution, StopFlag
from shgae.experiments.study import locks
from tests.builders.chain import Notes


def test_only_one_holds_a_part(tmp_path: Path) -> None:
    assert not locks.is_held(tmp_path, "seed-0/a")
    with locks.held(tmp_path, "seed-0/a") as mine, locks.held(tmp_path, "seed-0/a") as yours:
        assert (mine, yours, locks.is_held(tmp_path, "seed-0/a")) == (True, False, True)
        with locks.held(tmp_path, "seed-0/b") as other:
            assert other
    assert not locks.is_held(tmp_path, "seed-0/a")


def test_a_lock_goes_when_its_block_fails(tmp_path: Path) -> None:
    kept = []
    for lock in (locks.held(tmp_path, "a"), locks.waited_for(tmp_path, "a", Execution())):
        with pytest.raises(ZeroDivisionError) as caught, lock:
            raise ZeroDivisionError
        kept.append(caught)  # and with it the lock itself, which would go with its last reference
        with locks.held(tmp_path, "a") as mine:
            assert mine


def test_who_did_not_get_a_lock_leaves_it_to_its_holder(tmp_path: Path) -> None:
    with locks.held(tmp_path, "a"):
        with locks.held(tmp_path, "a") as yours:
            assert not yours
        assert locks.is_held(tmp_path, "a")


def test_to_ask_for_a_lock_makes_no_folder(tmp_path: Path) -> None:
    assert locks.is_held(tmp_path / "study", "a") is False
    assert not (tmp_path / "study").exists()


def test_locks_lie_in_one_folder_of_the_study_which_is_made_for_them(tmp_path: Path) -> None:
    study = tmp_path / "not/yet/there"
    with locks.held(study, "seed-0/arm-full/finetuned") as mine, locks.waited_for(study, "baseline", Execution()):
        assert mine
        assert [path.name for path in study.iterdir()] == [locks.LOCKS]
        assert all(path.is_file() for path in (study / locks.LOCKS).iterdir())
        assert locks.is_held(study, "seed-0/arm-full/finetuned") and locks.is_held(study, "baseline")


def test_studies_and_parts_do_not_hold_each_other_up(tmp_path: Path) -> None:
    with locks.held(tmp_path / "one", "a/b"):
        for study, name in (("two", "a/b"), ("one", "a"), ("one", "b"), ("one", "a-b")):
            with locks.held(tmp_path / study, name) as mine:
                assert mine


def test_a_lock_is_waited_for_until_its_holder_lets_it_go(tmp_path: Path) -> None:
    order: list[str] = []

    def wait() -> None:
        with locks.waited_for(tmp_path, "a", Execution()):
            order.append("waiter")

    waiter = threading.Thread(target=wait)
    with locks.held(tmp_path, "a"):
        waiter.start()
        waiter.join(0.1)
        assert waiter.is_alive()
        order.append("holder")
    waiter.join(10)
    assert order == ["holder", "waiter"]
    assert not locks.is_held(tmp_path, "a")


def test_who_waits_for_a_lock_says_so_once_and_hears_a_signal(tmp_path: Path) -> None:
    notes, stop = Notes(), StopFlag()
    threading.Timer(3 * locks.PAUSE, lambda: setattr(stop, "signal_number", signal.SIGTERM)).start()
    with (
        locks.held(tmp_path, "plan.json"),
        pytest.raises(Interrupted),
        locks.waited_for(tmp_path, "plan.json", Execution(progress=notes, stop=stop)),
    ):
        pytest.fail("two hold it")
    assert notes.said == ["waiting for another process, which writes plan.json"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it needs a second process")
def test_the_system_drops_the_lock_of_a_killed_process(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            with locks.held(tmp_path, "a") as mine:
                os.write(writing, b"1" if mine else b"0")
                signal.pause()
        finally:
            os._exit(1)
    try:
        assert os.read(reading, 1) == b"1"
        assert locks.is_held(tmp_path, "a")
        with locks.held(tmp_path, "a") as mine:
            assert not mine
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)
    assert not locks.is_held(tmp_path, "a")
    with locks.held(tmp_path, "a") as mine:
        assert mine
