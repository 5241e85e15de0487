"""Drawn photos: labels that are true, files that COCO's own reader takes, the same bytes every time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO

from shgae.data.synthetic import FOREGROUND, DrawnPhoto, SyntheticConfig, draw_dataset, draw_photo
from shgae.errors import Refused
from shgae.execution import Progress
from shgae.skeleton import COCO_PERSON

CONFIG = SyntheticConfig(photos=60, seed=3)
HEAD = slice(0, 5)


@pytest.fixture(scope="module")
def photos() -> list[DrawnPhoto]:
    return [draw_photo(CONFIG, index) for index in range(CONFIG.photos)]


def people(photos: list[DrawnPhoto]) -> Iterator[tuple[DrawnPhoto, int, dict[str, Any], np.ndarray]]:
    """Each photo with the owner number, the annotation and the (17, 3) keypoints of each of its people."""
    for photo in photos:
        for number, annotation in enumerate(photo.annotations, start=1):
            yield photo, number, annotation, np.array(annotation["keypoints"]).reshape(17, 3)


def digests(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_visible_joint_lies_on_its_own_person(photos: list[DrawnPhoto]) -> None:
    for photo, number, _, keypoints in people(photos):
        for x, y, v in keypoints:
            if v == 2:
                assert photo.owner[y, x] == number


def test_a_joint_behind_something_else_is_never_visible(photos: list[DrawnPhoto]) -> None:
    covered = 0
    for photo, number, _, keypoints in people(photos):
        for x, y, v in keypoints[keypoints[:, 2] > 0]:
            if photo.owner[y, x] not in (0, number):
                covered += 1
                assert v == 1
    assert covered > 20


def test_an_unlabelled_joint_is_three_zeros(photos: list[DrawnPhoto]) -> None:
    for *_, keypoints in people(photos):
        assert not keypoints[keypoints[:, 2] == 0].any()


def test_labelled_joints_lie_in_the_photo_and_in_the_box(photos: list[DrawnPhoto]) -> None:
    for photo, _, annotation, keypoints in people(photos):
        height, width = photo.image.shape[:2]
        x0, y0, w, h = annotation["bbox"]
        assert 0 <= x0 < x0 + w <= width
        assert 0 <= y0 < y0 + h <= height
        xy = keypoints[keypoints[:, 2] > 0, :2]
        assert (xy >= (x0, y0)).all()
        assert (xy < (x0 + w, y0 + h)).all()


def test_the_box_is_tight_around_a_person_that_nothing_hides() -> None:
    config = SyntheticConfig(photos=12, most_people=1, obstacles=0, bystanders=0)
    for photo, number, annotation, _ in people([draw_photo(config, index) for index in range(config.photos)]):
        rows, columns = np.nonzero(photo.owner == number)
        x0, y0, w, h = annotation["bbox"]
        seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert np.abs(np.subtract(seen, (x0, y0, x0 + w, y0 + h))).max() <= 1


def test_counts_and_areas_are_those_of_the_picture(photos: list[DrawnPhoto]) -> None:
    for photo, number, annotation, keypoints in people(photos):
        assert annotation["num_keypoints"] == (keypoints[:, 2] > 0).sum()
        assert annotation["area"] == (photo.owner == number).sum() > 0
        assert annotation["iscrowd"] == 0


def test_every_joint_occurs_with_every_visibility(photos: list[DrawnPhoto]) -> None:
    visibility = np.stack([keypoints[:, 2] for *_, keypoints in people(photos)])
    for joint, name in enumerate(COCO_PERSON.names):
        assert set(visibility[:, joint]) == {0, 1, 2}, name
    assert (visibility == 2).mean() > 0.6


def test_one_to_three_people_share_a_photo_and_some_have_no_labels(photos: list[DrawnPhoto]) -> None:
    full_size = [sum(a["num_keypoints"] > 0 for a in photo.annotations) for photo in photos]
    assert {1, 2, 3} <= set(full_size)
    unlabelled = sum(annotation["num_keypoints"] == 0 for _, _, annotation, _ in people(photos))
    assert 0 < unlabelled < 0.1 * sum(full_size)


def test_left_is_right_in_the_picture_of_a_person_who_shows_the_face_and_the_reverse_from_behind(
    photos: list[DrawnPhoto],
) -> None:
    left, right = COCO_PERSON.names.index("left_shoulder"), COCO_PERSON.names.index("right_shoulder")
    facing, turned = [], []
    for *_, keypoints in people(photos):
        if keypoints[left, 2] == 2 and keypoints[right, 2] == 2:
            ahead = keypoints[left, 0] - keypoints[right, 0]
            face = keypoints[:3, 2]
            if (face == 2).all():
                facing.append(ahead > 0)
            elif (face < 2).all() and (keypoints[HEAD, 2] > 0).any():
                turned.append(ahead > 0)
    assert len(facing) > 20
    assert np.mean(facing) > 0.95
    assert len(turned) > 3
    assert np.mean(turned) < 0.5


def test_things_stand_before_people_only_where_they_are_asked_for() -> None:
    for share, wanted in ((0.0, False), (1.0, True)):
        config = SyntheticConfig(photos=8, obstacles=share)
        found = [bool((draw_photo(config, index).owner == FOREGROUND).any()) for index in range(config.photos)]
        assert found == [wanted] * config.photos


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), index=st.integers(0, 10**6), most_people=st.integers(1, 6))
def test_any_seed_gives_a_photo_with_true_labels(seed: int, index: int, most_people: int) -> None:
    photo = draw_photo(SyntheticConfig(photos=1, seed=seed, most_people=most_people), index)
    assert photo.image.dtype == np.uint8
    assert photo.image.shape == (*photo.owner.shape, 3)
    for _, number, _, keypoints in people([photo]):
        x, y = keypoints[keypoints[:, 2] == 2, :2].T
        assert (photo.owner[y, x] == number).all()


def test_photo_i_depends_on_the_seed_and_i_alone() -> None:
    few, many, other = (SyntheticConfig(photos=n, seed=s) for n, s in ((5, 1), (500, 1), (5, 2)))
    one, same, different = (draw_photo(config, 4) for config in (few, many, other))
    np.testing.assert_array_equal(one.image, same.image)
    assert one.annotations == same.annotations
    assert one.image.shape != different.image.shape or (one.image != different.image).any()


def test_a_seed_gives_the_same_files_byte_for_byte(tmp_path: Path) -> None:
    for name in ("one", "other"):
        draw_dataset(tmp_path / name, SyntheticConfig(photos=4, seed=9))
    assert digests(tmp_path / "one") == digests(tmp_path / "other")
    assert len(digests(tmp_path / "one")) == 5


def test_pycocotools_reads_the_dataset(tmp_path: Path) -> None:
    path = draw_dataset(tmp_path, SyntheticConfig(photos=6))
    assert path == tmp_path / "person_keypoints.json"
    coco = COCO(str(path))
    assert len(coco.getImgIds()) == 6
    ids = [annotation["id"] for annotation in json.loads(path.read_text())["annotations"]]
    assert len(ids) == len(set(ids)) == len(coco.getAnnIds())
    for image in coco.loadImgs(coco.getImgIds()):
        with Image.open(tmp_path / "photos" / image["file_name"]) as photo:
            assert photo.size == (image["width"], image["height"])
        for annotation in coco.loadAnns(coco.getAnnIds(imgIds=image["id"], catIds=[1])):
            assert len(annotation["keypoints"]) == 51


def test_the_category_is_cocos(tmp_path: Path) -> None:
    path = draw_dataset(tmp_path, SyntheticConfig(photos=1))
    (category,) = json.loads(path.read_text())["categories"]
    assert category["keypoints"] == list(COCO_PERSON.names)
    assert category["skeleton"][:3] == [[16, 14], [14, 12], [17, 15]]
    assert np.min(category["skeleton"]) == 1
    assert np.max(category["skeleton"]) == 17


def test_the_files_hold_what_was_drawn(tmp_path: Path) -> None:
    config = SyntheticConfig(photos=2, seed=5)
    path = draw_dataset(tmp_path, config)
    drawn = draw_photo(config, 1)
    with Image.open(tmp_path / "photos" / "000000000002.jpg") as photo:
        assert np.abs(np.asarray(photo, dtype=float) - drawn.image).mean() < 8
    stored = [a for a in json.loads(path.read_text())["annotations"] if a["image_id"] == 2]
    assert [a["keypoints"] for a in stored] == [a["keypoints"] for a in drawn.annotations]


def test_progress_counts_the_photos(tmp_path: Path) -> None:
    class Counting(Progress):
        total = done = 0

        def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
            self.total = total

        def advance(self, amount: int = 1, facts: str = "") -> None:
            self.done += amount

    progress = Counting()
    draw_dataset(tmp_path, SyntheticConfig(photos=3), progress)
    assert (progress.total, progress.done) == (3, 3)


@pytest.mark.parametrize("wrong", [{"photos": 0}, {"photos": 1, "seed": -1}, {"photos": 1, "most_people": 0}])
def test_a_config_that_makes_no_sense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Refused):
        SyntheticConfig(**wrong)
