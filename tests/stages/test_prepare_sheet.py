"""What prepare draws, and says of mirror pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shgae.artifacts.store import open_artifact
from shgae.cli.app import main
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import PrepareConfig
from shgae.reporting import people_sheet
from shgae.stages import prepare
from tests.builders.chain import Notes
from tests.builders.photo_folders import make


@pytest.fixture(autouse=True)
def all_on_the_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests draw one person."""
    monkeypatch.setattr(people_sheet, "_PEOPLE", 8)


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The command, without its output."""
    folder = make(tmp_path / "train")
    folder.content["categories"][0]["keypoints"] = ["LShoulder", "RShoulder"]
    source = folder.source
    return ["prepare", "--train", str(source.annotations), str(source.photos), "--crop-size", "128"]


def test_the_sheet_is_an_artefacts_file_and_no_part_of_its_id(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {}
    for name, option in (("with", []), ("without", ["--no-sheet"])):
        assert main([*words, *option, "-o", str(tmp_path / name), "--json", "--quiet"]) == 0
        made[name] = json.loads(capsys.readouterr().out)
    assert made["with"]["id"] == made["without"]["id"]
    drawn, plain = (open_artifact(tmp_path / name, "data").manifest for name in ("with", "without"))
    assert drawn.files.keys() - plain.files.keys() == {"sheet.png"}
    assert drawn.files["sheet.png"].volatile
    assert drawn.config == plain.config
    assert not (tmp_path / "without" / "sheet.png").exists()
    assert np.asarray(Image.open(tmp_path / "with" / "sheet.png")).std() > 10
    size = drawn.files["sheet.png"].size
    assert made["with"]["bytes"] == made["without"]["bytes"] + size
    assert 10_000 < size < 600_000, "what room on the disk is kept for"


def test_the_room_that_a_sheet_takes_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "train")
    for sheet in (True, False):
        notes = Notes()
        config, how = PrepareConfig(crop_size=128), Execution(progress=notes)
        prepare.run({"train": folder.source}, tmp_path / f"{sheet}", config, how, sheet=sheet)
        assert [" with a sheet" in text for text in notes.said if "will take" in text] == [sheet]


def test_a_changed_sheet_is_seen(words: list[str], tmp_path: Path) -> None:
    assert main([*words, "-o", str(tmp_path / "data")]) == 0
    (tmp_path / "data" / "sheet.png").write_bytes(b"another picture")
    with pytest.raises(Refused, match=r"sheet\.png"):
        open_artifact(tmp_path / "data", "data")


def test_the_mirror_pairs_that_were_found_are_printed(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--no-sheet", "-o", str(tmp_path / "data")]) == 0
    assert "LShoulder - RShoulder" in " ".join(capsys.readouterr().out.split())
