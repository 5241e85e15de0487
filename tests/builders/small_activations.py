"""Activations of drawn numbers and the people they are of, without a network and without a photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shgae.artifacts.activations import StatisticsSums, shard_name, site_folder, statistics_name
from shgae.artifacts.crops import PEOPLE, PeopleTable
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact
from shgae.execution import Execution

SHAPE = (3, 4, 4)


def bottlenecks(split: str, people: int, stack: int = -1) -> npt.NDArray[np.float32]:
    """(people, 3, 4, 4) what activations of :func:`extracted` hold."""
    numbers = np.random.default_rng([len(split), ord(split[0]), stack + 1])
    return numbers.normal(1, 2, (people, *SHAPE)).astype(np.float32)


def prepared(target: Path, splits: Mapping[str, Sequence[int]]) -> Artifact:
    """Data of people with these ids, of which every two are in one photo; nobody has a crop."""
    with new_artifact(target, kind="data", config={}, parents={}, execution=Execution()) as made:
        for split, ids in splits.items():
            n = len(ids)
            people = PeopleTable(
                xy_crop=np.zeros((n, 1, 2), np.float32),
                visibility=np.ones((n, 1), np.uint8),
                annotation_id=np.array(ids, np.int64),
                photo_id=np.arange(n) // 2 + 100,
                square=np.full((n, 3), 8.0),
                box=np.full((n, 4), 8.0),
                photo_size=np.full((n, 2), 64),
                valid=np.full((n, 4), (0, 0, 8, 8)),
            )
            if n:
                made.write_tensors(PEOPLE.format(split=split), people.arrays())
        return made.commit({"splits": {split: len(ids) for split, ids in splits.items()}})


def extracted(
    target: Path, data: Artifact | None, splits: Mapping[str, int], stacks: Sequence[int] | None = None
) -> Artifact:
    """Activations of the first people of each split, at these stacks; without any, in the form of before."""
    numbers = (-1,) if stacks is None else tuple(stacks)
    parents = {} if data is None else {"data": data}
    with new_artifact(target, kind="activations", config={}, parents=parents, execution=Execution()) as made:
        for split, people in splits.items():
            for stack in numbers if people else ():
                folder, sums, rows = (
                    site_folder(split, stack, numbers),
                    StatisticsSums(),
                    bottlenecks(split, people, stack),
                )
                made.write_tensors(shard_name(folder, 0), {"bottleneck": rows})
                sums.add(rows)
                made.write_tensors(statistics_name(folder), asdict(sums.result()))
        facts = {"splits": dict(splits), "shape": list(SHAPE)}
        return made.commit(facts if stacks is None else facts | {"stacks": list(stacks)})
