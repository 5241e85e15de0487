"""The one reader of JSON: nothing ambiguous, nothing that JSON does not know, nothing without a bound.

Python's own takes the last of two equal keys, NaN, 1e999 as infinity, and a file without end.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from shgae.errors import Refused, shortened

MOST_BYTES = 2**31
"""Of a file. COCO's largest, with all its polygons, has a quarter of it."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_QUOTED = 40
Pairs = list[tuple[str, Any]]


class JsonFault(Exception):
    """What contradicts strict JSON, or the format in it: a clause for an error, such as "key 'a' stands twice"."""


class JsonFile(NamedTuple):
    """A file that was read."""

    value: Any
    sha256: str
    """Of its bytes, in hexadecimal."""


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
        constant: called with ``NaN``, ``Infinity`` and ``-Infinity``, which are refused without it; also with an
            infinity for a number that is too large, such as 1e999.

    Raises:
        JsonFault: it is not JSON, is not text, is nested too deeply, has a key twice in one object, a number that is
            not finite or has thousands of digits; or ``each`` raised it.
    """

    def pairs(found: Pairs) -> Any:
        made = dict(found)
        if len(made) < len(found):
            twice = Counter(name for name, _ in found).most_common(1)[0][0]
            raise JsonFault(f"key {twice!r:.{_QUOTED}} stands twice in one object")
        return each(made)

    def number(digits: str) -> Any:
        found = float(digits)
        if found - found == 0:
            return found
        if constant:
            return constant(f"{'-' * (found < 0)}Infinity")
        raise JsonFault(f"the number {digits:.{_QUOTED}} is too large")

    try:
        if isinstance(text, bytes):
            text = text.decode("utf-16" if text.startswith(_UTF16) else "utf-8-sig")
        return json.loads(text, object_pairs_hook=pairs, parse_constant=constant or _refused, parse_float=number)
    except UnicodeDecodeError as error:
        raise JsonFault(f"not UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise JsonFault(f"no valid JSON ({error})") from error
    except RecursionError as error:
        raise JsonFault("nested too deeply") from error
    except ValueError as error:
        raise JsonFault("a number in it has thousands of digits") from error


def read(
    path: Path,
    what: str,
    fix: str,
    *,
    each: Callable[[dict[str, Any]], Any] = lambda found: found,
    constant: Callable[[str], Any] | None = None,
    most: int = MOST_BYTES,
) -> JsonFile:
    """Reads a file of JSON.

    Args:
        path: the file.
        what: what an error calls it.
        fix: what an error advises where the content is wrong.
        each: see :func:`parse`.
        constant: see :func:`parse`.
        most: bytes; not more of them are read.

    Raises:
        Refused: it is not there, a folder, may not be read, is larger than ``most``, or as :func:`parse`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused(what, path, "no such file", "check the path") from error
    except IsADirectoryError as error:
        raise Refused(what, path, "it is a folder, wanted a file", "check the path") from error
    except PermissionError as error:
        raise Refused(what, path, "it may not be read", "check its permissions") from error
    if len(data) > most:
        raise Refused(what, path, f"more than {most:,} bytes", fix)
    try:
        return JsonFile(parse(data, each=each, constant=constant), hashlib.sha256(data).hexdigest())
    except JsonFault as fault:
        raise Refused(what, path, shortened(str(fault), 160), fix) from fault


def _refused(text: str) -> Any:
    raise JsonFault(f"it holds {text}, which JSON does not know")
