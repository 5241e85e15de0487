"""Artefacts that somebody changed and gave hashes that fit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from shgae.artifacts.hashing import hash_file
from shgae.artifacts.manifest import MANIFEST, FileEntry, read_manifest
from shgae.artifacts.tables import write_json
from shgae.artifacts.tensors import Array, load_tensors, save_tensors


def forged(source: Path, target: Path, file: str, change: Callable[[dict[str, Array]], object]) -> Path:
    """A copy of an artefact with other tensors in one of its files, valid by its manifest."""
    shutil.copytree(source, target)
    tensors = load_tensors(target / file)
    change(tensors)
    save_tensors(target / file, tensors)
    manifest = read_manifest(target)
    entry = FileEntry(hash_file(target / file), (target / file).stat().st_size)
    manifest = replace(manifest, files={**manifest.files, file: entry})
    write_json(target / MANIFEST, manifest.to_json())
    return target


def poisoned(value: float, name: str | None = None, place: int = 0) -> Callable[[dict[str, Array]], object]:
    """What puts a value into the row ``place`` of a tensor; of the first of several axes, if none is named."""

    def change(tensors: dict[str, Array]) -> None:
        chosen = name or next(one for one, array in tensors.items() if array.ndim > 1)
        tensors[chosen][place] = value

    return change
