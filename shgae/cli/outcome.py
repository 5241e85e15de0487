"""What a command shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from shgae.errors import ShgaeError


@dataclass(frozen=True)
class Outcome:
    """What a command shows."""

    result: Mapping[str, Any]
    """What ``--json`` prints; ``output``, ``kind`` and ``id`` in it are the artefact that was made."""
    tables: Sequence[RenderableType] = ()
    """What people read instead."""
    then: str = ""
    """The next command to type."""
    failure: ShgaeError | None = None
    """Raised after the rest was shown."""
