"""Reading COCO JSON: what comes out of a good file, and one line for each bad one."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shgae.data.coco import read_coco
from shgae.data.photo_files import PhotoFolder
from shgae.errors import Refused
from shgae.models.specs import HourglassSpec
from shgae.skeleton import MOST_JOINTS
from tests.builders.coco_documents import NAMES, document, everybody, line_of, read, with_value, without


def test_people_come_by_photo_then_by_annotation(tmp_path: Path):
    people = read(tmp_path, document())
    assert [(photo.id, ids) for photo, ids in people] == [(5, [12, 11, 13]), (3, [10])]
    assert len(people) == 4
    assert people.photo_count == 3
    assert people.sha256 == hashlib.sha256((tmp_path / "people.json").read_bytes()).hexdigest()


def test_a_person_keeps_its_numbers(tmp_path: Path):
    person = everybody(read(tmp_path, document()))[0]
    assert person.annotation_id == 12
    assert person.xy_photo.tolist() == [[1, 1], [8.25, 8], [3, 4]]
    assert person.xy_photo.dtype == np.float64
    assert person.visibility.tolist() == [2, 2, 1]
    assert person.visibility.dtype == np.uint8
    assert person.box.tolist() == [0, 0, 9, 9]
    assert (person.iscrowd, person.fault, person.is_labelled) == (False, None, True)


def test_the_skeleton_is_the_categorys(tmp_path: Path):
    skeleton = read(tmp_path, document()).skeleton
    assert skeleton.names == tuple(NAMES)
    assert skeleton.limbs == ((0, 1), (0, 2))
    assert skeleton.flip_pairs == ((1, 2),)


def test_data_has_as_many_joints_as_networks_have_maps(tmp_path: Path):
    content = document()
    for joints in (MOST_JOINTS, MOST_JOINTS + 1):
        content["categories"][0] |= {"keypoints": [f"joint {i}" for i in range(joints)], "skeleton": []}
        content["annotations"] = [one | {"keypoints": [1, 1, 2] * joints} for one in content["annotations"]]
        if joints == MOST_JOINTS:
            assert HourglassSpec(len(read(tmp_path, content).skeleton)).keypoints == MOST_JOINTS
    with pytest.raises(Refused, match="513 joints"):
        read(tmp_path, content)
    with pytest.raises(Refused, match="513"):
        HourglassSpec(MOST_JOINTS + 1)


def test_num_keypoints_is_counted_not_believed(tmp_path: Path):
    liars = everybody(read(tmp_path, document()))
    assert [person.is_labelled for person in liars] == [True, False, False, True]
    assert [len(person.xy_labelled) for person in liars] == [3, 0, 0, 2]


def test_people_without_labels_are_not_mixed_up(tmp_path: Path):
    people = everybody(read(tmp_path, document()))
    people[1].xy_photo[:] = 5
    assert not people[2].xy_photo.any()


def test_numbers_that_cancel_out_are_no_zeros(tmp_path: Path):
    content = document()
    content["annotations"][0]["keypoints"] = [1, -3, 2] + [0] * 6
    content["annotations"][2]["keypoints"] = [-1, -1, 2] + [0] * 6
    people = everybody(read(tmp_path, content))
    assert [person.xy_photo[0].tolist() for person in people] == [[1, 1], [-1, -1], [0, 0], [1, -3]]


def test_crowds_are_told_apart(tmp_path: Path):
    assert [person.iscrowd for person in everybody(read(tmp_path, document()))] == [False, False, True, False]


def test_other_categories_are_not_people(tmp_path: Path):
    content = document()
    content["annotations"].append({"id": 99, "image_id": 5, "category_id": 9, "bbox": "anything"})
    assert len(read(tmp_path, content)) == 4


def test_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    read(tmp_path, document())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("lies", "folder", "said", "advice"),
    [
        ("train/images/a.jpg", "train/images", "images/a.jpg", "the folder train"),
        ("images/a.jpg", "images", "images/a.jpg", "the folder ."),
        ("images/A.JPEG", "images", "a.jpg", "A.JPEG, which the folder has, as its name in the JSON"),
        ("images/a.jpg", "images", "labels/a.png", "a.jpg, which the folder has, as its name in the JSON"),
        ("images/default/a.jpg", "images", "a.jpg", "the folder images/default"),
        ("images/default/sub/a.jpg", "images", "sub/a.jpg", "the folder images/default"),
        ("images/my photo.jpg", "images", "my%20photo.jpg", "the names in the JSON decoded (%20 is a blank), for the "),
        ("images/my%20photo.jpg", "images", "my photo.jpg", "the names in the JSON with %20 for a blank, for the "),
        ("images/a.jpg", "images", "b.jpg", "the folder that holds the photos"),
        ("a.jpg", "images", "%2e%2e/a.jpg", "the folder that holds the photos"),
        ("images/a.jpg", "images", "ä" * 100 + ".jpg", "the folder that holds the photos"),
        ("other/a.jpg", "images", "a.jpg", "the folder that holds the photos"),
    ],
)
def test_of_a_photo_that_is_elsewhere_the_place_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lies: str, folder: str, said: str, advice: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for made in (Path(lies).parent, Path(folder)):
        made.mkdir(parents=True, exist_ok=True)
    Path(lies).touch()
    assert PhotoFolder(Path(folder)).advice(said).startswith(advice)


def test_photos_are_found_inside_their_folder_only(tmp_path: Path):
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "b.jpg").touch()
    (tmp_path / "secret.jpg").touch()
    (folder / "a.jpg").symlink_to(tmp_path / "secret.jpg")
    (tmp_path / "people.json").write_text(json.dumps(document()))
    for photos in (folder, tmp_path / "link"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(folder)
        people = read_coco(tmp_path / "people.json", photos)
        outside, inside = (photo for photo, _ in people)
        assert people.photo_path(inside) == photos / "sub" / "b.jpg"
        with pytest.raises(Refused, match="a link"):
            people.photo_path(outside)
    (folder / "a.jpg").unlink()
    with pytest.raises(Refused, match="no such file"):
        people.photo_path(outside)
    (folder / "a.jpg").symlink_to("a.jpg")
    with pytest.raises(Refused, match="a link in a circle"):
        people.photo_path(outside)
    (folder / "sub" / "b.jpg").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(tmp_path)
    with pytest.raises(Refused, match="a link"):
        people.photo_path(inside)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("id", "keypoints")), inner),
    max_leaves=4,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path into a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


PLACES = places(document())[1:]


@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=3))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_file_it_is_read_or_refused(tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]):
    content = copy.deepcopy(document())
    for path, value in changes:
        target: Any = content
        try:
            for step in path[:-1]:
                target = target[step]
            target[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # An earlier change took this place away.
    try:
        people = read(tmp_path, content)
    except Refused as refused:
        assert refused.line().isprintable()
        return
    for person in everybody(people):
        assert person.fault or not person.is_labelled or np.isfinite(person.xy_labelled).all()


@given(st.integers(0, 2000), st.binary(max_size=3))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_bytes_are_replaced_it_is_read_or_refused(tmp_path: Path, place: int, junk: bytes):
    data = json.dumps(document()).encode()
    try:
        everybody(read(tmp_path, data[: place % len(data)] + junk + data[place % len(data) + 2 :]))
    except Refused as refused:
        assert refused.line().isprintable()


LONGEST = "/".join(["x" * 255] * 3 + ["y" * 251, "z" * 4])


@pytest.mark.parametrize(
    ("path", "fine", "broken"),
    [
        (("annotations", 2, "id"), (2**63 - 1, -(2**63), 0), (2**63, -(2**63) - 1)),
        (("annotations", 2, "id"), (7.0,), (7.5, float(2**60))),
    ],
)
def test_what_is_allowed_ends_where_it_is_said(
    tmp_path: Path, path: tuple[str | int, ...], fine: tuple[Any, ...], broken: tuple[Any, ...]
):
    for value in fine:
        assert len(read(tmp_path, with_value(value, *path))) == 4
    for value in broken:
        line_of(tmp_path, with_value(value, *path))


def test_a_name_is_as_long_as_a_file_system_takes_it_or_its_photo_is_bad(tmp_path: Path):
    fine, broken = ("x" * 255, "ü" * 127, LONGEST), ("x" * 256, "ü" * 128, LONGEST + "z")
    for name in (*fine, *broken):
        (photo, _), _ = people = read(tmp_path, with_value(name, "images", 0, "file_name"))
        with pytest.raises(Refused, match="no such file" if name in fine else "photo in id 5: its file_name"):
            people.photo_path(photo)


def test_what_may_be_missing_may_be_missing(tmp_path: Path):
    people = everybody(read(tmp_path, without("annotations", 3, "iscrowd")))
    assert [person.iscrowd for person in people] == [False] * 4
    assert read(tmp_path, without("categories", 0, "skeleton")).skeleton.limbs == ()


@pytest.mark.parametrize(
    ("box", "is_far"),
    [
        (([-32, -32, 96, 96]), False),
        (([-32.5, 0, 1, 1]), True),
        (([0, -32.5, 1, 1]), True),
        (([63, 0, 1.5, 1]), True),
        (([0, 63, 1, 1.5]), True),
    ],
)
def test_a_box_may_reach_as_far_outside_as_the_photo_is_long(tmp_path: Path, box: list[float], is_far: bool):
    person = everybody(read(tmp_path, with_value(box, "annotations", 0, "bbox")))[3]  # the photo has 32 x 32 pixels
    assert person.fault == ("joint or box far outside the photo" if is_far else None)


def test_as_far_outside_is_measured_by_the_longer_side(tmp_path: Path):
    for box, is_far in (([-64, -64, 192, 176], False), ([-64, -64, 192.5, 1], True), ([-64, -64, 1, 176.5], True)):
        person = everybody(read(tmp_path, with_value(box, "annotations", 1, "bbox")))[0]  # 64 x 48 pixels
        assert (person.fault is not None) == is_far


def test_a_joint_without_label_is_nowhere_and_one_with_is_told_by_its_v(tmp_path: Path):
    person = everybody(read(tmp_path, document()))[3]
    assert person.visibility.tolist() == [2, 1, 0]
    assert person.xy_labelled.tolist() == [[2, 3], [4, 5]]
    bad = everybody(read(tmp_path, with_value([2, 3, 3, 4, 5, 1, 0, 0, 0], "annotations", 0, "keypoints")))[3]
    assert bad.visibility.tolist() == [0, 1, 0]


def test_what_a_file_says_is_quoted_by_its_beginning_and_end(tmp_path: Path):
    said = read(tmp_path, with_value(10**50, "annotations", 0, "category_id")).strays[10].said
    assert said == "category_id 1" + "0" * 20 + " ... " + "0" * 14
    people = read(tmp_path, with_value("x" * 99, "images", 0, "width"))
    with pytest.raises(Refused) as caught:
        people.photo_path(next(iter(people))[0])
    quoted = caught.value.why.rpartition("(")[2]
    assert len(quoted) == 21 and quoted.startswith("'xxx") and quoted.endswith("xx')")


def test_the_folder_of_the_photos_is_a_folder_and_a_link_to_nothing_is_no_photo(tmp_path: Path):
    (tmp_path / "file").touch()
    (tmp_path / "people.json").write_text(json.dumps(document()))
    with pytest.raises(Refused, match="photos in .*file: "):
        read_coco(tmp_path / "people.json", tmp_path / "file")
    with pytest.raises(Refused, match="no such file. Try: check the path"):
        read_coco(tmp_path / "file" / "below.json", tmp_path)


def test_area_head_and_place_come_where_the_json_gives_them(tmp_path: Path):
    content = document()
    content["annotations"][0] |= {"bbox_head": [1, 2, 3, 4], "head_size": 2.5, "center": [5, 6], "scale": 1.5}
    people = read(tmp_path, content)
    person = next(one for one in everybody(people) if one.annotation_id == 10)
    assert {name: value.tolist() for name, value in person.measures.items()} == {
        **{"area": 3.5, "head_box": [1, 2, 3, 4], "head_size": 2.5, "center": [5, 6], "scale": 1.5}
    }
    assert people.measures == ("area", "head_box", "head_size", "center", "scale")
    assert people.given(13) == {"area": 3.5, "iscrowd": 1}


@pytest.mark.parametrize("value", ["large", 0, -1, None, True, [3], {"a": 1}, [1, 2, 0, 4], [1, 2, 3, 0]])
def test_an_area_or_a_head_box_that_is_not_positive_is_none(tmp_path: Path, value: Any):
    content = document()
    for annotation in content["annotations"]:
        annotation["area"] = annotation["bbox_head"] = value
    people = read(tmp_path, content)
    assert people.measures == ()
    assert not any(person.measures for person in everybody(people))


def test_without_a_box_the_labelled_joints_extent_is_taken_and_counted(tmp_path: Path):
    content = document()
    for annotation in content["annotations"]:
        del annotation["bbox"]
    people = read(tmp_path, content)
    assert not any(person.has_box for person in everybody(people))
    boxes = {person.annotation_id: person.box.tolist() for person in everybody(people)}
    assert boxes == {10: [-1, 0, 8, 8], 12: [0.625, 0.5, 8, 8], 11: [0] * 4, 13: [0] * 4}
    assert all(person.fault is None for person in everybody(people))


@pytest.mark.parametrize(
    ("box", "is_own"), [([1, 2, 3, -4], False), ([1, 2, None, 4], True), ([1, 2, 3], False), ([1, 2, 0, 4], False)]
)
def test_a_broken_box_is_the_jsons_own_where_it_has_four_numbers_and_sides(tmp_path: Path, box: Any, is_own: bool):
    person = everybody(read(tmp_path, with_value(box, "annotations", 0, "bbox")))[3]
    assert person.has_box == is_own
    assert (person.box[:2].tolist() == [1, 2]) == is_own, "else around the joints"


def test_joints_a_light_year_away_have_no_box(tmp_path: Path):
    content = without("annotations", 0, "bbox")
    for far, near in ((1e9, False), (1e9 - 1, True), (-1e9, False)):
        content["annotations"][0]["keypoints"] = [far, 3, 2, 4, 5, 1, 0, 0, 0]
        assert everybody(read(tmp_path, content))[3].box.any() == near


def test_a_region_has_what_the_json_has_of_it_and_is_none_without_a_box(tmp_path: Path):
    content = document()
    content["annotations"][3]["keypoints"] = [1, 2, 2, 5, 6, 0, 7, 8, 1]
    people = read(tmp_path, content)
    (photo, (labelled, unlabelled, crowd)), _ = people
    row = {"image_id": 5, "bbox": [0.0, 0.0, 9.0, 9.0], "area": 3.5}
    assert people.region(unlabelled, photo) == row | {"annotation_id": 11, "iscrowd": 0}
    joints = [1.0, 2.0, 2.0, 0.0, 0.0, 0.0, 7.0, 8.0, 1.0]
    assert people.region(crowd, photo) == row | {"annotation_id": 13, "iscrowd": 1, "keypoints": joints}
    broken = with_value([1, 1, 2, 1, 1, 3, 0, 0, 0], "annotations", 1, "keypoints")
    assert "keypoints" not in (read(tmp_path, broken).region(labelled, photo) or {})
    assert "area" not in (read(tmp_path, without("annotations", 2, "area")).region(unlabelled, photo) or {})
    for box in ([0, 0, 0, 9], [0, 0, 9, -1], [0, None, 9, 9], [-1e9, 0, 9, 9], None):
        assert read(tmp_path, with_value(box, "annotations", 2, "bbox")).region(unlabelled, photo) is None
    assert read(tmp_path, with_value([1 - 1e9, 0, 9, 9], "annotations", 2, "bbox")).region(unlabelled, photo)
