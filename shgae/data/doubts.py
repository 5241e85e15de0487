"""What a careful reader asks of a JSON in which every person is sound: pixels? boxes? labels? twice?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shgae.data.coco import Person, Photo
from shgae.wording import counted, counted_people

FRACTIONS = "lie between 0 and 1, as fractions of the photo do"
_MOST_FRACTION = 2.0
"""No fraction of a photo is further from 0: what is annotated or found at its border may lie a little beyond it."""
_LEAST_WITHIN = 0.95
"""Share of fractions between 0 and 1."""
_MARGIN = 1.0
"""Pixels that a box may miss."""
_MOST_BEYOND = 0.25
"""Share of boxes beyond their photo: of the corners of people anywhere three quarters are, of sound boxes none."""
_LEAST_INSIDE = 0.75
"""Share of joints in their person's box: in COCO nearly all; a box by its centre holds a quarter to a half."""


def is_by_corners(box: Sequence[float], size: tuple[int, int]) -> bool:
    """Whether x, y, width, height reach beyond a photo, but do not if they are read as two corners."""
    x, y, width, height = box
    reaches = x + width > size[0] + _MARGIN or y + height > size[1] + _MARGIN
    return reaches and x < width <= size[0] + _MARGIN and y < height <= size[1] + _MARGIN


def doubt_of_corners(by_corners: int, boxes: int) -> str | None:
    """A note where so many boxes are as corners would be."""
    if by_corners <= _MOST_BEYOND * boxes:
        return None
    count = f"{by_corners:,} of {counted(boxes, 'box', 'boxes')}"
    return f"{count} reach beyond the photo, as corners x, y, x, y would (bbox is x, y, width, height)"


@dataclass
class Coordinates:
    """Counts over the coordinates of a JSON, which tell pixels from fractions of the photo."""

    count: int = 0
    within: int = 0
    """Between 0 and 1."""
    largest: float = 0.0
    """Of them all, without its sign."""

    def add(self, numbers: npt.ArrayLike) -> None:
        """Takes finite ones."""
        values = np.asarray(numbers, np.float64)
        self.count += values.size
        self.within += int(((values >= 0) & (values <= 1)).sum())
        self.largest = float(np.abs(values).max(initial=self.largest))

    @property
    def are_nowhere(self) -> bool:
        """Whether there are some, and all are 0."""
        return bool(self.count) and not self.largest

    @property
    def are_fractions(self) -> bool:
        """Whether they are of pixels nowhere: nearly all lie between 0 and 1, the others near, and not all are 0."""
        return 0 < self.largest <= _MOST_FRACTION and self.within >= _LEAST_WITHIN * self.count


@dataclass
class Doubts:
    """Counts over the labelled people of a JSON."""

    people: int = 0
    coordinates: Coordinates = field(default_factory=Coordinates)
    """Of their joints."""
    boxes: int = 0
    by_corners: int = 0
    joints: int = 0
    """Of people with a box of their own."""
    inside: int = 0
    """Of these, in the box."""
    at_zero: int = 0
    """Labelled joints at 0, 0."""
    twice: int = 0
    """People who are another one, joint for joint."""
    _seen: set[int] = field(default_factory=set)
    """Hashes of 64 bits: the joints themselves would take as much memory as the JSON."""

    def add(self, person: Person, photo: Photo) -> None:
        """Takes a labelled person without a fault."""
        xy = person.xy_labelled
        self.people += 1
        self.coordinates.add(xy)
        self.at_zero += int((xy == 0).all(axis=1).sum())
        if person.has_box:
            self.boxes += 1
            self.by_corners += photo.size is not None and is_by_corners(person.box.tolist(), photo.size)
            low, high = person.box[:2] - _MARGIN, person.box[:2] + person.box[2:] + _MARGIN
            self.joints += len(xy)
            self.inside += int(((xy >= low) & (xy <= high)).all(axis=1).sum())
        key = hash((photo.id, np.where(person.visibility[:, None] > 0, person.xy_photo, 0).tobytes()))
        self.twice += key in self._seen
        self._seen.add(key)

    def notes(self) -> Iterator[str]:
        """What a user should hear."""
        if note := doubt_of_corners(self.by_corners, self.boxes):
            yield note
        elif self.inside < _LEAST_INSIDE * self.joints:
            share = f"{self.inside:,} of {self.joints:,} labelled joints"
            yield f"only {share} lie in their person's box: is bbox x, y, width, height of the person?"
        if self.at_zero:
            yield f"{counted(self.at_zero, 'labelled joint')} at 0, 0: is v = 0 meant, not labelled?"
        if self.twice:
            yield f"{counted_people(self.twice)} twice, joint for joint in one photo: each counts"
