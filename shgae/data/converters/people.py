"""What every converter makes: people by split, what their format lacks, and the COCO keypoint JSON of them.

A key that a person's format does not give is absent from the person's annotation; nothing is put in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shgae.arrays import Bytes, Floats
from shgae.data.photo_files import PhotoFolder, read_header
from shgae.data.text_input import is_photo_name, leads_out
from shgae.errors import Refused
from shgae.skeleton import Skeleton

_CATEGORY = 1
_MOST = 1e7
"""Photo pixels: no coordinate is larger."""
_DECIMALS = 6


class Malformed(Exception):
    """What contradicts the format, in words; the reader of the file makes a :class:`Refused` of it."""


class BrokenPeople:
    """People of a file with entries that contradict its own format: each costs nobody but itself."""

    def __init__(self) -> None:
        self._count = 0
        self._first = ""

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Ends its block at a :class:`Malformed`, which is counted."""
        try:
            yield
        except Malformed as fault:
            self._count += 1
            self._first = self._first or str(fault)

    def notes(self, sound: int) -> list[str]:
        """A line that says how many were left out; raises the first :class:`Malformed` where nobody is ``sound``."""
        if self._count and not sound:
            raise Malformed(self._first)
        return [f"people with a broken entry, left out: {self._count:,} ({self._first})"] if self._count else []


@dataclass(frozen=True, slots=True)
class ConvertedPerson:
    """A person of K joints, all in photo pixels as the file counts them."""

    file_name: str
    """The photo."""
    xy_photo: Floats
    """(K, 2) joints, 0 where not labelled."""
    visibility: Bytes
    """(K,) COCO's v: 0 not labelled, 1 labelled but hidden, 2 labelled and visible."""
    box: tuple[float, float, float, float] | None = None
    """x, y, width, height of the person."""
    head_box: tuple[float, float, float, float] | None = None
    """x, y, width, height of the head."""
    head_size: float | None = None
    """Normaliser of PCKh, where the format gives it and no head box: 0.6 x the diagonal of the head box."""
    center: tuple[float, float] | None = None
    scale: float | None = None
    """MPII's: the person's height in units of 200 pixels, roughly."""

    def __post_init__(self) -> None:
        numbers = [*self.xy_photo.ravel().tolist(), *(self.box or ()), *(self.head_box or ())]
        numbers += [*(self.center or ()), self.head_size or 0.0, self.scale or 0.0]
        if not all(-_MOST <= number <= _MOST for number in numbers):  # False for NaN too
            raise Malformed(f"a person of {self.file_name!r:.60} has a number that is not finite, or too large")


@dataclass(frozen=True)
class Converted:
    """The people of a file."""

    skeleton: Skeleton
    splits: Mapping[str, Sequence[ConvertedPerson]]
    """By the split's name, in the order of the file."""
    notes: tuple[str, ...]
    """What the format lacks, and what was left out, a line each."""


def to_coco(
    people: Sequence[ConvertedPerson], skeleton: Skeleton, sizes: Mapping[str, tuple[int, int]]
) -> dict[str, Any]:
    """COCO keypoint JSON of the people of a split; ids count from 1 in their order, photos' by first appearance.

    ``bbox``, ``bbox_head`` (x, y, width, height), ``head_size``, ``center``, ``scale`` and a photo's ``width`` and
    ``height`` (``sizes``, by its name, in pixels) stand where they are known only.
    """
    ids: dict[str, int] = {}
    for person in people:
        ids.setdefault(person.file_name, len(ids) + 1)
    images = [
        {"id": number, "file_name": name} | dict(zip(("width", "height"), sizes.get(name, ()), strict=False))
        for name, number in ids.items()
    ]
    category = {
        "id": _CATEGORY,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(skeleton.names),
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.limbs],
        "flip_pairs": [[a + 1, b + 1] for a, b in skeleton.flip_pairs],
    }
    annotations = [
        {"id": number, "image_id": ids[person.file_name], "category_id": _CATEGORY, "iscrowd": 0} | _annotation(person)
        for number, person in enumerate(people, 1)
    ]
    return {"images": images, "annotations": annotations, "categories": [category]}


def _annotation(person: ConvertedPerson) -> dict[str, Any]:
    joints = np.concatenate([person.xy_photo, person.visibility[:, None]], axis=1)
    found: dict[str, Any] = {
        "keypoints": [_plain(number) for number in joints.ravel().tolist()],
        "num_keypoints": int((person.visibility > 0).sum()),
    }
    for key, numbers in (("bbox", person.box), ("bbox_head", person.head_box), ("center", person.center)):
        if numbers is not None:
            found[key] = [_plain(number) for number in numbers]
    for key, number in (("head_size", person.head_size), ("scale", person.scale)):
        if number is not None:
            found[key] = _plain(number)
    return found


def _plain(number: float) -> int | float:
    short = round(number, _DECIMALS)
    return int(short) if short.is_integer() else short


def photo_sizes(names: Sequence[str], folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each photo of the folder that can be read and is stored upright, with its width and height from the file's head.

    Raises:
        Refused: no such folder.
    """
    if not folder.is_dir():
        raise Refused("photos", folder, "no such folder", "the folder that holds the photos")
    photos = PhotoFolder(folder)
    for name in names:
        path = photos.path(name)
        header = read_header(path) if photos.is_inside(path) else None
        # A size of one that EXIF turns would say that boxes are of the stored pixels, of which the file knows nothing.
        if header is not None and header.size == header.upright_size:
            yield name, header.size


def file_name_of(value: Any) -> str:
    """A photo's name out of a file; raises :class:`Malformed` for what is not a plain name."""
    name = value.decode(errors="replace") if isinstance(value, bytes) else value
    if not is_photo_name(name) or not name.isprintable() or leads_out(name):
        raise Malformed(f"a photo has no usable name ({value!r:.60})")
    return str(name)
