"""The program as its user sees it: a command line in, an exit code, two streams and a folder out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from shgae.cli.app import main
from shgae.stages.prepare import Source
from tests.builders.chain import Chain

ROOT = Path(__file__).parents[2]
PAIR = "drawn/train/person_keypoints.json drawn/train/photos"
"""A JSON and its photos, as prepare takes them."""
TINY_CONFIG = """
[train]
width = 16
residual = "newell"
epochs = 1
batch-size = 4
[pretrain-ae]
epochs = 2
batch-size = 4
[finetune]
epochs = 1
batch-size = 4
"""
"""A config file that makes the whole chain a matter of seconds."""
COLUMNS = 80
"""Of the terminal; what is printed fits, but for lines to copy."""
COPIED = ("next: ", "picture: ", "intact: ", "missing: ", "bad photo ")
LONGEST_LINE = 400
"""Of an error, without the folders in it."""
TRAIN = ("--width", "16", "--residual", "newell", "--precision", "fp32", "--batch-size", "4", "--epochs", "2")
"""Options of a training that takes a second."""


def snapshot(*folders: Path) -> dict[str, str]:
    """Every path below these folders, with what it holds."""
    found: dict[str, str] = {}
    for path in (path for folder in folders for path in sorted(folder.rglob("*"))):
        if path.is_symlink():
            found[str(path)] = f"-> {path.readlink()}"
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path)] = "folder"
    return found


@dataclass
class Shell:
    """The program in a folder of its own; ``made/`` holds a chain's artefacts, ``drawn/`` photos and JSON."""

    here: Path
    """The current folder."""
    shared: tuple[Path, ...]
    """Folders of other tests, which nothing may change."""
    read_streams: Callable[[], tuple[str, str]]

    def run(self, *words: object) -> str:
        """Runs ``shgae WORDS``, which must succeed; returns its standard output."""
        code = main([str(word) for word in words])
        out, err = self.read_streams()
        assert code == 0, err
        if "--json" not in words:
            assert [line for line in out.splitlines() if cell_len(line) > COLUMNS and not line.startswith(COPIED)] == []
        return out

    def json(self, *words: object) -> dict[str, Any]:
        """Runs ``shgae WORDS --json``: one JSON object on standard output and nothing else."""
        out = self.run(*words, "--json")
        assert out.count("\n") == 1
        result = json.loads(out)
        assert isinstance(result, dict)
        return result

    def refused(self, *words: object, code: int = 2) -> str:
        """Runs ``shgae WORDS``, which must end in one line and change nothing on disk; returns that line."""
        folders = (self.here, *self.shared)
        before = snapshot(*folders)
        assert main([str(word) for word in words]) == code
        out, err = self.read_streams()
        assert out == ""
        after = snapshot(*folders)
        assert after == before, {path for path in after.keys() ^ before.keys()} or "a file was changed"
        return one_line(err, self.here)

    def python(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Runs ``python -m shgae WORDS`` as a process of its own."""
        command = [sys.executable, "-m", "shgae", *(str(word) for word in words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment())

    def people(self, edit: Callable[[dict[str, Any]], object] = lambda _: None) -> tuple[Path, Path]:
        """A copy of the drawn train JSON, edited, and the folder of its photos."""
        document = json.loads((self.here / "drawn" / "train" / "person_keypoints.json").read_text())
        edit(document)
        (self.here / "people.json").write_text(json.dumps(document))
        return Path("people.json"), Path("drawn/train/photos")

    def train_only(self) -> Path:
        """Prepared data of 256-pixel crops with a train split and no other."""
        self.run("prepare", "--train", *PAIR.split(), "-o", "alone", "--limit", 4)
        return Path("alone")

    def copy(self, name: str) -> Path:
        """A copy of an artefact of the chain, to be broken."""
        shutil.copytree(self.here / "made" / name, self.here / name)
        return Path(name)


def environment() -> dict[str, str]:
    """For a process of its own: it imports this very program, wherever it runs."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def one_line(err: str, here: Path = ROOT) -> str:
    """The error on a standard error stream; notes may stand before it, nothing may stand behind."""
    lines = err.splitlines()
    assert [line.startswith("error: ") for line in lines].count(True) == 1, err
    assert lines[-1].startswith("error: "), err
    assert "Traceback" not in err
    assert "bug" not in lines[-1]
    assert "Try: " in lines[-1]
    assert lines[-1].isprintable()
    assert 40 < len(lines[-1].replace(f"{here}/", "")) < LONGEST_LINE
    return lines[-1]


@pytest.fixture
def shell(
    chain: Chain,
    drawn: dict[str, Source],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sketched: None,
) -> Shell:
    """A fresh folder beside the shared chain; figures are sketched, but for those of processes of their own."""
    photos = drawn["train"].annotations.parents[1]
    here = tmp_path / "here"
    (here / "made").mkdir(parents=True)
    for artefact in dataclasses.astuple(chain):
        (here / "made" / artefact.name).symlink_to(artefact)
    (here / "drawn").symlink_to(photos)
    monkeypatch.chdir(here)
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    return Shell(here, (chain.baseline.parent, chain.data.parent, photos), capsys.readouterr)
