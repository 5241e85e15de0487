"""``shgae convert``: files that ``prepare`` takes, counts, and what is in the way."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shgae.cli.app import main
from shgae.data.coco import read_coco
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.stages import convert
from tests.builders.annotation_files import mpii_people, save_bearpaw, save_lsp, save_newell, save_release


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


def test_a_split_of_a_run_before_is_named_and_stays(tmp_path: Path) -> None:
    joints = np.ones((3, 14, 1002))
    first = convert.run("lsp", save_lsp(tmp_path / "joints.mat", joints), tmp_path / "out", None, Execution())
    assert set(first.files) == {"train", "test"} and not any("test.json" in note for note in first.notes)
    fewer = save_lsp(tmp_path / "joints.mat", joints[..., :9])
    found = convert.run("lsp", fewer, tmp_path / "out", None, Execution(force=True))
    assert set(found.files) == {"train"} and (tmp_path / "out" / "test.json").is_file()
    assert sum("test.json" in note and "train.json" not in note for note in found.notes) == 1


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


@pytest.mark.parametrize(
    ("name", "splits", "lacks"),
    [
        ("train.h5", {"--train": "train"}, "--hold-out-val"),
        ("valid.h5", {"--train": None, "--val": "valid"}, None),
        ("everybody.h5", {"--train": "everybody"}, "--hold-out-val"),
        ("a.mat", {"--train": "train"}, "--hold-out-val"),
        ("a.json", {"--train": "train", "--val": "val"}, None),
        ("joints.mat", {"--train": "train", "--test": "test"}, "--hold-out-val"),
    ],
)
def test_what_is_proposed_can_be_run(
    name: str, splits: dict[str, str | None], lacks: str | None, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    people, file = mpii_people(12), Path(name)
    people.names = [f"{row}.jpg" for row in range(12)]
    if file.suffix == ".h5":
        pytest.importorskip("h5py")
        save_newell(file, people)
    elif file.suffix == ".json":
        save_bearpaw(file, people, 4)
    elif name == "joints.mat":
        joints = np.random.default_rng(0).uniform(20, 60, (3, 14, 1005))
        joints[2] = np.where(np.arange(1005) % 999 < 12, 0, 5)  # most are broken, which saves time
        save_lsp(file, joints)
    else:
        save_release(file, people)
    data_set = "lsp" if name == "joints.mat" else "mpii"
    photos = people.names if data_set == "mpii" else [f"im{row + 1:04d}.jpg" for row in range(1005)]
    for number, photo in enumerate(photos):
        Image.new("RGB", (1200, 900) if data_set == "mpii" else (80, 80), (number % 256, number // 256, 0)).save(photo)
    assert main(["convert", data_set, name, "--photos", ".", "-o", "out"]) == 0
    words = shlex.split(capsys.readouterr().out.splitlines()[-1].removeprefix("next: shgae "))
    shutil.copy(next(Path("out").glob("*.json")), "TRAIN.json")
    assert words[0] == "prepare"
    for option, split in splits.items():
        assert words[words.index(option) + 1] == ("TRAIN.json" if split is None else f"out/{split}.json")
    assert ("--hold-out-val" in words) == (lacks is not None)
    assert ("--square" in words) == (data_set == "mpii")
    assert main([*words, "--dry-run"]) == 0, capsys.readouterr().err
