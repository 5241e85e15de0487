"""A disk that can fail or be the end of the process at any call; installed in a process that is thrown away.

Watched are the calls below one folder, before they happen: open (to read or to write), write, fsync, rename, mkdir,
unlink, rmdir, truncate. Python's audit events tell most of them, whoever makes the call; a write is seen by opening
files through a class of our own.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_AUDITED = {"os.rename": "rename", "os.remove": "unlink", "os.rmdir": "rmdir", "os.mkdir": "mkdir"}
_NEEDS_ROOM = ("create", "write", "mkdir", "fsync")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True)
class Fault:
    """What happens at a call."""

    how: str = "none"
    """none; kill (SIGKILL, in the middle of a write); full (no room from here on); io (this call fails with EIO)."""
    at: int = -1
    """The number of the call, from 0."""


@dataclass(frozen=True)
class Call:
    """One call to the disk."""

    kind: str
    """read, create, write, fsync, rename, unlink, rmdir or mkdir."""
    path: str
    """Below the watched folder; of a rename the source."""
    target: str = ""
    """Of a rename."""

    @property
    def point(self) -> str:
        """The call by name: the same in every process."""
        return re.sub(r"\.\d+\.tmp", ".tmp", re.sub(r"\.old-\d+", ".old", f"{self.kind} {self.path}"))


def read_log(path: Path) -> list[Call]:
    """The calls that a process wrote down, to its end; the last line may be torn."""
    lines = path.read_text().splitlines(keepends=True)
    return [Call(*line.rstrip("\n").split("\t")) for line in lines if line.endswith("\n")]


class Disk:
    """Watches the calls below a folder, writes them down and lets one of them go wrong."""

    def __init__(self, root: Path, fault: Fault, log: Path) -> None:
        self._root, self._fault = root.resolve(), fault
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._calls = 0

    def install(self) -> None:
        """Begins to watch; there is no way back."""
        for module in (io, builtins):
            module.open = self._opened  # type: ignore[attr-defined]
        pwrite = os.pwrite

        def watched_fsync(handle: int) -> None:
            self.meet("fsync", handle)  # and no waiting: what a process wrote outlives it, synced or not

        def watched_pwrite(handle: int, data: bytes, offset: int) -> int:
            if self.meet("write", handle):
                die()
            return pwrite(handle, data, offset)

        os.fsync, os.pwrite = watched_fsync, watched_pwrite  # type: ignore[assignment]
        sys.addaudithook(self._audited)

    def meet(self, kind: str, path: Any, target: Any = "") -> bool:
        """Writes a call down; raises its OSError, kills the process, or tells a write (True) that it is the last."""
        where, to = self._below(path), self._below(target) if target else ""
        if where is None:
            return False
        number, self._calls = self._calls, self._calls + 1
        with contextlib.suppress(OSError):  # the log of a process that may write no more ends early
            os.write(self._log, f"{kind}\t{where}\t{to}\n".encode())
        how, at = self._fault.how, self._fault.at
        if how == "kill" and number == at:
            if kind == "write":
                return True
            die()
        if how == "full" and number >= at and kind in _NEEDS_ROOM:
            raise self._error(errno.ENOSPC, kind, where)
        if how == "io" and number == at:
            raise self._error(errno.EIO, kind, where)
        return False

    def _error(self, number: int, kind: str, where: str) -> OSError:
        named = () if kind in ("write", "fsync") else (str(self._root / where),)  # as the system does
        return OSError(number, os.strerror(number), *named)

    def _below(self, path: Any) -> str | None:
        """The path from the watched folder on, links in its folder followed; None if it lies elsewhere."""
        try:
            whole = Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else Path(os.fsdecode(path))
            place = whole.parent.resolve() / whole.name
        except (TypeError, ValueError):
            return None
        return str(place.relative_to(self._root)) if place.is_relative_to(self._root) else None

    def _audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not isinstance(arguments[0], int):
            path, _, flags = arguments
            self.meet("create" if flags & _WRITING else "read", path)
        elif event in _AUDITED:
            self.meet(_AUDITED[event], arguments[0], arguments[1] if event == "os.rename" else "")

    def _opened(self, file: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
        is_plain = not isinstance(file, int) and not options.get("opener")
        if not is_plain or not set(mode) & set("wax+") or self._below(file) is None:
            return _open(file, mode, *more, **options)
        raw = _Watched(self, file, mode.replace("b", "").replace("t", ""))
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, *more[1:], **{k: v for k, v in options.items() if k != "buffering"})


class _Watched(io.FileIO):
    """A file whose writes are seen."""

    def __init__(self, disk: Disk, file: Any, mode: str) -> None:
        self._disk = disk
        super().__init__(file, mode)

    def write(self, data: Any) -> int:
        is_last = self._disk.meet("write", self.fileno())
        if is_last:
            super().write(memoryview(data).cast("B")[: len(data) // 2])
            die()
        return int(super().write(data) or 0)


def die() -> None:
    """As by SIGKILL, from without: nothing of the process runs after it."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


_open = io.open
