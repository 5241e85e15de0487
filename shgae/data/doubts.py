"""What a careful reader asks of a JSON in which every person is sound: pixels? boxes? labels? twice?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shgae.data.coco import Person, Photo
from shgae.wording import counted, counted_people

FRACTIONS = "lie within 3 pixels of 0, 0, as fractions of the photo do"
_MOST_FRACTION = 3.0
"""No fraction of a photo is further from 0, from its corner or its middle: joints are found a little beyond it too."""
_CORNER = 1.5
"""Pixels around 0, 0, where fractions of the photo lie, and what other formats write for a joint without a label."""
_MARGIN = 1.0
"""Pixels that a box may miss."""
_MOST_BEYOND = 0.1
"""Share of boxes, or people, beyond their photo: of sound boxes none, of the corners of people anywhere most."""
_BY_CORNERS = 0.9
"""Share of those that corners explain, where they are corners."""
_LEAST_INSIDE = 0.75
"""Share of joints in their person's box: in COCO nearly all; a box by its centre holds a quarter to a half."""
_PER_CENT, _LARGE, _FEW = 100, 200, 3
"""Pixels: the most that a number in per cent is, and a photo of larger numbers; fewer people may be in a corner."""
_LEAST_AREA = 0.02
"""Of the box: in COCO a person covers a sixth of it or more."""
_MOST_ODD_AREAS, _MOST_AT_ONE_PLACE = 0.001, 0.01
"""Shares of people who are so by chance."""


def _are_per_cent(largest: float, count: int, smallest_photo: float) -> bool:
    return count >= _FEW and 0 < largest <= _PER_CENT and _LARGE < smallest_photo < float("inf")


@dataclass
class BoxForms:
    """Counts over boxes, which tell x, y, width, height in pixels of their photos from other forms.

    Squares may reach beyond the photo: MPII's are drawn around a centre.
    """

    count: int = 0
    beyond: int = 0
    """Those that reach beyond their photo."""
    by_corners: int = 0
    """Of these, those that do not if they are read as two corners."""
    farthest: float = 0.0
    """What any reaches, to the right or down."""
    smallest_photo: float = float("inf")
    """The shorter side of the smallest."""

    def add(self, box: Sequence[float], size: tuple[int, int] | None) -> None:
        """Takes a box, and the size of its photo where that is known."""
        x, y, width, height = box
        self.count += 1
        self.farthest = max(self.farthest, x + width, y + height)
        if size is None:
            return
        self.smallest_photo = min(self.smallest_photo, *size)
        if width != height and (x + width > size[0] + _MARGIN or y + height > size[1] + _MARGIN):
            self.beyond += 1
            self.by_corners += x < width <= size[0] + _MARGIN and y < height <= size[1] + _MARGIN

    @property
    def are_odd(self) -> bool:
        """Whether too many reach beyond their photo."""
        return self.beyond > _MOST_BEYOND * self.count

    @property
    def are_corners(self) -> bool:
        """Whether they are odd as corners are."""
        return self.are_odd and self.by_corners >= _BY_CORNERS * self.beyond

    @property
    def are_per_cent(self) -> bool:
        """Whether they may be of per cent of the photo."""
        return _are_per_cent(self.farthest, self.count, self.smallest_photo)

    def note(self) -> str | None:
        """A note where they are odd, or may be per cent."""
        if self.are_per_cent:
            return f"no box reaches beyond {_PER_CENT} pixels, in photos of more than {_LARGE}: are they per cent?"
        if not self.are_odd:
            return None
        count = f"{self.beyond:,} of {counted(self.count, 'box', 'boxes')} reach beyond the photo"
        if self.are_corners:
            return f"{count}, as corners x, y, x, y would (bbox is x, y, width, height)"
        return f"{count}: is bbox x, y of the corner, width, height, of photos of this size?"


@dataclass
class Coordinates:
    """What coordinates of a JSON reach, which tells pixels from fractions of the photo."""

    count: int = 0
    largest: float = 0.0
    """Of them all, without its sign."""

    def add(self, numbers: npt.ArrayLike) -> None:
        """Takes finite ones."""
        values = np.asarray(numbers, np.float64)
        self.count += values.size
        self.largest = float(np.abs(values).max(initial=self.largest))

    @property
    def are_nowhere(self) -> bool:
        """Whether there are some, and all are 0."""
        return bool(self.count) and not self.largest

    @property
    def are_fractions(self) -> bool:
        """Whether they are of pixels nowhere: none is far from 0, and not all are 0."""
        return 0 < self.largest <= _MOST_FRACTION


