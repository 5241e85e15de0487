"""A process of its own that reads a file which nobody trusts: bounded in memory, in time and in what it may answer.

It is given the file open, as its standard input, so that what is read is what was looked at. It answers on standard
output, leaves nothing on the disk, and ends with whoever asked.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from shgae.execution import StopFlag, own_python

REFUSES = 3
"""Exit code of a reader that answers with its reason."""
_CHUNK = 1 << 20
_LOOK = 0.1
"""Seconds between two looks at the clock and at the wish to stop."""
_MOST_SAID = 1 << 16
"""Bytes that are kept of standard error."""


class Answer(NamedTuple):
    """How a reader ended."""

    code: int
    """Its exit code; below 0, the signal that killed it."""
    out: bytes
    """What it answered."""
    err: str
    """The beginning of what it said on standard error."""


class TooLong(Exception):
    """It took more time than it may, or answered more than it may."""


def ask(module: str, words: Sequence[str], file: BufferedReader, seconds: float, most: int, stop: StopFlag) -> Answer:
    """Runs ``python -m module WORDS`` on an open file, from its beginning; nobody else reads in it any more.

    Args:
        module: it calls :func:`begin` first.
        words: of its command line; the process that asks comes before them.
        file: becomes its standard input.
        seconds: that it may take.
        most: bytes that it may answer.
        stop: the wish to stop; then the reader is killed, and the caller sees to the rest.

    Raises:
        TooLong: it was killed at one of the bounds.
    """
    os.lseek(file.fileno(), 0, os.SEEK_SET)  # where the reader begins, whatever our own buffer holds
    command, environment = own_python("-m", module, str(os.getpid()), *words)
    with subprocess.Popen(
        command,
        env=environment,
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C comes to us alone
    ) as child:
        try:
            said = _collect(child, seconds, most, stop)
        except BaseException:
            child.kill()
            raise
        if stop:
            child.kill()
        code = child.wait()
    return Answer(code, bytes(said[0]), said[1].decode(errors="replace"))


def _collect(child: subprocess.Popen[bytes], seconds: float, most: int, stop: StopFlag) -> tuple[bytearray, bytearray]:
    said = bytearray(), bytearray()
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as waiting:
        for number, stream in enumerate(filter(None, (child.stdout, child.stderr))):
            waiting.register(stream, selectors.EVENT_READ, number)
        while waiting.get_map() and not stop:
            if time.monotonic() > until or len(said[0]) > most:
                raise TooLong
            for ready, _ in waiting.select(_LOOK):
                data = os.read(ready.fd, _CHUNK)
                if not data:
                    waiting.unregister(ready.fileobj)
                elif ready.data == 0:
                    said[0].extend(data)
                else:
                    said[1].extend(data[: _MOST_SAID - len(said[1])])
    return said


def begin(parent: int, memory: int) -> None:
    """What a reader does first: takes no more memory than this beyond its own, and ends when its parent does."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if sys.platform == "linux":  # elsewhere the limit is not enforced, and our own size is told in other ways
        import resource

        own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limits = (own + memory, *resource.getrlimit(resource.RLIMIT_AS))
        # Never above what the user or the cluster allows: to raise that is not permitted.
        lowest = min(one for one in limits if one != resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_AS, (lowest, lowest))


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os.kill(os.getpid(), signal.SIGTERM)  # of which begin() took nothing off
