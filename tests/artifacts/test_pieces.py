"""The log of a draft tells which files are its own and what they are to hold, to the next run too."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from shgae.artifacts import hashing
from shgae.artifacts.folders import PIECES
from shgae.artifacts.hashing import state_of
from shgae.artifacts.input_file import open_input
from shgae.artifacts.pieces import Pieces
from shgae.artifacts.tables import read_rows
from shgae.errors import Refused
from shgae.execution import Execution


def told(content: bytes) -> tuple[str, int]:
    return hashlib.sha256(content).hexdigest(), len(content)


def reopened(folder: Path) -> Pieces:
    """The log of a run, as the next one reads it."""
    pieces = Pieces(folder)
    pieces.read()
    return pieces


def begun(folder: Path, *contents: bytes) -> Pieces:
    """Of a file x these contents were announced, one after another; y is claimed only."""
    pieces = Pieces(folder)
    pieces.claim("y")
    for content in contents:
        pieces.expect("x", content)
    return pieces


def test_a_file_is_owned_once_it_is_claimed_or_announced_and_held_once_it_is_there(tmp_path: Path) -> None:
    begun(tmp_path, b"one", b"longer")
    (tmp_path / "y").touch()
    for pieces in (begun(tmp_path, b"one", b"longer"), reopened(tmp_path)):
        assert pieces.names == {"x", "y"}
        assert (pieces.written("x"), pieces.written("y"), pieces.written("z")) == (told(b"longer"), None, None)
        assert not pieces.holds("x")
    (tmp_path / "x").touch()
    assert [pieces.holds(name) for name in "xyz"] == [True, False, False]


def test_a_name_is_claimed_once_and_keeps_what_was_announced(tmp_path: Path) -> None:
    pieces = begun(tmp_path, b"one")
    for name in "xyy":
        pieces.claim(name)
    sha256, size = told(b"one")
    assert list(read_rows(tmp_path / PIECES)) == [{"name": "y"}, {"name": "x", "sha256": sha256, "bytes": size}]
    assert pieces.written("x") == (sha256, size)


def test_of_a_log_that_is_not_there_nothing_is_owned(tmp_path: Path) -> None:
    pieces = reopened(tmp_path)
    pieces.check(Execution())
    assert pieces.names == set() and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", [b"two", b"three"])
def test_of_the_last_two_announced_the_one_that_is_there_is_kept(tmp_path: Path, there: bytes) -> None:
    begun(tmp_path, b"one", b"two", b"three")
    (tmp_path / "x").write_bytes(there)
    pieces = reopened(tmp_path)
    pieces.check(Execution())
    assert pieces.written("x") == told(there) and pieces.names == {"x", "y"}
    sha256, size = told(there)
    assert list(read_rows(tmp_path / PIECES)) == [{"name": "x", "sha256": sha256, "bytes": size}, {"name": "y"}]


def test_what_is_there_is_read_whatever_this_process_knew_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path, b"one")
    (tmp_path / "x").write_bytes(b"one")
    with open_input(tmp_path / "x") as file:
        monkeypatch.setattr(hashing, "_known", {state_of(file): told(b"two")[0]})
    pieces = reopened(tmp_path)
    pieces.check(Execution())
    assert pieces.written("x") == told(b"one")


def test_what_was_announced_and_is_not_there_is_owned_and_no_more(tmp_path: Path) -> None:
    begun(tmp_path, b"one")
    pieces = reopened(tmp_path)
    pieces.check(Execution())
    assert pieces.names == {"x", "y"} and pieces.written("x") is None
    assert list(read_rows(tmp_path / PIECES)) == [{"name": "x"}, {"name": "y"}]


@pytest.mark.parametrize("there", [b"one", b"thr", b"three "])
def test_anything_else_that_is_there_is_refused_by_its_name(tmp_path: Path, there: bytes) -> None:
    begun(tmp_path, b"one", b"two", b"three")
    (tmp_path / "x").write_bytes(there)
    with pytest.raises(Refused) as caught:
        reopened(tmp_path).check(Execution())
    assert caught.value.where == str(tmp_path) and caught.value.why.startswith("x ")


def test_a_link_out_of_the_folder_is_refused_whatever_it_leads_to(tmp_path: Path) -> None:
    (folder := tmp_path / "run").mkdir()
    (tmp_path / "away").write_bytes(b"two")
    begun(folder, b"two", b"three")
    (folder / "x").symlink_to(tmp_path / "away")
    with pytest.raises(Refused, match="x is a link"):
        reopened(folder).check(Execution())


@pytest.mark.parametrize(
    "line",
    [
        *(b"{", b"[]", b"{}", b'{"name": 1}', b'{"name": "/x"}', b'{"name": "x", "more": 1}', b"\xff"),
        *(b'{"name": "x", "sha256": 1, "bytes": 1}', b'{"name": "x", "sha256": "a", "bytes": 1.5}'),
    ],
)
def test_a_line_of_another_form_is_refused_and_only_a_torn_last_one_is_left_out(tmp_path: Path, line: bytes) -> None:
    (tmp_path / PIECES).write_bytes(b'{"name": "a"}\n' + line)
    assert reopened(tmp_path).names == {"a"}
    (tmp_path / PIECES).write_bytes(b'{"name": "a"}\n' + line + b"\n")
    with pytest.raises(Refused) as caught:
        reopened(tmp_path)
    assert caught.value.where == str(tmp_path / PIECES)
