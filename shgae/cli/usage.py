"""What a command line that cannot be understood is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from shgae.wording import listed

_WORDS = (
    (r"Value error, ", ""),
    (r"Input should be a valid integer.*", "not a whole number"),
    (r"Unable to parse input string as an integer.*", "not a whole number"),
    (r"Input should be a valid number.*", "not a number"),
    (r"Input should be greater than or equal to (\S+)", r"less than \1"),
)
"""What the parser's library says, and what a user understands."""


def usage_line(error: typer.TyperException, words: list[str], commands: dict[str, Any]) -> str:
    """One line: what is wrong, and the help to read.

    Args:
        error: the parser's.
        words: the command line.
        commands: the parser's commands, by name.
    """
    name = words[0] if words[0] in commands else ""
    why = error.format_message()
    for pattern, plain in _WORDS:
        why = re.sub(pattern, plain, why)
    option = getattr(error, "option_name", "")
    homes = [home for home, command in commands.items() if option in set(flags(command))]
    if homes and name not in homes:
        why = f"{option} is not an option of shgae {name}, but of {listed(homes)}"
    return f"{why if why.endswith(('.', '?')) else why + '.'} Try: {f'shgae {name}'.strip()} --help."


def flags(command: Any) -> Iterator[str]:
    """The options of a command of the parser's, with their dashes."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
