"""COCO person keypoints (JSON) -> people, photo by photo.

The whole file is checked (:mod:`shgae.data.coco_json`) before it is indexed. What is wrong with one person
only, a joint that is not finite, say, stands in :attr:`Person.fault`: the caller decides.
"""

from __future__ import annotations

import math
import os
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shgae.arrays import Bytes, Floats
from shgae.artifacts.crops import MEASURES
from shgae.artifacts.input_file import open_input
from shgae.artifacts.strict_json import is_number
from shgae.data.coco_json import FIX, AnnotationFile, read_dataset
from shgae.data.geometry import MIN_SIDE
from shgae.data.photo_files import Header, PhotoFolder, read_header
from shgae.data.text_input import said_size
from shgae.errors import Refused
from shgae.recipes import Exif
from shgae.skeleton import Skeleton

_KEYS = {"area": "area", "head_box": "bbox_head", "head_size": "head_size", "center": "center", "scale": "scale"}
"""Of each of :data:`~shgae.artifacts.crops.MEASURES` its key in an annotation (bbox_head is PoseTrack's)."""
_FAR = 1e9
"""Pixels: no photo reaches so far."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that the JSON names."""

    id: int
    file_name: str
    """Relative to the folder of the photos."""
    size: tuple[int, int] | None
    """Width and height in pixels; None where neither the JSON nor the file says."""


@dataclass(frozen=True, slots=True)
class Person:
    """An annotated person with K keypoints."""

    annotation_id: int
    xy_photo: Floats
    """(K, 2) joints in pixels of the photo; what stands where visibility is 0 has no meaning."""
    visibility: Bytes
    """(K,) COCO's v: 0 not labelled, 1 labelled but hidden, 2 labelled and visible."""
    box: Floats
    """(4,) x, y, width, height in pixels of the photo; where the JSON has none, around the labelled joints."""
    measures: Mapping[str, Floats]
    """Those of :data:`~shgae.artifacts.crops.MEASURES` that the JSON gives, in photo pixels (area: square pixels)."""
    iscrowd: bool
    """True for a group that is annotated as one."""
    fault: str | None
    """What is broken about a labelled person (then the arrays are of no use); None where all is well."""
    has_box: bool
    """Whether the JSON has a box with an area."""

    @property
    def is_labelled(self) -> bool:
        """Whether any joint is labelled (COCO's own num_keypoints is not believed)."""
        return bool(self.visibility.any())

    @property
    def xy_labelled(self) -> Floats:
        """(L, 2) the labelled joints in xy_photo."""
        return self.xy_photo[self.visibility > 0]


