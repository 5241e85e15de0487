"""The strict reading of a COCO JSON with person keypoints.

pycocotools takes duplicate ids, unknown photos and v = 3 without a word, and keeps every
polygon in memory. Here the whole file is checked, and what is not needed is dropped while it is parsed.
"""

from __future__ import annotations

import math
import shlex
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from shgae.artifacts import strict_json
from shgae.artifacts.strict_json import JsonFault
from shgae.data.coco_category import choose_category
from shgae.data.text_input import (
    WHOLE_IDS,
    is_id,
    is_photo_name,
    is_text,
    leads_out,
    objects_in,
    said_size,
    there,
    whole,
)
from shgae.errors import Refused, quoted

_KEPT = frozenset(
    (
        *("annotations", "area", "bbox", "bbox_head", "categories", "category_id", "center"),
        *("file_name", "flip_pairs", "head_size", "height", "id", "image_id", "images"),
        *("iscrowd", "keypoints", "name", "num_keypoints", "scale", "skeleton", "width"),
    )
)
FIX = "repair the JSON (cocodataset.org/#format-data)"
NOT_LISTED = "of a photo that is not listed"
NO_CATEGORY = "of an unknown category"


class Stray(NamedTuple):
    """Somebody who cannot be looked at, for want of a photo or of a category."""

    image_id: Any
    """As the JSON has it."""
    reason: str
    """:data:`NOT_LISTED` or :data:`NO_CATEGORY`."""
    said: str
    """The key that is at fault, with what it holds."""


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
    strays: Mapping[int, Stray]
    """By annotation id; they are not in ``dataset``."""
    bad_photos: Mapping[int, JsonFault]
    """What is wrong with a photo that has people, by its id: its size, or its name."""


def read_dataset(path: Path, category: str | None = None, *, needs_people: bool = True) -> AnnotationFile:
    """Reads and checks the file.

    What concerns one person only (no joints, not finite, v = 3, no box) is not checked here, and
    what nobody reads is not checked at all: other categories, their annotations, photos without people.

    The category of the people is named where several have keypoints. A file without annotations of it is refused if
    people are needed; its joints have names anyway.

    Raises:
        Refused: the file is missing, broken, ambiguous, or something in it contradicts the format.
    """
    # COCO's 110,000 people without labels share one list of zeros.
    each = partial(_needed, zeros={})
    # Whoever reads a number checks that it is finite; what nobody reads may hold what it likes.
    dataset, sha256 = strict_json.read(path, "annotations", FIX, each=each, constant=float)
    try:
        chosen, notes, strays, bad = _check_dataset(dataset, category, needs_people)
    except (JsonFault, RecursionError) as fault:
        raise Refused("annotations", path, str(fault), getattr(fault, "fix", None) or FIX) from fault
    return AnnotationFile(dataset, chosen, sha256, notes, strays, bad)


def _needed(found: dict[str, Any], zeros: dict[int, array[float]]) -> dict[str, Any]:
    kept = {name: there(whole(value)) for name, value in found.items() if name in _KEPT}
    if "image_id" in kept:
        for name in ("bbox", "keypoints"):
            kept[name] = _numbers(kept.get(name), zeros)
    return kept


def _numbers(values: Any, zeros: dict[int, array[float]]) -> Any:
    """Numbers of one person as an array of doubles, null as NaN; what is not a number as it is."""
    if type(values) is not list or bool in map(type, values):
        return values
    try:
        numbers = array("d", [math.nan if value is None else value for value in values])
    except (TypeError, OverflowError):
        return values
    return numbers if any(numbers) else zeros.setdefault(len(values), numbers)


