"""Command lines: the one that is at work, as manifests keep it and figures show it, and others to copy."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from shgae.errors import shortened
from shgae.execution import Execution

PROGRAM = "shgae"
_FROM_PYTHON = "called from Python: "


def typed(*parts: object) -> str:
    """A command line to copy: ``typed("graft", model, "-o", output)``; a path is never taken for an option."""
    words = (f"./{part}" if isinstance(part, Path) and str(part).startswith("-") else str(part) for part in parts)
    return " ".join([PROGRAM, *map(_quoted, words)])


def _quoted(word: str) -> str:
    """A word for bash and zsh; of what cannot be printed, such as bytes that are not UTF-8, only ASCII is left."""
    if word.isprintable():
        return shlex.quote(word)
    letters = (chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{''.join(letters)}'"


def command_line() -> list[str]:
    """The words of this process: ``shgae`` and what was typed after it, or the Python program that calls us."""
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    return [program.replace("__main__.py", PROGRAM), *sys.argv[1:]]


def shown(words: Sequence[str], most: int = 1000) -> str:
    """A command line to copy, on one line; where a Python program called a stage, it says that.

    The words are those of :func:`command_line`; of a line with more than ``most`` characters the middle is left out.
    """
    return shortened(("" if words[:1] == [PROGRAM] else _FROM_PYTHON) + shlex.join(words), most)


def stamp(execution: Execution) -> str:
    """What a picture says of how it was made: the command at work, or nothing where that is not wanted."""
    return shown(command_line()) if execution.stamp else ""
