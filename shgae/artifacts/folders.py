"""Whole folders: locked, cleared and put in place; what a crash leaves at any moment explains itself."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import filelock

from shgae.artifacts.manifest import MANIFEST, has_manifest
from shgae.artifacts.tables import read_json
from shgae.artifacts.tensors import sync
from shgae.errors import Refused


@contextlib.contextmanager
def locked(path: Path, target: Path) -> Iterator[None]:
    """Holds a lock file; raises :class:`Refused`, naming the process, if another one that makes ``target`` holds it."""
    # The system drops this lock when its holder dies, so no stale lock can stay.
    lock = filelock.FileLock(path, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        why = f"process {_holder(path)} is writing it"
        raise Refused("output", target, why, "another --output, or wait for it") from error
    try:
        with contextlib.suppress(PermissionError):  # Windows lets nobody write to a locked file
            path.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(20).decode(errors="replace").strip() or "unknown"
    return "unknown"


def check_inputs(target: Path, inputs: Iterable[Path]) -> None:
    """Raises :class:`Refused` if an output holds an input of its own step."""
    folder = target.resolve()
    for path in inputs:
        if path.resolve().is_relative_to(folder):
            raise Refused("output", target, f"it holds {path}, an input of this step", "another --output")


def check_target(target: Path, force: bool, resume: bool = False) -> None:
    """Raises :class:`Refused` if there is something that may not be replaced."""
    if not target.name or target.name == "..":
        raise Refused("output", target, "no name for a new folder", "another --output")
    if not target.exists() and not target.is_symlink():
        return
    if not force:
        why = "it is complete already" if resume and has_manifest(target) else "it exists already"
        raise Refused("output", target, why, "another --output, or --force to replace it")
    is_empty = target.is_dir() and not any(target.iterdir())
    if target.is_symlink() or not (is_empty or has_manifest(target)):
        raise Refused("output", target, "it exists and is no artefact, so --force spares it", "another --output")


def clear(folder: Path, keep: Collection[str]) -> None:
    """Deletes everything in a folder but the files named in ``keep``; follows no symlink."""
    for path in folder.iterdir():
        if path.name in keep:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove(folder: Path, mark: str) -> None:
    """Deletes a folder as far as it can, the file that marks it as ours last: what a crash leaves is still known."""
    with contextlib.suppress(OSError):
        clear(folder, {mark})
        shutil.rmtree(folder)


def put_in_place(made: Path, target: Path, mark: str) -> None:
    """Renames ``made`` to ``target``; an old target is put aside first, and deleted when the new one is durable."""
    aside = target.with_name(f".{target.name}.old-{os.getpid()}")
    try:
        if target.exists():
            target.rename(aside)
        made.rename(target)
    except BaseException:
        if aside.exists() and not target.exists():
            aside.rename(target)
        raise
    sync(target.parent)
    remove(aside, mark)


def mend(target: Path, mark: str) -> None:
    """Ends a :func:`put_in_place` that was killed: the old folder goes back if nothing took its place, or else away."""
    for aside in target.parent.glob(f".{glob.escape(target.name)}.old-*"):
        if not (aside / mark).is_file():
            continue
        if target.exists():
            remove(aside, mark)
        else:
            aside.rename(target)


def report_of(path: Path) -> Path:
    """The artefact that a folder stands for: of a study's folder the report in it, else the folder itself."""
    inside = path / "report"
    return inside if not (path / MANIFEST).is_file() and (inside / MANIFEST).is_file() else path


INTENT = ".intent.json"


def partial_of(target: Path) -> Path:
    """Where an unfinished artefact lies."""
    return target.parent / f"{target.name}.partial"  # with_name would choke on "." and "/"


def unfinished(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """The unfinished artefact at NAME.partial (given so, or as its target NAME) and what it is going to be, or None."""
    folder = path if (path / INTENT).is_file() else partial_of(path)
    if (path / MANIFEST).is_file() or not (folder / INTENT).is_file():
        return None
    return folder, read_json(folder / INTENT)
