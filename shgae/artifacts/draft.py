"""Making artefacts: a draft is filled, then committed; nothing appears at its target before.

A draft fills ``NAME.partial`` next to its target ``NAME``; commit writes the manifest with each file's hash last, syncs
everything to disk and renames. A crash leaves the old artefact or the new one, never a mixture, and an unfinished one
never looks whole.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from shgae.arrays import Array
from shgae.artifacts.command_line import command_line
from shgae.artifacts.durable import sync, write_bytes
from shgae.artifacts.folders import (
    HIDDEN,
    INTENT,
    LOCK,
    PIECES,
    check_inputs,
    check_target,
    clear,
    interrupted,
    locked,
    mend,
    partial_of,
    put_in_place,
    remove,
    torn_in,
)
from shgae.artifacts.hashing import hash_file, of_each
from shgae.artifacts.manifest import MANIFEST, FileEntry, Manifest, Parent, differences, package_versions
from shgae.artifacts.pieces import Pieces
from shgae.artifacts.run_log import RunOrigin, conditions_of, going_on, now
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tables import as_read, dumps, json_bytes, write_json
from shgae.artifacts.tensors import tensors_bytes
from shgae.errors import Refused
from shgae.execution import Execution, processors

_MOST_SHOWN = 4
"""Of the differences between two runs."""


class Draft:
    """An artefact that is being made; see :func:`new_artifact`. Of several processes only the first writes in it."""

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
        self.origin = RunOrigin(command_line(), now(), self.parents, (conditions_of(device, execution),))
        self.world = execution.world
        self.pieces = Pieces(self.path)
        self.provenance: dict[str, str] = {}
        """What the manifest says of the run besides device and versions."""
        self._execution = execution

    def intent(self) -> dict[str, Any]:
        """What this draft is going to be: an interrupted one is continued only by the same."""
        return {"kind": self.kind, **self.config, **{parent.role: parent.id for parent in self.parents}}

    def file(self, name: str) -> Path:
        """The path of a file inside, which is the artefact's from now on; its folder is made."""
        path = self.path / name
        if self.world.is_main:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.pieces.claim(name)
        return path

    def has(self, name: str) -> bool:
        """Whether a file was written by :meth:`write`, in this run or one that it goes on from."""
        return self.pieces.holds(name)

    def files(self) -> dict[str, Path]:
        """What was written, by name, as far as it is there: a resumed step could go on from it."""
        return {name: path for name in self.pieces.names if (path := self.path / name).is_file()}

    def size(self) -> int:
        """Bytes written so far."""
        return sum(path.stat().st_size for path in self.files().values())

    def write(self, name: str, content: bytes) -> None:
        """Writes a file, whole or not at all; a run that goes on from it checks that it still is the same."""
        if self.world.is_main:
            path = self.file(name)
            self.pieces.expect(name, content)
            write_bytes(path, content)

    def write_tensors(self, name: str, tensors: Mapping[str, Array]) -> None:
        """Writes a safetensors file; see :meth:`write`."""
        if self.world.is_main:
            self.write(name, tensors_bytes(tensors))

    def write_json(self, name: str, value: Any) -> None:
        """Writes a JSON file; see :meth:`write`."""
        self.write(name, json_bytes(value))

    def write_rows(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Writes a table, a JSON object a line; see :meth:`write`."""
        self.write(name, "".join(dumps(row) + "\n" for row in rows).encode())

    def preview(self, facts: Mapping[str, Any]) -> Artifact:
        """What is written so far, to be read as the artefact that it is going to be."""
        files = {
            name: FileEntry(*(self.pieces.written(name) or (hash_file(path), path.stat().st_size)))
            for name, path in self.files().items()
        }
        return Artifact(self.path, Manifest(self.kind, self.config, as_read(facts), files, self.parents, {}))

    def discard(self, name: str) -> None:
        """Deletes a file that is of no more use."""
        if self.world.is_main:
            self.file(name).unlink(missing_ok=True)

    def commit(self, facts: Mapping[str, Any], *, volatile: Collection[str] = ()) -> Artifact:
        """Completes the artefact: hashes that are not known yet, sync, manifest, rename.

        Args:
            facts: what a reader needs to know; part of the id.
            volatile: files that hold times or the command line, and are not part of the id.
        """
        self.world.broadcast(None)  # nobody reads in the draft any more
        if self.world.is_main:
            self.committed = self._commit(facts, volatile)
        self.world.broadcast(None)  # it is there
        if self.committed is None:
            self.committed = open_artifact(self.target, verify=False)
        return self.committed

    def _commit(self, facts: Mapping[str, Any], volatile: Collection[str]) -> Artifact:
        check_target(self.target, self._execution.force)  # once more: it may have been made since
        names = sorted(
            name
            for name in self.pieces.names.union(volatile)
            if (self.path / name).is_file() and not PurePosixPath(name).name.startswith(".")
        )
        files = {
            name: FileEntry(sha256, size, name in volatile)
            for name, (sha256, size) in zip(names, self._hashes(names), strict=True)
        }
        changes = self.origin.changes()
        provenance = {
            "versions": package_versions(),
            **{key: self.origin.conditions[-1][key] for key in ("device", "deterministic")},
            **self.provenance,
            "processors": processors(),
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
        if left := put_in_place(self.path, self.target):
            self._execution.progress.note(f"note: what was in {self.target} and no part of it is in {left} now")
        # Not before the rename: killed in between, an unfinished folder must still say what it was going to be.
        for hidden in HIDDEN:
            (self.target / hidden).unlink(missing_ok=True)
        return Artifact(self.target, manifest)

    def _hashes(self, names: Sequence[str]) -> list[tuple[str, int]]:
        """sha256 and bytes of files. What :meth:`write` wrote was hashed then: a disk that keeps something else is
        found out by verifying, not made the truth."""
        sizes = {name: (self.path / name).stat().st_size for name in names}
        known = {name: found for name in names if (found := self.pieces.written(name)) and found[1] == sizes[name]}
        rest = [(self.path / name, sizes[name]) for name in names if name not in known]
        # A wish to stop is not heard any more: what is left takes less than to do it all again.
        hashes = iter(of_each(hash_file, rest, f"hashing {self.path}", self._execution, stops=False))
        return [known.get(name) or (next(hashes), sizes[name]) for name in names]


@contextmanager
def new_artifact(
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
        Refused: the target exists (and no ``force``), is not an artefact, or somebody else writes it; an interrupted
            draft of other options or parents is to be resumed, or one lies there and neither resume nor force is set.
    """
    made = Draft(target, kind, config, parents, execution, device)
    if not made.world.is_main:
        made.resumed = made.world.broadcast(False)
        yield made
        return
    check_inputs(target, [*(parent.path for parent in parents.values()), *inputs])
    check_target(target, execution.force, execution.resume)
    _check_partial(made)
    try:
        made.path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Refused("output", target, "a file stands in the way", "another --output") from error
    with locked(made.path / LOCK, target):
        mend(target)
        is_new = not (made.path / INTENT).is_file()
        try:
            check_target(target, execution.force)  # once more: another process may just have finished it
            _begin(made, execution, resumable)
        except (OSError, Refused):
            if is_new:  # nothing of it is worth keeping
                remove(made.path, ())
            raise
        try:
            made.world.broadcast(made.resumed)
            yield made
        finally:
            if made.committed is None and not (resumable and made.files()):
                remove(made.path, made.pieces.names)


def _check_partial(made: Draft) -> None:
    """Spares a folder of the user's own that has the name of the draft."""
    names = []
    if made.path.is_dir() and not (made.path / INTENT).is_file():
        names = [path.name for path in made.path.iterdir()]
    if made.path.is_symlink() or any(name != LOCK and not name.startswith(INTENT) for name in names):
        why = f"{made.path.name} stands in the way, and it is not an unfinished artefact"
        raise Refused("output", made.target, why, "another --output")


def _begin(made: Draft, execution: Execution, resumable: bool) -> None:
    intent = made.path / INTENT
    found = interrupted(made.target, force=execution.force and not execution.resume)
    changed = [] if found is None else differences(made.intent(), found)
    if found is not None and resumable and execution.resume:
        if changed:
            more = f" and {len(changed) - _MOST_SHOWN} more" if len(changed) > _MOST_SHOWN else ""
            why = f"it was begun otherwise ({'; '.join(changed[:_MOST_SHOWN])}{more})"
            raise Refused("resume", made.path, why, "the same options, or another --output")
        _take_up(made, execution)
        return
    if found is not None and not execution.force and (resumable or changed):
        fix = "--resume to continue it, or --force to start again" if resumable else "another --output, or --force"
        raise Refused("output", made.target, f"an interrupted run lies in {made.path.name}", fix)
    if found is not None:
        if found and changed:
            execution.progress.note(f"note: {made.path}, another run that was interrupted, is given up (--force)")
        # Killed while it is cleared, it is not the run it was: nothing may continue it.
        write_json(intent, {"kind": made.kind, "cleared": True})
    elif resumable and execution.resume:
        execution.progress.note("note: there is no interrupted run to go on from: it begins now")
    before = Pieces(made.path)
    with suppress(Refused):  # of a damaged log, what is named before the damage
        before.read()
    clear(made.path, before.names)
    clear(made.path, {MANIFEST, *HIDDEN} - {INTENT, LOCK})
    clear(made.path, torn_in(made.path, {INTENT}))
    write_json(intent, made.intent())
    if resumable:
        made.origin.write(made.path)


def _take_up(made: Draft, execution: Execution) -> None:
    """Goes on with what an earlier run left, which is checked."""
    made.resumed = True
    files = [path for path in made.path.rglob("*") if path.is_file() and not path.name.startswith(".")]
    if files and not (made.path / PIECES).is_file():
        why = f"it has no {PIECES}, by which what it holds could be checked"
        raise Refused("resume", made.path, why, "--force to start again")
    made.pieces.read()
    # What a kill during a write or the commit left: it must not pass for a part of the artefact, or for all of it.
    clear(made.path, {MANIFEST} | torn_in(made.path, {MANIFEST, *HIDDEN, *made.pieces.names}))
    made.pieces.check(execution)
    made.origin = going_on(made.origin, made.path, execution.progress)


def _as_parent(role: str, artifact: Artifact, target: Path) -> Parent:
    manifest = artifact.manifest
    where = os.path.relpath(os.path.realpath(artifact.path), os.path.realpath(target))
    return Parent(role, manifest.kind, manifest.id, Path(where).as_posix(), manifest.parents)
