"""Names, mirror pairs and limbs of joint sets."""

from __future__ import annotations

import json

import pytest

from shgae.skeleton import COCO_PERSON, MPII_PERSON, Skeleton


def test_cocos_mirror_pairs_are_its_lefts_and_rights() -> None:
    assert COCO_PERSON.flip_pairs == tuple((joint, joint + 1) for joint in range(1, 17, 2))


def test_mpiis_mirror_pairs_are_those_that_its_hourglasses_were_flipped_with() -> None:
    assert MPII_PERSON.flip_pairs == ((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13))


@pytest.mark.parametrize("skeleton", [COCO_PERSON, MPII_PERSON])
def test_limbs_connect_joints_and_a_mirrored_limb_is_a_limb(skeleton: Skeleton) -> None:
    mirrored = dict(skeleton.flip_pairs) | {b: a for a, b in skeleton.flip_pairs}
    limbs = {frozenset(limb) for limb in skeleton.limbs}
    assert {joint for limb in limbs for joint in limb} == set(range(len(skeleton)))
    assert {frozenset(mirrored.get(joint, joint) for joint in limb) for limb in limbs} == limbs


@pytest.mark.parametrize(
    "names", [("left_hip", "right_hip", "neck"), ("r-hip", "l-hip", "neck"), ("RightHip", "LeftHip", "neck")]
)
def test_mirror_pairs_follow_from_the_names(names: tuple[str, ...]) -> None:
    assert Skeleton.from_names(names).flip_pairs == ((0, 1),)


def test_a_left_without_a_right_has_no_pair() -> None:
    assert Skeleton.from_names(("left_hip", "right_knee", "l_eye")).flip_pairs == ()


def test_a_category_may_name_its_pairs_and_counts_from_1() -> None:
    category = {"keypoints": ["a", "b", "left_c", "right_c"], "skeleton": [[1, 3]], "flip_pairs": [[2, 1]]}
    skeleton = Skeleton.from_category(category)
    assert skeleton.flip_pairs == ((0, 1),)
    assert skeleton.limbs == ((0, 2),)


@pytest.mark.parametrize("skeleton", [COCO_PERSON, Skeleton(("a", "b"), ((0, 1),), ()), Skeleton(("a",), (), ())])
def test_a_skeleton_survives_json(skeleton: Skeleton) -> None:
    assert Skeleton.from_json(json.loads(json.dumps(skeleton.to_json()))) == skeleton


def test_a_manifest_from_before_pairs_were_kept_gives_them_by_name() -> None:
    old = {key: value for key, value in COCO_PERSON.to_json().items() if key != "flip_pairs"}
    assert Skeleton.from_json(old) == COCO_PERSON


def test_joints_are_found_again_under_other_spellings() -> None:
    mine = Skeleton.from_names(("R ankle", "left-hip", "neck", "Nose"))
    theirs = Skeleton.from_names(("nose", "left_hip", "right_ankle"))
    assert mine.sources(theirs) == (2, 1, None, 0)
    assert theirs.sources(mine) == (3, 1, 0)
