"""What a network says about the people of a split, kept cell by cell, and how good that is for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from shgae.arrays import Bytes, Floats, Ints
from shgae.artifacts.compatibility import check_fits
from shgae.artifacts.crops import Crops, PeopleTable
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tensors import check_arrays, load_tensors
from shgae.data import heatmaps
from shgae.errors import AGAIN, Refused
from shgae.evaluation.predictions import predict
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import describe, placed
from shgae.inference.torch_settings import settled
from shgae.metrics import pck
from shgae.metrics.pck import ByGroup
from shgae.models.zoo import load_hourglass
from shgae.recipes import EvaluateConfig, as_json

_CELLS = "cells.safetensors"


@dataclass(frozen=True, eq=False)
class RunScores:
    """The study's PCK of one network on N people; last axes go by :data:`~shgae.metrics.pck.GROUPS`."""

    pck: ByGroup[float | None]
    """Of each group, 0 to 1, exactly as shgae evaluate counts it."""
    share: Floats
    """(N, 3) of each person's joints of the group, the share found; 0 where there is none."""
    has: Floats
    """(N, 3) 1 where the person has a joint of the group, else 0."""


@settled()
def run(model: Path, data: Path, output: Path, config: EvaluateConfig, execution: Execution) -> Artifact:
    """Writes the highest cell of each map for every person of a split.

    Raises:
        Refused: the model and the data do not belong together, or its maps hold NaN.
        Interrupted: a signal came; nothing is written.
    """
    prepared = open_artifact(data, "data", only=(f"{config.split}/",), execution=execution)
    loaded = load_hourglass(model)
    check_fits(loaded.artifact, prepared, execution.progress)
    device, config = placed(config, execution, quiet=True)
    crops = Crops(prepared, config.split, config.limit)
    parents = {"data": prepared, "model": loaded.artifact}
    with new_artifact(
        output, kind="evaluation", config=as_json(config), parents=parents, execution=execution, device=describe(device)
    ) as made:
        inference = Inference(device, config.precision, config.batch_size, loaded.mean_rgb)
        found = predict(loaded, model.name, crops, inference, execution)
        made.write_tensors(_CELLS, {"cells": found.cells, "score": found.joint_score})
        facts = {"made_by": "study", "split": config.split, "persons": len(crops)}
        return made.commit(facts)


def read(output: Path, people: PeopleTable, crop_size: int) -> RunScores:
    """The score of what :func:`run` wrote, for the same people.

    Raises:
        Refused: it was changed since, or its cells are not of these people's maps.
    """
    size = crop_size // heatmaps.STRIDE
    cells = read_cells(open_artifact(output, "evaluation"), people.visibility.shape, size)
    true_cells, visibility = heatmaps.truth(
        torch.from_numpy(people.xy_crop), torch.from_numpy(people.visibility), crop_size
    )
    return score(cells, true_cells.numpy(), visibility.numpy(), size)


def read_cells(artifact: Artifact, shape: tuple[int, ...], size: int) -> Ints:
    """(N, K, 2) the highest cells x, y that :func:`run` wrote.

    Args:
        artifact: what it made.
        shape: (N, K) of people and joints.
        size: cells along a side of a map.

    Raises:
        Refused: the artefact holds none, of other people or outside of the map, or they were changed since.
    """
    path, arrays = artifact.file(_CELLS), load_tensors(artifact.open(_CELLS))
    check_arrays(path, arrays, {"cells": ("I64", (*shape, 2)), "score": ("F32", shape)})
    cells: Ints = arrays["cells"]
    if cells.min(initial=0) < 0 or cells.max(initial=0) >= size:
        raise Refused("tensor cells", path, f"a cell lies outside of a map of {size} x {size}", AGAIN)
    return cells


def score(cells: Ints, true_cells: Ints, visibility: Bytes, size: int) -> RunScores:
    """Scores N people one by one; arguments as of :func:`shgae.metrics.pck.count`."""
    correct = pck.hits(cells, true_cells, size)
    return RunScores(pck.tally(correct, visibility).pck(), *pck.person_shares(correct, visibility))
