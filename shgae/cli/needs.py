"""Options that change nothing without another one: given alone they are refused, and not ignored.

What counts is what the command line gives: a recipe or a file may hold an option for other calls than this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shgae.errors import Refused


@dataclass(frozen=True)
class Needs:
    """Options of a command that change nothing by themselves."""

    options: tuple[str, ...]
    """Names of parameters or of fields of the config: split_by."""
    other: str
    """What they need, as typed: --hold-out N."""
    is_there: Callable[[Mapping[str, Any]], bool]
    """Whether it is given; takes the command's arguments by name, the config too."""

    def check(self, arguments: Mapping[str, Any], given: Iterable[str]) -> None:
        """Refuses those that are given without what they need.

        Args:
            arguments: what the command is called with.
            given: names of the parameters and fields that the command line sets.

        Raises:
            Refused: one of the options is given, and nothing that it needs.
        """
        alone = [name for name in self.options if name in {*given}]
        if alone and not self.is_there(arguments):
            option = f"--{alone[0].replace('_', '-')}"
            raise Refused("option", option, f"it changes nothing without {self.other}", f"{self.other}, or no {option}")
