"""The strict reading of entries in COCO's results format: of which person and category, and K joints in pixels each."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from shgae.artifacts.strict_json import JsonFault
from shgae.data.doubts import FRACTIONS, Coordinates
from shgae.data.text_input import MOST_PIXELS, is_finite


def check_entries(entries: Any, joints: int, categories: Sequence[int] = ()) -> None:
    """Checks what a file of predictions of K joints holds, read by :func:`~shgae.data.text_input.with_whole`.

    An entry that names another category than the people's is refused; theirs is the first of ``categories`` that one
    has. Without ``categories`` any is taken.

    Raises:
        JsonFault: an entry is broken, of nobody, or of another category, or the points are fractions.
    """
    if not isinstance(entries, list):
        raise JsonFault("not a list of predictions")
    if not entries:
        raise JsonFault("it holds no prediction", "a lower detection threshold")
    # First, since boxes of other things have no joints.
    _check_category([entry for entry in entries if isinstance(entry, dict)], categories)
    for place, entry in enumerate(entries):
        _check(entry, f"entry {place}", joints)
    numbers = array("d")
    for entry in entries:
        numbers.extend(entry["keypoints"][0::3])
        numbers.extend(entry["keypoints"][1::3])
    points = Coordinates()
    points.add(numbers)
    if points.are_fractions:
        raise JsonFault(f"joints {FRACTIONS}", "joints in pixels of the photo")


def _check(entry: Any, where: str, joints: int) -> None:
    if not isinstance(entry, dict):
        raise JsonFault(f"{where} is not an object")
    for key, kinds in (("annotation_id", (int,)), ("image_id", (int, str))):
        if entry.get(key) is not None and type(entry[key]) not in kinds:
            raise JsonFault(f"{where} has no whole number as its {key}")
    if entry.get("file_name") is not None and type(entry["file_name"]) is not str:
        raise JsonFault(f"{where} has no text as its file_name")
    if all(entry.get(key) is None for key in ("annotation_id", "image_id", "file_name")):
        raise JsonFault(f"{where} has neither annotation_id nor image_id", "entries that name their photo by image_id")
    numbers = entry.get("keypoints")
    if not isinstance(numbers, list) or len(numbers) != 3 * joints:
        found = "no list of numbers"
        if isinstance(numbers, list) and not any(isinstance(number, list) for number in numbers):
            found = f"{len(numbers)} numbers"
        why = f"{where} has {found} as its keypoints, {joints} joints need {3 * joints}"
        raise JsonFault(why, f"x, y, score of the data's {joints} joints in one list")
    if not all(map(is_finite, numbers)):
        raise JsonFault(f"{where} has keypoints that are not finite numbers", "finite numbers, 0 for a joint not found")
    if max(map(abs, numbers)) > MOST_PIXELS:
        raise JsonFault(f"{where} has keypoints beyond {MOST_PIXELS:,}", "pixels of the photo")
    if entry.get("score") is not None and not is_finite(entry["score"]):
        raise JsonFault(f"{where} has a score that is not a finite number", "one finite number, or no score")
    if entry.get("found") is not None and type(entry["found"]) is not bool:
        raise JsonFault(f"{where} has neither true nor false as found")


def _check_category(entries: Sequence[dict[str, Any]], categories: Sequence[int]) -> None:
    given = [entry.get("category_id") for entry in entries]
    category_id = next((one for one in categories if one in given), next(iter(categories), None))
    others = [one for one in given if categories and one not in (None, category_id)]
    if others:
        count = f"{len(others):,} of the {len(entries):,} entries are"
        why = f"{count} of category_id {others[0]!r:.20}, people are of category_id {category_id}"
        raise JsonFault(why, f"category_id {category_id}, if they are people; the file without them, if not")
