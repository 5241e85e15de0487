"""Small artefacts, and a disk whose every call can be written down, fail or be the last."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all examples of one property share."""
    return tmp_path_factory.mktemp("shared")