class CocoPeople:
    """The people of a COCO JSON that passed every check of :func:`read_coco`."""

    def __init__(self, path: Path, photos: Path, file: AnnotationFile, exif: Exif = "ignore") -> None:
        self.path = path
        self.photos = photos
        self.sha256 = file.sha256
        """Of the bytes of the JSON, in hexadecimal."""
        self.notes = file.notes
        """What a user should hear of the JSON."""
        self.exif: Exif = exif
        """What is done about photos that EXIF says to turn."""
        self.skeleton = Skeleton.from_category(file.category)
        self.category_id: int = file.category["id"]
        """Of the people, for predictions in COCO's results format."""
        self._images: dict[int, dict[str, Any]] = {one["id"]: one for one in file.dataset["images"]}
        self._annotations: dict[int, dict[str, Any]] = {one["id"]: one for one in file.dataset["annotations"]}
        self._people_of: dict[int, list[int]] = defaultdict(list)
        for one in self._annotations.values():
            self._people_of[one["image_id"]].append(one["id"])
        self.photo_count = len(self._images)
        self._folder = PhotoFolder(photos)
        self._bad = file.bad_photos
        self._headers: dict[int, Header | None] = {}
        self.strays = file.strays
        """See :class:`~shgae.data.coco_json.Stray`; by annotation id, nothing else here has them."""
        given = {name for person in self._annotations.values() for name in _measures(person)}
        self.measures = tuple(name for name in MEASURES if name in given)
        """Those that anybody has, in their order."""

    def __len__(self) -> int:
        return len(self._annotations) + len(self.strays)

    def __iter__(self) -> Iterator[tuple[Photo, list[int]]]:
        """Each photo that has people, in the order of the JSON, with its people's annotation ids in their order."""
        for photo_id, image in self._images.items():
            if ids := self._people_of.get(photo_id):
                yield Photo(photo_id, image["file_name"], self.said_size(photo_id) or self._own_size(photo_id)), ids

    def said_size(self, photo_id: int) -> tuple[int, int] | None:
        """Width and height that the JSON has of a photo, if it has both."""
        return None if photo_id in self._bad else said_size(self._images[photo_id])

    def _own_size(self, photo_id: int) -> tuple[int, int] | None:
        """What the file of a photo says, as :attr:`exif` has it turned or not; a bad photo's is not looked at."""
        if photo_id in self._bad:
            return None
        if photo_id not in self._headers:
            path = self._folder.path(self._images[photo_id]["file_name"])
            self._headers[photo_id] = read_header(path) if self._folder.is_inside(path) and path.is_file() else None
        header = self._headers[photo_id]
        return None if header is None else header.size_by(self.exif)

    def person(self, annotation_id: int, photo: Photo) -> Person:
        return read_person(self._annotations[annotation_id], photo.size, len(self.skeleton))

    def given(self, annotation_id: int) -> dict[str, Any]:
        """The person's ``area`` and ``iscrowd``, where the JSON has them, as it has them."""
        annotation = self._annotations[annotation_id]
        return {key: annotation[key] for key in ("area", "iscrowd") if is_number(annotation.get(key))}

    def region(self, annotation_id: int, photo: Photo) -> dict[str, Any] | None:
        """A crowd or a person without joints as a row of :mod:`shgae.artifacts.ignored`; None without a box."""
        person = self.person(annotation_id, photo)
        if not np.isfinite(person.box).all() or person.box[2:].min() <= 0 or np.abs(person.box).max() >= _FAR:
            return None
        row: dict[str, Any] = {"annotation_id": annotation_id, "image_id": photo.id, "iscrowd": int(person.iscrowd)}
        row |= {"bbox": person.box.tolist()}
        if "area" in person.measures:
            row |= {"area": float(person.measures["area"])}
        if person.is_labelled and person.fault is None:
            joints = np.column_stack([person.xy_photo, person.visibility])
            row |= {"keypoints": np.where(person.visibility[:, None] > 0, joints, 0.0).ravel().tolist()}
        return row

    def photo_path(self, photo: Photo) -> Path:
        """Where the photo lies.

        Raises:
            Refused: there is no such file, a link leads it out of the folder of the photos, or the JSON is wrong about
                it.
        """
        if fault := self._bad.get(photo.id):
            raise Refused("photo", photo.file_name, str(fault), fault.fix or FIX)
        path = self._folder.path(photo.file_name)
        if not self._folder.is_inside(path):
            why = "a link leads it out of the folder of photos"
            raise Refused("photo", path, why, "the photo itself in place of the link")
        if not path.is_file():
            if os.path.lexists(path):
                open_input(path, "photo").close()
            advice = self._folder.advice(photo.file_name)
            raise Refused("photo", path, "no such file, but the JSON names it", advice)
        return path


def read_coco(path: Path, photos: Path, category: str | None = None, exif: Exif = "ignore") -> CocoPeople:
    """Reads and checks a COCO JSON with person keypoints, of :data:`~shgae.skeleton.MOST_JOINTS` at most.

    Its file names are relative to the folder of photos. The category is named where several have keypoints; ``exif`` is
    what is done about photos that EXIF says to turn.

    Raises:
        Refused: a file or folder is missing, the JSON is broken or ambiguous, or something in it contradicts the
            format; the line names the place.
    """
    if photos.is_file():
        raise Refused("photos", photos, "it is a file", "the JSON first, then the folder of photos")
    if not photos.is_dir():
        raise Refused("photos", photos, "no such folder", "the folder that holds the photos of the JSON")
    return CocoPeople(path, photos, read_dataset(path, category), exif)


