"""Figures that are composed and not rendered, for tests that look at what stands beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from shgae.stages import plot

_SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9pt" height="9pt"/>'


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grey square stands for each figure of this process: laying it out and rendering takes a third of a second a
    format, and is looked at where figures are (tests/plots, stages/test_plot, stages/test_analyze, the page)."""

    def save(_figure: Figure, to: IO[bytes], *, format: str, **_: Any) -> None:  # noqa: A002
        if format == "png":
            Image.new("L", (9, 9), 128).save(to, "png")
        else:
            to.write(_SVG if format == "svg" else b"%PDF-")

    monkeypatch.setattr(Figure, "savefig", save)
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *_: None)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of ``shgae plot`` are saved as blanks: their three formats take a second each."""

    def blank(_figure: Figure, paths: Sequence[Path], _command: str) -> None:
        for path in paths:
            path.write_bytes(b"a figure")

    monkeypatch.setattr(plot, "save_figure", blank)
