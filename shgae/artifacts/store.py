"""Making artefacts and opening them.

A draft fills ``NAME.partial`` beside its target ``NAME``; commit hashes every file, writes the manifest last, syncs
everything to disk and renames. A crash leaves the old artefact or the new one, never a mixture, and an unfinished one
never looks whole.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from shgae.artifacts.command import command_line
from shgae.artifacts.facts import Facts
from shgae.artifacts.folders import check_inputs, check_target, clear, locked, mend, put_in_place, remove
from shgae.artifacts.hashing import hash_file, led_out, of_each, unlike
from shgae.artifacts.manifest import (
    MANIFEST,
    FileEntry,
    Manifest,
    Parent,
    differences,
    in_words,
    package_versions,
    read_manifest,
)
from shgae.artifacts.origin import ORIGIN, Origin, conditions_of, going_on, now
from shgae.artifacts.tables import as_read, read_json, write_json
from shgae.artifacts.tensors import Array, save_tensors, sync
from shgae.errors import Refused
from shgae.execution import Execution

_INTENT = ".intent.json"
_LOCK = ".lock"


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
        """See :attr:`Manifest.facts`; a fact that is read must be there, and make sense."""
        return Facts(self.manifest.facts, self.path)

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


def open_artifact(
    path: Path,
    *kinds: str,
    verify: bool = True,
    only: tuple[str, ...] = ("",),
    execution: Execution | None = None,
) -> Artifact:
    """Opens a complete artefact of one of the given kinds (any, when none is given).

    Args:
        path: its folder.
        kinds: kinds that are accepted.
        verify: whether to hash its files again.
        only: beginnings of the names of the files to hash; a step need not hash what it does not read.
        execution: where hashing is told if it takes long, and whether to stop.

    Raises:
        Refused: no such folder, not complete, another kind, or a file is missing or changed.
    """
    if not (path / MANIFEST).is_file():
        raise _not_an_artifact(path, kinds)
    artifact = Artifact(path, read_manifest(path))
    if kinds and artifact.manifest.kind not in kinds:
        why = f"it holds {in_words(artifact.manifest.kind)}, wanted {' or '.join(in_words(kind) for kind in kinds)}"
        raise Refused("artefact", path, why, "shgae info on it, and check the order of the arguments")
    if verify:
        verify_files(artifact, only, execution)
    return artifact


def verify_files(
    artifact: Artifact, only: tuple[str, ...] = ("",), execution: Execution | None = None, *, anew: bool = False
) -> None:
    """Hashes the files whose names begin so; raises :class:`Refused`, naming the first that is missing or changed.

    What this process has hashed before and has not changed since is not hashed again, unless ``anew`` asks for it.
    """

    def fault(item: tuple[str, FileEntry]) -> str | None:
        name, entry = item
        path = artifact.path / name
        found = led_out(path, artifact.path) or unlike(path, entry.sha256, entry.size, anew=anew)
        return f"{name} {found}" if found else None

    chosen = [(item, item[1].size) for item in sorted(artifact.manifest.files.items()) if item[0].startswith(only)]
    found = of_each(fault, chosen, f"checking {artifact.path}", execution or Execution())
    if faults := [one for one in found if one]:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise Refused(artifact.manifest.kind, artifact.path, faults[0] + more, "make the artefact again")


class Draft:
    """An artefact that is being made; see :func:`draft`. Of several processes only the first writes in it."""

    def __init__(
        self,
        target: Path,
        kind: str,
        config: Mapping[str, Any],
        parents: Mapping[str, Artifact],
        execution: Execution,
        device: str,
    ) -> None:
        self.target = target
        self.path = partial_of(target)
        self.kind = kind
        self.config = as_read(config)
        self.parents = tuple(_as_parent(role, parent, target) for role, parent in parents.items())
        self.resumed = False
        self.committed: Artifact | None = None
        self.origin = Origin.new(self.parents, conditions_of(device, execution))
        self.world = execution.world
        self._execution = execution

    def intent(self) -> dict[str, Any]:
        """What this draft is going to be: an interrupted one is continued only by the same."""
        return {"kind": self.kind, **self.config, **{parent.role: parent.id for parent in self.parents}}

    def file(self, name: str) -> Path:
        """The path of a file inside; its folder is made."""
        path = self.path / name
        if self.world.first:
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def holds_files(self) -> bool:
        """Whether anything was written that a resumed step could go on from."""
        return any(path.is_file() and not path.name.startswith(".") for path in self.path.rglob("*"))

    def size(self) -> int:
        """Bytes written so far."""
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())

    def write_tensors(self, name: str, tensors: Mapping[str, Array], note: Mapping[str, Any] | None = None) -> None:
        """Writes a safetensors file, whole or not at all."""
        if self.world.first:
            save_tensors(self.file(name), tensors, note)

    def write_json(self, name: str, value: Any) -> None:
        """Writes a JSON file, whole or not at all."""
        if self.world.first:
            write_json(self.file(name), value)

    def commit(self, facts: Mapping[str, Any], *, volatile: Collection[str] = ()) -> Artifact:
        """Completes the artefact: hashes, sync, manifest, rename.

        Args:
            facts: what a reader needs to know; part of the id.
            volatile: files that hold times or the command line, and are no part of the id.
        """
        self.world.tell(None)  # nobody reads in the draft any more
        if self.world.first:
            self.committed = self._commit(facts, volatile)
        self.world.tell(None)  # it is there
        if self.committed is None:
            self.committed = open_artifact(self.target, verify=False)
        return self.committed

    def _commit(self, facts: Mapping[str, Any], volatile: Collection[str]) -> Artifact:
        check_target(self.target, self._execution.force)  # once more: it may have been made since
        names = sorted(
            str(path.relative_to(self.path).as_posix())
            for path in self.path.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        )
        sizes = [(self.path / name, (self.path / name).stat().st_size) for name in names]
        # A wish to stop is not heard any more: what is left takes less than to do it all again.
        hashes = of_each(hash_file, sizes, f"hashing {self.path}", self._execution, stops=False)
        files = {
            name: FileEntry(sha256, size, name in volatile)
            for name, sha256, (_, size) in zip(names, hashes, sizes, strict=True)
        }
        changes = self.origin.changes()
        provenance = {
            "versions": package_versions(),
            **{key: self.origin.conditions[-1][key] for key in ("device", "deterministic")},
            "processors": os.cpu_count(),
            "processes": self.world.size,
            "command": command_line(),
            "created": now(),
        } | ({"resumed_otherwise": changes} if changes else {})
        manifest = Manifest(self.kind, self.config, as_read(facts), files, self.parents, provenance)
        for name in names:
            sync(self.path / name)
        for folder in sorted({".", *(str(folder) for name in names for folder in PurePosixPath(name).parents)}):
            sync(self.path / folder)
        write_json(self.path / MANIFEST, manifest.to_json())
        put_in_place(self.path, self.target, MANIFEST)
        # Not before the rename: killed in between, an unfinished folder must still say what it was going to be.
        for hidden in (ORIGIN, _INTENT, _LOCK):
            (self.target / hidden).unlink(missing_ok=True)
        return Artifact(self.target, manifest)


@contextmanager
def draft(
    target: Path,
    *,
    kind: str,
    config: Mapping[str, Any],
    parents: Mapping[str, Artifact],
    execution: Execution,
    resumable: bool = False,
    inputs: Iterable[Path] = (),
    device: str = "none",
) -> Iterator[Draft]:
    """Begins an artefact at ``target``; without a commit nothing appears there.

    A resumable draft that ends early with something in it keeps ``NAME.partial``, and the same step continues it with
    ``--resume``; others are cleared away. ``inputs`` are files and folders that the step reads besides its parents,
    ``device`` says where tensors are computed, if any are.

    Raises:
        Refused: the target exists (and no ``force``), is no artefact, or somebody else is writing it; an interrupted
            draft of other options or parents is to be resumed, or one lies there and neither resume nor force is set.
    """
    made = Draft(target, kind, config, parents, execution, device)
    if not made.world.first:
        made.resumed = made.world.tell(False)
        yield made
        return
    check_inputs(target, [*(parent.path for parent in parents.values()), *inputs])
    check_target(target, execution.force, execution.resume)
    _check_partial(made)
    try:
        made.path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Refused("output", target, "a file stands in the way", "another --output") from error
    with locked(made.path / _LOCK, target):
        mend(target, MANIFEST)
        check_target(target, execution.force)  # once more: another process may just have finished it
        is_new = not (made.path / _INTENT).is_file()
        try:
            _begin(made, execution, resumable)
        except OSError:
            if is_new:  # nothing of it is worth keeping
                remove(made.path, _INTENT)
            raise
        try:
            made.world.tell(made.resumed)
            yield made
        finally:
            if made.committed is None and not (resumable and made.holds_files()):
                remove(made.path, _INTENT)


def partial_of(target: Path) -> Path:
    """Where an unfinished artefact lies."""
    return target.parent / f"{target.name}.partial"  # with_name would choke on "." and "/"


def unfinished(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """The unfinished artefact at NAME.partial (given so, or as its target NAME) and what it is going to be, or None."""
    folder = path if (path / _INTENT).is_file() else partial_of(path)
    if (path / MANIFEST).is_file() or not (folder / _INTENT).is_file():
        return None
    return folder, read_json(folder / _INTENT)


def _check_partial(made: Draft) -> None:
    """Spares a folder of the user's own that has the name of the draft."""
    names = []
    if made.path.is_dir() and not (made.path / _INTENT).is_file():
        names = [path.name for path in made.path.iterdir()]
    if made.path.is_symlink() or any(name != _LOCK and not name.startswith(_INTENT) for name in names):
        why = f"{made.path.name} stands in the way, and it is no unfinished artefact"
        raise Refused("output", made.target, why, "another --output")


