"""Where people are in photos, read strictly from JSON.

The JSON is a COCO dataset (``images`` and ``annotations``) or a list of detections as COCO's results format has them
(``[{image_id, bbox, score, category_id}]``, or the photo's name as ``file_name`` or in place of the id). Keypoints are
not needed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shgae.artifacts import strict_json
from shgae.artifacts.strict_json import JsonFault
from shgae.data.coco_category import PERSON, category_of_people
from shgae.data.doubts import FRACTIONS, Coordinates
from shgae.data.text_input import (
    MOST_PIXELS,
    WHOLE_IDS,
    is_finite,
    is_id,
    name_parts,
    objects_in,
    said_size,
    there,
    with_whole,
)
from shgae.errors import Refused, quoted
from shgae.wording import counted, few

CROWD, OTHER_CATEGORY, NO_AREA, NO_BOX = "crowd", "other category", "box without area", "no box"
NOT_LISTED = "of an image that is not listed"
_KEPT = frozenset(
    ("annotations", "bbox", "categories", "category_id", "file_name", "height", "id", "image_id", "images", "iscrowd")
    + ("name", "score", "width")
)
_FIX = "a COCO dataset, or a list of {image_id, bbox, score}"
_BOX, _SCORE, _NAME = "bbox as [x, y, width, height]", "one finite number as score, or no score", "file_name as a text"
_PHOTO = "entries that name their photo by image_id or file_name"
_MOST_SCORE = 1e100
"""Heights of maps multiply it."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where one person is."""

    xywh: tuple[float, float, float, float]
    """x, y, width, height in pixels of the photo; width and height above 0."""
    score: float | None = None
    """A detector's, if it gave one."""
    annotation_id: int | None = None
    """In a dataset."""


@dataclass(slots=True)
class BoxedImage:
    """The people of one image of a JSON."""

    where: str
    """Its place in the JSON, for messages."""
    image_id: int | None
    file_name: str | None
    """None: the photo is the one with the number ``image_id`` as its stem."""
    size: tuple[int, int] | None = None
    """Width and height in pixels, if the JSON has them."""
    boxes: list[Box] = field(default_factory=list)
    fault: str | None = None
    """What the JSON has wrong about it."""


@dataclass(frozen=True)
class BoxFile:
    """A JSON with boxes that passed every check."""

    path: Path
    sha256: str
    images: tuple[BoxedImage, ...]
    """Those that have boxes, in the order of the JSON."""
    skipped: Counter[str]
    """Boxes that are nobody to look for, by reason."""
    category_id: int = 1
    """Of the people, that was looked for."""
    other_categories: Counter[int] = field(default_factory=Counter)
    """Boxes of each category that is not the people's."""
    is_list: bool = False
    """Whether it is a list of detections, in which no category has a name."""
    note: str = ""
    """On the category that was taken; "" where it is plain."""


def read_boxes(path: Path, category_id: int, joints: Sequence[str] = ()) -> BoxFile:
    """Reads and checks a COCO dataset or a list of detections.

    Boxes of another category, where one is given, and crowds are skipped and counted; they need not be sound. So are
    boxes without area, as detectors leave them, entries without a box, and those of an image that is not listed. Images
    without boxes are not checked. ``category_id`` and ``joints`` are the people's; a dataset with categories of its own
    tells by them (:func:`~shgae.data.coco_category.category_of_people`).

    Raises:
        Refused: no such file, no JSON, of neither form, none of its categories may be the people's, or something in
            it is broken; the line names the entry.
    """
    # Whoever needs a number checks that it is finite; crowds and other categories may hold what they like.
    document, sha256 = strict_json.read(path, "boxes", _FIX, each=_needed, constant=float)
    others: Counter[int] = Counter()
    note = ""
    try:
        if isinstance(document, list):
            images, skipped = _detections(document, category_id, others)
        elif isinstance(document, dict):
            category_id, note = category_of_people(document.get("categories"), category_id, joints)
            images, skipped = _dataset(document, category_id, others)
        else:
            raise JsonFault("neither a dataset nor a list of detections")
        if isinstance(document, list) or not document.get("categories"):
            _check_numbers(category_id, sum(len(image.boxes) for image in images), others)
        boxes = Coordinates()
        boxes.add([box.xywh for image in images for box in image.boxes])
        if boxes.are_fractions:
            raise JsonFault(f"boxes {FRACTIONS}, wanted are pixels")
    except (JsonFault, RecursionError) as fault:
        raise Refused("boxes", path, str(fault), getattr(fault, "fix", None) or _FIX) from fault
    kept = tuple(image for image in images if image.boxes)
    return BoxFile(path, sha256, kept, skipped, category_id, others, isinstance(document, list), note)


