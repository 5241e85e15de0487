"""What the networks of a study's arms cost at work: measured times, apart from the report, which repeats its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shgae.artifacts.typed_json import Schema
from shgae.errors import Inconsistent

COSTS = "costs.json"


@dataclass(frozen=True)
class StudyCosts:
    """Measured where the report was made."""

    device: str
    precision: str
    batch: int
    """Crops in one forward pass."""
    milliseconds: Mapping[str, float]
    """Of a crop in it, by arm: the median of a few passes, reading the crops included."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` for numbers that nobody measures."""
        if self.batch < 1 or min(self.milliseconds.values(), default=0.0) < 0:
            raise Inconsistent("nobody measures such costs")


STUDY_COSTS = Schema(StudyCosts, version=1, older={})
"""The form of ``costs.json``."""
