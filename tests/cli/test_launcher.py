"""What several processes' ends come to: one code, one line."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shgae.cli import launcher
from shgae.cli.app import main
from shgae.cli.launcher import LOST, Launch, begin
from shgae.errors import Refused
from shgae.execution import RENDEZVOUS, STOP_SIGNALS


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that do as they are told: each one's word says its code, or what kills it."""
    script = (
        "import os, signal, sys, time\n"
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))\n"
        "word = sys.argv[1 + int(os.environ['RANK'])]\n"
        "time.sleep(0.5) if word.startswith('later') else None\n"
        "word = word.removeprefix('later')\n"
        "kill, quiet = word.startswith('-'), word.startswith('quiet') or word in ('0', '75')\n"
        "print('error: rank', os.environ['RANK'], file=sys.stderr) if not kill and not quiet else None\n"
        "word = word.removeprefix('quiet')\n"
        "lost = os.environ['SHGAE_RENDEZVOUS'].replace('rendezvous', 'lost-' + os.environ['RANK'])\n"
        "open(lost, 'w').write('lost by rank ' + lost[-1] + '.') if word == '75' and 'x' in sys.argv else None\n"
        "time.sleep(600) if word == 'hang' else None\n"
        "os.kill(os.getpid(), -int(word)) if kill else None\n"
        "sys.exit(int(word))\n"
    )
    monkeypatch.setattr(launcher, "_COMMAND", ("-c", script))


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ("0 0", 0, ""),
        ("2 2", 2, "error: rank 0"),
        ("75 5", 5, "error: rank 1"),
        ("143 75 143", 143, "error: rank 0"),
        ("75 -9", 5, "process 1 of 2 was killed by SIGKILL. Try: the same command, with --resume"),
        (
            "75 -7",
            5,
            "killed by SIGBUS: an input file became shorter while it was read. Try: shgae verify on the inputs.",
        ),
        ("75 -37", 5, "process 1 of 2 was killed by signal 37. Try: the same command, with --resume"),
        ("-11 75", 5, "process 0 of 2 was killed by SIGSEGV"),
        ("-15 -15", 143, ""),
        ("0 quiet143", 143, ""),
        ("quiet130 75", 130, ""),
        ("0 quiet1", 1, "error: process 1 in shgae 0: it failed without a word."),
        ("75 75", 5, "its processes lost each other"),
        ("75 later75 x", 5, "error: lost by rank 0."),
        ("later75 75 x", 5, "error: lost by rank 1."),
        ("75 -9 x", 5, "process 1 of 2 was killed by SIGKILL"),
        ("75 later3 4", 4, "error: rank 2"),
        ("75 later-6 -9", 5, "process 2 of 3 was killed by SIGKILL"),
    ],
)
def test_one_code_and_one_line_come_of_several_ends(
    scripted: None, capfd: pytest.CaptureFixture[str], words: str, code: int, line: str
) -> None:
    arguments = words.split()
    assert launcher.launch(arguments, len(arguments) - arguments.count("x")) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert line in err
    assert err.count("\n") == bool(line)


def test_a_process_that_does_not_end_is_ended(
    scripted: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launcher, "GRACE", 0.5)
    begun = time.monotonic()
    assert launcher.launch(["hang", "4"], 2) == 4
    assert launcher.launch(["4", "hang"], 2) == 4
    assert time.monotonic() - begun < 30
    assert "error: rank 1\n" in capfd.readouterr().err


def test_where_not_all_processes_can_be_started_those_that_were_are_ended(
    scripted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, started = launcher._start, []

    def second_fails(*given: Any) -> subprocess.Popen[bytes]:
        if started:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        started.append(start(*given))
        return started[0]

    monkeypatch.setattr(launcher, "_start", second_fails)
    with pytest.raises(BlockingIOError):
        launcher.launch(["hang", "hang"], 2)
    assert started[0].wait(10) == -signal.SIGKILL
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {*STOP_SIGNALS}


def test_a_closed_terminal_is_told_to_all_processes_once_as_sigterm() -> None:
    class Process:
        def __init__(self) -> None:
            self.sent: list[int] = []

        def send_signal(self, number: int) -> None:
            self.sent.append(number)

    started = [Process(), Process()]
    with launcher._forwarding(started):  # type: ignore[arg-type]
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGINT):
            os.kill(os.getpid(), number)
    wanted = [signal.SIGTERM, signal.SIGCONT, signal.SIGINT, signal.SIGCONT]  # one that was stopped would not hear
    assert [one.sent for one in started] == [wanted] * 2


def test_processes_are_launched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    begin(1)
    with pytest.raises(Launch) as wanted:
        begin(3)
    assert wanted.value.processes == 3
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(Refused, match="torchrun has started"):
        begin(3)
    monkeypatch.setenv(RENDEZVOUS, "file")
    begin(3)


def test_under_torchrun_a_command_of_one_process_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["doctor"]) == 2
    assert "torchrun" in capsys.readouterr().err


def test_what_lost_another_process_ends_without_a_word_under_the_launcher(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv(RENDEZVOUS, str(tmp_path / "rendezvous"))
    monkeypatch.setattr(launcher, "_stop_without_launcher", lambda: None)  # nobody holds the other end of our pipe
    monkeypatch.setattr("shgae.training.distributed.PATIENCE", timedelta(seconds=1))
    assert main(["train", "data", "-o", "x"]) == LOST
    assert capsys.readouterr().err == ""
    assert "in process 1: " in (tmp_path / "lost-1").read_text()
