"""Whole folders: locked, cleared and put in place; what a crash leaves at any moment explains itself."""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import filelock

from shgae.artifacts.durable import sync
from shgae.artifacts.hashing import led_out
from shgae.artifacts.locking import Lock, is_native
from shgae.artifacts.manifest import KINDS, MANIFEST, REPORT, has_manifest, names_in
from shgae.artifacts.run_log import ORIGIN
from shgae.artifacts.tables import read_json, write_json
from shgae.errors import Refused, shortened

INTENT, PIECES, LOCK = ".intent.json", ".pieces.jsonl", ".lock"
HIDDEN = (ORIGIN, PIECES, LOCK, INTENT)
"""What a draft's folder holds that is not part of the artefact."""
REPLACED = ".replaced.json"
"""Marks an old artefact that is being replaced."""
_TORN = re.compile(r"\.(.+)\.\d+\.tmp")
_OF_PARTS = ("model.safetensors", "cells.safetensors", "*/bottleneck-*", REPORT)
"""What parts of a study hold."""
_MOST_NAME = 255 - 16
"""Bytes: while it is written its name has up to 16 more."""


@contextlib.contextmanager
def locked(path: Path, target: Path) -> Iterator[None]:
    """Holds a lock file; raises :class:`Refused`, naming the process, if another one that makes ``target`` holds it."""
    lock = Lock(path, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        why = f"process {_holder(path)} is writing it"
        raise Refused("output", target, why, "another --output, or wait for it") from error
    try:
        if is_native(lock):
            with contextlib.suppress(OSError):  # Windows lets nobody write to a locked file; a full disk is met later
                path.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(20).decode(errors="replace").partition("\n")[0].strip() or "unknown"
    return "unknown"


def check_inputs(target: Path, inputs: Iterable[Path]) -> None:
    """Raises :class:`Refused` if an output holds an input of its own step."""
    folder = os.path.realpath(target)  # resolve() raises on a circle of symlinks
    for path in inputs:
        if Path(os.path.realpath(path)).is_relative_to(folder):
            raise Refused("output", target, f"it holds {path}, an input of this step", "another --output")


def check_name(output: Path) -> None:
    """Raises :class:`Refused` where an output's name leaves no room for what is put next to it while it is made."""
    if (size := len(os.fsencode(output.name))) > _MOST_NAME:
        why = f"its name has {size} bytes, at most {_MOST_NAME}"
        raise Refused("output", shortened(str(output), 100), why, "a shorter one")


def check_target(target: Path, force: bool, resume: bool = False) -> None:
    """Raises :class:`Refused` if there is something that may not be replaced."""
    if not target.name or target.name == "..":
        raise Refused("output", target, "no name for a new folder", "another --output")
    check_name(target)
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink():
        fix = f"--output {os.path.realpath(target)}" if target.exists() else "another --output"
        raise Refused("output", target, "it is a link, which is never replaced", fix)
    if not force:
        why = "it is complete already" if resume and has_manifest(target) else "it exists already"
        raise Refused("output", target, why, "another --output, or --force to replace it")
    is_empty = target.is_dir() and not any(target.iterdir())
    if not (is_empty or has_manifest(target)):
        raise Refused("output", target, "it exists and is not an artefact, so --force spares it", "another --output")


def clear(folder: Path, names: Iterable[str]) -> None:
    """Deletes these files of a folder, what a kill left of their writing, and folders inside that are empty then.

    Nothing else is touched, and no link is followed out of the folder.
    """
    owned = set(names)
    parents = {parent for name in owned for parent in PurePosixPath(name).parents}
    for name in torn_in(folder, owned) | owned:
        path = folder / name
        if led_out(path.parent, folder) is None and (path.is_file() or path.is_symlink()):
            path.unlink()
    for parent in sorted(parents - {PurePosixPath()}, key=lambda one: len(one.parts), reverse=True):
        with contextlib.suppress(OSError):  # not empty, or a link
            (folder / parent).rmdir()


def torn_in(folder: Path, names: Collection[str]) -> set[str]:
    """What killed writes of these files left next to them."""
    left = set()
    for parent in {PurePosixPath(name).parent for name in names}:
        own = {PurePosixPath(name).name.lstrip(".") for name in names if PurePosixPath(name).parent == parent}
        for path in (folder / parent).glob(".*.tmp"):
            found = _TORN.fullmatch(path.name)
            if found and found[1] in own:
                left.add((parent / path.name).as_posix())
    return left


def remove(folder: Path, names: Collection[str]) -> None:
    """Deletes an unfinished artefact as far as it can, its intent last: what a crash leaves is still known as ours.

    Where something of the user's lies in it the folder stays, and says that there is nothing to go on from.
    """
    with contextlib.suppress(OSError):
        clear(folder, names)
        if any(path.name not in HIDDEN for path in folder.iterdir()):
            write_json(folder / INTENT, {"cleared": True})
            clear(folder, (PIECES, ORIGIN))
            return
        clear(folder, HIDDEN[:-1])
        clear(folder, HIDDEN)
        folder.rmdir()


def put_in_place(made: Path, target: Path) -> Path | None:
    """Renames ``made`` to ``target``; an old target is put aside first, and taken away when the new one is durable.

    What is not part of the old artefact moves to the new one. Returns the folder where it stays if its
    place is taken.
    """
    aside = _free(target)
    try:
        if target.exists():
            write_json(target / REPLACED, {"replaced": True})  # so that the folder is known as ours, not by its name
            target.rename(aside)
        made.rename(target)
    except BaseException:
        if not target.exists() and (aside / REPLACED).is_file():
            aside.rename(target)
        (target / REPLACED).unlink(missing_ok=True)
        raise
    sync(target.parent)
    return _take_away(aside, target) if (aside / REPLACED).is_file() else None


def _free(target: Path) -> Path:
    """A name that nothing has but an empty folder, which a crash left: the first process of every container has the
    same number, and may have left a folder with something of the user's."""
    for again in itertools.count(1):
        path = target.with_name(f".{target.name}.old-{os.getpid()}" + f"-{again}" * (again > 1))
        if not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir())):
            return path
    raise AssertionError("there is always a larger number")


