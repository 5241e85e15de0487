"""Signals that ask to stop: the first lets a command save and end, a second ends it at once, in one line.

A second one must not wait for the main thread, which may be in a long computation: a thread of its own hears it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shgae.errors import ShgaeError
from shgae.execution import HANGUP, STOP_SIGNALS

_QUIT = 0
"""No signal has this number."""


class _Second:
    """What waits for a second signal, once there was a first."""

    writer: int | None = None


def arm() -> None:
    """From now on the next signal ends the process, whatever it is doing."""
    if _Second.writer is not None:
        return
    reader, _Second.writer = os.pipe()
    os.set_blocking(_Second.writer, False)
    signal.set_wakeup_fd(_Second.writer, warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        # Python writes the number of a signal with a handler into the pipe; of a closed terminal one word is enough.
        signal.signal(number, signal.SIG_IGN if number == HANGUP else lambda *_: None)
    try:
        threading.Thread(target=_wait, args=(reader,), daemon=True).start()
    except RuntimeError:  # the system allows no more threads: then a second signal does what it does to any process
        signal.set_wakeup_fd(-1)
        os.close(reader)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def heard(*, to_the_end: bool) -> Iterator[None]:
    """Within it, a first Ctrl-C is a KeyboardInterrupt and a second ends the process.

    Args:
        to_the_end: whether the process ends with it; then nothing is put back, so that no third one disturbs the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    signal.signal(signal.SIGINT, _first)
    try:
        yield
    finally:
        if to_the_end:
            arm()
        else:
            _disarm()
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _first(_number: int, _frame: object) -> None:
    arm()
    raise KeyboardInterrupt


def _disarm() -> None:
    if _Second.writer is not None:
        signal.set_wakeup_fd(-1)
        os.write(_Second.writer, bytes([_QUIT]))
        os.close(_Second.writer)
        _Second.writer = None


def _wait(reader: int) -> None:
    number = os.read(reader, 1)[0]
    os.close(reader)
    if number != _QUIT:
        _abandon(number)


def _abandon(number: int) -> None:
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    why = "a second signal ended it at once; what was saved before is kept"
    fix = "the same command, with --resume where it has one"
    line = f"error: {ShgaeError('interrupted', f'shgae {command}', why, fix).line()}\n"
    # Not through sys.stderr: the main thread may hold its lock. On a terminal the bar goes and the cursor comes back.
    if os.isatty(2):
        line = f"\x1b[?25h\r\x1b[J{line}"
    try:
        os.write(2, line.encode(errors="backslashreplace"))
    finally:
        os._exit(128 + number)
