"""Room on the disk, looked at before long work."""

from __future__ import annotations

import shutil
from pathlib import Path

from shgae.errors import DiskError
from shgae.execution import Progress

_RESERVE = 64_000_000


def check_space(output: Path, size: int, what: str, progress: Progress) -> None:
    """Says how many bytes ``what`` will take, and refuses when the disk of ``output`` has less room.

    Raises:
        DiskError: less than ``size`` (and a reserve of 64 MB) is free.
    """
    folder = output.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    progress.note(f"{what} will take {readable(size)} ({readable(free)} are free)")
    if free < size + _RESERVE:
        why = f"{what} need {readable(size)} with {readable(_RESERVE)} to spare, {readable(free)} are free"
        raise DiskError("output", output, why, "another disk, or --limit")


def readable(size: int) -> str:
    """A number of bytes for people, in decimal units."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
