"""Names, mirror pairs and limbs of joint sets."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.errors import Refused
from shgae.skeleton import COCO_PERSON, LSP_PERSON, MPII_PERSON, Skeleton


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


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Handgelenk links", "Handgelenk rechts"),
        ("linkes_Knie", "rechtes_Knie"),
        ("main gauche", "main droite"),
        ("genou_gauche", "genou_droit"),
        ("rodillaIzquierda", "rodillaDerecha"),
        ("joelho-esquerdo", "joelho-direito"),
        ("mano sinistra", "mano destra"),
    ],
)
def test_mirror_pairs_follow_from_names_of_other_languages(left: str, right: str) -> None:
    skeleton = Skeleton.from_names((right, "nose", left))
    assert skeleton.flip_pairs == ((0, 2),)
    assert skeleton.sides() == ("right", None, "left")


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (COCO_PERSON.names, ()),
        (MPII_PERSON.names, ()),
        (LSP_PERSON.names, ()),
        (("LHip", "RHip", "Hip", "MidHip", "HeadTop", "tailbase", "Nase"), ()),
        (("left_eye", "right_eye", "beak", "breast", "crown", "nape", "Hips", "Scheitel", "menton"), ()),
        (("left_eye", "right_eye", "wrist A", "wrist B", "nose"), ("wrist A", "wrist B")),
        (("left_eye", "right_eye", "left_tail", "head_r", "middle finger"), ("left_tail", "head_r", "middle finger")),
        (("wrist A", "wrist B"), ()),
    ],
)
def test_joints_that_a_mirror_image_leaves_in_place_are_named_unless_they_are_in_the_middle(
    names: tuple[str, ...], left: tuple[str, ...]
) -> None:
    skeleton = Skeleton.from_names(names)
    assert skeleton.left_in_place() == left
    assert skeleton.mirror_note().startswith("note: a mirror image leaves in place: " + ", ".join(left)) == bool(left)


def test_stored_pairs_against_the_names_are_noted() -> None:
    names = ("left_eye_left", "left_eye_right", "right_eye_left", "right_eye_right")
    stored = {"names": list(names), "limbs": [], "flip_pairs": [[0, 2], [1, 3]]}
    assert "swaps left_eye_left and right_eye_left, against" in Skeleton.from_json(stored).mirror_note()
    assert Skeleton.from_names(names).mirror_note() == ""


@pytest.mark.parametrize(
    ("name", "halves"),
    [
        ("rear_left_paw", (False, False)),
        ("left_handle", (False, False)),
        ("stoer", (False, False)),
        ("forearm", (False, False)),
        ("leftear", (True, False)),
        ("LeftEye", (True, False)),
        ("Ear.R", (True, False)),
        ("HeadTop", (True, False)),
        ("left_toes", (False, True)),
        ("LBigToe", (False, True)),
        ("left_handtip", (True, False)),
        ("left_eartip", (True, False)),
        ("Nearknee", (False, True)),
        ("Offfrontfoot", (False, True)),
    ],
)
def test_halves_of_a_body_follow_from_whole_words(name: str, halves: tuple[bool, bool]) -> None:
    upper, lower = Skeleton.from_names((name,)).halves()
    assert (*upper, *lower) == halves


@pytest.mark.parametrize(
    ("rest", "halves"),
    [
        ("BigToe", (False, True)),
        ("EarTip", (True, False)),
        ("_EarBase", (True, False)),
        ("HipJoint", (False, True)),
        ("shoulderjoint", (True, False)),
        ("FootIndex", (False, True)),
    ],
)
def test_a_pair_by_its_first_letters_keeps_the_words_of_its_rest(rest: str, halves: tuple[bool, bool]) -> None:
    (upper, _), (lower, _) = Skeleton.from_names((f"L{rest}", f"R{rest}")).halves()
    assert (upper, lower) == halves


def test_a_side_that_is_stuck_on_is_no_part_of_the_word() -> None:
    assert Skeleton.from_names(("lear", "rear", "lknee", "rknee")).halves() == (
        (True, True, False, False),
        (False, False, True, True),
    )


@pytest.mark.parametrize("pair", [(0, 9), (-1, 0), (0, 2)])
def test_a_limb_or_a_pair_of_a_joint_that_is_not_there_is_refused(pair: tuple[int, int]) -> None:
    with pytest.raises(Refused, match=r"limbs .* is not a pair of joints of 2"):
        Skeleton.from_names(("a", "b"), (pair,))
    with pytest.raises(Refused, match=r"flip_pairs .* is not a pair of joints of 2"):
        Skeleton.from_names(("a", "b"), flip_pairs=(pair,))


@pytest.mark.parametrize("pairs", [((0, 1), (1, 2)), ((1, 1),)])
def test_a_joint_has_one_mirror_partner(pairs: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(Refused, match="several partners"):
        Skeleton.from_names(("a", "b", "c"), flip_pairs=pairs)


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


AFLW = (
    *("LeftBrowLeftCorner", "LeftBrowCenter", "LeftBrowRightCorner", "RightBrowLeftCorner", "RightBrowCenter"),
    *("RightBrowRightCorner", "LeftEyeLeftCorner", "LeftEyeCenter", "LeftEyeRightCorner", "RightEyeLeftCorner"),
    *("RightEyeCenter", "RightEyeRightCorner", "LeftEar", "NoseLeft", "NoseCenter", "NoseRight", "RightEar"),
    *("MouthLeftCorner", "MouthCenter", "MouthRightCorner", "ChinCenter"),
)


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (AFLW, ((0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9), (12, 16), (13, 15), (17, 19))),
        (("left_of_left_brow", "right_of_left_brow", "left_of_right_brow", "right_of_right_brow"), ((0, 3), (1, 2))),
        (("left_foot_left", "left_foot_right", "right_foot_left", "right_foot_right"), ((0, 3), (1, 2))),
        (("l_eye_l", "l_eye_r", "r_eye_l", "r_eye_r"), ((0, 3), (1, 2))),
        (("l_eye_left", "l_eye_right", "r_eye_left", "r_eye_right"), ((0, 3), (1, 2))),
        (("leftbright", "rightbright", "left_bright_spot", "right_bright_spot"), ((0, 1), (2, 3))),
        (("L5_left", "L5_right", "left_foot_left", "left_foot_right"), ((0, 1),)),
        (("left_eye_left", "right_eye_left", "left_eye_right"), ((1, 2),)),
        (("l_eye", "left_eye", "right_eye"), ((1, 2),)),
    ],
)
def test_of_a_name_with_two_sides_a_mirror_swaps_both(
    names: tuple[str, ...], pairs: tuple[tuple[int, int], ...]
) -> None:
    assert Skeleton.from_names(names).flip_pairs == pairs


@pytest.mark.parametrize("sides", [("left", "right"), ("l", "R"), ("links", "rechts")])
@given(st.lists(st.lists(st.sampled_from(["left", "right", "eye", "of"]), min_size=2, max_size=4), max_size=12))
def test_each_joint_is_its_partners_partner_and_has_the_name_with_all_sides_swapped_where_there_is_one(
    sides: tuple[str, str], words: list[list[str]]
) -> None:
    spelled = {"left": sides[0], "right": sides[1]}
    swapped = {"left": sides[1], "right": sides[0]}
    mirrors = {"_".join(spelled.get(one, one) for one in name): name for name in words}
    names = list(mirrors)
    partner = {a: b for pair in Skeleton.from_names(names).flip_pairs for a, b in (pair, pair[::-1])}
    assert all(partner[other] == joint != other for joint, other in partner.items())
    for joint, name in enumerate(names):
        mirror = "_".join(swapped.get(one, one) for one in mirrors[name])
        if mirror != name and mirror in names:
            assert names[partner[joint]] == mirror


PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "eye", "ear", "big toe", "small toe", "heel")
SINGLE = ("nose", "neck", "pelvis", "thorax", "head_top", "root", "Rump", "label", "lower_back", "rib")
"""Joints of neither side; some begin with l or r."""


def spelled(side: str, part: str, habit: str) -> str:
    """A joint's name as tools write it."""
    words = part.split()
    camel, letter = "".join(word.capitalize() for word in words), side[0]
    return {
        "COCO": "_".join([side, *words]),
        "kebab": "-".join([side, *words]),
        "spaces": " ".join([side, *words]).title(),
        "reversed": "_".join([*words, side]),
        "camel": f"{side}{camel}",
        "camel, reversed": f"{camel[0].lower()}{camel[1:]}{side.capitalize()}",
        "OpenPose, AlphaPose": f"{letter.upper()}{camel}",
        "DeepLabCut, SLEAP": f"{words[0]}{camel[len(words[0]) :]}{letter.upper()}",
        "Blender": f"{camel}.{letter.upper()}",
        "Blender, small": f"{'_'.join(words)}.{letter}",
        "LSP": " ".join([side.capitalize(), *words]),
        "letter in front": "_".join([letter, *words]),
        "letter in front, large": "_".join([letter.upper(), *words]),
        "letter behind": "_".join([*words, letter]),
        "letter behind, large": "_".join([*words, letter.upper()]),
        "letter stuck on": f"{letter}{''.join(words)}",
    }[habit]


