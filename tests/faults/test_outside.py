"""Causes outside: limits, closed streams, signals while a file is read, processes that were stopped; each is named."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from shgae.artifacts import scratch
from shgae.artifacts.output_file import make_room
from shgae.cli import launcher
from tests.end_to_end.conftest import environment, one_line

ANY = ("import", "x.pth", "-o", "x")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a checkpoint of one tensor, which is of no known family."""
    monkeypatch.chdir(tmp_path)
    torch.save({"conv.weight": torch.ones(2)}, "x.pth")
    return tmp_path


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of a line, in which SHGAE is the program."""
    line = line.replace("SHGAE", f"{sys.executable} -m shgae")
    return subprocess.run(line, shell=True, capture_output=True, text=True, env=environment(), timeout=200)  # noqa: S602


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize(
    ("libraries", "room", "says"), [(0, 150, "ulimit -v unlimited"), (1, 2000, "of no known family")]
)
def test_import_lives_within_a_limit_on_address_space_or_names_it(
    here: Path, libraries: int, room: int, says: str
) -> None:
    own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()  # a build for GPUs maps 3 GB
    limit = libraries * own // 1024 + room * 1000
    end = shell(f"ulimit -v {limit}; SHGAE import x.pth -o x")
    assert end.returncode == 2
    assert says in one_line(end.stderr)


@pytest.mark.parametrize(
    "closed", [*(pytest.param(one, marks=pytest.mark.torture) for one in (">&-", "2>&-")), "<&- >&- 2>&-"]
)
def test_closed_streams_are_no_bug(here: Path, closed: str) -> None:
    end = shell(f"SHGAE import x.pth -o x {closed}")
    assert end.returncode == 2
    assert "bug" not in end.stdout + end.stderr


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.torture)], ids=["SIGTERM", "SIGINT"]
)
def test_a_reader_is_ended_at_once_and_leaves_nothing(here: Path, number: int) -> None:
    end = subprocess.run(
        [sys.executable, "-c", SLOW_READER, str(int(number))],
        capture_output=True,
        text=True,
        env=environment() | {"TMPDIR": str(here)},
        timeout=200,
    )
    assert end.returncode == 128 + number, end.stderr
    code, seconds, child = end.stdout.split()
    assert (int(code), float(seconds) < 2) == (128 + number, True), seconds
    assert not Path(f"/proc/{child}").exists()
    assert sorted(path.name for path in here.iterdir()) == ["x.pth"]


SLOW_READER = """
import os, signal, sys, threading, time
from shgae.cli.app import main
from shgae.artifacts import reader_process; from shgae.models import foreign
begun = reader_process._collect
def watched(child, *arguments):
    global pid
    pid = child.pid
    threading.Timer(0.2, tell).start()
    return begun(child, *arguments)
def tell():
    global at
    at = time.monotonic()
    os.kill(os.getpid(), int(sys.argv[1]))
reader_process._collect = watched
code = main(["import", "x.pth", "-o", "x"])
print(code, time.monotonic() - at, pid)
sys.stdout.flush()
os._exit(code)
"""


@contextlib.contextmanager
def sleeping() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_a_process_that_was_stopped_hears_a_signal_to_the_launcher() -> None:
    with sleeping() as process:
        process.send_signal(signal.SIGSTOP)
        with launcher._forwarding([process]) as asked:
            os.kill(os.getpid(), signal.SIGTERM)
            assert launcher._wait([process], asked) == [0]
        assert process.returncode == -signal.SIGTERM


def test_processes_that_do_not_end_after_a_signal_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "PATIENCE", 0.5)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with launcher._forwarding([process]) as asked:
            os.kill(os.getpid(), signal.SIGTERM)
            launcher._wait([process], asked)
        assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("rank", "size"), [("2", "2"), ("-1", "2"), ("0", "0"), ("0", "9" * 30), ("0", "9" * 5000), ("x", "2")]
)
def test_a_place_outside_the_processes_is_answered_at_once(
    rank: str, size: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from shgae.cli.app import main

    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    begun = time.monotonic()
    assert main(["train", "data", "-o", "x"]) == 2
    assert time.monotonic() - begun < 60
    assert "error: " in capsys.readouterr().err or rank != "0"  # the first process speaks


def test_temporary_folders_of_killed_programs_are_cleared_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    program = (
        "import os, signal, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from shgae.artifacts.scratch import scratch\n"
        "with scratch('x') as folder:\n"
        "    (folder / 'file').write_text('x'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environment(), timeout=100, check=False)
    (tmp_path / "shgae-mine").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shgae-link").symlink_to(tmp_path / "elsewhere")
    assert len(list(tmp_path.iterdir())) == 4
    with scratch.scratch("a") as one:
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            [one.name, "shgae-mine", "elsewhere", "shgae-link"]
        )
        with scratch.scratch("b") as other:
            assert one.is_dir() and other.is_dir()  # whoever is at work keeps its own
    assert not one.exists()


def test_what_a_killed_program_left_of_an_output_file_is_cleared(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(timeout=60)
    left = [tmp_path / f".model.onnx.{gone.pid}.tmp", tmp_path / f".other.onnx.{gone.pid}.tmp"]
    at_work = tmp_path / f".model.onnx.{os.getpid()}.tmp"
    for path in (*left, at_work):
        path.touch()
    make_room(tmp_path, "model.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([left[1].name, at_work.name])
