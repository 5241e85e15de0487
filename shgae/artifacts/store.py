"""Making artefacts and opening them.

A draft fills ``NAME.partial`` beside its target ``NAME``; commit hashes every file, writes the manifest last, syncs
everything to disk and renames. A crash leaves the old artefact or the new one, never a mixture, and an unfinished one
never looks whole.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shgae.artifacts.manifest import (
    MANIFEST,
    FileEntry,
    Manifest,
    Parent,
    hash_file,
    package_versions,
    read_manifest,
)
from shgae.artifacts.tables import read_json, write_json
from shgae.artifacts.tensors import Array, save_tensors, sync_folder
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import differences

_INTENT = ".intent.json"
_LOCK = ".lock"
_HASH_THREADS = 4


@dataclass(frozen=True)
class Artifact:
    """A complete artefact whose manifest (and, unless said otherwise, every file) was checked."""

    path: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        """The artefact's identity; see :attr:`Manifest.id`."""
        return self.manifest.id

    @property
    def short_id(self) -> str:
        """The first twelve digits of the id, for people."""
        return self.manifest.id[:12]

    @property
    def facts(self) -> Mapping[str, Any]:
        """See :attr:`Manifest.facts`."""
        return self.manifest.facts

    def file(self, name: str) -> Path:
        """The path of one file of the artefact.

        Raises:
            Refused: the artefact has no such file.
        """
        if name not in self.manifest.files:
            raise Refused(f"file {name}", self.path, f"not part of this {self.manifest.kind}", "shgae info")
        return self.path / name

    def parent(self, role: str) -> Parent | None:
        """The parent of that role, or None."""
        return next((parent for parent in self.manifest.parents if parent.role == role), None)


def open_artifact(path: Path, *kinds: str, verify: bool = True) -> Artifact:
    """Opens a complete artefact of one of the given kinds (any, when none is given).

    Args:
        path: its folder.
        kinds: kinds that are accepted.
        verify: whether to hash every file again.

    Raises:
        Refused: no such folder, not complete, another kind, or a file is missing or changed.
    """
    if not (path / MANIFEST).is_file():
        raise _not_an_artifact(path, kinds)
    artifact = Artifact(path, read_manifest(path))
    if kinds and artifact.manifest.kind not in kinds:
        why = f"it holds {_a(artifact.manifest.kind)}, wanted {' or '.join(_a(kind) for kind in kinds)}"
        raise Refused("artefact", path, why, "shgae info on it, and check the order of the arguments")
    if verify:
        verify_files(artifact)
    return artifact


def verify_files(artifact: Artifact) -> None:
    """Hashes every file again; raises :class:`Refused` for the first, by name, that is missing or changed."""

    def fault(item: tuple[str, FileEntry]) -> str | None:
        name, entry = item
        path = artifact.path / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != entry.size:
            return f"{name} has {path.stat().st_size} bytes, {entry.size} were written"
        return None if hash_file(path) == entry.sha256 else f"{name} was changed since it was written"

    with ThreadPoolExecutor(_HASH_THREADS) as pool:
        faults = [found for found in pool.map(fault, sorted(artifact.manifest.files.items())) if found]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise Refused(artifact.manifest.kind, artifact.path, faults[0] + more, "make the artefact again")


