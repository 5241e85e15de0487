"""Files of MPII and LSP: every format tells the same of the same people, and what is malformed ends in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from shgae.artifacts import reader_process
from shgae.data.converters.annotations import DataSet, read_annotations
from shgae.data.converters.lsp import read_lsp
from shgae.data.converters.mpii import read_mpii
from shgae.data.converters.people import Converted, to_coco
from shgae.errors import Refused
from tests.builders.annotation_files import (
    MpiiPeople,
    mpii_people,
    newell_arrays,
    save_bearpaw,
    save_lsp,
    save_newell,
    save_release,
    struct_array,
)


def annotations(found: Converted) -> list[dict[str, Any]]:
    return [one for people in found.splits.values() for one in to_coco(people, found.skeleton, {})["annotations"]]


def expected_joints(people: MpiiPeople) -> list[list[float]]:
    v = np.where(people.joints[..., 0] > 0, 1 + people.visible, 0)
    return np.concatenate([people.joints, v[..., None]], axis=2).reshape(len(v), -1).tolist()


@pytest.mark.parametrize("save", [save_release, lambda p, q: save_bearpaw(p, q, 2), save_newell])
def test_every_format_of_mpii_gives_joints_centre_scale_and_box(
    tmp_path: Path, save: Callable[[Path, MpiiPeople], Path]
) -> None:
    people = mpii_people(6)
    suffix = {save_release: ".mat", save_newell: ".h5"}.get(save, ".json")
    found = annotations(read_mpii(save(tmp_path / f"people{suffix}", people)))
    assert [one["keypoints"] for one in found] == expected_joints(people)
    np.testing.assert_allclose([one["center"] for one in found], people.center, atol=1e-5)
    np.testing.assert_allclose([one["scale"] for one in found], people.scale, atol=1e-5)
    side = 200 * people.scale[:, None]
    box = np.concatenate([people.center - side / 2, side, side], axis=1)
    np.testing.assert_allclose([one["bbox"] for one in found], box, atol=1e-3)


def test_the_official_release_alone_has_head_boxes(tmp_path: Path) -> None:
    people = mpii_people(4)
    found = annotations(read_mpii(save_release(tmp_path / "a.mat", people)))
    head = np.concatenate([people.head[:, :2], people.head[:, 2:] - people.head[:, :2]], axis=1)
    assert [one["bbox_head"] for one in found] == head.tolist()
    lacking = read_mpii(save_bearpaw(tmp_path / "a.json", people, 0))
    assert not any("bbox_head" in one or "head_size" in one for one in annotations(lacking))
    assert any(note.startswith("head box") for note in lacking.notes)


def test_newells_file_has_the_normaliser_in_place_of_the_head_box(tmp_path: Path) -> None:
    people = mpii_people(3)
    found = annotations(read_mpii(save_newell(tmp_path / "valid.h5", people)))
    size = 0.6 * np.hypot(*(people.head[:, 2:] - people.head[:, :2]).T)
    np.testing.assert_allclose([one["head_size"] for one in found], size, atol=1e-5)
    assert not any("bbox_head" in one for one in found)


def test_photos_and_splits_are_those_of_the_file(tmp_path: Path) -> None:
    people = mpii_people(6)
    found = read_mpii(save_bearpaw(tmp_path / "a.json", people, 2))
    assert {split: len(some) for split, some in found.splits.items()} == {"train": 4, "val": 2}
    content = to_coco(found.splits["train"], found.skeleton, {people.names[0]: (640, 480)})
    names = list(dict.fromkeys(people.names[:4]))
    assert [image["file_name"] for image in content["images"]] == names
    by_id = {image["id"]: image["file_name"] for image in content["images"]}
    assert [by_id[one["image_id"]] for one in content["annotations"]] == people.names[:4]
    assert content["images"][0] == {"id": 1, "file_name": names[0], "width": 640, "height": 480}
    assert "width" not in content["images"][1]


def test_a_joint_at_x_0_is_not_labelled_and_is_counted(tmp_path: Path) -> None:
    people = mpii_people(2)
    path = save_release(tmp_path / "a.mat", people)
    point = struct_array([{"x": 0.0, "y": 121.0, "id": 9.0}, {"x": 5.0, "y": 6.0, "id": 0.0, "is_visible": 0.0}][:1])
    rect = struct_array([{"annopoints": struct_array([{"point": point}])}])
    photo = struct_array([{"image": struct_array([{"name": "a.jpg"}]), "annorect": rect}])
    savemat(path, {"RELEASE": struct_array([{"annolist": photo}])})
    found = read_mpii(path)
    assert [one["num_keypoints"] for one in annotations(found)] == [0]
    assert any("x <= 0" in note and note.endswith(" 1") for note in found.notes)
    assert not {"bbox", "center", "scale", "bbox_head"} & annotations(found)[0].keys()


def test_lsp_flags_hidden_joints_and_its_extension_labelled_ones(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0)
    joints = np.concatenate([numbers.uniform(1, 100, (2, 14, 1003)), numbers.integers(0, 2, (1, 14, 1003))])
    found = read_lsp(save_lsp(tmp_path / "joints.mat", joints))
    assert {split: len(some) for split, some in found.splits.items()} == {"train": 1000, "test": 3}
    assert found.splits["test"][0].file_name == "im1001.jpg"
    assert found.splits["test"][0].visibility.tolist() == [1 if flag else 2 for flag in joints[2, :, 1000]]
    extended = joints.transpose(1, 0, 2)[..., :5]
    found = read_lsp(save_lsp(tmp_path / "joints.mat", extended))
    person = found.splits["train"][4]
    assert (person.file_name, [*found.splits]) == ("im00005.jpg", ["train"])
    assert person.visibility.tolist() == [2 if flag else 0 for flag in extended[:, 2, 4]]
    np.testing.assert_array_equal(person.xy_photo[person.visibility == 0], 0)


def test_lsp_of_one_person_has_no_third_axis(tmp_path: Path) -> None:
    joints = np.concatenate([np.full((2, 14), 7.0), np.ones((1, 14))])
    for array, visibility in ((joints, 1), (joints.T, 2)):
        (person,) = read_lsp(save_lsp(tmp_path / "joints.mat", array)).splits["train"]
        assert (person.visibility == visibility).all() and (person.xy_photo == 7).all()


def refused(read: Callable[[Path], Converted], path: Path) -> str:
    with pytest.raises(Refused) as caught:
        read(path)
    assert "\n" not in caught.value.line()
    return caught.value.why


POINT = {"x": 1.0, "y": 2.0, "id": 3.0}


def release_of(point: Any = POINT, **rect: Any) -> dict[str, Any]:
    people = struct_array([{"annopoints": struct_array([{"point": struct_array([point])}]), **rect}])
    photo = struct_array([{"image": struct_array([{"name": "a.jpg"}]), "annorect": people}])
    return {"RELEASE": struct_array([{"annolist": photo}])}


@pytest.mark.parametrize(
    "content",
    [
        {"other": 1},
        {"RELEASE": 5.0},
        {"RELEASE": "text"},
        {"RELEASE": np.zeros((3, 4, 5))},
        {"RELEASE": struct_array([{"annolist": 3.0}])},
        {"RELEASE": struct_array([{"img_train": 1.0}])},
        {"RELEASE": struct_array([{"annolist": struct_array([{"annorect": struct_array([{"annopoints": 7.0}])}])}])},
        release_of({"x": 1.0, "y": 2.0}),
        release_of({"x": 1.0, "y": 2.0, "id": 16.0}),
        release_of({"x": 1.0, "y": 2.0, "id": 0.5}),
        release_of({"x": 1.0, "y": 2.0, "id": np.nan}),
        release_of({"x": np.nan, "y": 2.0, "id": 0.0, "is_visible": "1"}),
        release_of({"x": np.inf, "y": 2.0, "id": 0.0}),
        release_of({"x": [1.0, 2.0], "y": 2.0, "id": 0.0}),
        release_of({"x": "left", "y": 2.0, "id": 0.0}),
        release_of({"x": 1.0, "y": 2.0, "id": 0.0, "is_visible": "yes"}),
        release_of(scale=1e300, objpos=struct_array([{"x": 1.0, "y": 1.0}])),
        release_of(objpos=9.0),
    ],
    ids=range(18),
)
def test_a_mat_of_another_structure_is_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    savemat(tmp_path / "a.mat", content)
    refused(read_mpii, tmp_path / "a.mat")


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_mat_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.mat"
    whole = bytearray(save_release(path, mpii_people(2)).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole)))])
    try:
        read_mpii(path)
    except Refused as error:
        assert "\n" not in error.line()


ENTRY: dict[str, Any] = {"img_paths": "a.jpg", "isValidation": 0, "joint_self": [[1, 2, 1]] * 16}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "5",
        "{}",
        "[]",
        "[3]",
        "[" * 100_000,
        *(
            json.dumps([ENTRY | wrong])
            for wrong in (
                {"img_paths": None},
                {"img_paths": "a\nb"},
                {"isValidation": "0"},
                {"isValidation": 2},
                {"joint_self": [[1, 2, 1]] * 15},
                {"joint_self": [[1, 2]] * 16},
                {"joint_self": [[1, 2, None]] * 16},
                {"joint_self": [[1, [2], 1]] * 16},
                {"joint_self": [[float("nan"), 2, 1]] * 16},
                {"joint_self": [[10**400, 2, 1]] * 16},
                {"joint_self": 4},
                {"objpos": [1]},
                {"scale_provided": "1"},
                {"dataset": "other"},
            )
        ),
    ],
)
def test_a_json_of_another_structure_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    refused(read_mpii, tmp_path / "a.json")


@pytest.mark.parametrize("nothing", [{"objpos": None}, {"objpos": []}, {"scale_provided": None}])
def test_a_centre_or_scale_that_is_null_is_not_there(tmp_path: Path, nothing: dict[str, Any]) -> None:
    place = {"objpos": [50, 60], "scale_provided": 1.5}
    (tmp_path / "a.json").write_text(json.dumps([ENTRY | place, ENTRY | place | nothing]))
    whole, placeless = read_mpii(tmp_path / "a.json").splits["train"]
    assert whole.box == (-100, -90, 300, 300)
    assert (placeless.box, placeless.visibility.tolist()) == (None, [2] * 16)


@pytest.mark.parametrize(("flag", "split"), [(True, "val"), (1.0, "val"), (False, "train"), (0, "train")])
def test_a_flag_of_validation_may_be_true_or_false(tmp_path: Path, flag: Any, split: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps([ENTRY | {"isValidation": flag}]))
    assert [*read_mpii(tmp_path / "a.json").splits] == [split]


def test_a_json_of_another_program_is_told_by_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"image": "a.jpg", "joints": [[1, 2]] * 16}]))
    with pytest.raises(Refused, match="entry 0 has no joint_self"):
        read_mpii(tmp_path / "a.json")


@pytest.mark.parametrize(
    "change",
    [
        {"part": np.zeros((3, 16, 3))},
        {"part": np.zeros((2, 16, 2))},
        {"visible": np.array([b"x"] * 3)},
        {"center": np.float64(3)},
        {"scale": np.full(3, np.nan)},
        {"imgname": np.zeros((3, 2, 2))},
        {"imgname": np.zeros((3, 13))},
        {"normalize": None},
    ],
)
def test_an_h5_of_another_structure_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, array in (newell_arrays(mpii_people(3)) | change).items():
            if array is not None:
                file[name] = array
    if change.keys() == {"scale"}:  # a scale that is not a number gives no box, and is no fault of the structure
        assert not any("bbox" in one for one in annotations(read_mpii(tmp_path / "a.h5")))
        return
    refused(read_mpii, tmp_path / "a.h5")


@pytest.mark.parametrize("nothing", [0.0, -1.0, np.nan])
def test_an_h5_without_somebodys_scale_or_head_size_says_of_how_many(tmp_path: Path, nothing: float) -> None:
    h5py = pytest.importorskip("h5py")
    arrays = newell_arrays(mpii_people(4))
    arrays["scale"][:2], arrays["normalize"][1:] = nothing, nothing
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    found = read_mpii(tmp_path / "a.h5")
    assert "without centre or scale, and so without a box: 2 people" in found.notes
    assert "without a head size above 0: 3 people" in found.notes
    assert ["head_size" in one for one in annotations(found)] == [True, False, False, False]


def test_letters_codes_are_a_photos_name(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    arrays = newell_arrays(mpii_people(2))
    codes = np.zeros((2, 16))
    codes[:, :5] = [ord(letter) for letter in "b.jpg"]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, array in (arrays | {"imgname": codes}).items():
            file[name] = array
    assert {person.file_name for person in read_mpii(tmp_path / "a.h5").splits["a"]} == {"b.jpg"}


@pytest.mark.parametrize(
    "joints",
    [
        np.zeros((3, 15)),
        np.zeros((2, 3, 14, 4)),
        np.zeros((3, 15, 4)),
        np.full((3, 14, 4), 2.0),
        np.full((3, 14, 4), np.nan),
        np.zeros((3, 14, 4), complex),
        np.array(["text"]),
    ],
)
def test_another_array_is_not_lsp(tmp_path: Path, joints: Any) -> None:
    refused(read_lsp, save_lsp(tmp_path / "joints.mat", joints))


@pytest.mark.parametrize("name", ["a.txt", "missing.mat", "missing.json", "."])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    refused(read_mpii, tmp_path / name)


@pytest.mark.parametrize("name", ["joints.mat", "joints.mat.1", "joints", "joints.MAT", "annotations.h5.bak"])
@pytest.mark.parametrize("data_set", ["mpii", "lsp"])
def test_whatever_a_file_is_called_its_libraries_read_it_in_a_process_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_set: DataSet, name: str
) -> None:
    def asked(*_: Any) -> Any:
        raise reader_process.TooLong

    monkeypatch.setattr(reader_process, "ask", asked)
    (tmp_path / name).write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(Refused, match="took more"):
        read_annotations(data_set, tmp_path / name)
