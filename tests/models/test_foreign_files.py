"""Where there is no file of weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from shgae.errors import Refused
from shgae.models import foreign
from shgae.models.foreign import read_foreign


def test_a_missing_file_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_read_in_child", lambda path: pytest.fail(f"a child was started for {path}"))
    for path, why in ((tmp_path / "no.pth", "no such file"), (tmp_path, "a folder, wanted a .pth")):
        with pytest.raises(Refused, match=why):
            read_foreign(path)
