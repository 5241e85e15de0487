"""The wish to stop: one signal asks, a second one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shgae.errors import Interrupted, Refused
from shgae.execution import Execution, StopFlag, own_python, processors, signal_name
from shgae.experiments import demo
from shgae.experiments.resume import verify
from shgae.experiments.study import run as study_run
from shgae.recipes import StudyConfig
from shgae.stages import plot

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])

LISTENER = """
import time
from shgae.execution import StopFlag
stop = StopFlag()
with stop.listening():
    print("listening", flush=True)
    while not stop:
        time.sleep(0.01)
    print(stop.signal_number, flush=True)
    time.sleep(60)
"""


@BOTH
def test_the_first_signal_sets_the_flag_and_nothing_else(number: signal.Signals) -> None:
    stop = StopFlag()
    assert not stop
    stop.raise_if_set("run", "--resume")
    with stop.listening():
        os.kill(os.getpid(), number)
        assert stop
        assert stop.signal_number == number
        with pytest.raises(Interrupted, match="interrupted in run: .* Try: --resume") as caught:
            stop.raise_if_set("run", "--resume")
    assert caught.value.exit_code == 128 + number


@BOTH
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM], ids=["then SIGINT", "then SIGTERM"])
def test_the_second_signal_ends_the_process_at_once(number: signal.Signals, second: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", LISTENER], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"listening\n"
        process.send_signal(number)
        assert process.stdout.readline() == b"%d\n" % number
        begun = time.monotonic()
        process.send_signal(second)
        assert process.wait(timeout=20) == -second
        assert time.monotonic() - begun < 10
    finally:
        process.kill()
        process.communicate(timeout=20)


@pytest.mark.parametrize("signalled", [False, True], ids=["in peace", "after a signal"])
def test_the_handlers_of_before_are_put_back(signalled: bool) -> None:
    def mine(*_: object) -> None:
        """Somebody else's handler."""

    before = {number: signal.signal(number, mine) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        stop = StopFlag()
        with pytest.raises(RuntimeError), stop.listening():
            assert signal.getsignal(signal.SIGINT) is not mine
            if signalled:
                os.kill(os.getpid(), signal.SIGTERM)
                assert stop
            raise RuntimeError
        assert signal.getsignal(signal.SIGINT) is mine
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_handler_that_python_cannot_put_back_becomes_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with monkeypatch.context() as patch:
            patch.setattr(signal, "getsignal", lambda _: None)
            with StopFlag().listening():
                pass
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_every_execution_has_a_flag_of_its_own() -> None:
    one, other = Execution(), Execution()
    one.stop.signal_number = signal.SIGINT
    assert one.stop
    assert not other.stop


OUT_OF_RANGE: dict[str, Callable[[Path, Any], object]] = {
    "jobs": lambda x, value: study_run.run(x, x, x, StudyConfig(), Execution(), value),
    "seed": lambda x, value: demo.run(x, Execution(), value),
    "from_epoch": lambda x, value: plot.run([x], x, Execution(), value),
    "steps": lambda x, value: verify.run(x, value, Execution()),
}


@pytest.mark.parametrize("value", [-1, 10**30, 1.5, True, "2"])
@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_what_is_no_field_of_a_config_has_its_limits_in_python_too(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(Refused, match=f"value in {name}: "):
        OUT_OF_RANGE[name](tmp_path / "x", value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("workers", [-1, 257])
def test_a_number_of_threads_out_of_range_is_refused_in_python_too(workers: int) -> None:
    with pytest.raises(Refused, match=f"Execution.workers: {workers} is not 0 to 256"):
        Execution(workers=workers)


def test_a_closed_terminal_counts_as_sigterm_however_often_it_is_said() -> None:
    process = subprocess.Popen([sys.executable, "-c", LISTENER.replace("sleep(60)", "sleep(0.5)")], stdout=-1)
    assert process.stdout is not None
    assert process.stdout.readline() == b"listening\n"
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == b"%d\n" % signal.SIGTERM
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_under_nohup_a_closed_terminal_is_no_wish_to_stop() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop = StopFlag()
        with stop.listening():
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("words", [("-m", "random"), ("-c", "import random, shgae; print(random.__file__)")])
def test_a_process_of_ours_imports_nothing_that_lies_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    for name in ("random.py", "shgae.py"):
        (tmp_path / name).write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    command, environment = own_python(*words)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system gives a process all processors")
def test_processors_are_those_that_a_cluster_gives() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert processors() == len(allowed)


def test_every_signal_has_a_name_or_a_number() -> None:
    assert [signal_name(number) for number in (9, 37)] == ["SIGKILL", "signal 37"]
