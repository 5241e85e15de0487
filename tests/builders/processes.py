"""Several real processes on this machine, forked from a test, which has torch loaded already."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from shgae.execution import ProcessGroup
from shgae.training.distributed import meeting

_PATIENCE = 120.0
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Ended(NamedTuple):
    """How a process ended that raised."""

    kind: str
    said: str
    exit_code: int


def together(size: int, work: Callable[[ProcessGroup], Any]) -> list[Any]:
    """What ``work`` gives in each of so many gloo processes on loopback; :class:`Ended`, where it raised."""
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        pipes = [context.Pipe(duplex=False) for _ in range(size)]
        started = [
            context.Process(target=_child, args=(rank, size, f"{folder}/rendezvous", work, pipes[rank][1]))
            for rank in range(size)
        ]
        for process in started:
            process.start()
        try:
            found = []
            for ours, _ in pipes:
                assert ours.poll(_PATIENCE), "a process says nothing"
                found.append(ours.recv())
            return found
        finally:
            for process in started:
                process.join(5)
                process.kill()


def _child(rank: int, size: int, file: str, work: Callable[[ProcessGroup], Any], pipe: Any) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    try:
        with meeting(rank, size, file=file) as world:
            found = work(world)
            world.broadcast(None)
    except Exception as error:
        if os.environ.get("SHGAE_DEBUG"):
            traceback.print_exc()
        found = Ended(type(error).__name__, str(error), getattr(error, "exit_code", 1))
    pipe.send(found)


def written_by(work: Callable[[], object]) -> list[str]:
    """The files that this process opens for writing during some work (and from then on it is watched)."""
    opened: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            mode, flags = arguments[1], arguments[2]
            if set(mode or "") & set("wax+") or (mode is None and flags & _WRITING):
                opened.append(arguments[0])
        elif event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir"):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    work()
    return [name for name in opened if "__pycache__" not in Path(name).parts]
