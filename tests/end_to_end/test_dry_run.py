"""``--dry-run`` of prepare and extract: the bytes to the byte, about the time, and nothing on the disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.tensors import save_tensors, tensors_size
from shgae.cli.app import main
from tests.end_to_end.conftest import PAIR, Shell, one_line, snapshot

COMMANDS = {
    "prepare": f"prepare --train {PAIR} --val drawn/val/person_keypoints.json drawn/val/photos --crop-size 128",
    "prepare, held out": f"prepare --train {PAIR} --hold-out 3 --limit 4 --crop-size 128",
    "extract": "extract made/baseline made/data",
    "extract, fp16, a few": "extract made/baseline made/data --dtype fp16 --limit 3",
    "extract, all stacks": "extract made/baseline made/data --stack all",
}
FORMATS = {"I64": np.int64, "F64": np.float64, "F32": np.float32, "F16": np.float16, "U8": np.uint8}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_bytes_of_a_dry_run_are_those_of_the_files_that_are_made_then(shell: Shell, command: str) -> None:
    before = snapshot(shell.here, *shell.shared)
    said = shell.json(*command.split(), "-o", "x", "--dry-run")
    assert snapshot(shell.here, *shell.shared) == before
    assert said["output"] == "x"
    assert said["seconds"] > 0
    shell.run(*command.split(), "-o", "x")
    files = json.loads(Path("x/manifest.json").read_text())["files"]
    sheet = files.pop("sheet.png", {"bytes": 0})["bytes"]
    assert said["bytes"] == sum(entry["bytes"] for entry in files.values())
    whole = sum(path.stat().st_size for path in Path("x").rglob("*") if path.is_file())
    assert whole - said["bytes"] - sheet == Path("x/manifest.json").stat().st_size


@pytest.mark.parametrize("command", ["prepare", "extract"])
def test_a_dry_run_says_in_words_what_it_would_take(shell: Shell, command: str) -> None:
    out = shell.run(*COMMANDS[command].split(), "-o", "x", "--dry-run")
    assert "would make" in out
    assert "kB" in out or "MB" in out
    assert "about " in out


@pytest.mark.parametrize("command", ["prepare", "extract"])
def test_a_dry_run_without_room_ends_as_the_run_would(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=64_000_100))
    before = snapshot(shell.here)
    assert main([*COMMANDS[command].split(), "-o", "x", "--dry-run"]) == 5
    assert "64.0 MB are free" in one_line(shell.read_streams()[1])
    assert snapshot(shell.here) == before


@given(
    st.dictionaries(
        st.text("abcxyz_0", min_size=1, max_size=9),
        st.tuples(st.sampled_from(sorted(FORMATS)), st.lists(st.integers(0, 11), max_size=3).map(tuple)),
        min_size=1,
        max_size=6,
    )
)
def test_the_size_of_a_file_of_tensors_is_known_before_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, shapes: dict[str, tuple[str, tuple[int, ...]]]
) -> None:
    path = tmp_path_factory.mktemp("sizes") / "x.safetensors"
    save_tensors(path, {name: np.zeros(shape, FORMATS[dtype]) for name, (dtype, shape) in shapes.items()})
    assert tensors_size(shapes) == path.stat().st_size
