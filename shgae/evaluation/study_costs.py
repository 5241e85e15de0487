"""What the networks of a study's arms cost at work: measured times, kept apart from the report, whose bytes repeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shgae.artifacts.typed_json import Schema

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


STUDY_COSTS = Schema(StudyCosts, version=1, older={})
"""The form of ``costs.json``."""