HABITS = (
    *("COCO", "kebab", "spaces", "reversed", "camel", "camel, reversed", "OpenPose, AlphaPose", "DeepLabCut, SLEAP"),
    *("Blender", "Blender, small", "LSP", "letter in front", "letter in front, large", "letter behind"),
    *("letter behind, large", "letter stuck on"),
)


@pytest.mark.parametrize("habit", HABITS)
@settings(max_examples=25)  # of each of the habits
@given(
    parts=st.lists(st.sampled_from(PARTS), min_size=1, unique=True),
    single=st.lists(st.sampled_from(SINGLE), unique=True),
    order=st.randoms(use_true_random=False),
)
def test_mirror_pairs_follow_from_every_habit_of_naming(
    habit: str, parts: list[str], single: list[str], order: random.Random
) -> None:
    pairs = [tuple(spelled(side, part, habit) for side in ("left", "right")) for part in parts]
    names = [name for pair in pairs for name in pair] + single
    order.shuffle(names)
    wanted = {tuple(sorted((names.index(a), names.index(b)))) for a, b in pairs}
    assert set(Skeleton.from_names(names).flip_pairs) == wanted


OPENPOSE = (
    *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip", "RHip", "RKnee"),
    *("RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar", "LBigToe", "LSmallToe", "LHeel", "RBigToe"),
    *("RSmallToe", "RHeel"),
)
HALPE = ("Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "Head", "Neck", "Hip", "LBigToe", "RBigToe")
MOUSE = ("snout", "leftear", "rightear", "shoulder", "spine1", "tailbase", "tail1")
SLEAP_FLY = (
    "head",
    "thorax",
    "abdomen",
    "wingL",
    "wingR",
    "forelegL4",
    "forelegR4",
    "midlegL4",
    "midlegR4",
    "eyeL",
    "eyeR",
)
GIVEN = (("LShoulder", "RShoulder"), ("ankle_L", "ankle_R"), ("Knee.L", "Knee.R"), ("lknee", "rknee"))


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (OPENPOSE, 11),  # BODY_25
        (HALPE, 4),  # AlphaPose's 26, some
        (MOUSE, 1),  # DeepLabCut's open field
        (SLEAP_FLY, 4),
        *((pair, 1) for pair in GIVEN),
        (("left-shoulder", "right-shoulder"), 1),
        (("shoulder_left", "shoulder_right"), 1),
    ],
)
def test_skeletons_of_other_tools_have_their_pairs(names: tuple[str, ...], pairs: int) -> None:
    found = Skeleton.from_names(names).flip_pairs
    assert len(found) == pairs
    assert all(len(names[a]) in (len(names[b]), len(names[b]) - 1, len(names[b]) + 1) for a, b in found)