def _needed(entry: dict[str, Any]) -> dict[str, Any]:
    # Without polygons: nine tenths of COCO's memory. Keypoints are those of a category, names.
    kept = {name: value for name, value in entry.items() if name in _KEPT} or entry
    if "keypoints" in entry and "image_id" not in entry:
        kept["keypoints"] = entry["keypoints"]
    return with_whole(kept)


def _dataset(
    document: dict[str, Any], category_id: int, others: Counter[int]
) -> tuple[Iterable[BoxedImage], Counter[str]]:
    listed: dict[int, list[int]] = defaultdict(list)
    entries = _images(document)
    for place, entry in enumerate(entries):
        if is_id(entry.get("id")):
            listed[entry["id"]].append(place)
    texts = {entry["id"] for entry in entries if isinstance(entry.get("id"), str)}
    images: dict[int, BoxedImage] = {}
    skipped: Counter[str] = Counter()
    strays: list[str] = []
    for place, entry in enumerate(objects_in(document, "annotations")):
        number = entry.get("id")
        where = f"annotations[{place}]" if number is None else f"annotation {quoted(number)}"
        reason = _reason(entry, category_id, where, others)
        if reason is None and number is not None and not is_id(number):
            raise JsonFault(f"{where} has no whole number as its id", WHOLE_IDS)
        if reason := reason or _without_box(entry):
            skipped[reason] += 1
            continue
        image_id: Any = entry.get("image_id")
        places = listed.get(image_id, []) if is_id(image_id) else []
        if len(places) > 1:
            why = f"images[{places[1]}] has the id of another image ({image_id})"
            raise JsonFault(why, "an id of its own for each image")
        if not places and (isinstance(image_id, str) or str(image_id) in texts):
            whose = f"{where} has a text as its image_id" if isinstance(image_id, str) else "images have texts as ids"
            raise JsonFault(f"{whose} ({quoted(str(image_id))}), wanted are whole numbers", WHOLE_IDS)
        if not places:
            strays.append(f"{where} has image_id {quoted(image_id)}")
            skipped[NOT_LISTED] += 1
            continue
        if image_id not in images:
            images[image_id] = _image(entries[places[0]], f"images[{places[0]}]")
        images[image_id].boxes.append(_box(entry, where, number))
    if strays and not images:
        count, ids = counted(len(strays), "box", "boxes"), few([*map(str, listed)])
        why = f"{count} {NOT_LISTED} ({strays[0]}, images have {ids or 'none'})"
        raise JsonFault(why, "one of the ids of its images (whole numbers of 64 bits) as image_id")
    return [images[one] for one in listed if one in images], skipped


