"""The crops of a selection, photo by photo, in order; each photo is decoded once, in threads, a few ahead."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shgae.data.coco import Person, Photo
from shgae.data.geometry import Rectangle, Square, cut, open_photo
from shgae.data.lookahead import ahead
from shgae.data.selection import Selection
from shgae.errors import Refused
from shgae.recipes import Split


@dataclass(frozen=True)
class Sample:
    """One person, cut out."""

    person: Person
    photo: Photo
    split: Split
    square: Square
    """In xy_photo."""
    pixels: npt.NDArray[np.uint8]
    """(crop_size, crop_size, 3) RGB, zero outside ``valid``."""
    valid: Rectangle
    """The pixels of the crop that the photo covers."""


def check_photos(selection: Selection) -> None:
    """Looks for every photo that has samples, without opening it.

    Raises:
        Refused: one is missing, or a link leads it out of its folder.
    """
    for photo, fates in selection:
        wanted = [fate.annotation_id for fate in fates if fate.split is not None]
        if wanted:
            with _naming(wanted[0]):
                selection.people.photo_path(photo)


def cut_people(selection: Selection, crop_size: int, workers: int) -> Generator[list[Sample], None, None]:
    """The samples of each photo that has some, in the order of the JSON, whatever the number of threads.

    Args:
        selection: whom to cut out, and how.
        crop_size: side of a crop in pixels.
        workers: threads; 0 does it in line.

    Raises:
        Refused: a photo is missing, torn or of another size than the JSON says; the line names one of its people.
    """
    yield from ahead(_jobs(selection, crop_size), _Job.run, workers)


@dataclass(frozen=True)
class _Job:
    """A photo and whom to cut out of it."""

    path: Path
    photo: Photo
    people: list[tuple[Person, Split, Square]]
    crop_size: int

    def run(self) -> list[Sample]:
        with _naming(self.people[0][0].annotation_id):
            image = open_photo(self.path, self.photo.size)
        return [
            Sample(person, self.photo, split, square, *cut(image, square, self.crop_size))
            for person, split, square in self.people
        ]


def _jobs(selection: Selection, crop_size: int) -> Iterator[_Job]:
    for photo, fates in selection:
        people = [
            (selection.people.person(fate.annotation_id, photo), fate.split, fate.square)
            for fate in fates
            if fate.split is not None and fate.square is not None
        ]
        if people:
            yield _Job(selection.people.photo_path(photo), photo, people, crop_size)


@contextmanager
def _naming(annotation_id: int) -> Iterator[None]:
    """Adds to the refusal of a photo who was to be cut out of it."""
    try:
        yield
    except Refused as error:
        raise Refused(error.what, f"{error.where} (annotation {annotation_id})", error.why, error.fix) from error
