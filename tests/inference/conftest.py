"""What several tests of predictions write into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shgae.artifacts.draft import Draft, new_artifact
from shgae.execution import Execution


@pytest.fixture
def draft(tmp_path: Path) -> Iterator[Draft]:
    """Predictions that are being made."""
    with new_artifact(tmp_path / "out", kind="predictions", config={}, parents={}, execution=Execution()) as made:
        yield made