class Draft:
    """An artefact that is being made; see :func:`draft`."""

    def __init__(self, target: Path, kind: str, config: Mapping[str, Any], parents: Mapping[str, Artifact]) -> None:
        self.target = target
        self.path = partial_of(target)
        self.kind = kind
        self.config = dict(config)
        self.parents = tuple(_as_parent(role, parent, target) for role, parent in parents.items())
        self.resumed = False
        self.committed: Artifact | None = None

    def intent(self) -> dict[str, Any]:
        """What this draft is going to be: an interrupted one is continued only by the same."""
        return {"kind": self.kind, **self.config, **{parent.role: parent.id for parent in self.parents}}

    def file(self, name: str) -> Path:
        """The path of a file inside; its folder is made."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_tensors(self, name: str, tensors: Mapping[str, Array], note: Mapping[str, Any] | None = None) -> None:
        """Writes a safetensors file, whole or not at all."""
        save_tensors(self.file(name), tensors, note)

    def write_json(self, name: str, value: Any) -> None:
        """Writes a JSON file, whole or not at all."""
        write_json(self.file(name), value)

    def commit(self, facts: Mapping[str, Any], *, volatile: Collection[str] = (), device: str = "cpu") -> Artifact:
        """Completes the artefact: hashes, manifest, sync, rename. Files in ``volatile`` hold times."""
        names = sorted(
            str(path.relative_to(self.path).as_posix())
            for path in self.path.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        )
        with ThreadPoolExecutor(_HASH_THREADS) as pool:
            hashes = list(pool.map(lambda name: hash_file(self.path / name), names))
        files = {
            name: FileEntry(sha256, (self.path / name).stat().st_size, name in volatile)
            for name, sha256 in zip(names, hashes, strict=True)
        }
        provenance = {
            "versions": package_versions(),
            "device": device,
            "threads": os.cpu_count(),
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        manifest = Manifest(self.kind, self.config, dict(facts), files, self.parents, provenance)
        for name in names:
            _sync_file(self.path / name)
        for folder in sorted({self.path, *((self.path / name).parent for name in names)}):
            sync_folder(folder)
        write_json(self.path / MANIFEST, manifest.to_json())
        for hidden in (_INTENT, _LOCK):
            (self.path / hidden).unlink(missing_ok=True)
        _swap(self.path, self.target)
        self.committed = Artifact(self.target, manifest)
        return self.committed


@contextmanager
def draft(
    target: Path,
    *,
    kind: str,
    config: Mapping[str, Any],
    parents: Mapping[str, Artifact],
    execution: Execution,
    resumable: bool = False,
) -> Iterator[Draft]:
    """Begins an artefact at ``target``; without a commit nothing appears there.

    A resumable draft that ends early keeps ``NAME.partial``, and the same step continues it with ``--resume``;
    others are cleared away.

    Raises:
        Refused: the target exists (and no ``force``), is no artefact, or somebody else is writing it; an interrupted
            draft of other options or parents is to be resumed, or one lies there and neither resume nor force is set.
    """
    made = Draft(target, kind, config, parents)
    _check_target(target, execution)
    try:
        made.path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Refused("output", target, "a file stands in the way", "another --output") from error
    with _locked(made.path / _LOCK, target):
        _begin(made, execution, resumable)
        try:
            yield made
        finally:
            if made.committed is None and not resumable:
                shutil.rmtree(made.path, ignore_errors=True)


def partial_of(target: Path) -> Path:
    """Where an unfinished artefact lies."""
    return target.parent / f"{target.name}.partial"  # with_name would choke on "." and "/"


def unfinished(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """The unfinished artefact at NAME.partial (given so, or as its target NAME) and what it is going to be, or None."""
    folder = path if (path / _INTENT).is_file() else partial_of(path)
    if (path / MANIFEST).is_file() or not (folder / _INTENT).is_file():
        return None
    return folder, read_json(folder / _INTENT)


def _check_target(target: Path, execution: Execution) -> None:
    if not target.name or target.name == "..":
        raise Refused("output", target, "no name for a new folder", "another --output")
    if not target.exists() and not target.is_symlink():
        return
    if not execution.force:
        raise Refused("output", target, "it exists already", "another --output, or --force to replace it")
    is_empty = target.is_dir() and not any(target.iterdir())
    if target.is_symlink() or not ((target / MANIFEST).is_file() or is_empty):
        raise Refused("output", target, "it exists and is no artefact, so --force spares it", "another --output")


def _begin(made: Draft, execution: Execution, resumable: bool) -> None:
    intent = made.path / _INTENT
    if intent.is_file() and resumable and execution.resume:
        other = read_json(intent)
        changed = differences(made.intent(), other)
        if changed:
            raise Refused("resume", made.path, f"it was begun otherwise ({'; '.join(changed)})", "the same options")
        made.resumed = True
        return
    if intent.is_file() and resumable and not execution.force:
        fix = "--resume to continue it, or --force to start anew"
        raise Refused("output", made.target, f"an interrupted run lies in {made.path.name}", fix)
    leftovers = [path for path in made.path.iterdir() if path.name != _LOCK]
    if not intent.is_file() and any(not path.name.startswith((_INTENT, ".tmp")) for path in leftovers):
        why = f"{made.path.name} stands in the way, and it is no unfinished artefact"
        raise Refused("output", made.target, why, "another --output")
    for leftover in leftovers:
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
    write_json(intent, made.intent())


@contextmanager
def _locked(path: Path, target: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            # The kernel drops this lock when its holder dies, so no stale lock can stay.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 20, 0).decode(errors="replace").strip() or "unknown"
            why = f"process {holder} is writing it"
            raise Refused("output", target, why, "another --output, or wait for it") from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _swap(partial: Path, target: Path) -> None:
    sync_folder(partial)
    old = target.with_name(f".{target.name}.old-{os.getpid()}")
    if target.exists():
        target.rename(old)
    partial.rename(target)
    sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _as_parent(role: str, artifact: Artifact, target: Path) -> Parent:
    manifest = artifact.manifest
    where = os.path.relpath(artifact.path.resolve(), target.resolve())
    return Parent(role, manifest.kind, manifest.id, Path(where).as_posix(), manifest.parents)


def _not_an_artifact(path: Path, kinds: Collection[str]) -> Refused:
    wanted = " or ".join(_a(kind) for kind in kinds) or "an artefact"
    if partial_of(path).is_dir():
        return Refused("artefact", path, "unfinished: its step was interrupted", "that step again, with --resume")
    if not path.exists():
        return Refused("artefact", path, f"no such folder, wanted {wanted}", "check the path")
    return Refused("artefact", path, f"no manifest.json in it, so it is not {wanted}", "check the path")


def _a(kind: str) -> str:
    return {"data": "prepared data", "activations": "activations"}.get(
        kind, f"an {kind}" if kind[0] in "aeio" else f"a {kind}"
    )
