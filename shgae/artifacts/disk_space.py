"""Room on the disk, looked at before long work."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.errors import DiskError
from shgae.execution import Progress

_RESERVE = 64_000_000
_FEWER = "another disk, or --limit"


@dataclass(frozen=True)
class DryRun:
    """What a step would make, without making it."""

    output: Path
    what: str
    size: int
    """Bytes of its files; the manifest, of some kB, and a sheet come on top."""
    free: int
    """Bytes that the disk of the output has left."""
    seconds: float
    """About how long it takes, by a few measured pieces."""

    def to_json(self) -> dict[str, Any]:
        made = {"output": str(self.output), "what": self.what, "bytes": self.size, "free": self.free}
        return made | {"seconds": round(self.seconds, 3)}

    def fault(self) -> DiskError | None:
        """Why it cannot be made, if there is too little room."""
        return _lack(self.output, self.size, self.what, self.free)


def free_bytes(output: Path) -> int:
    """Bytes that are free on the disk where the output is going to lie."""
    folder = Path(os.path.realpath(output))
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def check_space(output: Path, size: int, what: str, progress: Progress, fix: str = _FEWER) -> None:
    """Says how many bytes ``what`` will take, and refuses when the disk of ``output`` has less room, with ``fix``.

    Raises:
        DiskError: less than ``size`` (and a reserve of 64 MB) is free.
    """
    free, size = free_bytes(output), max(size, 0)  # what is resumed may lie there already
    progress.note(f"{what} will take {readable(size)} ({readable(free)} are free)")
    lack = _lack(output, size, what, free, fix)
    if lack is not None:
        raise lack


def _lack(output: Path, size: int, what: str, free: int, fix: str = _FEWER) -> DiskError | None:
    if free >= size + _RESERVE:
        return None
    why = f"{what} need {readable(size)} with {readable(_RESERVE)} to spare, {readable(free)} are free"
    return DiskError("output", output, why, fix)


def readable(size: int) -> str:
    """A number of bytes for people, in decimal units."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