def _images(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Raises :class:`JsonFault` where there are none, with a fix that fits what there is."""
    try:
        return objects_in(document, "images")
    except JsonFault as fault:
        if "images" in document or not document:
            raise
        for key, value in document.items():
            if value and isinstance(value, list) and isinstance(value[0], dict) and "bbox" in value[0]:
                raise JsonFault(str(fault), f"the list that it holds as {quoted(key, 30)}, alone") from fault
        raise JsonFault(str(fault), "a list of {file_name, bbox, score}, an entry a box") from fault


def _image(entry: Mapping[str, Any], where: str) -> BoxedImage:
    if not _is_name(entry.get("file_name")):
        raise JsonFault(f"{where} has no text as its file_name", _NAME)
    image = BoxedImage(where, entry["id"], entry["file_name"])
    try:
        image.size = said_size(entry)
    except JsonFault as fault:
        image.fault = str(fault)
    return image


def _detections(
    document: list[Any], category_id: int, others: Counter[int]
) -> tuple[Iterable[BoxedImage], Counter[str]]:
    images: dict[Any, BoxedImage] = {}
    skipped: Counter[str] = Counter()
    are_names = any(isinstance(entry, dict) and _is_name(entry.get("image_id")) for entry in document)
    for place, entry in enumerate(document):
        where = f"entry {place}"
        if not isinstance(entry, dict):
            raise JsonFault(f"{where} is not an object")
        if reason := _reason(entry, category_id, where, others):
            skipped[reason] += 1
            continue
        image_id, name = entry.get("image_id"), entry.get("file_name")
        if image_id is None and name is None:
            raise JsonFault(f"{where} has neither image_id nor file_name", _PHOTO)
        if image_id is not None and not is_id(image_id) and not _is_name(image_id):
            raise JsonFault(f"{where} has neither a whole number nor a name as its image_id", _PHOTO)
        if name is not None and not _is_name(name):
            raise JsonFault(f"{where} has no text as its file_name", _NAME)
        if are_names:
            image_id, name = _by_name(image_id, name)
        if reason := _without_box(entry):
            skipped[reason] += 1
            continue
        key = _one_name(name) if image_id is None else image_id
        image = images.setdefault(key, BoxedImage(where, image_id, name))
        if image.image_id != image_id or _one_name(image.file_name) != _one_name(name):
            why = f"{where} and {image.where} have one image_id, but not one file_name"
            raise JsonFault(why, "one file_name an image_id")
        image.boxes.append(_box(entry, where, None))
    if len({image.image_id is None for image in images.values()}) > 1:
        without = next(image.where for image in images.values() if image.image_id is None)
        raise JsonFault(f"{without} has no number as its image_id, but others have", "image_id for all, or for none")
    return images.values(), skipped


def _check_numbers(category_id: int, people: int, others: Counter[int]) -> None:
    """Raises :class:`JsonFault` where categories without names plainly count from 0, as YOLO's do: 1 is a bicycle."""
    if category_id == PERSON and people and others[0] >= max([people, *others.values()]):
        why = (
            f"{others[0]:,} boxes are of category 0 and {people:,} of 1, this model's people, as where ids count from 0"
        )
        raise JsonFault(why, "category_id 1 for people and another for the rest, or boxes of people alone")


def _is_name(value: Any) -> bool:
    """Whether it may be a photo's: any text, for names that are not UTF-8 hold halves of surrogate pairs."""
    return isinstance(value, str) and value != ""


def _by_name(image_id: Any, name: Any) -> tuple[Any, Any]:
    """Id and name where some ids are photos' names: a number next to a name, as Ultralytics writes it, is no id."""
    if name is not None:
        return None, name
    return (None, image_id) if _is_name(image_id) else (image_id, None)


def _one_name(name: str | None) -> tuple[str, ...] | None:
    """A file name in one form, with which slashes and letters it may be written."""
    return None if name is None else name_parts(name)


def _reason(entry: Mapping[str, Any], category_id: int, where: str, others: Counter[int]) -> str | None:
    """Why an entry is nobody to look for; None if it is."""
    category, crowd = entry.get("category_id"), entry.get("iscrowd") or 0
    if category is not None and not is_id(category):
        raise JsonFault(f"{where} has no whole number as its category_id", WHOLE_IDS)
    if category is not None and category != category_id:
        others[category] += 1
        return OTHER_CATEGORY
    if type(crowd) not in (int, bool) or crowd not in (0, 1):
        raise JsonFault(f"{where} has an iscrowd other than 0 and 1", "iscrowd 0 for a person, 1 for a crowd")
    return CROWD if crowd else None


def _without_box(entry: Mapping[str, Any]) -> str | None:
    """Why a sound entry has nothing to look at: no box, or one without area."""
    numbers: Any = there(entry.get("bbox"))
    if numbers is None or (isinstance(numbers, list) and all(there(one) is None for one in numbers)):
        return NO_BOX
    return NO_AREA if _is_box(numbers) and min(numbers[2:]) <= 0 else None


def _is_box(numbers: Any) -> bool:
    return isinstance(numbers, list) and len(numbers) == 4 and all(map(is_finite, numbers))


def _box(entry: Mapping[str, Any], where: str, annotation_id: int | None) -> Box:
    numbers, score = entry.get("bbox"), entry.get("score")
    if not isinstance(numbers, list) or not _is_box(numbers):
        fix = f"{_BOX}, and the fifth number as score" if isinstance(numbers, list) and len(numbers) == 5 else _BOX
        raise JsonFault(f"{where} has no four finite numbers as its bbox", fix)
    if max(map(abs, numbers)) > MOST_PIXELS:
        raise JsonFault(f"{where} has a bbox beyond {MOST_PIXELS:,} pixels", _BOX)
    x, y, width, height = (float(number) for number in numbers)
    if score is not None and not is_finite(score):
        raise JsonFault(f"{where} has a score that is not a finite number", _SCORE)
    if score is not None and abs(score) > _MOST_SCORE:
        raise JsonFault(f"{where} has a score beyond {_MOST_SCORE:g}", _SCORE)
    return Box((x, y, width, height), None if score is None else float(score), annotation_id)
