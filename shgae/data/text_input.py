"""Text as people bring it: with or without a byte order mark, names with backslashes or decomposed letters.

Every text that a user hands over (JSON, TOML, CSV) is read here, and file names in it are compared here.
"""

from __future__ import annotations

import codecs
import hashlib
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from shgae.errors import Refused

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_EXACT = 2**53
"""Up to here every whole number is a float of its own."""


class Text(NamedTuple):
    """A file of text."""

    text: str
    """Without a byte order mark."""
    sha256: str
    """Of the bytes of the file, in hexadecimal."""


def read_text(path: Path, what: str, folder_fix: str) -> Text:
    """Reads a whole file of text.

    Args:
        path: the file.
        what: what an error calls it.
        folder_fix: what to type where it is a folder.

    Raises:
        Refused: there is no such file, it may not be read, or it is not text as :func:`decode` takes it.
    """
    try:
        data = path.read_bytes()
        return Text(decode(data), hashlib.sha256(data).hexdigest())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused(what, path, "no such file", "check the path") from error
    except IsADirectoryError as error:
        raise Refused(what, path, "it is a folder", folder_fix) from error
    except PermissionError as error:
        raise Refused(what, path, "it may not be read", "check its permissions") from error
    except UnicodeDecodeError as error:
        found = "UTF-16, " if error.object.startswith(_UTF16) else ""
        raise Refused(what, path, f"{found}not UTF-8 (byte {error.start})", "save it as UTF-8") from error


def decode(data: bytes) -> str:
    """UTF-8, with or without a byte order mark; raises UnicodeDecodeError for anything else."""
    return data.decode("utf-8-sig")


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
