"""Opening artefacts, and checking their files by the manifest; :mod:`~shgae.artifacts.draft` makes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any

from shgae.artifacts.facts import Facts
from shgae.artifacts.folders import INTENT, partial_of
from shgae.artifacts.hashing import learn, led_out, of_each, unlike, unlike_open, was_written
from shgae.artifacts.input_file import open_input
from shgae.artifacts.manifest import MANIFEST, PLAN, REPORT, Manifest, Parent, in_words, read_manifest
from shgae.errors import AGAIN, Refused
from shgae.execution import Execution, ProcessGroup

_MAKERS = {"data": "prepare", "hourglass": "train", "activations": "extract", "autoencoder": "pretrain-ae"}
"""The command that first makes a kind."""


@dataclass(frozen=True)
class Artifact:
    """A complete artefact; its manifest and, unless said otherwise, every file were checked."""

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

    @property
    def config(self) -> Mapping[str, Any]:
        """See :attr:`Manifest.config`; an option that is read must make sense, as a fact."""
        return Facts(self.manifest.config, self.path)

    def file(self, name: str) -> Path:
        """The path of one file of the artefact.

        Raises:
            Refused: the artefact has no such file.
        """
        if name not in self.manifest.files:
            raise Refused(f"file {name}", self.path, f"not part of this {self.manifest.kind}", "shgae info")
        return self.path / name

    def open(self, name: str) -> BufferedReader:
        """One file of the artefact, open for reading; whatever takes its place later is not read.

        What was hashed by :func:`verify_files` and is the same file still is not hashed again.

        Raises:
            Refused: the artefact has no such file, or it is not what the manifest says.
        """
        path, entry = self.file(name), self.manifest.files[name]
        file = open_input(path)
        fault = led_out(path, self.path) or unlike_open(file, entry.sha256, entry.size)
        if fault:
            file.close()
            raise Refused(self.manifest.kind, self.path, f"{name} {fault}", AGAIN)
        return file

    def check_unwritten(self, names: Iterable[str], states: Mapping[str, tuple[int, ...]]) -> None:
        """Raises :class:`Refused` where an open file of these names was written to since it had its state, and is not
        what the manifest says any more: of what is memory-mapped that would be read."""
        for name in names:
            path, entry = self.path / name, self.manifest.files[name]
            if was_written(path, states[name]) and unlike(path, entry.sha256, entry.size, anew=False):
                raise Refused(self.manifest.kind, self.path, f"{name} was changed while it was read", AGAIN)

    def to_json(self) -> dict[str, Any]:
        """The artefact's part of what ``--json`` prints."""
        return {"output": str(self.path), "kind": self.manifest.kind, "id": self.id}

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

    With ``verify`` its files are hashed again: those with names that begin with one of ``only``, for a step need not
    hash what it does not read. The ``execution`` is told of it if it takes long, and may stop it.

    Raises:
        Refused: no such folder, not complete, another kind, or a file is missing or changed.
    """
    if not (path / MANIFEST).is_file():
        raise _not_an_artifact(path, kinds)
    artifact = Artifact(path, read_manifest(path))
    if kinds and artifact.manifest.kind not in kinds:
        why = f"it holds {in_words(artifact.manifest.kind)}, wanted {' or '.join(in_words(kind) for kind in kinds)}"
        raise Refused("artefact", path, why, "another folder, or another order of the arguments; shgae info on it")
    if verify:
        verify_files(artifact, only, execution)
    return artifact


def verify_files(
    artifact: Artifact, only: tuple[str, ...] = ("",), execution: Execution | None = None, *, anew: bool = False
) -> None:
    """Hashes the files with names that begin so; raises :class:`Refused`, naming the first missing or changed.

    What this process has hashed before and has not changed since is not hashed again, unless ``anew`` asks for it.
    Several processes of an ``execution`` hash their share each, and raise the same.
    """
    execution = execution or Execution()
    names = [name for name in sorted(artifact.manifest.files) if name.startswith(only)]
    mine = [(name, artifact.manifest.files[name].size) for name in execution.world.shard(names)]
    work = partial(fault_of, artifact, anew=anew)
    found = of_each(work, mine, f"checking {artifact.path}", execution)
    faults = {name: fault for (name, _), fault in zip(mine, found, strict=True) if fault}
    agree(artifact, names, faults, execution.world)
    learn([(artifact.path / name, artifact.manifest.files[name].sha256) for name in names], execution.world)


def fault_of(artifact: Artifact, name: str, *, anew: bool = False) -> str | None:
    """What is wrong with a file of an artefact, in words; None where it is as it was written."""
    entry, path = artifact.manifest.files[name], artifact.path / name
    found = led_out(path, artifact.path) or unlike(path, entry.sha256, entry.size, anew=anew)
    return f"{name} {found}" if found else None


def agree(artifact: Artifact, names: Sequence[str], faults: Mapping[str, str], world: ProcessGroup) -> None:
    """Raises :class:`Refused` in every process if one of them found a fault.

    The files of these names were looked at, each by one of the processes; ``faults`` are what this one found.
    """
    import numpy as np  # a wrong path is told before that would be done

    is_wrong = world.merge_disjoint(np.array([name in faults for name in names], np.uint8))
    wrong = [name for name, one in zip(names, is_wrong, strict=True) if one]
    if not wrong:
        return
    fault = faults.get(wrong[0]) or fault_of(artifact, wrong[0]) or f"{wrong[0]} is another file to another process"
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    raise Refused(artifact.manifest.kind, artifact.path, fault + more, AGAIN)


def _not_an_artifact(path: Path, kinds: Collection[str]) -> Refused:
    wanted = " or ".join(in_words(kind) for kind in kinds) or "an artefact"
    if partial_of(path).is_dir() or (path / INTENT).is_file():
        why = "unfinished: its step was interrupted, or is still at work"
        return Refused("artefact", path, why, "that step again, with --resume if it has that option")
    if not path.is_dir():
        found = "it is a file" if path.exists() else "no such folder"
        return Refused("artefact", path, f"{found}, wanted {wanted}", "check the path")
    if (path / PLAN).is_file() and not (path / REPORT).is_file():
        if kinds:
            return Refused("artefact", path, f"it holds a study, wanted {wanted}", "one of the artefacts in it")
        return Refused("study", path, "it has no report yet", "the same study command again, or with --plan")
    makers = [f"shgae {_MAKERS[kind]}" for kind in kinds if kind in _MAKERS]
    fix = f"a folder that {' or '.join(makers)} made" if makers else "check the path"
    return Refused("artefact", path, f"no manifest.json in it, so it is not {wanted}", fix)
