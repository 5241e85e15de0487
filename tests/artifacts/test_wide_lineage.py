"""Families of hundreds: each place is opened once, however many members lie there."""

from __future__ import annotations

from pathlib import Path

import pytest

from shgae.artifacts import lineage
from shgae.artifacts.lineage import ancestors, ancestors_of
from shgae.artifacts.manifest import Parent
from shgae.artifacts.store import Artifact
from tests.builders.artefacts import make


def test_many_parents_at_one_place_are_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = make(tmp_path / "data")
    parents = tuple(
        Parent(f"arm {number}", "data", there.id if number % 2 else "0" * 64, "data") for number in range(800)
    )
    opened: list[Path] = []
    real = lineage.open_artifact

    def watched(path: Path, *kinds: str, verify: bool = True) -> Artifact:
        opened.append(path)
        return real(path, *kinds, verify=verify)

    monkeypatch.setattr(lineage, "open_artifact", watched)
    found = list(ancestors_of(parents, tmp_path))
    assert [one.present for one in found] == [bool(number % 2) for number in range(800)]
    assert opened == [tmp_path / "data"]


def test_a_member_that_comes_twice_is_present_both_times(tmp_path: Path) -> None:
    data = make(tmp_path / "data")
    base = make(tmp_path / "base", "hourglass", parents={"data": data})
    child = make(tmp_path / "child", "hourglass", 1, parents={"model": base, "data": data})
    assert [(one.kind, one.present) for one in ancestors(child)] == [
        ("hourglass", True),
        ("hourglass", True),
        ("data", True),
        ("data", True),
    ]
