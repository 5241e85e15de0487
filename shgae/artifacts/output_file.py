"""An output that is one file and no artefact: never over something that exists, unless it is a file and asked for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from shgae.artifacts.folders import check_name, torn_in
from shgae.artifacts.manifest import has_manifest, read_manifest
from shgae.errors import Refused

PAGE, PICTURE, ONNX = (".html", ".htm"), (".png", ".svg", ".pdf"), (".onnx",)
"""How the names of such files end."""


def check_file(output: Path, suffixes: tuple[str, ...], force: bool, *, example: str) -> None:
    """Raises :class:`Refused` where this file may not be made: another ending, or something is there already."""
    if output.suffix not in suffixes:
        endings = " or ".join(suffixes)
        raise Refused("output", output, f"its name does not end in {endings}", f"a name such as {example}{suffixes[0]}")
    check_name(output)
    if not output.exists() and not output.is_symlink():
        return
    if not force:
        raise Refused("output", output, "it exists already", "another --output, or --force to replace it")
    if folder := next((one for one in output.absolute().parents if _names(one, output)), None):
        raise Refused("output", output, f"it is a file of {folder}, which would be damaged", "another --output")
    if output.is_symlink() or not output.is_file():
        raise Refused("output", output, "it exists and is not a file, so --force spares it", "another --output")


def _names(folder: Path, output: Path) -> bool:
    """Whether a folder is an artefact with this file in it; a manifest of something else names nothing."""
    try:
        return has_manifest(folder) and output.absolute().relative_to(folder).as_posix() in read_manifest(folder).files
    except Refused:
        return False


def make_room(folder: Path, *names: str) -> None:
    """Makes the folder and sees, before the work, that a file can be made in it.

    What killed programs left of files of these ``names`` while they wrote them is cleared away.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Refused("output", folder, "a file stands in the way", "another --output") from error
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        error.filename = str(folder)  # the file's own name says nothing to anybody
        raise
    for left in torn_in(folder, names):
        if not _is_at_work(int(left.split(".")[-2])):
            (folder / left).unlink(missing_ok=True)


def _is_at_work(process: int) -> bool:
    if os.name != "posix":
        return True  # elsewhere this question would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