SIDED = {
    ("left_hip", "RightHip", "neck"): ("left", "right", None),
    ("l_hip", "r_hip", "nose"): ("left", "right", None),
    ("hip.R", "hip.L", "root", "leg"): ("right", "left", None, None),
    ("lknee", "rknee", "lobe"): ("left", "right", None),
    ("L_thumb", "Right toe", "leftover_r", "rib"): ("left", "right", "left", None),
    ("L5", "l5", "L-5", "T1"): (None, None, None, None),
}


@pytest.mark.parametrize("names", SIDED)
def test_sides_follow_from_pairs_and_names(names: tuple[str, ...]) -> None:
    assert Skeleton.from_names(names).sides() == SIDED[names]


def test_of_a_given_pair_one_name_tells_the_other_side() -> None:
    assert Skeleton.from_names(("a", "left_b", "c"), flip_pairs=((0, 1),)).sides() == ("right", "left", None)
    assert Skeleton.from_names(("r_a", "b", "c"), flip_pairs=((0, 1),)).sides() == ("right", "left", None)
    assert Skeleton.from_names(("a", "b"), flip_pairs=((0, 1),)).sides() == (None, None)


@pytest.mark.parametrize("skeleton", [COCO_PERSON, MPII_PERSON])
def test_every_pair_has_a_left_and_a_right_and_other_joints_have_no_side(skeleton: Skeleton) -> None:
    sides = skeleton.sides()
    assert all({sides[a], sides[b]} == {"left", "right"} for a, b in skeleton.flip_pairs)
    assert sum(side is not None for side in sides) == 2 * len(skeleton.flip_pairs)
