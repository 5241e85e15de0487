"""The program on files that mean harm: how it ends, what that costs, and which files it opens meanwhile."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shgae import stages
from shgae.cli.app import main

LONGEST_LINE = 200
"""Of an error about a file, whose path is short here."""
Event = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class End:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float
    """Processor time."""
    growth: int
    """Bytes by which it raised the peak of this process's memory."""

    @property
    def line(self) -> str:
        """Its last line on standard error."""
        return self.err.splitlines()[-1] if self.err else ""

    @property
    def result(self) -> dict[str, Any]:
        """What --json printed."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    def check(self, *, seconds: float = 2.0, growth: int = 1 << 30, longest: int = LONGEST_LINE) -> End:
        """Done, or refused in one short line that helps; in time and memory; nothing in between."""
        assert self.code in (0, 2), self.err[-2000:]
        assert "Traceback" not in self.err
        assert self.seconds <= seconds, (self.seconds, self.line)
        assert self.growth <= growth, (self.growth, self.line)
        if self.code == 2:
            assert self.out == "" or self.out.startswith("intact: ")  # verify tells what it found, too
            assert [line.startswith("error: ") for line in self.err.splitlines()].count(True) == 1, self.err
            assert self.line.startswith("error: ")
            assert " Try: " in self.line
            assert self.line.isprintable()
            assert len(self.line) <= longest, self.line
        return self


def run(*words: object) -> End:
    """Runs ``shgae WORDS`` in this process."""
    streams = io.StringIO(), io.StringIO()
    start, before = time.process_time(), _reset_peak()
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        code = main([str(word) for word in words])
    return End(code, *(one.getvalue() for one in streams), time.process_time() - start, _peak() - before)


def peak_of(action: Callable[[], object]) -> int:
    """Bytes by which an action raised the peak of this process's memory."""
    before = _reset_peak()
    action()
    return _peak() - before


def _reset_peak() -> int:
    """Forgets the peak so far; returns what is in memory now."""
    gc.collect(0)
    with contextlib.suppress(OSError):  # elsewhere than on Linux no peak is seen
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


_listeners: list[list[Event]] = []
_hooked = False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    for events in _listeners:
        events.append((event, args))


@contextmanager
def heard() -> Iterator[list[Event]]:
    """Every event of Python's audit meanwhile, in all threads: files opened, programs started, classes unpickled."""
    global _hooked
    if not _hooked:  # a hook stays for good
        sys.addaudithook(_hook)
        _hooked = True
    events: list[Event] = []
    _listeners.append(events)
    try:
        yield events
    finally:
        _listeners.remove(events)


def opened(events: list[Event]) -> set[Path]:
    """The real paths of all files that were opened by name."""
    names = [args[0] for event, args in events if event == "open" and isinstance(args[0], str | bytes)]
    return {Path(os.path.realpath(os.fsdecode(name))) for name in names}


@pytest.fixture(scope="package", autouse=True)
def imported() -> None:
    """What a command imports when it is first used is no cost of the file."""
    for module in pkgutil.iter_modules(stages.__path__, "shgae.stages."):
        importlib.import_module(module.name)


@pytest.fixture(autouse=True)
def leftovers_set_aside() -> Iterator[None]:
    """To look through what other tests left in memory is no cost of the file."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, so that names are short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
