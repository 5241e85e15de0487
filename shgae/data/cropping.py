"""The crops of a selection, photo by photo, in order; each photo is decoded once, in threads, a few ahead."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from PIL import Image

from shgae.arrays import Bytes
from shgae.data.coco import CocoPeople, Person, Photo
from shgae.data.geometry import Rectangle, Square, around_crop, with_context
from shgae.data.photo_decoding import cut, open_photo, refuse_huge
from shgae.data.prefetch import prefetch
from shgae.data.selection import Selection
from shgae.errors import Refused, shortened
from shgae.recipes import PrepareConfig, Split
from shgae.wording import few

_MOST_NAMED = 2
"""Bad photos besides the first."""
MOST_AT_ONCE = 64
"""People of a photo who are cut out at once; a crowd goes in parts, so that memory does not grow with it."""


@dataclass(frozen=True)
class Sample:
    """One person, cut out."""

    person: Person
    photo: Photo
    split: Split
    square: Square
    """In xy_photo."""
    pixels: Bytes
    """(crop_size, crop_size, 3) RGB, zero outside ``valid``."""
    valid: Rectangle
    """The pixels of the crop that the photo covers."""
    stored: Bytes
    """``pixels``, with the context around them that is kept too."""


@dataclass(frozen=True)
class BadPhoto:
    """A photo that has samples, but is missing, torn, of another size than the JSON says, or led out of its folder."""

    photo: Photo
    source: Split
    """The split that its JSON was given for."""
    fault: Refused
    """It names the photo and one of its people."""

    @property
    def reason(self) -> str:
        """What is wrong in a few words, without a path."""
        return self.fault.why.partition(" (")[0]


@dataclass(frozen=True)
class Cut:
    """What came of a photo, or of a part of its people."""

    people: int
    """How many were to be cut out."""
    samples: list[Sample]
    """All of them, or nobody of a bad photo."""
    bad: BadPhoto | None = None
    """Told once, with the first part."""


def missing_photos(selection: Selection) -> list[BadPhoto]:
    """Looks for every photo that has samples, without opening it: those that are missing, or led out of the folder, or
    by the JSON's size are larger than what is decoded."""
    missing = []
    for photo, fates in selection.samples():
        try:
            path = selection.people.photo_path(photo)
            if photo.size is not None:
                refuse_huge(path, photo.size)
        except Refused as error:
            missing.append(_bad(photo, selection.source, fates[0].annotation_id, error))
    return missing


def too_many(bad: Sequence[BadPhoto], of: int) -> Refused:
    """The end of a run that met more bad photos than it may, of so many: the first ones, and how many there are.

    Where all are bad, no option helps.
    """
    first = bad[0].fault
    fix = first.fix if len(bad) >= of else f"{first.fix}, or --max-bad-photos {len(bad)}"
    if len(bad) == 1:
        return Refused(first.what, first.where, first.why, fix)
    others = few([shortened(one.photo.file_name) for one in bad[1:]], _MOST_NAMED)
    told = f"{len(bad):,} photos are bad" if len(bad) < of else f"all {of:,} photos are bad"
    return Refused(first.what, first.where, f"{first.why}; {told} ({others})", fix)


def photos_to_cut(selection: Selection) -> int:
    return sum(1 for _ in selection.samples())


def cut_people(selection: Selection, config: PrepareConfig, workers: int) -> Generator[Cut, None, None]:
    """What comes of each photo that has samples, in the order of the JSON, whatever the number of threads.

    A photo of more than :data:`MOST_AT_ONCE` comes in parts; 0 threads do it in line.
    """
    around = around_crop(config.crop_size, config.context)

    def cut_part(part: _Part) -> Cut:
        image = part.decoded.get()
        if isinstance(image, Refused):
            bad = _bad(part.photo, selection.source, part.people[0][0].annotation_id, image)
            return Cut(len(part.people), [], bad if part.is_first else None)
        samples = []
        for person, split, square in part.people:
            pixels, valid = cut(image, square, config.crop_size)
            stored = _with_context(image, square, pixels, around)
            samples.append(Sample(person, part.photo, split, square, pixels, valid, stored))
        return Cut(len(part.people), samples)

    return prefetch(_parts(selection), cut_part, workers)


class _Decoded:
    """A photo that is decoded once, by the first of its parts; all of them see the same pixels, or the same fault."""

    def __init__(self, of: CocoPeople, photo: Photo) -> None:
        self._of, self._photo = of, photo
        self._lock = Lock()
        self._found: Image.Image | Refused | None = None

    def get(self) -> Image.Image | Refused:
        with self._lock:
            if self._found is None:
                self._found = self._open()
            return self._found

    def _open(self) -> Image.Image | Refused:
        try:
            path = self._of.photo_path(self._photo)
            image = open_photo(path, self._photo.size, self._of.exif)
        except Refused as error:
            return error
        if self._photo.size is None:
            return Refused("photo", path, "it was changed while it was looked at", "the same command again")
        return image


class _Part(NamedTuple):
    """A photo and whom to cut out of it."""

    photo: Photo
    decoded: _Decoded
    people: list[tuple[Person, Split, Square]]
    is_first: bool
    """Whether it is the first part of its photo."""


def _parts(selection: Selection) -> Iterator[_Part]:
    for photo, fates in selection.samples():
        decoded = _Decoded(selection.people, photo)
        for start in range(0, len(fates), MOST_AT_ONCE):
            people = [
                (selection.people.person(fate.annotation_id, photo), fate.split, fate.square)
                for fate in fates[start : start + MOST_AT_ONCE]
                if fate.split is not None and fate.square is not None  # as of every sample
            ]
            yield _Part(photo, decoded, people, start == 0)


def _with_context(image: Image.Image, square: Square, pixels: Bytes, around: int) -> Bytes:
    size = len(pixels)
    if not around:
        return pixels
    stored, _ = cut(image, with_context(square, size, around), size + 2 * around)
    # The middle is cut on its own, for the larger square is resampled with other roundings.
    stored[around : around + size, around : around + size] = pixels
    return stored


def _bad(photo: Photo, source: Split, annotation_id: int, fault: Refused) -> BadPhoto:
    """Adds to the refusal of a photo who was to be cut out of it; a long file name is shortened."""
    path = fault.where.replace(photo.file_name, shortened(photo.file_name))
    where = f"{path} (annotation {annotation_id})"
    return BadPhoto(photo, source, Refused(fault.what, where, fault.why, fault.fix))
