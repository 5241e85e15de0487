"""The fine-tuned network of the tiny chain as an ONNX file, made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shgae.execution import Execution
from shgae.stages import export
from shgae.stages.export import ExportResult
from tests.builders.chain import Chain


@dataclass(frozen=True)
class Exported:
    """The fine-tuned network of the chain as a file."""

    model: Path
    path: Path
    result: ExportResult

    def graph(self) -> Any:
        """The graph without its metadata, as ``to_onnx`` gives it."""
        import onnx  # an extra: tests that use this are skipped without it

        graph = onnx.load(self.path)
        graph.ClearField("metadata_props")
        graph.ClearField("doc_string")
        return graph


@pytest.fixture(scope="session")
def exported(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Made once: it takes seconds."""
    path = tmp_path_factory.mktemp("exported") / "new" / "pose.onnx"
    return Exported(chain.finetuned, path, export.run(chain.finetuned, path, Execution()))


@pytest.fixture
def quick(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> Exported:
    """The same file, with its translation at hand."""
    monkeypatch.setattr(export, "to_onnx", lambda *_: exported.graph())
    return exported
