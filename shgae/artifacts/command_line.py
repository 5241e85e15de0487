"""The command line that is at work, as manifests keep it and as figures show it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from shgae.errors import shortened
from shgae.execution import Execution

PROGRAM = "shgae"
_FROM_PYTHON = "called from Python: "


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
