"""``shgae convert``: files that ``prepare`` takes, counts, and what is in the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shgae.cli.app import main
from shgae.data.coco import read_coco
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.stages import convert
from tests.builders.annotation_files import mpii_people, save_bearpaw, save_lsp, save_release


def test_what_is_made_is_counted_and_can_be_read(tmp_path: Path) -> None:
    people = mpii_people(5)
    for name in people.names:
        Image.new("RGB", (1200, 900)).save(tmp_path / name)
    file = save_release(tmp_path / "a.mat", people)
    found = convert.run("mpii", file, tmp_path / "out", tmp_path, Execution())
    labelled = people.joints[..., 0] > 0
    assert (found.people, found.photos) == ({"train": 5}, len(set(people.names)))
    assert (found.joints, found.visible) == (labelled.sum(), people.visible[labelled].sum())
    read = read_coco(found.files["train"], tmp_path)
    assert (len(read), len(read.skeleton)) == (5, 16)
    photo, ids = next(iter(read))
    assert photo.size == (1200, 900)
    np.testing.assert_array_equal(read.person(ids[0], photo).xy_photo, people.joints[0])


def test_photos_without_a_known_size_are_told(tmp_path: Path) -> None:
    file = save_bearpaw(tmp_path / "a.json", mpii_people(5), 1)
    found = convert.run("mpii", file, tmp_path / "out", None, Execution())
    assert any("photo sizes" in note for note in found.notes)
    Image.new("RGB", (30, 20)).save(tmp_path / "000000000.jpg")
    found = convert.run("mpii", file, tmp_path / "again", tmp_path, Execution())
    assert any(note.startswith(f"photo sizes: {found.photos - 1} photos") for note in found.notes)
    assert "width" in json.loads(found.files["train"].read_text())["images"][0]


def test_nothing_is_replaced_without_force(tmp_path: Path) -> None:
    file = save_bearpaw(tmp_path / "a.json", mpii_people(5), 1)
    convert.run("mpii", file, tmp_path / "out", None, Execution())
    before = (tmp_path / "out" / "train.json").read_bytes()
    with pytest.raises(Refused):
        convert.run("mpii", file, tmp_path / "out", None, Execution())
    convert.run("mpii", file, tmp_path / "out", None, Execution(force=True))
    assert (tmp_path / "out" / "train.json").read_bytes() == before


def test_the_file_itself_is_never_replaced(tmp_path: Path) -> None:
    file = save_bearpaw(tmp_path / "train.json", mpii_people(2), 0)
    with pytest.raises(Refused):
        convert.run("mpii", file, tmp_path, None, Execution(force=True))


def test_the_command_prints_its_counts_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joints = np.concatenate([np.ones((2, 14, 4)), np.zeros((1, 14, 4))])
    file = save_lsp(tmp_path / "joints.mat", joints)
    assert main(["convert", "lsp", str(file), "-o", str(tmp_path / "lsp"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["people"], result["joints"], result["hidden"]) == ({"train": 4}, 56, 0)
    assert main(["convert", "lsp", str(tmp_path / "none.mat"), "-o", str(tmp_path / "x")]) == 2