@dataclass
class Doubts:
    """Counts over the people of a JSON, without crowds."""

    people: int = 0
    """Those with labelled joints."""
    coordinates: Coordinates = field(default_factory=Coordinates)
    """Of their joints."""
    boxes: BoxForms = field(default_factory=BoxForms)
    joints: int = 0
    """Of people with a box of their own."""
    inside: int = 0
    """Of these, in the box."""
    empty_boxes: int = 0
    """Boxes without a labelled joint."""
    outside: int = 0
    """People outside the photo."""
    fractions: int = 0
    """People with all labelled joints next to 0, 0."""
    smallest_photo: float = float("inf")
    """The shorter side of the smallest."""
    at_zero: int = 0
    """Labelled joints at 0, 0."""
    visible: int = 0
    """Labelled joints with v = 2."""
    unlabelled: int = 0
    """Joints that have a place, but v = 0."""
    with_unlabelled: int = 0
    """People with such joints."""
    areas: int = 0
    odd_areas: int = 0
    """Areas that are not those of somebody in the box."""
    twice: int = 0
    """People who are another one, joint for joint."""
    _places: Counter[tuple[float, float]] = field(default_factory=Counter)
    """People by where they have labelled joints next to 0, 0."""
    _seen: set[int] = field(default_factory=set)
    """Hashes of 64 bits: the joints themselves would take as much memory as the JSON."""

    def add(self, person: Person, photo: Photo, *, is_outside: bool = False) -> None:
        """Takes a person without a fault."""
        unlabelled = int(((person.visibility == 0) & (person.xy_photo > _CORNER).all(axis=1)).sum())
        self.unlabelled += unlabelled
        self.with_unlabelled += unlabelled > 0
        if not person.is_labelled:
            return
        self.people += 1
        self.outside += is_outside
        self.visible += int((person.visibility == 2).sum())
        if photo.size is not None:
            self.smallest_photo = min(self.smallest_photo, *photo.size)
        self._add_places(person.xy_labelled)
        if person.has_box:
            self._add_box(person, photo)
        key = hash((photo.file_name, np.where(person.visibility[:, None] > 0, person.xy_photo, 0).tobytes()))
        self.twice += key in self._seen
        self._seen.add(key)

    def _add_places(self, xy: npt.NDArray[np.float64]) -> None:
        self.coordinates.add(xy)
        is_zero = (xy == 0).all(axis=1)
        self.at_zero += int(is_zero.sum())
        is_near = (np.abs(xy) <= _CORNER).all(axis=1)
        if is_near.all():
            self.fractions += not is_zero.all()
        else:
            self._places.update({(x, y) for x, y in xy[is_near & ~is_zero].tolist()})

    def _add_box(self, person: Person, photo: Photo) -> None:
        self.boxes.add(person.box.tolist(), photo.size)
        xy, low, side = person.xy_labelled, person.box[:2], person.box[2:]
        inside = int(((xy >= low - _MARGIN) & (xy <= low + side + _MARGIN)).all(axis=1).sum())
        self.joints += len(xy)
        self.inside += inside
        self.empty_boxes += not inside
        if (area := person.measures.get("area")) is not None:
            self.areas += 1
            self.odd_areas += not _LEAST_AREA * side.prod() <= area <= (side + _MARGIN).prod()

    def notes(self) -> Iterator[str]:
        """What a user should hear."""
        yield from self._notes_of_units()
        if self.at_zero:
            yield f"{counted(self.at_zero, 'labelled joint')} at 0, 0: is v = 0 meant, not labelled?"
        for (x, y), count in self._places.most_common(1):
            if count > max(1, _MOST_AT_ONE_PLACE * self.people):
                where = f"labelled joint at {x:g}, {y:g}"
                yield f"{counted_people(count)} with a {where}: is v = 0 meant, not labelled?"
        if self.unlabelled:
            which = f"{counted(self.unlabelled, 'joint')} of {counted_people(self.with_unlabelled)}"
            yield f"{which} with a place, but v = 0: is it meant, not labelled?"
        if self.people and not self.visible:
            yield "every labelled joint has v = 1, labelled but hidden: is 2, visible, meant?"
        if self.odd_areas > _MOST_ODD_AREAS * self.areas:
            what = f"above that of their box, or below {100 * _LEAST_AREA:g} % of it"
            yield f"{self.odd_areas:,} of {counted_people(self.areas)} with an area {what}: OKS takes it as it is"
        if self.twice:
            yield f"{counted_people(self.twice)} twice, joint for joint in one photo: each counts"

    def _notes_of_units(self) -> Iterator[str]:
        """On numbers that are not pixels, or not of these photos."""
        note = self.boxes.note()
        if not self.boxes.are_corners and self.inside < _LEAST_INSIDE * self.joints:
            share = f"{self.inside:,} of {self.joints:,} labelled joints"
            yield f"only {share} lie in their person's box: is bbox x, y, width, height of the person?"
        elif note:
            yield note
        elif self.outside > _MOST_BEYOND * self.people:
            count = f"{self.outside:,} of {counted_people(self.people)}"
            yield f"{count} lie outside the photo: are the photos those that the JSON was made for?"
        elif self.empty_boxes:
            count = f"{self.empty_boxes:,} of {counted(self.boxes.count, 'box', 'boxes')}"
            yield f"{count} without any of their person's labelled joints: is bbox x, y, width, height of the person?"
        if self.fractions:
            near = f"{self.fractions:,} of {counted_people(self.people)} with all labelled joints"
            yield f"{near} within {_CORNER} pixels of 0, 0: are they fractions of the photo?"
        if not self.boxes.are_per_cent and _are_per_cent(self.coordinates.largest, self.people, self.smallest_photo):
            yield f"no labelled joint is beyond {_PER_CENT} pixels, in photos of more than {_LARGE}: are they per cent?"
