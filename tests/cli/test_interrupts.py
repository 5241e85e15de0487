"""Ctrl-C once, twice, at any moment; a closed terminal; closed streams. Each in a process of its own."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys, time
import typer
import shgae.cli.app as front
from shgae.cli.command import command, Outcome
from shgae.execution import Execution

@command("probe", example="shgae probe")
def run(execution: Execution) -> Outcome:
    "Works for a minute."
    execution.progress.start("work", 1000, "steps")
    execution.progress.note("at work")
    heard = False
    for step in range(600):
        time.sleep(0.1)
        execution.progress.advance()
        if execution.stop and not heard:
            heard = True
            execution.progress.note("saving")
            if "{saves}" == "at once":
                execution.stop.raise_if_set("run", "--resume")
            {busy}
    return Outcome({})

app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.callback()(lambda: None)
run.add_to(app)
front.app = app
sys.argv = ["shgae", "probe"]
sys.exit(front.main())
"""
BUSY = "sum(i * i for i in range(10**12))"
"""Python that does not end for a long time."""
LOCKED = "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"


def program(*, saves: str = "never", busy: str = "pass") -> list[str]:
    return [sys.executable, "-c", PROGRAM.replace("{saves}", saves).replace("{busy}", busy)]


def until(stream: int, word: bytes) -> bytes:
    """Everything that comes up to a word."""
    seen, ends = b"", time.monotonic() + 30
    while word not in seen:
        assert time.monotonic() < ends, seen
        seen += os.read(stream, 1024)
    return seen


def rest(stream: int) -> bytes:
    seen = b""
    while True:
        try:
            part = os.read(stream, 4096)
        except OSError:  # Linux, where the other end of a terminal is closed
            return seen
        if not part:
            return seen
        seen += part


@pytest.mark.parametrize("busy", ["pass", BUSY, LOCKED], ids=["in a loop", "in a computation", "waiting for a lock"])
def test_a_second_interrupt_ends_it_at_once_in_one_line_with_130(busy: str) -> None:
    with subprocess.Popen(program(busy=busy), stderr=subprocess.PIPE, start_new_session=True) as process:
        until(process.stderr.fileno(), b"at work\n")
        process.send_signal(signal.SIGINT)
        until(process.stderr.fileno(), b"saving\n")
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert time.monotonic() - begun < 5
        line = rest(process.stderr.fileno())
    assert line.startswith(b"error: interrupted in shgae probe: a second signal ended it at once")
    assert line.count(b"\n") == 1


def test_on_a_terminal_the_cursor_comes_back_before_that_line() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(program(), stderr=theirs, env=environment, start_new_session=True) as process:
        os.close(theirs)
        assert b"\x1b[?25l" in until(ours, b"at work"), "the bar hides the cursor"
        process.send_signal(signal.SIGINT)
        until(ours, b"saving")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        seen = rest(ours)
    os.close(ours)
    assert seen.rindex(b"\x1b[?25h") < seen.index(b"error: interrupted")
    assert seen[seen.index(b"error:") :].count(b"\n") == 1


def test_a_first_interrupt_or_a_closed_terminal_saves_and_ends_with_its_code() -> None:
    for number, code in ((signal.SIGINT, 130), (signal.SIGHUP, 143), (signal.SIGTERM, 143)):
        command = program(saves="at once")
        with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
            until(process.stderr.fileno(), b"at work\n")
            process.send_signal(number)
            assert process.wait(20) == code
            lines = rest(process.stderr.fileno()).splitlines()
        assert lines[-2:] == [
            b"saving",
            b"error: interrupted in run: stopped by a signal; what was done is saved. Try: --resume.",
        ]


def test_a_terminal_that_goes_away_does_not_keep_it_from_saving() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(program(saves="at once"), stderr=theirs, env=environment, start_new_session=True) as process:
        os.close(theirs)
        until(ours, b"at work")
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 143


def test_what_nohup_ignores_stays_ignored() -> None:
    command = [
        sys.executable,
        "-c",
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + program(saves="at once")[2],
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
        until(process.stderr.fileno(), b"at work\n")
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [("--version", 0), ("train --help", 0), ("info nothing", 2)])
def test_closed_streams_are_no_bug_and_nothing_else_gets_their_numbers(
    closed: str, words: str, code: int, tmp_path: Path
) -> None:
    script = f'"{sys.executable}" -m shgae {words} {closed}'
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment
    )
    assert done.returncode == code
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr
