"""``--nproc`` as its user sees it: real processes, signals, a process that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shgae.artifacts.checkpoint import CHECKPOINT, load_checkpoint
from shgae.cli.app import main
from tests.end_to_end.conftest import TRAIN, Shell, environment, one_line
from tests.promises import Kept

ENDS = "When one of several processes is killed all end, and the last checkpoint can be read"
SAME = "Two processes make the artefact that one makes, bit for bit, if the step has two micro-batches"
TWO = ("--micro-batches", "2", "--nproc", "2")
LONG = ("train", "made/data", "-o", "x", *TRAIN[:-1], "500", "--workers", "1")
"""A training that nobody waits for."""


@contextmanager
def begun(*words: str) -> Iterator[subprocess.Popen[str]]:
    """``python -m shgae WORDS`` at work: its first epoch is done, and its checkpoint lies there."""
    command = [sys.executable, "-m", "shgae", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    )
    try:
        assert process.stderr is not None
        line = ""
        while "train loss" not in line:
            line = process.stderr.readline()
            assert line, "it ended early"
        yield process
    finally:
        process.kill()
        process.wait(timeout=60)


def ended(process: subprocess.Popen[str], within: float) -> tuple[int, str]:
    """Its exit code and the rest of its standard error."""
    at = time.monotonic()
    out, err = process.communicate(timeout=within)
    assert time.monotonic() - at < within
    assert out == ""
    assert "Traceback" not in err
    return process.returncode, err


def children(process: subprocess.Popen[str]) -> list[int]:
    """The processes that it started, in the order of their ranks."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def are_gone(pids: list[int], within: float) -> bool:
    until = time.monotonic() + within
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def stopped(number: signal.Signals, code: int, *words: str) -> None:
    """A training by two processes hears a signal, ends with its code, and leaves a checkpoint and no process."""
    with begun(*words) as process:
        workers = children(process)
        assert len(workers) == 2
        process.send_signal(number)
        ends, err = ended(process, 25)
    assert ends == code
    assert "--resume" in one_line(err)
    assert are_gone(workers, 1)


def test_one_process_ends_what_two_began_and_a_signal_stopped_as_the_artefact_that_one_makes(shell: Shell) -> None:
    some = ("train", "made/data", "-o", "x", *TRAIN[:-1], "3", "--workers", "1", "--micro-batches", "2")
    stopped(signal.SIGTERM, 143, *some, "--nproc", "2")
    before = load_checkpoint(Path("x.partial") / CHECKPOINT)[1]
    assert main([*some[:-2], "--resume"]) == 2
    assert "begun otherwise (micro_batches: " in one_line(shell.read_streams()[1])
    assert 1 <= before.epoch < 3
    assert shell.json(*some, "--resume")["id"] == shell.json(*some[:2], "-o", "one", *some[4:])["id"]
    shell.run("verify", "x")


@pytest.mark.torture
def test_two_processes_that_were_stopped_go_on_to_the_artefact_that_one_makes(shell: Shell, kept: Kept) -> None:
    some = ("train", "made/data", "-o", "x", *TRAIN[:-1], "3", "--workers", "1", "--micro-batches", "2")
    stopped(signal.SIGTERM, 143, *some, "--nproc", "2")
    done = shell.python(*some, "--nproc", "2", "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert done.stderr.count("epoch 3/3") == 1
    assert json.loads(done.stdout)["id"] == shell.json(*some[:2], "-o", "one", *some[4:])["id"]
    kept(SAME, 1, "runs")


@pytest.mark.torture
def test_a_process_that_is_killed_ends_all_of_them(shell: Shell, kept: Kept) -> None:
    with begun(*LONG, "--nproc", "2") as process:
        workers = children(process)
        os.kill(workers[1], signal.SIGKILL)
        code, err = ended(process, 60)
    assert code == 5
    assert "process 1 of 2 was killed by SIGKILL" in one_line(err)
    assert are_gone(workers, 1)
    assert load_checkpoint(Path("x.partial") / CHECKPOINT)[1].epoch >= 1
    kept(ENDS, 1, "kills")


@pytest.mark.torture
def test_an_interrupt_of_a_resumed_run_is_saved_too(shell: Shell) -> None:
    stopped(signal.SIGTERM, 143, *LONG, *TWO)
    before = load_checkpoint(Path("x.partial") / CHECKPOINT)[1]
    stopped(signal.SIGINT, 130, *LONG, *TWO, "--resume")
    assert load_checkpoint(Path("x.partial") / CHECKPOINT)[1].epoch > before.epoch


@pytest.mark.torture
def test_processes_end_when_their_launcher_is_killed(shell: Shell, kept: Kept) -> None:
    with begun(*LONG, "--nproc", "2") as process:
        workers = children(process)
        process.kill()
        assert are_gone(workers, 25)
    assert load_checkpoint(Path("x.partial") / CHECKPOINT)[1].epoch >= 1
    kept(ENDS, 1, "kills")


@pytest.mark.torture
@pytest.mark.parametrize("which", [0, 1])
def test_a_process_that_hangs_is_ended_after_its_neighbour(shell: Shell, kept: Kept, which: int) -> None:
    with begun(*LONG, "--nproc", "2") as process:
        workers = children(process)
        os.kill(workers[1 - which], signal.SIGSTOP)
        os.kill(workers[which], signal.SIGKILL)
        code, _ = ended(process, 60)
    assert code == 5
    assert are_gone(workers, 1)
    load_checkpoint(Path("x.partial") / CHECKPOINT)
    kept(ENDS, 1, "kills")


@pytest.mark.torture
def test_torchrun_makes_the_same_artefact(shell: Shell, kept: Kept) -> None:
    one = shell.json("train", "made/data", "-o", "one", *TRAIN, "--micro-batches", 2)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29617"]
    command = [*torchrun, "-m", "shgae", "train", "made/data", "-o", "two", *TRAIN, *TWO[:2], "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == one["id"]
    kept(SAME, 1, "runs")


@pytest.mark.torture
def test_processes_that_a_scheduler_starts_stop_alike_and_each_with_our_code(shell: Shell) -> None:
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29618", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-m", "shgae", *LONG]
    both = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment() | place | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    try:
        assert both[0].stderr is not None
        while "train loss" not in both[0].stderr.readline():
            assert both[0].poll() is None
        for process in both:
            process.send_signal(signal.SIGTERM)
        ends = [ended(process, 25) for process in both]
    finally:
        for process in both:
            process.kill()
            process.wait(timeout=60)
    assert [code for code, _ in ends] == [143, 143]
    assert "--resume" in one_line(ends[0][1])
    load_checkpoint(Path("x.partial") / CHECKPOINT)
