"""What the caller of an analysis gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shgae.artifacts.store import Artifact
from shgae.artifacts.typed_json import Schema

ReportT = TypeVar("ReportT")


@dataclass(frozen=True)
class AnalysisResult(Generic[ReportT]):
    """A finished splice, rate curve or latent analysis."""

    report: ReportT
    schema: Schema[ReportT]
    says: tuple[str, ...]
    """The report's verdicts in sentences."""
    artifact: Artifact | None
    """What was written, if an output was given."""

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        made = self.artifact.to_json() if self.artifact else {}
        return self.schema.to_json(self.report) | {"says": list(self.says)} | made
