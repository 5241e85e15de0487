"""The strict reading of a COCO JSON with person keypoints.

pycocotools takes duplicate ids, unknown photos, negative boxes and v = 3 without a word, and keeps every
polygon in memory. Here the whole file is checked, and what is not needed is dropped while it is parsed.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from shgae.artifacts import strict_json
from shgae.artifacts.strict_json import JsonFault
from shgae.data.coco_category import choose_category, is_text
from shgae.data.text_input import leads_out, name_parts, there, whole
from shgae.errors import Refused, quoted

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


class AnnotationFile(NamedTuple):
    """A COCO JSON that passed every check."""

    dataset: dict[str, Any]
    """The JSON object, reduced to what is needed (``keypoints`` and ``bbox`` of annotations as arrays of doubles)."""
    category: dict[str, Any]
    """Of the people; its skeleton holds nothing but lines that can be drawn."""
    sha256: str
    """Of the file, in hexadecimal."""
    notes: tuple[str, ...]
    """What a user should hear of it."""
    strays: Mapping[int, Any]
    """People of photos that are not listed, by annotation id, with their image_id; they are not in ``dataset``."""


def read_dataset(path: Path, category: str | None = None, *, needs_people: bool = True) -> AnnotationFile:
    """Reads and checks the file.

    What concerns one person only (no joints, not finite, v = 3, no box, a box without area) is not checked here.

    Args:
        path: the JSON.
        category: name of the category of the people, where several have keypoints.
        needs_people: whether a file without annotations of that category is refused; its joints have names anyway.

    Raises:
        Refused: the file is missing, broken, ambiguous, or something in it contradicts the format.
    """
    hooks = _Hooks()
    # Whoever reads a number checks that it is finite; what nobody reads may hold what it likes.
    dataset, sha256 = strict_json.read(path, "annotations", _FIX, each=hooks.each, constant=float)
    try:
        chosen, notes, strays = _check_dataset(dataset, category, needs_people)
    except (JsonFault, RecursionError) as fault:
        raise Refused("annotations", path, str(fault), getattr(fault, "fix", None) or _FIX) from fault
    return AnnotationFile(dataset, chosen, sha256, notes, strays)


class _Hooks:
    """Called by the JSON parser: drops what is not needed."""

    def __init__(self) -> None:
        self._zeros: dict[int, array[float]] = {}

    def each(self, found: dict[str, Any]) -> dict[str, Any]:
        """Takes an object."""
        kept = {name: there(whole(value)) for name, value in found.items() if name in _KEPT}
        if "image_id" in kept:
            for name in ("bbox", "keypoints"):
                kept[name] = self._numbers(kept.get(name))
        return kept

    def _numbers(self, values: Any) -> Any:
        """Numbers of one person as an array of doubles, null as NaN; what is not a number as it is."""
        if type(values) is not list or bool in map(type, values):
            return values
        try:
            numbers = array("d", [math.nan if value is None else value for value in values])
        except (TypeError, OverflowError):
            return values
        if any(numbers):
            return numbers
        # COCO's 110,000 people without labels share one list of zeros.
        return self._zeros.setdefault(len(values), numbers)


def _check_dataset(
    dataset: Any, name: str | None, needs_people: bool
) -> tuple[dict[str, Any], tuple[str, ...], dict[int, Any]]:
    """Checks everything that is not a matter of one person, and takes out the people of photos that are not listed.

    Returns:
        The category of the people, notes, and those people.
    """
    if not isinstance(dataset, dict):
        raise JsonFault("no JSON object")
    for key in ("images", "annotations", "categories"):
        entries = dataset.get(key)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise JsonFault(f"no list of objects called {key!r}")
    _check_ids(dataset, "categories", "category")
    category, notes = choose_category(dataset, name)
    photos = _check_ids(dataset, "images", "photo")
    for image in dataset["images"]:
        _check_image(image)
    _check_ids(dataset, "annotations", "annotation")
    known = {entry["id"] for entry in dataset["categories"]}
    of: Counter[int] = Counter()
    for annotation in dataset["annotations"]:
        here = f"annotation {annotation['id']}"
        if not _is_id(annotation.get("category_id")) or annotation["category_id"] not in known:
            raise JsonFault(f"{here} has an unknown category_id ({_shown(annotation.get('category_id'))})")
        of[annotation["category_id"]] += 1
    if needs_people and not of[category["id"]]:
        most = f": their category_id is {category['id']}, most annotations have {of.most_common(1)[0][0]}" if of else ""
        raise JsonFault(f"it holds no people{most}")
    strays = {one["id"]: one for one in dataset["annotations"] if not _is_in(one.get("image_id"), photos)}
    dataset["annotations"] = [one for one in dataset["annotations"] if one["id"] not in strays]
    people = (one for one in strays.values() if one["category_id"] == category["id"])
    return category, notes, {one["id"]: one.get("image_id") for one in people}


def _check_ids(dataset: dict[str, Any], name: str, singular: str) -> set[int]:
    ids: set[int] = set()
    for place, entry in enumerate(dataset[name]):
        if not _is_id(entry.get("id")):
            raise JsonFault(f"{name}[{place}] has no whole number as its id")
        if entry["id"] in ids:
            raise JsonFault(f"{singular} id {entry['id']} is given twice")
        ids.add(entry["id"])
    return ids


def _check_image(image: dict[str, Any]) -> None:
    for side in ("width", "height"):
        length = image.get(side)
        if length is not None and (type(length) is not int or not 0 < length < _MAX_LENGTH):
            raise JsonFault(f"photo {image['id']} has no positive whole number as its {side}")
    name: Any = image.get("file_name")
    if not is_text(name) or "\0" in name or len(name.encode()) > 1024:
        raise JsonFault(f"photo {image['id']} has no usable file_name")
    parts = name_parts(name)
    if leads_out(name) or not parts:
        why = f"file_name of photo {image['id']} leads out of the folder of photos ({_shown(name)})"
        raise JsonFault(why, "names relative to that folder, without .. in them")
    if any(len(part.encode()) > 255 for part in parts):
        raise JsonFault(f"photo {image['id']} has no usable file_name")


def _is_in(value: Any, ids: set[int]) -> bool:
    return _is_id(value) and value in ids


def _is_id(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _shown(value: Any) -> str:
    return quoted(value)
