"""The family tree of an artefact: who was made from whom, and whether every file still is what it was."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shgae.artifacts.manifest import MANIFEST, Parent
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.errors import Refused
from shgae.execution import Execution


@dataclass(frozen=True)
class Ancestor:
    """One artefact of a family tree."""

    depth: int
    """0 is the artefact itself, 1 its parents, and so on."""
    role: str
    """What it was to its child: data, model, activations or autoencoder; "" for the artefact itself."""
    kind: str
    id: str
    path: Path
    """Where it should lie."""
    present: bool
    """Whether an artefact of this id lies there."""


def ancestors(artifact: Artifact) -> Iterator[Ancestor]:
    """The artefact itself and everything it was made from, depth first; nothing is hashed."""
    yield Ancestor(0, "", artifact.manifest.kind, artifact.id, artifact.path, True)
    yield from ancestors_of(artifact.manifest.parents, artifact.path)


def ancestors_of(parents: Sequence[Parent], child: Path) -> Iterator[Ancestor]:
    """The parents of an artefact, which lies or is going to lie at ``child``, and theirs, depth first."""
    # Each place is opened once: several of a family often lie at one, and a manifest tells of its whole family.
    artifact_at = functools.cache(_at)

    def theirs(parents: Sequence[Parent], child: Path, depth: int) -> Iterator[Ancestor]:
        for parent in parents:
            path = Path(os.path.realpath(child / parent.path))  # resolve() raises on a circle of symlinks
            there = artifact_at(path)
            present = there is not None and there.id == parent.id
            yield Ancestor(depth, parent.role, parent.kind, parent.id, path, present)
            yield from theirs(parent.parents, path, depth + 1)

    yield from theirs(parents, child, 1)


def found(parent: Parent, child: Path) -> Artifact | None:
    """A parent of the artefact at ``child``, where it still lies where the child saw it; nothing is hashed."""
    artifact = _at(Path(os.path.realpath(child / parent.path)))
    return artifact if artifact is not None and artifact.id == parent.id else None


def parent_of(artifact: Artifact, role: str) -> Artifact | None:
    """The parent of that role, where it still lies where ``artifact`` saw it; nothing is hashed."""
    parent = artifact.parent(role)
    return found(parent, artifact.path) if parent else None


def ids_of(parents: Sequence[Parent]) -> Iterator[str]:
    """The ids of the parents of an artefact, and of theirs."""
    for parent in parents:
        yield parent.id
        yield from ids_of(parent.parents)


def _at(path: Path) -> Artifact | None:
    try:
        return open_artifact(path, verify=False)
    except (Refused, OSError):
        return None


@dataclass(frozen=True)
class Verification:
    """What :func:`verify` found."""

    verified: tuple[Path, ...]
    """Artefacts of which every file was hashed and is as written."""
    missing: tuple[Ancestor, ...]
    """Ancestors that do not lie where their child saw them, so nothing can be said."""


def verify(artifact: Artifact, execution: Execution | None = None, others: Sequence[Path] = ()) -> Verification:
    """Recomputes every hash of an artefact and of all its ancestors that are there, and tells where that takes long.

    Of the ``others``, artefacts that belong to it but are no ancestors, too.

    Raises:
        Refused: a file is missing or changed; its artefact and name are said.
        Interrupted: a signal came.
    """
    verified: dict[Path, str] = {}
    missing: dict[str, Ancestor] = {}
    for ancestor in ancestors(artifact):
        if not ancestor.present:
            if os.path.isfile(ancestor.path / MANIFEST):  # noqa: PTH113  (Path raises for a name that is too long)
                open_artifact(ancestor.path, verify=False)  # another artefact is an absence, a broken manifest a fault
            missing.setdefault(ancestor.id, ancestor)
        elif ancestor.path not in verified:
            verify_files(open_artifact(ancestor.path, verify=False), execution=execution, anew=True)
            verified[ancestor.path] = ancestor.id
    seen = {os.path.realpath(path) for path in verified}
    for path in others:
        if os.path.realpath(path) not in seen:
            other = open_artifact(path, verify=False)
            verify_files(other, execution=execution, anew=True)
            verified[path] = other.id
    absent = [ancestor for ancestor in missing.values() if ancestor.id not in verified.values()]
    return Verification(tuple(verified), tuple(absent))
