from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from shgae.artifacts.folders import clear, mend, put_in_place, remove
from tests.artifacts.conftest import Killed, everything, recorded

NAMES = ("a", "b", "c", "d", "e")


def filled(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_text(name)
    (folder / "inner").mkdir()
    (folder / "inner" / "x").touch()
    return folder


@pytest.mark.parametrize("mark", NAMES)
def test_a_folder_that_is_removed_is_known_as_ours_to_the_end(tmp_path: Path, mark: str) -> None:
    for call in range(20):
        folder = filled(tmp_path / f"{call}")
        with recorded(dies_at=call) as disk, contextlib.suppress(Killed):
            remove(folder, mark)
        if call >= len(disk.calls):
            assert not folder.exists()
            return
        assert everything(folder).keys() in ({*()}, {mark}) or (folder / mark).is_file()
    pytest.fail("the folder was never removed")


def test_clearing_keeps_what_is_named(tmp_path: Path) -> None:
    clear(filled(tmp_path / "x"), {"b", "d"})
    assert everything(tmp_path / "x") == {"b": b"b", "d": b"d"}


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    (filled(tmp_path / "new") / "fresh").touch()
    put_in_place(tmp_path / "new", filled(tmp_path / "old"), "a")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old" / "fresh").is_file()


@pytest.mark.parametrize("call", [0, 1])
def test_a_rename_that_fails_leaves_both_folders_where_they_were(tmp_path: Path, call: int) -> None:
    for name in ("new", "old"):
        filled(tmp_path / name)
    before = everything(tmp_path)
    with pytest.raises(OSError, match="No space"), recorded(fails_at=call):
        put_in_place(tmp_path / "new", tmp_path / "old", "a")
    assert everything(tmp_path) == before


def test_mending_touches_only_what_a_swap_put_aside(tmp_path: Path) -> None:
    for name in ("x[1]", ".x[1].old-7", ".x1.old-7", ".y.old-7", ".x[1].older"):
        filled(tmp_path / name)
    mend(tmp_path / "x[1]", "a")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"x[1]", ".x1.old-7", ".y.old-7", ".x[1].older"}
