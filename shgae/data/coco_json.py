"""The strict reading of a COCO JSON with person keypoints.

pycocotools takes NaN areas, duplicate ids, unknown photos, negative boxes and v = 3 without a word, and keeps every
polygon in memory. Here the whole file is checked, and what is not needed is dropped while it is parsed.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from shgae.errors import Refused

_KEPT = frozenset(
    (
        "annotations",
        "area",
        "bbox",
        "bbox_head",
        "categories",
        "category_id",
        "center",
        "file_name",
        "flip_pairs",
        "head_size",
        "height",
        "id",
        "image_id",
        "images",
    )
    + ("iscrowd", "keypoints", "name", "scale", "skeleton", "width")
)
_FIX = "repair the JSON (cocodataset.org/#format-data)"
_MAX_LENGTH = 2**31
_MOST_QUOTED = 40
"""Characters of what stands in the file that an error repeats."""


def read_dataset(path: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Reads and checks the file.

    What concerns the numbers of one person (not finite, v = 3, a box without area) is not checked here.

    Returns:
        The JSON object, reduced to what is needed (``keypoints`` and ``bbox`` of annotations as arrays of doubles);
        the category of the people; the sha256 of the file in hexadecimal.

    Raises:
        Refused: the file is missing, broken, ambiguous, or something in it contradicts the format.
    """
    text, sha256 = _read_text(path)
    try:
        dataset = _parse(text)
        del text
        category = _check_dataset(dataset)
    except _Fault as fault:
        raise Refused("annotations", path, str(fault), _FIX) from fault
    except RecursionError as error:
        raise Refused("annotations", path, "nested too deeply", _FIX) from error
    except json.JSONDecodeError as error:
        raise Refused("annotations", path, f"no valid JSON ({error})", _FIX) from error
    except ValueError as error:
        raise Refused("annotations", path, "a number in it has thousands of digits", _FIX) from error
    return dataset, category, sha256


class _Fault(Exception):
    """What contradicts the format."""


class _Constant(float):
    """NaN or an infinity that was written in the JSON, which JSON does not know."""


