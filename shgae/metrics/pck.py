"""PCK, the share of correct keypoints, as the study counted it.

A joint is correct if its predicted cell lies less than half a tenth of the map's side away from its true cell (3.2
cells of 64). The score is the mean over a person's labelled joints, then the mean over the people that have any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
GROUPS = ("all", "v1", "v2")
"""Which joints are counted: every labelled one, those of v = 1 (hidden), those of v = 2 (visible)."""


@dataclass(frozen=True, eq=False)
class PCKCounts:
    """What was counted so far over N people of K keypoints; first axes go by :data:`GROUPS`.

    Only integers, so sums are exact: neither the order of people nor the size of batches can change a score.
    """

    people: Counts
    """(3, K + 1): people that have so many joints of the group."""
    hits: Counts
    """(3, K + 1): correct joints of the people that have so many joints of the group."""
    joint_labels: Counts
    """(3, K): people that have this joint in the group."""
    joint_hits: Counts
    """(3, K): people of whom this joint was correct."""

    def __add__(self, other: PCKCounts) -> PCKCounts:
        """The counts of both sets of people together; raises ValueError if they have other keypoints."""
        if self.people.shape != other.people.shape:
            raise ValueError(f"{self.people.shape[1] - 1} keypoints and {other.people.shape[1] - 1}")
        return PCKCounts(
            self.people + other.people,
            self.hits + other.hits,
            self.joint_labels + other.joint_labels,
            self.joint_hits + other.joint_hits,
        )

    def pck(self) -> dict[str, float | None]:
        """PCK in [0, 1] of each group, None for a group that nobody has a joint of."""
        joints = np.arange(1, self.people.shape[1])
        people = self.people[:, 1:].sum(1)
        sums = (self.hits[:, 1:] / joints).sum(1)
        return {group: float(sums[i] / people[i]) if people[i] else None for i, group in enumerate(GROUPS)}

    def joints(self, names: Sequence[str]) -> dict[str, dict[str, float | int | None]]:
        """Of each joint, the share found in [0, 1] by group (None where it has no label), and its labels as count."""
        table: dict[str, dict[str, float | int | None]] = {}
        for k, name in enumerate(names):
            labels, hits = self.joint_labels[:, k], self.joint_hits[:, k]
            table[name] = {group: float(hits[i] / labels[i]) if labels[i] else None for i, group in enumerate(GROUPS)}
            table[name]["count"] = int(labels[0])
        return table


def count(
    pred_cells: npt.NDArray[np.integer[Any]],
    true_cells: npt.NDArray[np.integer[Any]],
    visibility: npt.NDArray[np.integer[Any]],
    size: int,
) -> PCKCounts:
    """Counts N people.

    Args:
        pred_cells: (N, K, 2) integers, x and y of the highest cell of each predicted map.
        true_cells: (N, K, 2) integers, x and y of the highest cell of each target map.
        visibility: (N, K) v = 0, 1, 2; 0 also for a joint outside the crop, which has no target.
        size: rows and columns of a map.
    """
    keypoints = visibility.shape[1]
    off = pred_cells.astype(np.int64) - true_cells.astype(np.int64)
    distance = np.sqrt((off**2).sum(-1))
    correct = distance / (size / 10) < 0.5
    labelled = np.stack((visibility > 0, visibility == 1, visibility == 2))
    found = labelled & correct
    labels_each, hits_each = labelled.sum(2), found.sum(2)
    people, hits = np.zeros((2, len(GROUPS), keypoints + 1), np.int64)
    for group in range(len(GROUPS)):
        np.add.at(people[group], labels_each[group], 1)
        np.add.at(hits[group], labels_each[group], hits_each[group])
    return PCKCounts(people, hits, labelled.sum(1), found.sum(1))
