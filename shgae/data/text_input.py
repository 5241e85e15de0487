"""What people write in JSON: names with backslashes or decomposed letters, whole numbers with a point, NaN for null."""

from __future__ import annotations

import math
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

_EXACT = 2**53
"""Up to here every whole number is a float of its own."""


def plain_name(text: str) -> str:
    """A name in one form: composed letters (NFC), whichever of the two forms of an umlaut it is written in."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def name_parts(name: str) -> tuple[str, ...]:
    """Folders and file of a relative path, with slashes or backslashes between, each by :func:`plain_name`."""
    return PurePosixPath(plain_name(name.replace("\\", "/"))).parts


def leads_out(name: str) -> bool:
    """Whether a path of a file is absolute or climbs up, read as Linux, macOS or Windows reads it."""
    windows = PureWindowsPath(name)
    is_absolute = name.startswith("/") or ("\\" in name and bool(windows.drive or windows.root))
    return is_absolute or ".." in windows.parts


def whole(value: Any) -> Any:
    """A whole number that was written with a decimal point (320.0, as pandas does) as the integer; others as given."""
    is_whole = type(value) is float and value.is_integer() and abs(value) <= _EXACT
    return int(value) if is_whole else value


def there(value: Any) -> Any:
    """None for NaN, which pandas and MATLAB write where there is nothing; others as given."""
    return None if type(value) is float and math.isnan(value) else value