def read_person(annotation: Mapping[str, Any], photo_size: tuple[int, int] | None, joints: int) -> Person:
    """An annotation of :func:`~shgae.data.coco_json.read_dataset` with K joints, in a photo of that width and height.

    Nobody is judged far outside a photo of which the size is not known.
    """
    table, fault = _joints(annotation.get("keypoints"), joints)
    # Null or NaN throughout, or next to 0, 0: nobody labelled it.
    is_nothing = np.isnan(table[:, 2]) & (np.isnan(table[:, :2]) | (table[:, :2] == 0)).all(axis=1)
    v = np.where(is_nothing, 0, table[:, 2])
    is_known = (v == 1) | (v == 2)
    xy_photo = np.where(is_known[:, None] | np.isfinite(table[:, :2]), table[:, :2], 0)
    box, has_box, box_fault = _box(annotation.get("bbox"), xy_photo[is_known])
    iscrowd = annotation.get("iscrowd") or 0
    if fault is None and v.any():
        fault = _fault_of(np.column_stack([xy_photo, v])[v != 0])
        fault = fault or box_fault or _far(box, xy_photo[is_known], photo_size)
        fault = fault or (None if iscrowd in (0, 1) else "iscrowd other than 0 and 1")
    return Person(
        annotation_id=annotation["id"],
        xy_photo=xy_photo,
        visibility=np.where(is_known, v, 0).astype(np.uint8),
        box=box,
        measures=_measures(annotation),
        iscrowd=iscrowd == 1,
        fault=fault,
        has_box=has_box,
    )


def _joints(keypoints: Any, joints: int) -> tuple[Floats, str | None]:
    """The joints (K, 3), or zeros and what is wrong with them; absent, null or empty: none is labelled."""
    nothing = np.zeros((joints, 3))
    if keypoints is None or (isinstance(keypoints, list | array) and not keypoints):
        return nothing, None
    if not isinstance(keypoints, array):
        return nothing, "keypoints that are not a list of numbers"
    if len(keypoints) != 3 * joints:
        return nothing, f"{len(keypoints)} numbers as its keypoints, {joints} joints need {3 * joints}"
    return np.array(keypoints).reshape(-1, 3), None


def _box(numbers: Any, xy_labelled: Floats) -> tuple[Floats, bool, str | None]:
    """The box, whether it is the JSON's own, and what is wrong with it.

    Absent, null, empty, all zeros, without width or height (of two joints at one height, say), or with a negative one
    (drawn from another corner): the box around the labelled joints, each side at least
    :data:`~shgae.data.geometry.MIN_SIDE`.
    """
    around = _box_around(xy_labelled)
    if numbers is None or (isinstance(numbers, list | array) and not numbers):
        return around, False, None
    if not isinstance(numbers, array) or len(numbers) != 4:
        return around, False, "bbox that is not four numbers"
    box = np.array(numbers)
    if np.isnan(box).all() or (np.isfinite(box).all() and box[2:].min() <= 0):
        return around, False, None
    return box, True, None if np.isfinite(box).all() else "box that is not finite"


def _box_around(xy_labelled: Floats) -> Floats:
    if not len(xy_labelled) or not (np.abs(xy_labelled) < _FAR).all():
        return np.zeros(4)
    low, high = xy_labelled.min(axis=0), xy_labelled.max(axis=0)
    side = np.maximum(high - low, MIN_SIDE)
    return np.concatenate([(low + high - side) / 2, side])


def _fault_of(labelled: Floats) -> str | None:
    """What is wrong with joints (L, 3), all with a v other than 0."""
    if not np.isfinite(labelled).all():
        return "joint that is not finite"
    if not np.isin(labelled[:, 2], (1, 2)).all():
        return "visibility other than 0, 1 and 2"
    return None


def _far(box: Floats, xy_labelled: Floats, photo_size: tuple[int, int] | None) -> str | None:
    if photo_size is None:
        return None
    x, y, width, height = box.tolist()
    points = [(x, y), (x + width, y + height), *xy_labelled.tolist()]
    reach = max(photo_size)
    if not all(-reach <= x <= photo_size[0] + reach and -reach <= y <= photo_size[1] + reach for x, y in points):
        return "joint or box far outside the photo"
    return None


def _measures(annotation: Mapping[str, Any]) -> dict[str, Floats]:
    """What the annotation gives in the form that is known; another form of the same key is as good as none."""
    found = {}
    for name, shape in MEASURES.items():
        value = annotation.get(_KEYS[name])
        numbers: list[Any] = value if isinstance(value, list) else [value]
        if isinstance(value, list) != bool(shape) or len(numbers) != math.prod(shape):
            continue
        sizes = numbers if not shape else numbers[2:]
        if all(is_number(one) for one in numbers) and all(size > 0 for size in sizes):
            found[name] = np.array(value, np.float64)
    return found
