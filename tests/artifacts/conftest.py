"""Small artefacts, and a disk whose every call can be written down, fail or be the last."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

WithoutFlock = Callable[[int], None]
"""Makes every lock of the system fail with this number."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all examples of one property share."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def without_flock(monkeypatch: pytest.MonkeyPatch) -> WithoutFlock:
    def fail_with(number: int) -> None:
        def flock(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)

    return fail_with
