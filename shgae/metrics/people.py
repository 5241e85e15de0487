"""What scores are made of: people, predicted points, the groups that are looked at apart, and a score with its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from shgae.arrays import Bools, Floats, Ints
from shgae.metrics import pck

Visibility = npt.NDArray[np.integer[Any]]
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Groups(Generic[T]):
    """The same thing for several groups of joints."""

    all: T
    """Every labelled joint."""
    v1: T
    """Those with v = 1 (labelled, hidden)."""
    v2: T
    """Those with v = 2 (labelled, visible)."""
    joints: Mapping[str, T]
    """Each of the K joints, by name."""
    labelled: Mapping[str, T]
    """The joints of people who have so many labelled: 1-4, 5-8, 9-12, 13-17."""

    def map(self, function: Callable[[T], U]) -> Groups[U]:
        """Something else in place of each."""
        return Groups(
            function(self.all),
            function(self.v1),
            function(self.v2),
            {name: function(one) for name, one in self.joints.items()},
            {name: function(one) for name, one in self.labelled.items()},
        )


Values = Groups[float | None]
"""A number for each group; None where nobody has a joint of it."""


@dataclass(frozen=True, eq=False)
class Regions:
    """COCO's ignored regions: R crowds, and people of whom nobody labelled a joint; in a photo, in the JSON's order."""

    photo_id: Ints
    """(R,)."""
    is_crowd: Bools
    """(R,)."""
    box: Floats
    """(R, 4) x, y, width, height in photo pixels; width and height above 0."""
    area: Floats
    """(R,) in square photo pixels; NaN where the JSON has none: then it is width x height."""
    xy_photo: Floats
    """(R, K, 2) joints of a crowd in photo pixels; without meaning where visibility is 0."""
    visibility: Visibility
    """(R, K) v = 0, 1, 2."""

    def __len__(self) -> int:
        return len(self.photo_id)


@dataclass(frozen=True, eq=False)
class People:
    """What predictions are scored against: N people of K joints."""

    joints: tuple[str, ...]
    """The K names."""
    xy_photo: Floats
    """(N, K, 2) the annotation in photo pixels; what stands where visibility is 0 has no meaning."""
    visibility: Visibility
    """(N, K) v = 0, 1, 2."""
    cells: Ints
    """(N, K, 2) the cell x, y that each joint falls on by the original study's rule (``heatmaps.truth``)."""
    cell_visibility: Visibility
    """(N, K) v, and 0 also for a joint outside the crop, which has no target."""
    map_size: int
    """Rows and columns of a map."""
    box: Floats
    """(N, 4) the annotated box: x, y, width, height in photo pixels; width and height above 0."""
    photo_id: Ints
    """(N,) people of one photo are not independent witnesses."""
    annotation_id: Ints
    """(N,)."""
    area: Floats | None = None
    """(N,) of the annotated outline in square photo pixels; NaN where it is not known, None where it never is."""
    head_size: Floats | None = None
    """(N,) normaliser of PCKh in photo pixels; NaN where it is not known, None where it never is."""
    sigmas: Floats | None = None
    """(K,) of OKS; None takes COCO's where the joints are COCO's."""
    regions: Regions | None = None
    """Of their photos; None where nobody knows."""

    def __len__(self) -> int:
        return len(self.visibility)

    @property
    def areas(self) -> Floats:
        """(N,) in square photo pixels: the annotation's, or width x height of the box where it gives none."""
        return area_of(self.area, self.box)

    @property
    def with_joints(self) -> int:
        """How many have a labelled joint at all."""
        return int((self.visibility > 0).any(1).sum())

    @cached_property
    def bins(self) -> dict[str, Bools]:
        """(N,) who has so many labelled joints."""
        counts = (self.visibility > 0).sum(1)
        return {f"{low}-{high}": (low <= counts) & (counts <= high) for low, high in label_bins(len(self.joints))}

    @cached_property
    def masks(self) -> Groups[Bools]:
        """(N, K) the labelled joints of each group."""
        labelled, hidden, visible = pck.groups(self.visibility)
        column = np.eye(len(self.joints), dtype=bool)
        joints = {name: labelled & column[k] for k, name in enumerate(self.joints)}
        return Groups(labelled, hidden, visible, joints, {n: labelled & rows[:, None] for n, rows in self.bins.items()})


@dataclass(frozen=True, eq=False)
class Points:
    """What one predictor says about them."""

    xy_photo: Floats
    """(N, K, 2) in photo pixels."""
    cells: Ints
    """(N, K, 2) cells x, y: the highest ones of the maps, or those that the points fall on; not bound to the map."""
    score: Floats
    """(N,) how sure it is of a person."""
    decoding: str
    """How the points were read off the maps, in words."""
    cell_decoding: str = ""
    """How the cells were, where it was in another way."""
    found: Bools | None = None
    """(N,) of whom it says anything, where it was matched to the people of whole photos; None: of everybody."""

    @property
    def is_found(self) -> Bools:
        """(N,) of whom it says anything."""
        return np.ones(len(self.score), bool) if self.found is None else self.found

    @property
    def joints_found(self) -> Bools:
        """(N, K) of which joints it says anything."""
        return np.broadcast_to(self.is_found[:, None], self.cells.shape[:2])


@dataclass(frozen=True)
class Metric:
    """One score, for each group of joints: shares, pixels or sides, None where nobody has a joint of it."""

    name: str
    """Family, radius and averaging: ``box_pck@0.1/joint``."""
    unit: str
    """share (0 to 1), px (photo pixels) or box (longer sides of the box)."""
    rule: str
    """What is measured, against what."""
    averaging: str
    """What is averaged over what."""
    mask: str
    """Which joints count."""
    decoding: str
    """See :attr:`Points.decoding`."""
    all: float | None
    v1: float | None
    v2: float | None
    joints: Mapping[str, float | None]
    labelled: Mapping[str, float | None]
    """These five: see :class:`Groups`."""
    people: int
    """How many counted."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many people have joints and did not count, or joints of the others, by reason."""
    reason: str | None = None
    """Why there is no number, or none of single joints."""


def area_of(area: Floats | None, box: Floats) -> Floats:
    """(N,) in square photo pixels: as annotated, and width x height of the box (N, 4) where that is NaN or None."""
    of_box: Floats = box[:, 2] * box[:, 3]
    return of_box if area is None else np.where(np.isfinite(area), area, of_box)


def label_bins(keypoints: int) -> tuple[tuple[int, int], ...]:
    """Numbers of labelled joints, in steps of four of which the last takes what is left: 1-4, 5-8, 9-12, 13-17."""
    starts = [1 + 4 * step for step in range(max(1, keypoints // 4))]
    return tuple(zip(starts, [start - 1 for start in starts[1:]] + [keypoints], strict=True))
