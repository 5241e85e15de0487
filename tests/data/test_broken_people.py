"""One broken person, or one photo that EXIF turns, costs a converted file nobody else."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image
from scipy.io import savemat

from shgae.data.converters.lsp import read_lsp
from shgae.data.converters.mpii import read_mpii
from shgae.data.converters.people import photo_sizes
from shgae.errors import Refused
from tests.builders.annotation_files import mpii_people, save_newell, save_release

ENTRY: dict[str, Any] = {"img_paths": "a.jpg", "isValidation": 0, "joint_self": [[1, 2, 1]] * 16}


@pytest.mark.parametrize(
    "wrong",
    [
        {"joint_self": [[float("nan"), 2, 1]] * 16},
        {"joint_self": [[1, 2, float("nan")]] * 16},
        {"joint_self": [[1e8, 2, 1]] * 16},
        {"joint_self": 4},
        {"objpos": [1]},
        {"scale_provided": "1"},
        {"isValidation": 7},
        {"img_paths": None},
        {"img_paths": "../../x.jpg"},
        {"img_paths": "/etc/x.jpg"},
        {"img_paths": "é" * 200 + ".jpg"},
    ],
)
def test_who_is_broken_in_a_json_is_left_out_and_told(tmp_path: Path, wrong: dict[str, Any]) -> None:
    (tmp_path / "a.json").write_text(json.dumps([ENTRY, ENTRY | wrong, ENTRY]))
    found = read_mpii(tmp_path / "a.json")
    assert [len(people) for people in found.splits.values()] == [2]
    assert any("left out: 1 (" in note for note in found.notes)


def test_a_json_of_another_data_set_or_program_is_told_as_such(tmp_path: Path) -> None:
    leeds = ENTRY | {"dataset": "LEEDS"}
    hrnet = {"image": "a.jpg", "joints": [[1, 2]] * 16, "joints_vis": [1] * 16, "center": [9, 9], "scale": 1}
    for entries, why in (
        ([leeds, leeds], r"nobody in it is of MPII \(people of other data sets, left out: 2 people \('LEEDS'\)\)\."),
        ([hrnet], "entry 0 has no joint_self, but joints_vis, as lists of HRNet and MMPose"),
    ):
        (tmp_path / "a.json").write_text(json.dumps(entries))
        with pytest.raises(Refused, match=why):
            read_mpii(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(json.dumps([leeds, ENTRY]))
    assert "people of other data sets, left out: 1 person ('LEEDS')" in read_mpii(tmp_path / "a.json").notes


def test_a_joint_without_place_or_flag_is_not_labelled_and_without_joints_nobody_is_there(tmp_path: Path) -> None:
    nothing = [float("nan"), float("nan"), 0]
    joints = [[1, 2, 1]] * 14 + [nothing, [None, None, None]]
    entries = [ENTRY | {"joint_self": joints, "scale_provided": float("nan"), "objpos": [None, None]}]
    entries += [ENTRY | {"joint_self": absent} for absent in (None, [])]
    (tmp_path / "a.json").write_text(json.dumps(entries))
    found = read_mpii(tmp_path / "a.json")
    (person,) = found.splits["train"]
    assert (person.visibility.tolist(), person.box) == ([2] * 14 + [0, 0], None)
    assert "people without joints: 2" in found.notes


def test_who_is_broken_in_a_mat_or_an_h5_is_left_out_too(tmp_path: Path) -> None:
    people = mpii_people(4)
    people.joints[1, 3] = 1e9
    for file in (save_release(tmp_path / "a.mat", people), save_newell(tmp_path / "a.h5", people)):
        found = read_mpii(file)
        assert [len(each) for each in found.splits.values()] == [3]
        assert any("left out: 1 (" in note for note in found.notes)


def test_of_lsp_too_and_the_others_keep_their_photos(tmp_path: Path) -> None:
    joints = np.ones((3, 14, 1002))
    joints[2, 3, 1], joints[0, 2, 1000] = 7, np.nan
    savemat(tmp_path / "joints.mat", {"joints": joints})
    found = read_lsp(tmp_path / "joints.mat")
    names = {split: [person.file_name for person in people] for split, people in found.splits.items()}
    assert (len(names["train"]), names["train"][1], names["test"]) == (999, "im0003.jpg", ["im1002.jpg"])
    assert any("left out: 2 (" in note and "im0002.jpg" in note for note in found.notes)


def test_a_photo_that_exif_turns_gets_no_size_for_nobody_knows_what_its_joints_are_of(tmp_path: Path) -> None:
    for name, turn in (("upright.jpg", 1), ("half.jpg", 3), ("side.jpg", 6)):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = turn
        Image.new("RGB", (40, 26)).save(tmp_path / name, exif=exif)
    (tmp_path / "text.jpg").write_text("no photo")
    names = ["upright.jpg", "half.jpg", "side.jpg", "text.jpg", "gone.jpg", "../upright.jpg"]
    assert dict(photo_sizes(names, tmp_path)) == {"upright.jpg": (40, 26), "half.jpg": (40, 26)}


def test_sizes_are_of_the_photos_that_prepare_finds_and_no_link_leads_out(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    Image.new("RGB", (40, 26)).save(folder / "sub" / "a.png")
    Image.new("RGB", (41, 26)).save(folder / unicodedata.normalize("NFD", "é.png"))
    Image.new("RGB", (42, 26)).save(tmp_path / "outside.png")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    names = ["sub\\a.png", unicodedata.normalize("NFC", "é.png"), "link.png", "../outside.png"]
    assert dict(photo_sizes(names, folder)) == {names[0]: (40, 26), names[1]: (41, 26)}
