"""Input files: opened once, told apart from what has no end, and read through that one handle.

A FIFO, a device or a socket would be waited for without an end, or read to the end of memory. A path that is checked
first and opened again later may have become another file in between; a handle stays what it is.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import TypeAlias

from shgae.errors import Refused

Source: TypeAlias = Path | BufferedReader
"""A file by its path, or already open; whoever reads it closes it."""
_ENDLESS = {
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
_MANIFEST = "manifest.json"
"""What a folder of ours holds."""
_LOST = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
"""What the system says of a link that leads nowhere."""
_NAMED = 3
"""So many files of a folder that was given in place of one are named."""
# Between the look at the kind and the opening a FIFO may take the place: opened so, it is not waited for.
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)


def typed_path(text: str) -> Path:
    """The path that a user typed; a leading ``~`` is a home folder, where the shell leaves it (``--output=~/x``)."""
    path = Path(text)
    with suppress(RuntimeError):  # nobody has that name: it is the file's own
        return path.expanduser() if text.startswith("~") else path
    return path


def open_input(
    path: Path, what: str = "file", fix: str = "check the path", *, wanted: str = "a file", most: int | None = None
) -> BufferedReader:
    """A regular file, open for reading; its ``name`` is the path.

    Args:
        path: the file; a link to one is fine.
        what: what an error calls it.
        fix: what an error advises for one that is too large.
        wanted: what an error says it should be, where it is something else.
        most: bytes; None takes any number.

    Raises:
        Refused: it is not there, a folder, a FIFO, a device or a socket, may not be read, or has more than ``most``
            bytes.
    """
    try:
        _check(path, path.stat(), what, wanted, fix, most)
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | _WITHOUT_WAITING))  # noqa: PTH123, SIM115
    except PermissionError as error:
        raise Refused(what, path, "it may not be read", "check its permissions") from error
    except OSError as error:
        if error.errno in _LOST and os.path.islink(path):  # noqa: PTH114
            where = "in a circle" if error.errno == errno.ELOOP else "to a file that is not there"
            raise Refused(what, path, f"a link {where}", "fetch the file that it stands for") from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise Refused(what, path, "no such file", "check the path") from error
        raise
    try:
        _check(path, os.fstat(file.fileno()), what, wanted, fix, most)
    except BaseException:
        file.close()
        raise
    return file


def read_input(path: Path, what: str, fix: str, most: int) -> bytes:
    """All of a file; raises as :func:`open_input`, also where it grows beyond ``most`` meanwhile."""
    with open_input(path, what, fix, most=most) as file:
        return whole(file, what, fix, most)


def whole(file: BufferedReader, what: str, fix: str, most: int) -> bytes:
    """All that is left of an open file; raises :class:`Refused` for more than ``most`` bytes."""
    data = file.read(most + 1)
    if len(data) > most:
        raise Refused(what, file.name, f"more than {most:,} bytes", fix)
    return data


def path_of(source: Source) -> Path:
    """Where a source lies."""
    return source if isinstance(source, Path) else Path(source.name)


@contextmanager
def reading(source: Source, what: str, fix: str = "", most: int | None = None) -> Iterator[tuple[BufferedReader, Path]]:
    """A source as an open file and its path, for the time of a block; raises as :func:`open_input`."""
    with open_input(source, what, fix, most=most) if isinstance(source, Path) else source as file:
        yield file, path_of(source)


def _check(path: Path, found: os.stat_result, what: str, wanted: str, fix: str, most: int | None) -> None:
    if stat.S_ISDIR(found.st_mode):
        if (path / _MANIFEST).is_file():
            fix = f"{path} itself, where a command takes such an artefact"
            raise Refused(what, path, f"it is an artefact already, wanted {wanted}", fix)
        raise Refused(what, path, f"it is a folder, wanted {wanted}", _inside(path, wanted) or "check the path")
    if not stat.S_ISREG(found.st_mode):
        kind = _ENDLESS.get(stat.S_IFMT(found.st_mode), "no regular file")
        raise Refused(what, path, f"it is {kind}, wanted {wanted}", "a regular file (a copy of what comes out of it)")
    if most is not None and found.st_size > most:
        raise Refused(what, path, f"more than {most:,} bytes", fix)


def _inside(folder: Path, wanted: str) -> str:
    """Files of the folder with a suffix of those wanted, or a name such as ``p*.json``; "" where there is none."""
    endings = re.findall(r"[\w*]*\.\w+", wanted)
    with suppress(OSError):
        named = (one for one in folder.iterdir() if any(one.match(f"*{end}") for end in endings))
        names = sorted(one.name for one in named if one.is_file())
        return " or ".join(str(folder / name) for name in names[:_NAMED]) + ", ..." * (len(names) > _NAMED)
    return ""
