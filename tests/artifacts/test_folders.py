from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from shgae.artifacts.folders import (
    HIDDEN,
    INTENT,
    REPLACED,
    clear,
    locked,
    mend,
    parts_in,
    put_in_place,
    remove,
    report_of,
    stripped_in,
    torn_in,
)
from shgae.artifacts.manifest import MANIFEST, REPORT
from shgae.errors import Refused
from tests.builders.artefacts import Killed, everything, recorded

NAMES = ("a", "b", "c", "d", "e")


def filled(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_text(name)
    (folder / "inner").mkdir()
    (folder / "inner" / "x").touch()
    return folder


def test_a_draft_that_is_removed_is_known_as_ours_to_the_end(tmp_path: Path) -> None:
    for call in range(30):
        folder = filled(tmp_path / f"{call}")
        for name in HIDDEN:
            (folder / name).touch()
        with recorded(dies_at=call) as disk, contextlib.suppress(Killed):
            remove(folder, [*NAMES, "inner/x"])
        if call >= len(disk.calls):
            assert not folder.exists()
            return
        assert not everything(folder) or (folder / INTENT).is_file()
    pytest.fail("the folder was never removed")


def test_clearing_deletes_what_is_named_and_follows_no_link(tmp_path: Path) -> None:
    folder = filled(tmp_path / "x")
    filled(tmp_path / "mine")
    (folder / "out").symlink_to(tmp_path / "mine")
    clear(folder, ["a", "c", "e", "inner/x", "out/a", "none"])
    assert everything(folder) == {"b": b"b", "d": b"d"}
    assert len(everything(tmp_path / "mine")) == 6
    assert not (folder / "inner").exists()


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    filled(tmp_path / "new")
    (filled(tmp_path / "old") / "inner" / "mine").touch()
    assert put_in_place(tmp_path / "new", tmp_path / "old") == next(tmp_path.glob(".old.old-*"))
    assert (tmp_path / "old" / "inner" / "mine").is_file()


def test_one_process_replaces_a_folder_twice_though_something_of_the_users_stays_aside(tmp_path: Path) -> None:
    (filled(tmp_path / "old") / "mine").write_bytes(b"first")
    for again in (1, 2):
        (filled(tmp_path / "new") / "mine").write_bytes(b"%d" % again)
        aside = put_in_place(tmp_path / "new", tmp_path / "old")
        assert aside is not None and (aside / "mine").read_bytes() == (b"first" if again == 1 else b"1")
    assert (tmp_path / "old" / "mine").read_bytes() == b"2"
    assert len(list(tmp_path.glob(".old.old-*"))) == 2


@pytest.mark.parametrize("call", [3, 4])
def test_a_rename_that_fails_leaves_both_folders_where_they_were(tmp_path: Path, call: int) -> None:
    for name in ("new", "old"):
        filled(tmp_path / name)
    before = everything(tmp_path)
    with pytest.raises(OSError, match="No space"), recorded(fails_at=call):
        put_in_place(tmp_path / "new", tmp_path / "old")
    assert everything(tmp_path) == before


def test_mending_touches_only_what_a_swap_put_aside(tmp_path: Path) -> None:
    for name in ("x[1]", ".x[1].old-7", ".x[1].old-8", ".x1.old-7", ".y.old-7", ".x[1].older"):
        filled(tmp_path / name)
    for name in NAMES:
        (tmp_path / ".x[1].old-7" / name).unlink()
    (tmp_path / ".x[1].old-7" / "inner" / "x").unlink()
    for name in (".x[1].old-7", ".x1.old-7", ".y.old-7", ".x[1].older"):
        (tmp_path / name / REPLACED).touch()
    mend(tmp_path / "x[1]")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"x[1]", ".x[1].old-8", ".x1.old-7", ".y.old-7", ".x[1].older"}


def test_mending_takes_the_mark_off_a_folder_that_is_in_its_place(tmp_path: Path) -> None:
    for name in ("x", ".y.old-7"):
        (filled(tmp_path / name) / REPLACED).touch()
    for name in ("x", "y"):
        mend(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "y"]
    assert everything(tmp_path / "x") == everything(tmp_path / "y") == everything(filled(tmp_path / "z"))