class _Hooks:
    """Called by the JSON parser: drops what is not needed, refuses what is ambiguous."""

    def __init__(self) -> None:
        self._zeros: dict[int, array[float]] = {}
        self._joint_constants = 0
        self._constants = 0

    @property
    def stray_constants(self) -> int:
        """How many NaN or Infinity stand elsewhere than in a joint or a box, where they are that person's fault."""
        return self._constants - self._joint_constants

    def constant(self, text: str) -> _Constant:
        """Takes NaN, Infinity and -Infinity."""
        self._constants += 1
        return _Constant(text)

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Takes an object."""
        if len(dict(pairs)) < len(pairs):
            twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
            raise _Fault(f"key {_shown(twice)} stands twice in one object")
        kept = {name: value for name, value in pairs if name in _KEPT}
        if "image_id" in kept:
            for name in ("bbox", "keypoints"):
                if type(kept.get(name)) is list:
                    kept[name] = self._numbers(kept[name])
        return kept

    def _numbers(self, values: list[Any]) -> array[float] | list[Any]:
        try:
            numbers = array("d", values)
        except (TypeError, OverflowError):
            return values
        if self.stray_constants:
            self._joint_constants += sum(type(value) is _Constant for value in values)
        if any(values):
            return numbers
        # COCO's 110,000 people without labels share one list of zeros.
        return self._zeros.setdefault(len(values), numbers)


def _read_text(path: Path) -> tuple[str, str]:
    try:
        data = path.read_bytes()
        return data.decode(), hashlib.sha256(data).hexdigest()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused("annotations", path, "no such file", "check the path") from error
    except IsADirectoryError as error:
        raise Refused("annotations", path, "it is a folder", "the JSON first, then the folder of photos") from error
    except PermissionError as error:
        raise Refused("annotations", path, "it may not be read", "check its permissions") from error
    except UnicodeDecodeError as error:
        raise Refused("annotations", path, f"not UTF-8 (byte {error.start})", "save it as UTF-8") from error


def _parse(text: str) -> Any:
    hooks = _Hooks()
    dataset = json.loads(text, object_pairs_hook=hooks.pairs, parse_constant=hooks.constant)
    if hooks.stray_constants:
        raise _Fault("it holds NaN or Infinity outside of joints and boxes, which JSON does not know")
    return dataset


def _check_dataset(dataset: Any) -> dict[str, Any]:
    """Checks everything that is no matter of a single person; returns the category of the people."""
    if not isinstance(dataset, dict):
        raise _Fault("no JSON object")
    for name in ("images", "annotations", "categories"):
        entries = dataset.get(name)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise _Fault(f"no list of objects called {name!r}")
    category = _check_categories(dataset["categories"])
    sizes = _check_ids(dataset, "images", "photo")
    for image in dataset["images"]:
        _check_image(image)
    _check_ids(dataset, "annotations", "annotation")
    known = {entry["id"] for entry in dataset["categories"]}
    has_people = False
    for annotation in dataset["annotations"]:
        here = f"annotation {annotation['id']}"
        if not _is_id(annotation.get("image_id")) or annotation["image_id"] not in sizes:
            raise _Fault(f"{here} is of a photo that is not listed (image_id {_shown(annotation.get('image_id'))})")
        if not _is_id(annotation.get("category_id")) or annotation["category_id"] not in known:
            raise _Fault(f"{here} has an unknown category_id ({_shown(annotation.get('category_id'))})")
        if annotation["category_id"] == category["id"]:
            _check_person(annotation, len(category["keypoints"]), here)
            has_people = True
    if not has_people:
        raise _Fault("it holds no people")
    return category


def _check_categories(categories: list[dict[str, Any]]) -> dict[str, Any]:
    _check_ids({"categories": categories}, "categories", "category")
    found = [category for category in categories if category.get("keypoints")]
    if len(found) > 1:
        found = [category for category in found if category.get("name") == "person"]
    if len(found) != 1:
        raise _Fault("not exactly one category with keypoints (or one called person), as person_keypoints_*.json has")
    names = found[0]["keypoints"]
    if not isinstance(names, list) or not all(_is_text(name) for name in names) or len({*names}) < len(names):
        raise _Fault("the category's keypoints are no list of different names")
    for key in ("skeleton", "flip_pairs"):
        _check_pairs(found[0].get(key, []), key, len(names))
    mirrored = [joint for pair in found[0].get("flip_pairs", []) for joint in pair]
    if len({*mirrored}) < len(mirrored):
        raise _Fault("the category's flip_pairs name a joint twice")
    return found[0]


def _check_pairs(pairs: Any, key: str, joints: int) -> None:
    if not isinstance(pairs, list):
        raise _Fault(f"the category's {key} is no list")
    for pair in pairs:
        is_pair = isinstance(pair, list) and len(pair) == 2
        if not is_pair or not all(type(end) is int and 1 <= end <= joints for end in pair):
            raise _Fault(f"the category's {key} is no list of pairs of joints, counted from 1")


def _check_ids(dataset: dict[str, Any], name: str, singular: str) -> set[int]:
    ids: set[int] = set()
    for place, entry in enumerate(dataset[name]):
        if not _is_id(entry.get("id")):
            raise _Fault(f"{name}[{place}] has no whole number as its id")
        if entry["id"] in ids:
            raise _Fault(f"{singular} id {entry['id']} is given twice")
        ids.add(entry["id"])
    return ids


def _check_image(image: dict[str, Any]) -> None:
    for side in ("width", "height"):
        if type(image.get(side)) is not int or not 0 < image[side] < _MAX_LENGTH:
            raise _Fault(f"photo {image['id']} has no positive whole number as its {side}")
    name: Any = image.get("file_name")
    if not _is_text(name) or "\0" in name or len(name.encode()) > 1024:
        raise _Fault(f"photo {image['id']} has no usable file_name")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise _Fault(f"file_name of photo {image['id']} leads out of the folder of photos ({_shown(name)})")
    if any(len(part.encode()) > 255 for part in path.parts):
        raise _Fault(f"photo {image['id']} has no usable file_name")


def _check_person(annotation: dict[str, Any], joints: int, here: str) -> None:
    keypoints, box = annotation.get("keypoints"), annotation.get("bbox")
    if not isinstance(keypoints, array):
        raise _Fault(f"{here} has no list of numbers as its keypoints")
    if len(keypoints) != 3 * joints:
        raise _Fault(f"{here} has {len(keypoints)} numbers as its keypoints, {joints} joints need {3 * joints}")
    if "bbox" in annotation and (not isinstance(box, array) or len(box) != 4):
        raise _Fault(f"{here} has no four numbers as its bbox")
    if annotation.get("iscrowd", 0) not in (0, 1):
        raise _Fault(f"{here} has an iscrowd other than 0 and 1")


def _is_id(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _is_text(value: Any) -> bool:
    if not isinstance(value, str) or not value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # Half a surrogate pair.
        return False
    return True


def _shown(value: Any) -> str:
    return repr(value)[:_MOST_QUOTED]
