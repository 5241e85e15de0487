"""The one reader of JSON: nothing ambiguous, nothing that JSON does not know, nothing without a bound.

Python's own takes the last of two equal keys, NaN, 1e999 as infinity, and a file without end.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from shgae.artifacts.file_kinds import NOT_FETCHED, kind_of
from shgae.artifacts.input_file import Source, reading, whole
from shgae.errors import Refused, shortened

MOST_BYTES = 2**31
"""Of a file. COCO's largest, with all its polygons, has a quarter of it."""
_MOST_MEMORY = 8 * 2**30
"""Bytes that the values of a text may take, about: COCO's largest take a quarter of it."""
_BRACKET, _COMMA = 64, 32
"""Bytes that an empty list or object takes, and the next number of a list."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_QUOTED = 40
_HEAD = 128
_OTHER_KINDS = {
    **NOT_FETCHED,
    rb"\x1f\x8b": ("packed by gzip", "gunzip it"),
    rb"\x80[\x02-\x05]": ("a pickle of Python", "a JSON of it"),
    rb"\x93NUMPY|PK\x03\x04.{26}[^/\0]*\.npy": ("a file of numpy's arrays", "a JSON of it"),
    rb"PAR1": ("a Parquet file", "a JSON of it"),
    rb"MATLAB \d": ("a MATLAB file", "a JSON of it"),
    rb"PK\x03\x04.{26}[^\0]*/data\.pkl": ("a checkpoint of PyTorch", "the JSON file that is meant"),
    rb"PK\x03\x04": ("a ZIP", "unzip it"),
    rb"\x89HDF": ("an HDF5 file", "a JSON of it"),
    rb"\s*<\?xml": ("an XML", "a JSON of it"),
}
"""How files begin that people take for JSON: what they are, and what to do."""
Pairs = list[tuple[str, Any]]


class JsonFault(Exception):
    """What contradicts strict JSON, or the format in it: a clause for an error, such as "key 'a' stands twice".

    ``fix`` is what to do, where that is not what the reader of the file advises for any fault.
    """

    def __init__(self, why: str, fix: str | None = None) -> None:
        super().__init__(why)
        self.fix = fix


def is_number(value: Any, most: float = 2**53 - 1) -> bool:
    """Whether a value of JSON is a number that lies at most so far from 0: neither true, false, NaN nor an infinity."""
    return type(value) in (int, float) and abs(value) <= most


class JsonFile(NamedTuple):
    """A file that was read."""

    value: Any
    sha256: str
    """Of its bytes, in hexadecimal."""


def decode(data: bytes, *, utf16: bool = False) -> str:
    """Text of UTF-8, with or without a byte order mark; with ``utf16`` also of UTF-16 with one.

    Raises:
        UnicodeDecodeError: it is anything else.
    """
    return data.decode("utf-16" if utf16 and data.startswith(_UTF16) else "utf-8-sig")


def text_of(data: bytes, what: str, path: Path, *, utf16: bool = False) -> str:
    """See :func:`decode`; raises :class:`Refused` for any other text, with what it is if that shows."""
    try:
        return decode(data, utf16=utf16)
    except UnicodeDecodeError as error:
        found = "UTF-16, " if data.startswith(_UTF16) else ""
        raise Refused(what, path, f"{found}not UTF-8 (byte {error.start})", "save it as UTF-8") from error


def parse(
    text: str | bytes,
    *,
    each: Callable[[dict[str, Any]], Any] = lambda found: found,
    constant: Callable[[str], Any] | None = None,
) -> Any:
    """The value of a JSON text: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Args:
        text: all of it.
        each: called with every object, innermost first; what it returns takes its place.
        constant: called with ``NaN``, ``Infinity`` and ``-Infinity``, and with the digits of a number that is too
            large, such as 1e999; these are refused without it.

    Raises:
        JsonFault: it is not JSON, is not text, is nested too deeply, has so many values that they would take more than
            8 GiB of memory, has a key twice in one object, a number that is not finite or has thousands of digits; or
            ``each`` raised it.
    """

    def pairs(found: Pairs) -> Any:
        made = dict(found)
        if len(made) < len(found):
            twice = Counter(name for name, _ in found).most_common(1)[0][0]
            raise JsonFault(f"key {twice!r:.{_QUOTED}} stands twice in one object")
        return each(made)

    def number(digits: str) -> Any:
        found = float(digits)
        if math.isfinite(found):
            return found
        if constant:
            return constant(digits)
        raise JsonFault(f"the number {digits:.{_QUOTED}} is too large")

    try:
        letters = decode(text, utf16=True) if isinstance(text, bytes) else text
        _check_memory(letters)
        return json.loads(letters, object_pairs_hook=pairs, parse_constant=constant or _refused, parse_float=number)
    except UnicodeDecodeError as error:
        raise JsonFault(f"not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        lines = ", as in JSON lines: wanted is one value" if error.msg == "Extra data" and error.colno == 1 else ""
        raise JsonFault(f"no valid JSON ({error}{lines})") from error
    except RecursionError as error:
        raise JsonFault("nested too deeply") from error
    except ValueError as error:
        raise JsonFault("a number in it has thousands of digits") from error


def read(
    source: Source,
    what: str,
    fix: str,
    *,
    each: Callable[[dict[str, Any]], Any] = lambda found: found,
    constant: Callable[[str], Any] | None = None,
    utf16: bool = False,
) -> JsonFile:
    """Reads a file of JSON.

    Args:
        source: the file.
        what: what an error calls it.
        fix: what an error advises where the content is wrong.
        each, constant: see :func:`parse`.
        utf16: see :func:`decode`.

    Raises:
        Refused: it is no file that may be read (:func:`~shgae.artifacts.input_file.open_input`), has more
            than :data:`MOST_BYTES`, or as :func:`parse`.
    """
    with reading(source, what, fix, MOST_BYTES) as (file, path):
        data = whole(file, what, fix, MOST_BYTES)
    sha256, kind = hashlib.sha256(data).hexdigest(), kind_of(data[:_HEAD], _OTHER_KINDS)
    if kind:
        raise Refused(what, path, f"not JSON ({kind[0]})", kind[1])
    text = text_of(data, what, path, utf16=utf16)
    del data
    try:
        return JsonFile(parse(text, each=each, constant=constant), sha256)
    except JsonFault as fault:
        raise Refused(what, path, shortened(str(fault), 160), fault.fix or fix) from fault


def _check_memory(text: str) -> None:
    size = _BRACKET * (text.count("[") + text.count("{")) + _COMMA * text.count(",")
    if size > _MOST_MEMORY:
        raise JsonFault(f"its values would take about {size / 1e9:.0f} GB of memory, at most {_MOST_MEMORY / 1e9:.0f}")


def _refused(text: str) -> Any:
    raise JsonFault(f"it holds {text}, which JSON does not know")