def mend(target: Path) -> None:
    """Ends a :func:`put_in_place` that was killed: the old folder goes back if nothing took its place, or else away."""
    for aside in target.parent.glob(f".{glob.escape(target.name)}.old-*"):
        if not (aside / REPLACED).is_file():
            continue
        if target.exists():
            _take_away(aside, target)
        else:
            aside.rename(target)
    if (target / REPLACED).is_file():
        (target / REPLACED).unlink()


def _take_away(aside: Path, target: Path) -> Path | None:
    """Deletes an old artefact as far as it can, its manifest and mark last; what else lies there moves to the new."""
    with contextlib.suppress(OSError):
        clear(aside, [*names_in(aside), *HIDDEN])
        _move(aside, target)
        clear(aside, [MANIFEST])
        clear(aside, [REPLACED])
        if any(aside.iterdir()):
            return aside
        aside.rmdir()
    return None


def _move(source: Path, target: Path) -> None:
    for path in sorted(source.iterdir()):
        there = target / path.name
        if path.name in (MANIFEST, REPLACED):
            continue
        if not there.exists() and not there.is_symlink():
            path.rename(there)
        elif all(one.is_dir() and not one.is_symlink() for one in (path, there)):
            _move(path, there)
            with contextlib.suppress(OSError):  # not empty
                path.rmdir()


def report_of(path: Path) -> Path:
    """The artefact that a folder stands for: of a study's folder the report in it, else the folder itself."""
    inside = path / "report"
    return inside if not (path / MANIFEST).is_file() and (inside / MANIFEST).is_file() else path


def parts_in(folder: Path) -> list[Path]:
    """The complete artefacts in a study's folder, as deep as a study's parts lie."""
    manifests = (one for depth in (1, 2, 3) for one in sorted(folder.glob("*/" * depth + MANIFEST)))
    found = [one.parent for one in manifests if one.is_file()]
    return [one for one in found if not one.name.startswith(".") and not (one / INTENT).is_file()]


def stripped_in(folder: Path) -> list[Path]:
    """Folders as deep as a study's parts lie that hold what a part does, but have lost their manifest."""
    found = set()
    for depth in (1, 2, 3):
        for one in itertools.chain.from_iterable(folder.glob("*/" * depth + name) for name in _OF_PARTS):
            part = Path(*one.relative_to(folder).parts[:depth])
            own = [folder / inner / name for inner in (part, *part.parents) for name in (MANIFEST, INTENT)]
            if not (part.name.startswith(".") or any(file.is_file() for file in own)):
                found.add(folder / part)
    return sorted(found)


def partial_of(target: Path) -> Path:
    """Where an unfinished artefact lies."""
    return target.parent / f"{target.name}.partial"  # with_name would choke on "." and "/"


def interrupted(target: Path, *, force: bool = False) -> dict[str, Any] | None:
    """What the interrupted run next to a target was going to be; None where there is none, or it is being cleared.

    Killed in its commit, such a run has a manifest already.

    Raises:
        Refused: one lies there, and what says so is damaged; with ``force`` nothing is known of it, as an empty object.
    """
    folder = partial_of(target)
    try:
        return _intent(folder) if (folder / INTENT).is_file() else None
    except Refused:
        if not force:
            raise
        return {}


def _intent(folder: Path) -> dict[str, Any] | None:
    fix = "the command that began it, with --force"
    try:
        found = read_json(folder / INTENT)
    except Refused as error:
        raise Refused("unfinished artefact", folder, f"{INTENT} is damaged ({error.why})", fix) from error
    if not found.get("cleared") and found.get("kind") not in KINDS:
        raise Refused("unfinished artefact", folder, f"{INTENT} does not say what it is going to be", fix)
    return None if found.get("cleared") else found


def unfinished(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """The unfinished artefact at NAME.partial (given so, or as its target NAME) and what it is going to be, or None."""
    folder = path if (path / INTENT).is_file() else partial_of(path)
    if (path / MANIFEST).is_file() or not (folder / INTENT).is_file():
        return None
    intent = _intent(folder)
    return None if intent is None else (folder, intent)