def holding(folder: Path, *files: str) -> Path:
    """A folder with these files, all of them empty."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_what_killed_writes_left_is_told_by_name_and_folder(tmp_path: Path) -> None:
    ours = {".a.5.tmp", ".intent.json.17.tmp", "in/.b.5.tmp"}
    others = (".b.5.tmp", "in/.a.5.tmp", "out/.a.5.tmp", ".a.x.tmp", ".a.tmp", "a.5.tmp", ".aa.5.tmp", ".a.5.tmp.5")
    folder = holding(tmp_path, *ours, *others)
    assert torn_in(folder, ["a", INTENT, "in/b", "none/c"]) == ours
    clear(folder, ["a", INTENT, "in/b", "none/c"])
    assert everything(folder).keys() == set(others)


def test_a_studys_folder_stands_for_the_report_in_it_and_any_other_for_itself(tmp_path: Path) -> None:
    inside = f"report/{MANIFEST}"
    assert report_of(holding(tmp_path / "study", inside)) == tmp_path / "study" / "report"
    for name, files in {"artefact": [MANIFEST], "both": [MANIFEST, inside], "neither": [f"report/{REPORT}"]}.items():
        assert report_of(holding(tmp_path / name, *files)) == tmp_path / name


def test_the_parts_of_a_study_are_its_artefacts_three_folders_deep_without_those_at_work(tmp_path: Path) -> None:
    parts = ("report", "s/0", "s/0/full", "s/1/none")
    others = (".old", "s/.old", "s/1/none/deeper", "s/1/begun")
    folder = holding(tmp_path, MANIFEST, *(f"{part}/{MANIFEST}" for part in (*parts, *others)), f"s/1/begun/{INTENT}")
    (folder / "s" / "2" / MANIFEST).mkdir(parents=True)
    assert parts_in(folder) == [folder / part for part in parts]


@pytest.mark.parametrize("file", ["model.safetensors", "cells.safetensors", "train/bottleneck-0.safetensors", REPORT])
@pytest.mark.parametrize("part", ["a", "a/b", "a/b/c"])
def test_a_part_of_a_study_is_stripped_where_nothing_but_its_manifest_is_missing(
    tmp_path: Path, part: str, file: str
) -> None:
    folder = holding(tmp_path / "study", f"{part}/{file}", "z/notes.txt", "a/.old/" + file, "a/b/c/d/" + file)
    assert stripped_in(folder) == [folder / part]
    for known in (MANIFEST, INTENT):
        for place in (part, *PurePosixPath(part).parents):
            (folder / place / known).touch()
            assert stripped_in(folder) == []
            (folder / place / known).unlink()


def test_stripped_parts_of_a_study_are_told_once_each_and_in_order(tmp_path: Path) -> None:
    folder = holding(tmp_path, f"b/{REPORT}", "b/model.safetensors", "a/x/model.safetensors", f"a/y/{REPORT}")
    assert stripped_in(folder) == [folder / part for part in ("a/x", "a/y", "b")]


def test_a_rename_to_a_new_place_that_fails_says_why(tmp_path: Path) -> None:
    before = everything(filled(tmp_path / "new"))
    with pytest.raises(OSError, match="No space"), recorded(fails_at=0):
        put_in_place(tmp_path / "new", tmp_path / "target")
    assert everything(tmp_path / "new") == before


def test_a_lock_holds_the_number_of_its_process_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("an older process, long gone")
    with locked(tmp_path / "lock", tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    mask = os.umask(0)
    try:
        with locked(tmp_path / "new", tmp_path):
            assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666
    finally:
        os.umask(mask)


@pytest.mark.parametrize(
    ("content", "who"), [("", "unknown"), ("\n", "unknown"), ("4321\n", "4321"), ("9" * 30, "9" * 20)]
)
def test_whoever_holds_a_lock_is_named_as_far_as_is_known(tmp_path: Path, content: str, who: str) -> None:
    (tmp_path / "lock").write_text(content)
    with (tmp_path / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Refused, match=f": process {who} is writing it"), locked(tmp_path / "lock", tmp_path):
            pytest.fail("two hold one lock")
    assert (tmp_path / "lock").read_text() == content


def test_a_lock_can_be_taken_again_when_its_block_is_left(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "lock", tmp_path):
            pass
    with contextlib.suppress(RuntimeError), locked(tmp_path / "lock", tmp_path):
        raise RuntimeError
    with locked(tmp_path / "lock", tmp_path):
        pass


HOLDER = """
import sys
from pathlib import Path
from shgae.artifacts.folders import locked
with locked(Path("lock"), Path("x")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_that_holds_a_lock_is_named_and_takes_it_along_when_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.pathsep.join(filter(None, sys.path))
    monkeypatch.setenv("PYTHONPATH", path)
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        for _ in range(2):
            with pytest.raises(Refused, match=f": process {holder.pid} "), locked(tmp_path / "lock", tmp_path):
                pytest.fail("two hold one lock")
        holder.kill()
    with locked(tmp_path / "lock", tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
