"""One file as an output: a name of a known ending, never over something unasked, in a folder that takes it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts import output_file
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.output_file import check_file, make_room
from shgae.errors import Refused
from shgae.execution import Execution

PUT: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "a file": lambda path: path.write_text("mine"),
    "a folder": Path.mkdir,
    "a link to a file": lambda path: (path.with_name("real").write_text("mine"), path.symlink_to("real")),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
}
WAYS_OUT = {
    ("nothing", False): None,
    ("nothing", True): None,
    ("a file", False): "another --output, or --force to replace it",
    ("a file", True): None,
} | {
    (what, force): "another --output" + ("" if force else ", or --force to replace it")
    for what in ("a folder", "a link to a file", "a link to nowhere")
    for force in (False, True)
}
"""What is advised where something stands there and force is given or not; None: the file may be made."""


def refusal(path: Path, suffixes: tuple[str, ...] = (".html", ".htm"), *, force: bool = False) -> Refused | None:
    try:
        check_file(path, suffixes, force, example="page")
    except Refused as error:
        return error
    return None


@pytest.mark.parametrize(("what", "force"), WAYS_OUT)
def test_only_a_file_is_replaced_and_only_when_asked(tmp_path: Path, what: str, force: bool) -> None:
    path = tmp_path / "page.html"
    PUT[what](path)
    found = refusal(path, force=force)
    assert (found.fix if found else None) == WAYS_OUT[what, force]


@pytest.mark.parametrize("name", ["page.html", "page.htm", "a.b.html"])
def test_a_name_with_any_of_the_endings_will_do(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / name) is None


def test_a_file_of_an_artefact_is_spared_even_by_force(tmp_path: Path) -> None:
    with new_artifact(tmp_path / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        for name in ("sheet.png", "test/sheet.png"):
            made.write(name, b"pixels")
        made.commit({"splits": {}})
    for name in ("sheet.png", "test/sheet.png"):
        with pytest.raises(Refused, match="a file of"):
            check_file(tmp_path / "data" / name, (".png",), True, example="sheet")
    (tmp_path / "data" / "mine.png").write_bytes(b"pixels")
    check_file(tmp_path / "data" / "mine.png", (".png",), True, example="sheet")


def test_a_manifest_of_something_else_spares_nothing(tmp_path: Path) -> None:
    """As that of a web page, in a folder above."""
    (tmp_path / "manifest.json").write_text('{"name": "page", "files": ["sheet.png"]}')
    (tmp_path / "sheet.png").write_bytes(b"pixels")
    check_file(tmp_path / "sheet.png", (".png",), True, example="sheet")


@pytest.mark.parametrize("name", ["page", "html", ".html", "page.html.txt", "page.HTML", "page.html."])
def test_another_ending_is_refused_even_with_force_and_a_right_one_is_shown(tmp_path: Path, name: str) -> None:
    found = refusal(tmp_path / name, force=True)
    assert found is not None
    assert found.fix == "a name such as page.html"


def test_room_is_made_as_deep_as_asked_and_nothing_lies_in_it(tmp_path: Path) -> None:
    make_room(tmp_path / "a" / "b")
    make_room(tmp_path / "a" / "b")
    assert list((tmp_path / "a").rglob("*")) == [tmp_path / "a" / "b"]


@pytest.mark.parametrize("folder", ["taken", "taken/deeper", "taken/deeper/still"])
def test_a_file_in_the_way_of_the_folder_is_refused_and_spared(tmp_path: Path, folder: str) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(Refused) as caught:
        make_room(tmp_path / folder)
    assert (caught.value.where, caught.value.fix) == (str(tmp_path / folder), "another --output")
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_folder_that_takes_no_file_is_named_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: Any) -> Any:
        raise PermissionError(13, "Permission denied", "/a/name/nobody/knows")

    monkeypatch.setattr(tempfile, "TemporaryFile", denied)
    with pytest.raises(PermissionError) as caught:
        make_room(tmp_path)
    assert caught.value.filename == str(tmp_path)


@pytest.mark.parametrize(("characters", "refused"), [(234, False), (235, True)])
def test_a_name_leaves_room_for_what_is_put_next_to_it(tmp_path: Path, characters: int, refused: bool) -> None:
    """255 bytes is all that file systems take, and 16 are for the writing."""
    found = refusal(tmp_path / ("x" * characters + ".html"))
    assert (found is not None) == refused
    if found:
        assert found.why == "its name has 240 bytes, at most 239" and found.fix == "a shorter one"


def test_what_killed_writers_left_is_cleared_and_nothing_of_those_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def alive(process: int, number: int) -> None:
        asked.append(number)
        if process == 7:
            raise ProcessLookupError
        if process == 8:
            raise PermissionError

    monkeypatch.setattr(output_file.os, "kill", alive)
    torn = {process: tmp_path / f".page.html.{process}.tmp" for process in (7, 8, 9)}
    for path in torn.values():
        path.write_text("half")
    other = tmp_path / ".other.html.7.tmp"
    other.write_text("half")
    make_room(tmp_path, "page.html")
    assert [process for process, path in torn.items() if path.exists()] == [8, 9]
    assert other.exists()
    assert asked == [0, 0, 0], "a process is asked for and not ended"
