"""``manifest.json``: what an artefact is, what made it, and the hash of every file in it."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

from shgae import __version__
from shgae.artifacts.hashing import is_sha256
from shgae.artifacts.tables import dumps, read_json
from shgae.errors import AGAIN, Refused, shortened

MANIFEST = "manifest.json"
REPORT = "report.json"
"""What an evaluation, an analysis or a study found, in its artefact."""
PLAN = "plan.json"
"""What was registered of a study: in its folder, and a copy in its report."""
SHEET, RATE, DIFFERENCES, CODE_SIZES = "sheet.png", "rate.png", "differences.png", "code-sizes.png"
"""Pictures of artefacts that a page shows too: some people or photos; a rate curve; what a study found."""
SCHEMA = 1
KINDS = (
    *("data", "hourglass", "activations", "autoencoder", "evaluation", "predictions", "study", "splice", "rate"),
    *("analysis", "figures"),
)
_MOST_PATH, _MOST_NAME = 4096, 255
"""Bytes."""
_REPORTED = ("torch", "numpy", "safetensors", "pillow", "pycocotools")


@dataclass(frozen=True)
class FileEntry:
    """One file of an artefact."""

    sha256: str
    """Hash of its content, in hexadecimal."""
    size: int
    """Bytes."""
    volatile: bool = False
    """True where the content holds times or the command: verified like the rest, but no part of the artefact's id."""


@dataclass(frozen=True)
class Parent:
    """An artefact that another one was made from, with its own parents: lineage outlives deleted folders."""

    role: str
    kind: str
    id: str
    path: str
    """Where it lay, relative to the child where possible: a hint, no identity."""
    parents: tuple[Parent, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The form in the manifest; asdict() would nest four calls a generation, and end at 250 of them."""
        parents = [parent.to_json() for parent in self.parents]
        return {"role": self.role, "kind": self.kind, "id": self.id, "path": self.path, "parents": parents}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Parent:
        """The inverse of :meth:`to_json`."""
        parents = tuple(cls.from_json(parent) for parent in value["parents"])
        path = os.fsencode(value["path"])
        if b"\0" in path or len(path) > _MOST_PATH:
            raise ValueError("the path of a parent is not a path")
        return cls(str(value["role"]), str(value["kind"]), str(value["id"]), str(value["path"]), parents)


@dataclass(frozen=True)
class Manifest:
    """Everything that ``manifest.json`` says."""

    kind: str
    """One of :data:`KINDS`."""
    config: Mapping[str, Any]
    """Every option of the step that made it, resolved."""
    facts: Mapping[str, Any]
    """What a reader needs to know: shapes, counts, skeleton, mean colour, best scores."""
    files: Mapping[str, FileEntry]
    """Every file but the manifest itself, by its path inside the artefact."""
    parents: tuple[Parent, ...]
    """What it was made from."""
    provenance: Mapping[str, Any]
    """Versions, device, command, time: no part of the id."""

    @property
    def id(self) -> str:
        """sha256 of kind, config, facts, parents' ids and the hashes of all files that are not volatile."""
        content = {
            "schema": SCHEMA,
            "kind": self.kind,
            "config": self.config,
            "facts": self.facts,
            "files": {name: entry.sha256 for name, entry in self.files.items() if not entry.volatile},
            "parents": [[parent.role, parent.id] for parent in self.parents],
        }
        return hashlib.sha256(dumps(content).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The object that is written."""
        files = {
            name: {"sha256": entry.sha256, "bytes": entry.size} | ({"volatile": True} if entry.volatile else {})
            for name, entry in self.files.items()
        }
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            "id": self.id,
            "config": self.config,
            "facts": self.facts,
            "files": files,
            "parents": [parent.to_json() for parent in self.parents],
            "provenance": self.provenance,
        }


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks the manifest of an artefact.

    Raises:
        Refused: there is none, it is torn, of another schema, points outside its folder, or its id does not fit.
    """
    path = folder / MANIFEST
    value = read_json(path)
    if value.get("schema") != SCHEMA:
        why = f"schema {shortened(str(value.get('schema')), 20)}, this shgae reads {SCHEMA}"
        raise Refused("manifest", path, why, "the shgae that made it, or make it again")
    try:
        manifest = Manifest(
            kind=str(value["kind"]),
            config=dict(value["config"]),
            facts=dict(value["facts"]),
            files={
                inside(name): FileEntry(_sha256(f["sha256"]), int(f["bytes"]), bool(f.get("volatile", False)))
                for name, f in value["files"].items()
            },
            parents=tuple(Parent.from_json(parent) for parent in value["parents"]),
            provenance=_provenance(value["provenance"]),
        )
        if manifest.kind not in KINDS:
            raise ValueError(f"kind {shortened(manifest.kind, 20)} is none of {', '.join(KINDS)}")
        id_fits = value["id"] == manifest.id
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        why = f"torn or not ours ({shortened(str(error), 120)})"
        raise Refused("manifest", path, why, f"remove that folder, then {AGAIN}") from error
    if not id_fits:
        raise Refused("manifest", path, "changed since it was written: its id does not fit", AGAIN)
    return manifest


def has_manifest(folder: Path) -> bool:
    """Whether its manifest is ours, be it changed or of another schema; other programs have a manifest.json too."""
    if not (folder / MANIFEST).is_file():
        return False
    try:
        value = read_json(folder / MANIFEST)
    except Refused:
        return False
    return value.get("kind") in KINDS and "schema" in value


def names_in(folder: Path) -> list[str]:
    """The files that a manifest names, be it changed or of another schema; none where it cannot be read."""
    try:
        return [inside(name) for name in read_json(folder / MANIFEST)["files"]]
    except (Refused, KeyError, TypeError, ValueError):
        return []


def in_words(kind: str) -> str:
    """An artefact of that kind, with its article."""
    if kind in ("data", "activations", "predictions", "figures"):
        return "prepared data" if kind == "data" else kind
    return f"{'an' if kind[0] in 'aeh' else 'a'} {kind}"  # an hourglass, as spoken


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The keys on which two configs (as JSON objects) disagree, as ``key: A here, B there``; empty when equal."""
    keys = sorted(one.keys() | other.keys())
    return [f"{key}: {one.get(key)} here, {other.get(key)} there" for key in keys if one.get(key) != other.get(key)]


def inside(name: str) -> str:
    """The name of a file of an artefact, as it is; raises ValueError where it is none, or leads out of the folder."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or not pure.name or "\0" in name or str(pure) != name:
        raise ValueError(f"file name {shortened(repr(name))} leaves the artefact")
    if len(os.fsencode(name)) > _MOST_PATH or any(len(os.fsencode(part)) > _MOST_NAME for part in pure.parts):
        raise ValueError(f"file name {shortened(repr(name))} is longer than a disk takes")
    return name


def _provenance(value: Mapping[str, Any]) -> dict[str, Any]:
    command, versions = value.get("command", []), value.get("versions", {})
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        raise ValueError("its command is not a list of words")
    if not isinstance(versions, dict):
        raise ValueError("its versions are not a table")
    return dict(value)


def _sha256(text: str) -> str:
    if not is_sha256(text):
        raise ValueError("a hash is not a SHA-256")
    return text


def package_versions() -> dict[str, str]:
    """Versions of Python, shgae and the packages with results that an artefact depends on."""
    own = {"python": platform.python_version(), "shgae": __version__}
    return own | {name: _version_of(name) for name in _REPORTED}


@functools.cache
def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
