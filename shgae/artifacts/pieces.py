"""What an unfinished artefact owns: a hidden log of its files' names, with the hashes of those that are written whole.

A line is durable before its file takes its place. So a kill leaves the file of the last line of its name, or that of
the line before it; whatever else lies there was changed since, and is not believed.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

from shgae.artifacts import strict_json
from shgae.artifacts.folders import PIECES
from shgae.artifacts.hashing import led_out, of_each, unlike
from shgae.artifacts.input_file import read_input
from shgae.artifacts.manifest import inside
from shgae.artifacts.tables import append_row, write_rows
from shgae.errors import Refused
from shgae.execution import Execution

_FIX = "--force to start again"
_MOST_BYTES = 2**28
"""Of a log; a line has some 150."""


class Pieces:
    """The log of one draft; of several threads each may add to it."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / PIECES
        self._folder = folder
        self._lines: dict[str, list[dict[str, Any]]] = {}
        """By name, those with a hash, in their order."""
        self._lock = threading.Lock()

    @property
    def names(self) -> set[str]:
        """The files that the draft owns, there or not."""
        return set(self._lines)

    def holds(self, name: str) -> bool:
        """Whether a file was written whole, and is there."""
        return bool(self._lines.get(name)) and (self._folder / name).is_file()

    def written(self, name: str) -> tuple[str, int] | None:
        """sha256 and bytes of a file as it was written last; None if it was written in another way."""
        lines = self._lines.get(name)
        return (lines[-1]["sha256"], lines[-1]["bytes"]) if lines else None

    def claim(self, name: str) -> None:
        """Notes that a file is the draft's, before it is there."""
        with self._lock:
            if name not in self._lines:
                self._lines[name] = []
                append_row(self._log, {"name": name})

    def expect(self, name: str, content: bytes) -> None:
        """Notes what a file is going to be, before it takes its place."""
        line = {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        with self._lock:
            self._lines.setdefault(name, []).append(line)
            append_row(self._log, line)

    def read(self) -> None:
        """Takes over what earlier runs noted.

        Raises:
            Refused: a line is not ours; the last may be torn by a kill.
        """
        lines = read_input(self._log, "resume", _FIX, _MOST_BYTES).split(b"\n") if self._log.exists() else [b""]
        for line in lines[:-1]:
            try:
                found = strict_json.parse(line)
                name = inside(found["name"])
                is_fit = found.keys() == {"name"} or (type(found["sha256"]), type(found["bytes"])) == (str, int)
            except (strict_json.JsonFault, ValueError, TypeError, KeyError, AttributeError):
                is_fit = False
            if not is_fit:
                raise Refused("resume", self._log, "the log of what was written is damaged", _FIX)
            self._lines.setdefault(name, []).extend([found] if "sha256" in found else [])

    def check(self, execution: Execution) -> None:
        """Hashes what earlier runs wrote, and notes again what is there.

        Raises:
            Refused: a file is neither what was written last nor what stood there before.
        """

        def written(name: str) -> dict[str, Any]:
            path = self._folder / name
            if fault := led_out(path, self._folder):
                raise Refused("resume", self._folder, f"{name} {fault}", _FIX)
            for line in self._lines[name][-2:][::-1]:
                if unlike(path, line["sha256"], line["bytes"], anew=True) is None:
                    return line
            raise Refused("resume", self._folder, f"{name} was changed since it was written", _FIX)

        there = [(name, (self._folder / name).stat().st_size) for name in sorted(self._lines) if self.holds(name)]
        checked = of_each(written, there, f"checking {self._folder}", execution)
        self._lines = {name: [] for name in self._lines} | {line["name"]: [line] for line in checked}
        rows = [line for name, lines in sorted(self._lines.items()) for line in lines or [{"name": name}]]
        if rows:
            write_rows(self._log, rows)
