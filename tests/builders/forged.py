"""Artefacts that somebody changed and gave hashes that fit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from shgae.arrays import Array
from shgae.artifacts.activations import StatisticsSums, shard_name, statistics_name
from shgae.artifacts.hashing import hash_file
from shgae.artifacts.manifest import MANIFEST, FileEntry, read_manifest
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import write_json
from shgae.artifacts.tensors import load_tensors, save_tensors


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


def rewritten(source: Path, target: Path, change: Callable[[Array], Array]) -> Path:
    """A copy of activations of one stack and one shard a split, with other tensors (N, C, 4, 4)."""
    path, step = source, 0
    for split, people in open_artifact(source, verify=False).facts["splits"].items():
        if not people:
            continue
        sums = StatisticsSums()

        def shard(tensors: dict[str, Array], sums: StatisticsSums = sums) -> None:
            tensors["bottleneck"] = change(tensors["bottleneck"].astype(np.float64)).astype(np.float32)
            sums.add(tensors["bottleneck"])

        def statistics(tensors: dict[str, Array], sums: StatisticsSums = sums) -> None:
            tensors.update(asdict(sums.result()))

        for name, made in ((shard_name(split, 0), shard), (statistics_name(split), statistics)):
            step += 1
            path = forged(path, target.with_name(f"{target.name}-{step}"), name, made)
    return path.rename(target)
