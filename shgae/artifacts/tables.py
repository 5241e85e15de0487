"""Tables as JSON, a line a row, and single JSON files: read with a reason when they cannot be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from shgae.artifacts import strict_json
from shgae.artifacts.durable import replacing, write_bytes, writing
from shgae.artifacts.input_file import Source, path_of, reading
from shgae.errors import Refused

_MOST_LINE = 2**29
"""Bytes of a row."""


def dumps(value: Any, *, indent: int | None = None) -> str:
    """JSON text with sorted keys, in ASCII; NaN and infinities are refused (ValueError)."""
    return json.dumps(value, indent=indent, sort_keys=True, allow_nan=False)


def as_read(value: Mapping[str, Any]) -> dict[str, Any]:
    """An object as JSON will give it back, so that what is compared and hashed now is what is read later."""
    return dict(json.loads(dumps(dict(value))))


def json_bytes(value: Any) -> bytes:
    """One JSON file."""
    return (dumps(value, indent=2) + "\n").encode()


def write_json(path: Path, value: Any) -> None:
    """Writes one JSON file, whole or not at all."""
    write_bytes(path, json_bytes(value))


def write_list(path: Path, items: Iterable[Any]) -> None:
    """Writes a list as :func:`write_json` does, byte for byte, streaming."""
    with replacing(path) as file:
        before = "[\n"
        for item in items:
            file.write((before + dumps([item], indent=2)[2:-2]).encode())
            before = ",\n"
        file.write(b"[]\n" if before == "[\n" else b"\n]\n")


def read_json(source: Source) -> dict[str, Any]:
    """Reads one JSON object.

    Raises:
        Refused: no such file, or its content is not a JSON object; see :mod:`shgae.artifacts.strict_json`.
    """
    value = strict_json.read(source, "JSON", "make the file again", utf16=True).value
    if not isinstance(value, dict):
        raise Refused("JSON", path_of(source), "not a JSON object", "make the file again")
    return value


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a table, a JSON object a line, streaming; whole or not at all, and durable when it returns."""
    with replacing(path) as file:
        for row in rows:
            file.write((dumps(row) + "\n").encode())


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Adds one line to a table; durable when it returns."""
    with writing(path), path.open("a", encoding="utf-8") as file:
        file.write(dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_rows(source: Source) -> Iterator[dict[str, Any]]:
    """The rows of a table, one by one.

    Raises:
        Refused: no such file, a line that is not a JSON object, or one without an end.
    """
    with reading(source, "table") as (file, path):
        for number, line in enumerate(iter(lambda: file.readline(_MOST_LINE + 1), b""), 1):
            try:
                if len(line) > _MOST_LINE:
                    raise strict_json.JsonFault(f"more than {_MOST_LINE:,} bytes")
                row = strict_json.parse(line, constant=float)  # NaN is the reader's matter: a dash on a page
            except strict_json.JsonFault as fault:
                why = f"the line is not JSON ({fault})"
                raise Refused("table", f"{path}:{number}", why, "make the table again") from fault
            if not isinstance(row, dict):
                raise Refused("table", f"{path}:{number}", "the line is not a JSON object", "make the table again")
            yield row
