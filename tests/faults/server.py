"""A process that has the program loaded and forks a fresh one for every command line: seconds saved each time.

Run as ``python -m tests.faults.server``: a JSON request a line on standard input, a JSON answer a line on standard
output. It never runs a command itself, so every child begins as a new process does.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import resource
import select
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.disk import Disk, Fault


def serve() -> None:
    """Answers requests until standard input ends."""
    import torch
    import torch._dynamo  # what the first optimizer imports

    import shgae.stages
    from shgae.cli import app  # noqa: F401

    for room in pkgutil.iter_modules(shgae.stages.__path__):
        importlib.import_module(f"shgae.stages.{room.name}")
    torch.set_num_threads(1)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Runs one command line in a child; see :class:`tests.faults.conftest.Server`."""
    child = os.fork()
    if child == 0:
        try:
            code = run(request)
        except BaseException:  # a fault of the harness, or one that went past main()
            traceback.print_exc()
            code = 70
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    timed_out = killed = False
    handle = os.pidfd_open(child)
    try:
        if request["kill_after"] is not None and not select.select([handle], [], [], request["kill_after"])[0]:
            killed = True
            os.kill(child, signal.SIGKILL)
        if not select.select([handle], [], [], request["timeout"])[0]:
            timed_out = True
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(handle)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "timed_out": timed_out,
        "killed": killed,
    }


def run(request: dict[str, Any]) -> int:
    """What the child does."""
    from shgae.artifacts import disk_space
    from shgae.cli.app import main
    from shgae.inference import extraction
    from shgae.training import loop

    for number, name in enumerate(("in", "out", "err")):
        path = os.devnull if name == "in" else str(Path(request["scratch"]) / name)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(request["here"])
    if request["umask"] is not None:
        os.umask(request["umask"])
    if (most := request["most_bytes_a_file"]) is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    extraction.KEPT_SECONDS = -1.0  # every batch is kept: that is where a kill finds an extraction
    if request["save_every_step"]:
        loop.CHECKPOINT_SECONDS = -1.0
    if request["roomy"]:
        disk_space.free_bytes = lambda _: 1 << 40
    if request["offline"]:
        sys.addaudithook(refuse_sockets)
    Disk(Path(request["here"]), Fault(*request["fault"]), Path(request["scratch"]) / "log").install()
    with watched_memory(Path(request["scratch"]) / "peak"):
        return main(request["words"])


@contextmanager
def watched_memory(path: Path) -> Iterator[None]:
    """Writes down the most memory of its own that the process had (bytes), without files that it mapped."""
    peak, over = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.005):
            lines = Path("/proc/self/status").read_text().splitlines()
            peak = max(peak, *(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon")))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        path.write_text(str(peak))


def refuse_sockets(event: str, _: tuple[Any, ...]) -> None:
    """Refuses any socket at all, of this machine too."""
    if event.startswith("socket."):
        raise PermissionError(f"a socket: {event}")


if __name__ == "__main__":
    serve()