def _check_dataset(
    dataset: Any, name: str | None, needs_people: bool
) -> tuple[dict[str, Any], tuple[str, ...], dict[int, Stray], dict[int, JsonFault]]:
    """Checks everything that is read and not a matter of one person, and takes out strays and what is not read.

    Returns:
        The category of the people, notes, strays, and bad photos.
    """
    if not isinstance(dataset, dict):
        raise JsonFault("not a JSON object")
    for key in ("images", "annotations", "categories"):
        objects_in(dataset, key)
    _check_ids(
        dataset["categories"], "categories", "category", lambda one: bool(one.get("keypoints")) or is_id(one.get("id"))
    )
    category, notes = choose_category(dataset, name)
    dataset["categories"] = [one for one in dataset["categories"] if is_id(one.get("id"))]
    known = {one["id"] for one in dataset["categories"]}
    if needs_people and not any(_is_in(one.get("category_id"), {category["id"]}) for one in dataset["annotations"]):
        raise _nobody(dataset, category["id"])
    others = known - {category["id"]}

    def is_person(annotation: Mapping[str, Any]) -> bool:
        return not _is_in(annotation.get("category_id"), others)

    _check_ids(dataset["annotations"], "annotations", "annotation", is_person)
    people = [one for one in dataset["annotations"] if is_person(one)]
    seen = {one["image_id"] for one in people if is_id(one.get("image_id"))}
    _check_ids(dataset["images"], "images", "photo", lambda one: _is_in(one.get("id"), seen))
    odd = (f"images[{place}] has {_odd_id(one.get('id'))}" for place, one in enumerate(dataset["images"]))
    unread = next((said for said, one in zip(odd, dataset["images"], strict=True) if not is_id(one.get("id"))), "")
    dataset["images"] = [one for one in dataset["images"] if is_id(one.get("id"))]
    bad = {one["id"]: fault for one in dataset["images"] if one["id"] in seen and (fault := _fault_of(one))}
    for one in dataset["images"]:
        if not is_photo_name(one.get("file_name")):
            one["file_name"] = f"id {one['id']}"
    photos = {one["id"] for one in dataset["images"]}
    strays = {one["id"]: stray for one in people if (stray := _stray(one, category["id"], photos, unread))}
    dataset["annotations"] = [one for one in people if one["id"] not in strays]
    return category, notes, strays, bad


def _nobody(dataset: Mapping[str, Any], category: int) -> JsonFault:
    annotations = dataset["annotations"]
    said = Counter(_shown(one.get("category_id")) for one in annotations)
    if not said:
        return JsonFault("it holds no people")
    most, count = said.most_common(1)[0]
    why = f"their category_id is {category}, most annotations have {most} ({count:,} of {len(annotations):,})"
    posed = {str(one["id"]): one.get("name") for one in dataset["categories"] if one.get("keypoints")}
    if is_text(posed.get(most)):
        return JsonFault(f"it holds no people: {why}", f"--category {shlex.quote(posed[most])}")
    return JsonFault(f"it holds no people: {why}", f"category_id {category} in the annotations of people")


def _shown(category: Any) -> str:
    return "none" if category is None else "a text" if isinstance(category, str) else quoted(category)


def _stray(annotation: Mapping[str, Any], category: int, photos: set[int], odd_photo: str) -> Stray | None:
    photo = annotation.get("image_id")
    if annotation.get("category_id") != category:
        return Stray(photo, NO_CATEGORY, _said("category_id", annotation.get("category_id")))
    if _is_in(photo, photos):
        return None
    more = f"; {odd_photo}" if type(photo) in (int, float) and odd_photo else ""
    return Stray(photo, NOT_LISTED, _said("image_id", photo) + more)


def _said(key: str, value: Any) -> str:
    return f"{key} {quoted(value)}" + (", a text: wanted is a whole number" if isinstance(value, str) else "")


def _odd_id(value: Any) -> str:
    """What stands in place of an id, in a few words."""
    kind = "a text" if isinstance(value, str) else "no whole number"
    return f"{'a number beyond 64 bits' if type(value) is int else kind} as its id"


def _check_ids(entries: list[dict[str, Any]], name: str, singular: str, is_read: Callable[[Any], bool]) -> None:
    """Raises :class:`JsonFault` where something that is read has no id of its own."""
    ids: set[int] = set()
    for place, entry in enumerate(entries):
        if not is_read(entry):
            continue
        if not is_id(entry.get("id")):
            odd = entry.get("id")
            raise JsonFault(f"{name}[{place}] has {_odd_id(odd)} ({quoted(odd, 24)})", WHOLE_IDS)
        if entry["id"] in ids:
            raise JsonFault(f"{singular} id {entry['id']} is given twice")
        ids.add(entry["id"])


def _fault_of(image: dict[str, Any]) -> JsonFault | None:
    """What is wrong with a photo, and with nothing else."""
    name: Any = image.get("file_name")
    if not is_photo_name(name):
        why = "it has no file_name" if name is None else "its file_name is none that a photo can have"
        return JsonFault(why, "its name in the folder of photos, as file_name in images")
    if leads_out(name):
        fix = "names relative to that folder, without .. in them"
        return JsonFault("its file_name leads out of the folder of photos", fix)
    try:
        said_size(image)
    except JsonFault as fault:
        return fault
    return None


def _is_in(value: Any, ids: set[int]) -> bool:
    return is_id(value) and value in ids
