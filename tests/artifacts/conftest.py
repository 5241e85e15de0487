"""Small artefacts, and a disk whose every call can be written down, fail or be the last."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="package", autouse=True)
def quick_disk() -> Iterator[None]:
    """No waiting for the disk: whether a file is synced, and when, is seen by :func:`recorded`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all examples of one property share."""
    return tmp_path_factory.mktemp("shared")
