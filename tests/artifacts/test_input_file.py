"""An input is a regular file of a bounded size; of a folder the files inside that would do are named."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shgae.artifacts import input_file
from shgae.artifacts.input_file import open_input, path_of, read_input, reading, typed_path, whole
from shgae.errors import Refused


def refusal(path: Path, wanted: str = "a file", most: int | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        open_input(path, "notes", "fewer notes", wanted=wanted, most=most).close()
    return caught.value


def test_a_file_is_read_by_its_path_or_as_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    assert read_input(path, "notes", "", 3) == b"abc"
    with reading(path, "file") as (file, where):
        assert (file.read(), where) == (b"abc", path)
    assert file.closed
    with open_input(path) as file:
        assert path_of(file) == path
        with reading(file, "file") as (same, where):
            assert (same, where) == (file, path)


def test_one_byte_too_many_is_refused_before_and_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abcd")
    assert "more than 3 bytes" in refusal(path, most=3).why
    with open_input(path) as file, pytest.raises(Refused, match="more than 3 bytes"):
        whole(file, "notes", "fewer notes", 3)


def test_what_is_missing_or_inside_a_file_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    for path in (tmp_path / "none", tmp_path / "a" / "b"):
        with pytest.raises(Refused, match="no such file"):
            open_input(path)


def test_a_link_that_leads_nowhere_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "lost").symlink_to(tmp_path / "store" / "blob")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "long").symlink_to("x" * 300)
    for name, why in {
        "lost": "a link to a file that is not there",
        "loop": "a link in a circle",
        "long": "a link to a file that is not there",
    }.items():
        assert refusal(tmp_path / name).why == why


@pytest.mark.parametrize("call", ["stat", "open"])
def test_what_may_not_be_read_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "a"
    path.write_text("")

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(*((Path, "stat") if call == "stat" else (input_file.os, "open")), forbidden)
    assert "may not" in refusal(path).why


@pytest.mark.parametrize("is_link", [False, True])
def test_a_disk_that_fails_is_not_called_a_missing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_link: bool
) -> None:
    path = tmp_path / "a"
    (tmp_path / "b").write_text("")
    path.symlink_to(tmp_path / "b") if is_link else path.write_text("")

    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(input_file.os, "open", failing)
    with pytest.raises(OSError, match="Input/output error"):
        open_input(path)


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refused, match=r"\(FIFO\)"):
        open_input(tmp_path / "pipe")


def test_a_pipe_that_takes_the_place_of_a_file_meanwhile_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = tmp_path / "a", input_file.os.open
    path.write_text("")

    def swapped(name: str, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return opened(name, flags)

    monkeypatch.setattr(input_file.os, "open", swapped)
    assert "a pipe" in refusal(path).why


def test_of_a_folder_the_files_with_a_wanted_name_are_named(tmp_path: Path) -> None:
    for name in ("report.json", "predictions-a.json", "predictions.json", "predictions.tex"):
        (tmp_path / name).write_text("")
    (tmp_path / "predictions-b.json").mkdir()
    with pytest.raises(Refused) as refused:
        open_input(tmp_path, "predictions", wanted="results (predictions*.json)")
    assert refused.value.fix == f"{tmp_path}/predictions-a.json or {tmp_path}/predictions.json"


def test_of_a_folder_the_first_three_files_of_a_wanted_kind_are_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a .json file").fix == "check the path"
    (tmp_path / "x.json").mkdir()
    (tmp_path / "notes.txt").write_text("")
    assert refusal(tmp_path, "a .json file").fix == "check the path"
    for name in "abcd":
        (tmp_path / f"{name}.json").write_text("")
    assert refusal(tmp_path, "a .json file").fix == " or ".join(f"{tmp_path}/{n}.json" for n in "abc") + ", ..."
    (tmp_path / "d.json").unlink()
    assert refusal(tmp_path, "a .json or .txt file").fix == " or ".join(f"{tmp_path}/{n}.json" for n in "abc") + ", ..."
    assert refusal(tmp_path, "a .json file").fix == " or ".join(f"{tmp_path}/{n}.json" for n in "abc")
    assert "a folder" in refusal(tmp_path).why


def test_a_typed_path_may_begin_at_a_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert typed_path("~/a/b.json") == tmp_path / "a" / "b.json" and typed_path("~") == tmp_path
    for text in ("./~", "a/~/b", "~nobody-of-this-name.json", "a~", "", "/~"):
        assert typed_path(text) == Path(text)
