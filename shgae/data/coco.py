"""COCO person keypoints (JSON) -> people, photo by photo.

The whole file is checked (:mod:`shgae.data.coco_json`) before pycocotools indexes it. What is wrong with one person
only, a box without area, say, stands in :attr:`Person.fault`: the caller decides.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO

from shgae.artifacts.crops import MEASURES
from shgae.data.coco_json import read_dataset
from shgae.errors import Refused
from shgae.skeleton import Skeleton

_KEYS = {"area": "area", "head_box": "bbox_head", "head_size": "head_size", "center": "center", "scale": "scale"}
"""Of each of :data:`~shgae.artifacts.crops.MEASURES` its key in an annotation (bbox_head is PoseTrack's)."""
_LEAST_SIDE = 1.0
"""Photo pixels: of a box that stands in for a missing one."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that the JSON names."""

    id: int
    file_name: str
    """Relative to the folder of the photos."""
    size: tuple[int, int]
    """Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Person:
    """An annotated person with K keypoints."""

    annotation_id: int
    photo_id: int
    file_name: str
    xy_photo: npt.NDArray[np.float64]
    """(K, 2) joints in pixels of the photo; what stands where visibility is 0 has no meaning."""
    visibility: npt.NDArray[np.uint8]
    """(K,) COCO's v: 0 not labelled, 1 labelled but hidden, 2 labelled and visible."""
    box: npt.NDArray[np.float64]
    """(4,) x, y, width, height in pixels of the photo; where the JSON gives none, the extent of the labelled joints."""
    measures: Mapping[str, npt.NDArray[np.float64]]
    """Those of :data:`~shgae.artifacts.crops.MEASURES` that the JSON gives, in photo pixels (area: square pixels)."""
    iscrowd: bool
    """True for a group that is annotated as one."""
    fault: str | None
    """What is broken about a labelled person (then the arrays are of no use); None where all is well."""

    @property
    def is_labelled(self) -> bool:
        """Whether any joint is labelled (COCO's own num_keypoints is not believed)."""
        return bool(self.visibility.any())

    @property
    def xy_labelled(self) -> npt.NDArray[np.float64]:
        """(L, 2) the labelled joints in xy_photo."""
        return self.xy_photo[self.visibility > 0]


class CocoPeople:
    """The people of a COCO JSON that passed every check of :func:`read_coco`."""

    def __init__(self, path: Path, photos: Path, sha256: str, index: COCO, category: Mapping[str, Any]) -> None:
        self.path = path
        self.photos = photos
        self.sha256 = sha256
        """Of the bytes of the JSON, in hexadecimal."""
        self.skeleton = Skeleton.from_category(category)
        self.photo_count = len(index.imgs)
        self._index = index
        self.category_id: int = category["id"]
        """Of the people, for predictions in COCO's results format."""
        self._root = Path(os.path.realpath(photos))
        people = [one for one in index.anns.values() if one["category_id"] == self.category_id]
        self._count = len(people)
        given = {name for person in people for name in _measures(person)}
        self.measures = tuple(name for name in MEASURES if name in given)
        """Those that anybody has, in their order."""
        self.without_box = sum("bbox" not in person and any(person["keypoints"]) for person in people)
        """Labelled people to whom the JSON gives no box."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[Photo, list[int]]]:
        """Each photo that has people, in the order of the JSON, with its people's annotation ids in their order."""
        for photo_id, image in self._index.imgs.items():
            ids = self._index.getAnnIds(imgIds=[photo_id], catIds=[self.category_id])
            if ids:
                yield Photo(photo_id, image["file_name"], (image["width"], image["height"])), ids

    def person(self, annotation_id: int, photo: Photo) -> Person:
        """One person of that photo."""
        return _person(self._index.loadAnns([annotation_id])[0], photo)

    def given(self, annotation_id: int) -> dict[str, Any]:
        """The person's ``area`` and ``iscrowd``, where the JSON has them, as it has them."""
        annotation = self._index.anns[annotation_id]
        return {key: annotation[key] for key in ("area", "iscrowd") if _is_number(annotation.get(key))}

    def photo_path(self, photo: Photo) -> Path:
        """Where the photo lies.

        Raises:
            Refused: there is no such file, or a link leads it out of the folder of the photos.
        """
        path = self.photos / photo.file_name
        if not Path(os.path.realpath(path)).is_relative_to(self._root):
            why = "a link leads it out of the folder of photos"
            raise Refused("photo", path, why, "the photo itself in place of the link")
        if not path.is_file():
            raise Refused("photo", path, "no such file, but the JSON names it", "the folder that holds the photos")
        return path


def read_coco(path: Path, photos: Path) -> CocoPeople:
    """Reads and checks a COCO JSON with person keypoints; any number of joints.

    Args:
        path: the JSON.
        photos: the folder that its file names are relative to.

    Raises:
        Refused: a file or folder is missing, the JSON is broken or ambiguous, or something in it contradicts the
            format; the line names the place.
    """
    if photos.is_file():
        raise Refused("photos", photos, "it is a file", "the JSON first, then the folder of photos")
    if not photos.is_dir():
        raise Refused("photos", photos, "no such folder", "the folder that holds the photos of the JSON")
    dataset, category, sha256 = read_dataset(path)
    index = COCO()
    index.dataset = dataset
    with contextlib.redirect_stdout(io.StringIO()):
        index.createIndex()
    return CocoPeople(path, photos, sha256, index, category)


def _person(annotation: dict[str, Any], photo: Photo) -> Person:
    joints = np.array(annotation["keypoints"]).reshape(-1, 3)
    is_known = (joints[:, 2] == 1) | (joints[:, 2] == 2)
    box = np.array(annotation["bbox"]) if "bbox" in annotation else _extent(joints[is_known, :2])
    fault = _fault_of(joints, is_known, box, photo.size) if joints[:, 2].any() else None
    return Person(
        annotation_id=annotation["id"],
        photo_id=photo.id,
        file_name=photo.file_name,
        xy_photo=joints[:, :2],
        visibility=np.where(is_known, joints[:, 2], 0).astype(np.uint8),
        box=box,
        measures=_measures(annotation),
        iscrowd=bool(annotation.get("iscrowd", 0)),
        fault=fault,
    )


def _fault_of(
    joints: npt.NDArray[np.float64],
    is_known: npt.NDArray[np.bool_],
    box: npt.NDArray[np.float64],
    photo_size: tuple[int, int],
) -> str | None:
    if not np.isfinite(joints).all():
        return "joint that is not finite"
    if not (is_known | (joints[:, 2] == 0)).all():
        return "visibility other than 0, 1 and 2"
    if not np.isfinite(box).all():
        return "box that is not finite"
    x, y, width, height = box.tolist()
    if width <= 0 or height <= 0:
        return "box without area"
    points = [(x, y), (x + width, y + height), *joints[is_known, :2].tolist()]
    reach = max(photo_size)
    if not all(-reach <= x <= photo_size[0] + reach and -reach <= y <= photo_size[1] + reach for x, y in points):
        return "joint or box far outside the photo"
    return None


def _extent(xy_labelled: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(4,) the box around points (L, 2); zeros around none."""
    if not len(xy_labelled):
        return np.zeros(4)
    low = xy_labelled.min(axis=0)
    return np.concatenate([low, np.maximum(xy_labelled.max(axis=0) - low, _LEAST_SIDE)])


def _measures(annotation: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float64]]:
    """What the annotation gives in the form that is known; another form of the same key is as good as none."""
    found = {}
    for name, shape in MEASURES.items():
        value = annotation.get(_KEYS[name])
        numbers: list[Any] = value if isinstance(value, list) else [value]
        if isinstance(value, list) != bool(shape) or len(numbers) != math.prod(shape):
            continue
        sizes = numbers if not shape else numbers[2:]
        if all(_is_number(one) for one in numbers) and all(size > 0 for size in sizes):
            found[name] = np.array(value, np.float64)
    return found


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 2**53  # False for NaN too
