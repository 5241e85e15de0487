"""What people write in JSON: names with backslashes or decomposed letters, whole numbers with a point, NaN for null."""

from __future__ import annotations

import math
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from shgae.artifacts.strict_json import JsonFault, is_number
from shgae.errors import quoted

_EXACT = 2**53
"""Up to here every whole number is a float of its own."""
MOST_PIXELS = 2**31
"""No place in a photo is further away, either way."""
WHOLE_IDS = "whole numbers as ids, in id, image_id and category_id"
"""What to do about ids that are anything else."""
_LONGEST_PATH, _LONGEST_PART = 1024, 255
"""Bytes of UTF-8."""


def plain_name(text: str) -> str:
    """A name in one form: composed letters (NFC), whichever of the two forms of an umlaut it is written in."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def name_parts(name: str) -> tuple[str, ...]:
    """Folders and file of a relative path, with slashes or backslashes between, each by :func:`plain_name`."""
    return PurePosixPath(plain_name(name.replace("\\", "/"))).parts


def stem_of(name: str) -> str:
    """A file name without its suffix; ``frame.0001`` has none."""
    path = PurePosixPath(name)
    return name if path.suffix[1:].isdecimal() else path.stem


def find_names(said: Collection[str], names: Sequence[str]) -> dict[str, list[int]]:
    """Where the file names that a JSON says are among those of photos.

    A name is a photo's own or its stem; one with another suffix is that of the photos with its stem which the JSON does
    not name better.
    """
    by_name: Mapping[str, list[int]] = defaultdict(list)
    by_stem: Mapping[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        by_name[name].append(place)
        by_stem[stem_of(name)].append(place)
    found = {one: by_name.get(one) or by_stem.get(one, []) for one in said}
    taken = {place for places in found.values() for place in places}
    others = {one: by_stem.get(stem_of(one), []) for one in said}
    return {one: found[one] or [place for place in others[one] if place not in taken] for one in said}


def leads_out(name: str) -> bool:
    """Whether a path of a file is absolute or climbs up, read as Linux, macOS or Windows reads it."""
    windows = PureWindowsPath(name)
    is_absolute = name.startswith("/") or ("\\" in name and bool(windows.drive or windows.root))
    return is_absolute or ".." in windows.parts


def is_text(value: Any) -> bool:
    """Whether a value is a text that is not empty and can be written as UTF-8."""
    if not isinstance(value, str) or not value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # Half a surrogate pair.
        return False
    return True


def is_id(value: Any) -> bool:
    """Whether a value is a whole number of 64 bits."""
    return type(value) is int and -(2**63) <= value < 2**63


def is_finite(value: Any) -> bool:
    """Whether a value is a number that a float of 64 bits holds: neither true nor false, NaN or an infinity."""
    return is_number(value, sys.float_info.max)


def is_photo_name(value: Any) -> bool:
    """Whether something can be the name of a photo in a folder: text that a file system can store."""
    if not is_text(value) or "\0" in value or len(value.encode()) > _LONGEST_PATH:
        return False
    parts = name_parts(value)
    return len(parts) > 0 and all(len(part.encode()) <= _LONGEST_PART for part in parts)


def said_size(photo: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height that a JSON has of a photo; None where one is absent, or 0 or less, as where nobody looked.

    Raises:
        JsonFault: one is neither that nor a whole number of pixels.
    """
    sides: list[int] = []
    for name in ("width", "height"):
        side = there(photo.get(name))
        if side is None or (type(side) in (int, float) and side <= 0):
            continue
        if type(side) is not int or side >= MOST_PIXELS:
            raise JsonFault(f"the JSON has no whole number of pixels as its {name} ({quoted(side, 20)})")
        sides.append(side)
    return (sides[0], sides[1]) if len(sides) > 1 else None


def objects_in(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The list of objects of that name in a document; raises :class:`JsonFault` where it has none."""
    entries = document.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise JsonFault(f"no list of objects called {name!r}")
    return entries


def whole(value: Any) -> Any:
    """A whole number that was written with a decimal point (320.0, as pandas does) as the integer; others as given."""
    is_whole = type(value) is float and value.is_integer() and abs(value) <= _EXACT
    return int(value) if is_whole else value


def there(value: Any) -> Any:
    """None for NaN, which pandas and MATLAB write where there is nothing; others as given."""
    return None if type(value) is float and math.isnan(value) else value


def with_whole(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with its whole numbers as integers, and None for NaN, but in a score: a network may make that."""
    return {name: whole(value) if name == "score" else there(whole(value)) for name, value in entry.items()}
