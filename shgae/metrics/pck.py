"""PCK, the share of correct keypoints, as the original study counted it.

A joint is correct if its predicted cell lies less than half a tenth of the map's side away from its true cell (3.2
cells of 64). The score is the mean over a person's labelled joints, then the mean over the people that have any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from shgae.arrays import Array, Bools, Floats, Ints

T = TypeVar("T")
Group = Literal["all", "v1", "v2"]
GROUPS: tuple[Group, ...] = ("all", "v1", "v2")
"""Which joints are counted: every labelled one, those of v = 1 (hidden), those of v = 2 (visible)."""
Averaging = Literal["person", "micro", "joint"]
"""Over a person's joints, then over people; over all joints of all people at once; over the people who have a joint,
then over joints."""


@dataclass(frozen=True)
class ByGroup(Generic[T]):
    """The same thing of each of :data:`GROUPS`."""

    all: T
    """Of every labelled joint."""
    v1: T
    """Of those with v = 1 (labelled, hidden)."""
    v2: T
    """Of those with v = 2 (labelled, visible)."""

    def __getitem__(self, group: Group) -> T:
        """That of one group, by its name."""
        found: T = getattr(self, group)
        return found


@dataclass(frozen=True, eq=False)
class PCKCounts:
    """What was counted so far over N people of K keypoints; first axes go by :data:`GROUPS`.

    Only integers, so sums are exact: neither the order of people nor the size of batches can change a score.
    """

    people: Ints
    """(3, K + 1): people that have so many joints of the group."""
    hits: Ints
    """(3, K + 1): correct joints of the people that have so many joints of the group."""
    joint_labels: Ints
    """(3, K): people that have this joint in the group."""
    joint_hits: Ints
    """(3, K): people of whom this joint was correct."""

    def pck(self, averaging: Averaging = "person") -> ByGroup[float | None]:
        """PCK in [0, 1] by group, None where nobody has a joint of it; the original study's is the person mean."""
        joints = np.arange(1, self.people.shape[1])
        if averaging == "person":
            sums, parts = (self.hits[:, 1:] / joints).sum(1), self.people[:, 1:].sum(1)
        elif averaging == "micro":
            sums, parts = self.joint_hits.sum(1), self.joint_labels.sum(1)
        else:
            sums = (self.joint_hits / np.maximum(self.joint_labels, 1)).sum(1)
            parts = (self.joint_labels > 0).sum(1)
        return _by_group(sums, parts)

    @property
    def counted(self) -> int:
        """People who have a joint at all."""
        return int(self.people[0, 1:].sum())

    def joints(self, names: Sequence[str]) -> dict[str, ByGroup[float | None]]:
        """Of each of the K joints, by name, the share found in [0, 1]; None where it has no label of the group."""
        return {name: _by_group(self.joint_hits[:, k], self.joint_labels[:, k]) for k, name in enumerate(names)}


def _by_group(above: Array, below: Array) -> ByGroup[float | None]:
    """Ratios (3,); None where there is nothing to divide by."""
    return ByGroup(*(float(one / other) if other else None for one, other in zip(above, below, strict=True)))


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
    return tally(hits(pred_cells, true_cells, size), visibility)


def hits(pred_cells: npt.NDArray[np.integer[Any]], true_cells: npt.NDArray[np.integer[Any]], size: int) -> Bools:
    """The original study's rule: (N, K), whether a predicted cell lies near enough; arguments as of :func:`count`."""
    off = pred_cells.astype(np.int64) - true_cells.astype(np.int64)
    near: Bools = np.sqrt((off**2).sum(-1)) < radius(size)
    return near


def radius(size: int) -> float:
    """How near that is, in cells of a map of so many rows and columns: half a tenth of its side."""
    return size / 20


def groups(visibility: npt.NDArray[np.integer[Any]]) -> Bools:
    """(3, N, K): which joints each of :data:`GROUPS` counts."""
    return np.stack((visibility > 0, visibility == 1, visibility == 2))


def person_shares(correct: Bools, visibility: npt.NDArray[np.integer[Any]]) -> tuple[Floats, Floats]:
    """Of each person the share of joints found, and whether there are any.

    Args:
        correct: (N, K) which joints are.
        visibility: (N, K) v = 0, 1, 2; 0 where a joint does not count.

    Returns:
        (N, 3) shares by :data:`GROUPS`, 0 where a person has no such joint, and (N, 3) 1 where it has one, else 0.
    """
    labelled = groups(visibility)
    labels, found = labelled.sum(2).T, (labelled & correct).sum(2).T
    return found / np.maximum(labels, 1), (labels > 0).astype(np.float64)


def tally(correct: Bools, visibility: npt.NDArray[np.integer[Any]]) -> PCKCounts:
    """Counts N people of whom it is known which joints (N, K) are correct; visibility (N, K) is 0 where none counts."""
    keypoints = visibility.shape[1]
    labelled = groups(visibility)
    found = labelled & correct
    labels_each, hits_each = labelled.sum(2), found.sum(2)
    people, right = np.zeros((2, len(GROUPS), keypoints + 1), np.int64)
    for group in range(len(GROUPS)):
        np.add.at(people[group], labels_each[group], 1)
        np.add.at(right[group], labels_each[group], hits_each[group])
    return PCKCounts(people, right, labelled.sum(1), found.sum(1))
