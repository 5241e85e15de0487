"""sha256 of files: several at once, told where it takes long, and not twice while a file stays as it is.

What a process has hashed it knows by device, inode, size and the times of the last change, for as long as it lives: the
stages of a study read the same crops again and again. A file that was changed less than two seconds before is hashed
again, for a second change might leave its times as they are.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

from shgae.artifacts.input_file import open_input
from shgae.errors import Refused
from shgae.execution import Execution, ProcessGroup, Progress

Item = TypeVar("Item")
Found = TypeVar("Found")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_THREADS = 4
_MB = 1_000_000
_WORTH_TELLING = 500 * _MB
"""Bytes from which progress is told: about a quarter of a second."""
_RESTED = 2_000_000_000
"""Nanoseconds since the last change from which equal times mean an equal file, on any file system."""

_known: dict[tuple[int, ...], str] = {}


def is_sha256(text: str) -> bool:
    """Whether a text is such a hash in hexadecimal."""
    return _SHA256.fullmatch(text) is not None


def hash_file(path: Path) -> str:
    """sha256 of a file's content, in hexadecimal; always read."""
    with open_input(path) as file:
        return hash_open(file)


def hash_open(file: BufferedReader) -> str:
    """The same of a file that is open, which is then at its beginning."""
    file.seek(0)
    found = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return found


def known_hash(file: BufferedReader) -> str:
    """The same, but read only if this process has not yet, or if the file may have changed since."""
    before, begun = state_of(file), time.time_ns()
    found = _known.get(before)
    if found is None:
        found = hash_open(file)
        *_, modified, changed = before
        if state_of(file) == before and begun - max(modified, changed) > _RESTED:
            _known[before] = found
    return found


def learn(files: Sequence[tuple[Path, str]], world: ProcessGroup) -> None:
    """Takes over what the other processes hashed, to this sha256: of files that are the same ones here, to the time of
    their change."""
    import numpy as np  # a wrong path is told before that would be done

    states = []
    for path, _ in files:
        with open_input(path) as file:
            states.append(state_of(file))
    marks = np.zeros((len(files), hashlib.sha256().digest_size), np.uint8)
    for number in world.shard(range(len(files))):
        if _known.get(states[number]) == files[number][1]:
            marks[number] = np.frombuffer(_mark(states[number]), np.uint8)
    for state, (_, sha256), mark in zip(states, files, world.merge_disjoint(marks), strict=True):
        if mark.tobytes() == _mark(state):
            _known[state] = sha256


def _mark(state: tuple[int, ...]) -> bytes:
    return hashlib.sha256(repr(state).encode()).digest()


def led_out(path: Path, root: Path) -> str | None:
    """What is wrong with a file that a link leads out of the folder ``root``; None where none does."""
    is_inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
    return None if is_inside else "is a link that leads out of the artefact"


def misfit(path: Path, size: int) -> str | None:
    """What is wrong with a file that was written with so many bytes, as far as it shows without reading it."""
    if not path.is_file():
        return "is missing"
    found = path.stat().st_size
    return None if found == size else f"has {found} bytes, {size} were written"


def unlike(path: Path, sha256: str, size: int, *, anew: bool) -> str | None:
    """What is wrong with a file that was written with this hash and size in bytes; None where it is as it was.

    ``anew`` reads it in any case.
    """
    try:
        with open_input(path) as file:
            return unlike_open(file, sha256, size, anew=anew)
    except Refused:
        return "may not be read: check its permissions" if path.is_file() else "is missing"


def unlike_open(file: BufferedReader, sha256: str, size: int, *, anew: bool = False) -> str | None:
    """:func:`unlike` of a file that is open, and is then at its beginning."""
    if (found := os.fstat(file.fileno()).st_size) != size:
        return f"has {found} bytes, {size} were written"
    hashed = hash_open(file) if anew else known_hash(file)
    return None if hashed == sha256 else "was changed since it was written"


def of_each(
    work: Callable[[Item], Found],
    files: Sequence[tuple[Item, int]],
    what: str,
    execution: Execution,
    *,
    stops: bool = True,
) -> list[Found]:
    """``work`` of every file, in order, several at once, for hashing lets go of the interpreter's lock.

    Args:
        work: what hashes one file.
        files: what it is given, and the size in bytes.
        what: named where it takes long; then it is told in megabytes.
        execution: progress, and the wish to stop.
        stops: whether that wish is heard, where it takes long.

    Raises:
        Interrupted: a signal came.
    """
    found, done, total = [], 0, sum(size for _, size in files)
    is_long = total >= _WORTH_TELLING
    progress = execution.progress if is_long else Progress()
    progress.start(what, total // _MB, "MB")
    pool = ThreadPoolExecutor(_THREADS)
    try:
        for one, (_, size) in zip(pool.map(work, [item for item, _ in files]), files, strict=True):
            found.append(one)
            progress.advance((done + size) // _MB - done // _MB)
            done += size
            if is_long and stops:
                execution.stop.raise_if_set(what, "the same command again", saved=False)
    finally:
        pool.shutdown(cancel_futures=True)
    progress.finish()
    return found


def state_of(file: BufferedReader) -> tuple[int, ...]:
    """What tells an open file from any other, and from itself after a change: device, inode, size, times."""
    stat = os.fstat(file.fileno())
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def was_written(path: Path, state: tuple[int, ...]) -> bool:
    """Whether the file that was opened here with this :func:`state_of` was written to since; one that has taken its
    place does not count."""
    try:
        now = path.stat()
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == state[:2] and (now.st_size, now.st_mtime_ns) != state[2:4]
