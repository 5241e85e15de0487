"""``--nproc N``: a command line in N processes on this machine, and how all of that ends.

Signals go on to every process; one that fails or dies takes the others with it, and there is one line that says why.
The first process writes to our own streams; what another one says is kept aside, in case it is the one that failed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

from shgae.artifacts.scratch import scratch
from shgae.errors import PeerLost, Refused, printable
from shgae.execution import HANGUP, PATIENCE, RENDEZVOUS, STOP_SIGNALS, Execution, own_python, processors, signal_name

GRACE = 15.0
"""Seconds that the others have to end by themselves when one has failed."""
LOST = 75
"""How a process ends that lost another one: it has nothing to say that matters."""
_MOST_DIGITS = 9
_COMMAND = ("-m", "shgae")
_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


class Launch(Exception):
    """This command line is to be run in so many processes."""

    def __init__(self, processes: int) -> None:
        super().__init__()
        self.processes = processes


def processes() -> int:
    """How many processes run this command line together; torchrun says so too, in the same words."""
    size = os.environ.get("WORLD_SIZE", "1")
    return int(size[:_MOST_DIGITS]) if size.isdecimal() else 1


def is_first() -> bool:
    """Whether this is the process that writes and speaks."""
    return processes() == 1 or os.environ.get("RANK", "0") == "0"


def say_once(notes: Iterable[str]) -> None:
    """Lines on standard error, of one of the processes that run this command line."""
    if is_first() and RENDEZVOUS not in os.environ:
        sys.stderr.writelines(f"{printable(note)}\n" for note in notes)


def begin(wanted: int) -> None:
    """Raises :class:`Launch` if several processes are wanted and this is not one of them yet."""
    if RENDEZVOUS in os.environ or wanted == 1:
        return
    if processes() > 1:
        raise Refused("option", "--nproc", "torchrun has started the processes already", "torchrun without --nproc")
    raise Launch(wanted)


@contextmanager
def joined(execution: Execution) -> Iterator[Execution]:
    """Within it, all processes of this command line work together; alone there is nothing to do."""
    if processes() == 1:
        yield execution
        return
    from shgae.training import distributed

    if RENDEZVOUS in os.environ:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        threading.Thread(target=_stop_without_launcher, daemon=True).start()
    elif is_first():
        minutes = distributed.PATIENCE.total_seconds() / 60
        execution.progress.note(f"waiting for {processes()} processes, at most {minutes:.0f} minutes")
    with distributed.joined(execution.device) as (world, device):
        yield replace(execution, world=world, device=device)


def _stop_without_launcher() -> None:
    if not os.read(0, 1):  # its end of the pipe was closed: it is gone
        os.kill(os.getpid(), signal.SIGTERM)


def launch(arguments: Sequence[str], size: int) -> int:
    """Runs ``shgae ARGUMENTS`` in so many processes; returns the exit code of them all."""
    command, environment = own_python(*_COMMAND, *arguments)
    with scratch("processes") as folder:
        said = [folder / f"process-{rank}" for rank in range(size)]
        started: list[subprocess.Popen[bytes]] = []
        with _forwarding(started) as asked:
            for rank in range(size):
                # Blocked signals wait for a process until it can save.
                blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
                place = _environment(environment, rank, size, folder)
                try:
                    started.append(_start(command, place, said[rank] if rank else None))
                except BaseException:
                    for process in started:
                        process.kill()
                    raise
                finally:
                    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            failed = _wait(started, asked)
        return _verdict([process.returncode for process in started], failed, said, arguments[0])


def _environment(environment: dict[str, str], rank: int, size: int, folder: Path) -> dict[str, str]:
    threads = max(processors() // size, 1)
    defaults = {"OMP_NUM_THREADS": str(threads), "GLOO_SOCKET_IFNAME": _LOOPBACK}
    place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
    return defaults | environment | place | {RENDEZVOUS: str(folder / "rendezvous")}


def _start(command: Sequence[str], environment: dict[str, str], aside: Path | None) -> subprocess.Popen[bytes]:
    with aside.open("wb") if aside else nullcontext() as said:
        return subprocess.Popen(
            args=command,
            env=environment,
            stdin=subprocess.PIPE,  # ends when we do: they notice
            stdout=subprocess.DEVNULL if aside else None,
            stderr=said,
            start_new_session=True,  # a Ctrl-C comes once, through us
        )


@contextmanager
def _forwarding(started: Sequence[subprocess.Popen[bytes]]) -> Iterator[list[float]]:
    """Signals that ask to stop go on to all processes; that the terminal was closed, as SIGTERM and once. Yields the
    times at which they were asked."""
    asked: list[float] = []
    hung_up = False

    def forward(number: int, _frame: FrameType | None) -> None:
        nonlocal hung_up
        if number == HANGUP:
            number, again, hung_up = signal.SIGTERM, hung_up, True
            if again:
                return
        asked.append(time.monotonic())
        for process in started:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)  # one that was stopped would not hear it

    caught = [number for number in STOP_SIGNALS if number != HANGUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, forward) for number in caught}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(started: Sequence[subprocess.Popen[bytes]], asked: Sequence[float]) -> list[int]:
    """Until all have ended; once one has failed, the others have :data:`GRACE`, once asked to stop :data:`PATIENCE`.

    Returns the ranks that failed, the first to fail first: what befell the others is likely to follow from it.
    """
    failed_at: float | None = None
    failed: list[int] = []
    while True:
        codes = [process.poll() for process in started]
        failed += [rank for rank, code in enumerate(codes) if code and rank not in failed]
        if None not in codes:
            return failed
        now = time.monotonic()
        if failed_at is None and any(codes):
            failed_at = now
        if (failed_at is not None and now - failed_at > GRACE) or (asked and now - asked[0] > PATIENCE):
            for process in started:
                process.kill()
        time.sleep(0.05)


def set_aside(lost: PeerLost) -> None:
    """Keeps what a process says that lost another one: it is shown if no process has more to say."""
    with suppress(OSError):
        _aside(Path(os.environ[RENDEZVOUS]).parent, int(os.environ["RANK"])).write_text(lost.line(), encoding="utf-8")


def _aside(folder: Path, rank: int) -> Path:
    return folder / f"lost-{rank}"


def _verdict(codes: Sequence[int], order: Sequence[int], said: Sequence[Path], command: str) -> int:
    """The exit code of all, and the line of the process that failed first, unless rank 0 has said it itself.

    ``order`` has the ranks that failed, in the order in which they did; ``said`` is where standard errors lie.
    """
    from shgae.cli.console import error_line

    failed = next((rank for rank in order if codes[rank] > 0 and codes[rank] != LOST), None)
    if failed is not None:
        if codes[0] != codes[failed]:
            lines = said[failed].read_text(encoding="utf-8", errors="replace").splitlines()
            errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
            if errors or codes[failed] - 128 not in STOP_SIGNALS:  # a signal before there is anything to save
                error_line((errors or [f"process {failed} in shgae {command}: it failed without a word."])[-1])
        return codes[failed]
    killed = [(rank, -codes[rank]) for rank in order if codes[rank] < 0]
    if killed and killed[0][1] in STOP_SIGNALS:
        return 128 + killed[0][1]
    if not any(codes):
        return 0
    why = "its processes lost each other"
    told = [path for rank in order if (path := _aside(said[0].parent, rank)).is_file()]
    if told and not killed:
        error_line(told[0].read_text(encoding="utf-8"))
        return PeerLost.exit_code
    if killed:
        why = f"process {killed[0][0]} of {len(codes)} was killed by {signal_name(killed[0][1])}"
    fix = "the same command, with --resume where it has one; if memory ran out, a smaller --batch-size"
    if killed and killed[0][1] == signal.SIGBUS:
        why, fix = f"{why}: an input file became shorter while it was read", "shgae verify on the inputs"
    error_line(PeerLost("work together", f"shgae {command}", why, fix).line())
    return PeerLost.exit_code
