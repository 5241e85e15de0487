"""Files without an end (a FIFO, a device, a socket) in every place where a command takes a file: refused at once."""

from __future__ import annotations

import ast
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shgae.artifacts.input_file import open_input, read_input
from shgae.errors import Refused
from shgae.recipes import Split
from shgae.stages.prepare import Source
from tests.builders.chain import Chain
from tests.end_to_end.conftest import ROOT
from tests.hostile.conftest import run

COMMANDS = (
    *("prepare --train FILE photos -o x", "train FILE -o x", "extract model FILE -o x", "pretrain-ae FILE -o x"),
    *("graft model FILE -o x", "finetune FILE data -o x", "evaluate FILE data", "evaluate model data --sigmas FILE"),
    *("evaluate model data --official FILE", "predict model FILE -o x", "predict model photos --boxes FILE -o x"),
    *("export FILE -o x.onnx", "info FILE", "verify FILE", "analyze FILE -o x", "plot FILE -o x"),
    *("report FILE -o x.html", "splice model data --ae FILE", "rate model FILE data", "study model FILE -o x"),
    *("show FILE -o x", "import FILE -o x", "import model/model.safetensors --joints FILE -o x"),
    *("train data -o x --config FILE", "convert mpii FILE.json -o x", "convert mpii FILE.mat -o x"),
    *("convert mpii FILE.h5 -o x", "convert lsp FILE.mat -o x"),
)
KINDS = ("fifo", "socket", "device")
MOST_SECONDS = 3.0
"""Of processor time, most of which goes into a model that is loaded first."""


@pytest.fixture
def given(here: Path, chain: Chain, drawn: dict[Split, Source]) -> Path:
    """A folder with prepared data, a model and photos."""
    for name, target in (("data", chain.data), ("model", chain.baseline), ("photos", drawn["train"].photos)):
        (here / name).symlink_to(target)
    return here


def put(kind: str, path: Path) -> None:
    """Makes what has no end."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))


@pytest.fixture(params=KINDS)
def endless(request: pytest.FixtureRequest, here: Path) -> Iterator[Path]:
    """One of each, by a short name."""
    put(request.param, Path("e"))
    yield Path("e")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_waits_for_a_file_without_an_end(command: str, given: Path) -> None:
    for kind in KINDS:
        suffix = command.partition("FILE")[2].partition(" ")[0]
        put(kind, Path(f"{kind}{suffix}"))
        end = run(*command.replace("FILE", kind).split()).check(seconds=MOST_SECONDS)
        assert end.code == 2, (command, kind)
        assert not Path("x").exists()


def test_a_file_without_an_end_in_place_of_a_photo_is_a_bad_photo(given: Path) -> None:
    os.mkfifo("a.jpg")
    end = run("predict", "model", "a.jpg", "photos", "-o", "x", "--no-overlays").check(seconds=20)
    assert end.code == 0
    assert "bad photo a.jpg: it is a pipe" in end.out + end.err


def test_what_has_no_end_is_told_by_its_kind(endless: Path) -> None:
    for read in (open_input, lambda path: read_input(path, "file", "x", 10)):
        with pytest.raises(Refused, match=r"it is a (pipe \(FIFO\)|socket|device), wanted a file"):
            read(endless)


def test_a_fifo_that_takes_the_place_of_a_file_after_the_first_look_is_not_waited_for(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo("e")
    Path("file").write_text("x")
    seen = Path("file").stat()
    monkeypatch.setattr(Path, "stat", lambda *_, **__: seen)
    with pytest.raises(Refused, match="FIFO"):
        open_input(Path("e"))


def test_a_link_to_a_file_is_opened_and_a_larger_file_is_not_read(here: Path) -> None:
    Path("file").write_bytes(b"12345")
    Path("link").symlink_to("file")
    assert read_input(Path("link"), "file", "x", 5) == b"12345"
    with pytest.raises(Refused, match="more than 4 bytes"):
        open_input(Path("link"), most=4)


MODES = ("r", "rb", "w", "wb", "a", "ab", "x", "xb")
ALLOWED = {
    "shgae/artifacts/input_file.py",  # the opener itself
    "shgae/artifacts/folders.py",  # the lock, which says its holder
    "shgae/artifacts/tables.py",  # adds a line
    "shgae/artifacts/durable.py",  # writes
    "shgae/artifacts/reader_process.py",  # /proc
    "shgae/stages/doctor.py",  # /proc
    "shgae/cli/launcher.py",  # what its own processes said
    "shgae/cli/app.py",  # /dev/null
    "shgae/cli/console.py",  # /dev/null
}
"""Modules that open files of their own."""


def test_every_file_of_a_user_is_opened_in_one_place() -> None:
    found = set()
    for path in sorted((ROOT / "shgae").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            of_path = name in ("read_text", "read_bytes", "load_file", "safe_open") or (
                name == "open" and bool(node.args) and getattr(node.args[0], "value", None) in MODES
            )
            if of_path or (name == "open" and isinstance(node.func, ast.Name)):
                found.add(path.relative_to(ROOT).as_posix())
    assert found - ALLOWED == set()
