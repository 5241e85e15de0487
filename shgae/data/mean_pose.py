"""What finds joints without a look at the photo: the mean pose of the training people, and how much it finds."""

from __future__ import annotations

import numpy as np

from shgae.arrays import Ints
from shgae.artifacts.crops import PeopleTable, read_people
from shgae.artifacts.lineage import parent_of
from shgae.artifacts.store import Artifact
from shgae.errors import Refused
from shgae.execution import Progress
from shgae.metrics import pck

NEAR = 0.05
"""A network with a PCK that is not higher than the mean pose's by so much has hardly learned to look."""


def mean_pose_cells(train: PeopleTable, crop_size: int) -> Ints:
    """(K, 2) the cells of joints at their mean over the training people who have them labelled; 0, 0 without any."""
    import torch  # takes seconds, and whoever reads a finished report does without

    from shgae.data import heatmaps

    labelled = (train.visibility > 0)[..., None]
    mean = np.where(labelled, train.xy_crop, 0).sum(0, dtype=np.float64) / np.maximum(labelled.sum(0), 1)
    xy_crop = torch.from_numpy(mean.astype(np.float32))[None]
    cells: Ints = heatmaps.cells(xy_crop, crop_size).cells[0].numpy()
    return cells


def mean_pose_pck(data: Artifact, split: str) -> float | None:
    """The original study's PCK of the mean pose on a split, 0 to 1; None where nobody has a joint."""
    import torch

    from shgae.data import heatmaps

    size, people = int(data.facts["crop_size"]), read_people(data, split)
    xy_crop, visibility = torch.from_numpy(people.xy_crop), torch.from_numpy(people.visibility)
    cells, in_crop = (one.numpy() for one in heatmaps.truth(xy_crop, visibility, size))
    guess = np.broadcast_to(mean_pose_cells(read_people(data, "train"), size), cells.shape)
    return pck.count(guess, cells, in_crop, size // heatmaps.STRIDE).pck().all


def note_near_mean_pose(model: Artifact, progress: Progress) -> None:
    """Notes that a network (or what it was grafted from) found hardly more joints in validation than the mean pose.

    By the validation score in its manifest and the people of the data that it was trained on; silent where either is
    not there, and a note where a file of the data is damaged, for nothing else depends on it. No network runs.
    """
    try:
        told = _near_mean_pose(model)
    except Refused as fault:
        progress.note(f"note: the mean-pose baseline is not known: {fault.what} in {fault.where}: {fault.why}")
        return
    if told:
        progress.note(f"note: {told}: it has hardly learned to look at the photo, and results of it say little")


def _near_mean_pose(model: Artifact) -> str | None:
    """Both scores in words; None where the network's is well above, or one is not known."""
    trained: Artifact | None = model
    while trained is not None and "val_pck" not in trained.facts:
        trained = parent_of(trained, "model")
    data = parent_of(trained, "data") if trained else None
    if trained is None or data is None:
        return None
    score, blind = trained.facts["val_pck"], mean_pose_pck(data, "val")
    if blind is None or score >= blind + NEAR:
        return None
    return f"{trained.path}: validation PCK {100 * score:.1f} %, mean-pose baseline {100 * blind:.1f} %"