def _begin(made: Draft, execution: Execution, resumable: bool) -> None:
    intent = made.path / _INTENT
    begun = intent.is_file()
    if begun and resumable and execution.resume:
        changed = differences(made.intent(), read_json(intent))
        if changed:
            raise Refused("resume", made.path, f"it was begun otherwise ({'; '.join(changed)})", "the same options")
        made.resumed = True
        # What a kill during a write or the commit left: it must not pass for a part of the artefact, or for all of it.
        for torn in (made.path / MANIFEST, *made.path.rglob(".*.tmp")):
            torn.unlink(missing_ok=True)
        made.origin = going_on(made.origin, made.path, execution.progress)
        return
    if begun and not execution.force and (resumable or differences(made.intent(), read_json(intent))):
        fix = "--resume to continue it, or --force to start anew" if resumable else "another --output, or --force"
        raise Refused("output", made.target, f"an interrupted run lies in {made.path.name}", fix)
    if begun:
        # Killed while it is cleared, it is not the run it was: nothing may continue it.
        write_json(intent, {"kind": made.kind, "cleared": True})
    elif resumable and execution.resume:
        execution.progress.note("note: there is no interrupted run to go on from: it begins now")
    clear(made.path, {_INTENT, _LOCK})
    write_json(intent, made.intent())
    if resumable:
        made.origin.write(made.path)


def _as_parent(role: str, artifact: Artifact, target: Path) -> Parent:
    manifest = artifact.manifest
    where = os.path.relpath(artifact.path.resolve(), target.resolve())
    return Parent(role, manifest.kind, manifest.id, Path(where).as_posix(), manifest.parents)


def _not_an_artifact(path: Path, kinds: Collection[str]) -> Refused:
    wanted = " or ".join(in_words(kind) for kind in kinds) or "an artefact"
    if partial_of(path).is_dir() or (path / _INTENT).is_file():
        why = "unfinished: its step was interrupted, or is still at work"
        return Refused("artefact", path, why, "that step again, with --resume if it has that option")
    if not path.is_dir():
        found = "it is a file" if path.exists() else "no such folder"
        return Refused("artefact", path, f"{found}, wanted {wanted}", "check the path")
    return Refused("artefact", path, f"no manifest.json in it, so it is not {wanted}", "check the path")
