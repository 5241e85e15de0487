"""Stances: bodies with the lengths of a body, in poses that are what they are called."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.arrays import Floats
from shgae.data.drawing.stance import SIDES, Stance, draw_stance
from shgae.skeleton import COCO_PERSON

STANDING, WALKING, APART, SITTING, SQUATTING, ONE_UP = range(6)
HANGING, SWINGING, UP, OUT, WAVING, ON_HIP, REACHING = range(7)
VIEW = 5
"""So many ranges are of how the whole person is turned."""
SEEDS = st.integers(0, 2**32)
FACTORS = st.floats(0.8, 1.3)


class Chosen:
    """In the place of random numbers: kinds that a test names, and of each range what is nearest to 0.

    Of the ranges of arms and legs it may be a share of the way instead, the same for all.
    """

    def __init__(self, legs: int, arms: Sequence[int], shares: Sequence[float], at: float | None) -> None:
        self._kinds: list[object] = [legs, np.array(arms)]
        self._shares, self._at = list(shares), at
        self.ranges: list[tuple[float, float]] = []

    def choice(self, count: int, size: int | None = None, p: Sequence[float] = ()) -> object:
        assert len(p) == count and sum(p) == pytest.approx(1)
        return self._kinds.pop(0)

    def random(self) -> float:
        return self._shares.pop(0)

    def uniform(self, low: float, high: float) -> float:
        assert low < high
        self.ranges.append((low, high))
        if self._at is None or len(self.ranges) <= VIEW:
            return min(max(0.0, low), high)
        return low + self._at * (high - low)


def chosen(
    legs: int = STANDING,
    arms: Sequence[int] = (HANGING, HANGING),
    turn: float = 0.0,
    swap: float = 0.9,
    same: float = 0.9,
    at: float | None = None,
) -> dict[str, Floats]:
    return draw_stance(Chosen(legs, arms, (turn, swap, same), at), 1.0, 1.0).seen  # type: ignore[arg-type]


def drawn(seed: int, build: float = 1.0, head: float = 1.0) -> Stance:
    return draw_stance(np.random.default_rng(seed), build, head)


def bend(seen: dict[str, Floats], *names: str) -> float:
    """Degrees by which a limb is not straight at the middle one of three joints."""
    first, middle, last = (seen[name] for name in names)
    one, other = middle - first, last - middle
    return math.degrees(math.acos(np.clip(one @ other / np.linalg.norm(one) / np.linalg.norm(other), -1, 1)))


@settings(max_examples=40)
@given(SEEDS, FACTORS, FACTORS)
def test_a_bone_is_as_long_in_every_stance_and_only_widths_go_by_the_build(
    seed: int, build: float, head: float
) -> None:
    seen = drawn(seed, build, head).seen
    lengths = {"neck_to_hips": 0.29, "shoulders": 2 * 0.108 * build, "hips": 2 * 0.068 * build}
    found = {
        "neck_to_hips": np.linalg.norm(seen["neck"]),
        "shoulders": np.linalg.norm(seen["left_shoulder"] - seen["right_shoulder"]),
        "hips": np.linalg.norm(seen["left_hip"] - seen["right_hip"]),
    }
    bones = {("shoulder", "elbow"): 0.165, ("elbow", "wrist"): 0.15, ("wrist", "hand"): 0.045}
    bones |= {("hip", "knee"): 0.245, ("knee", "ankle"): 0.245}
    for side, _ in SIDES:
        for (start, end), length in bones.items():
            lengths[f"{side}_{end}"] = length
            found[f"{side}_{end}"] = np.linalg.norm(seen[f"{side}_{start}"] - seen[f"{side}_{end}"])
    assert found == pytest.approx(lengths)
    for pair, middle in (("hip", np.zeros(3)), ("shoulder", seen["neck"])):
        assert seen[f"left_{pair}"] + seen[f"right_{pair}"] == pytest.approx(2 * middle)


@settings(max_examples=40)
@given(SEEDS, FACTORS, FACTORS)
def test_the_head_is_a_ball_above_the_neck_with_its_joints_on_it(seed: int, build: float, head: float) -> None:
    stance = drawn(seed, build, head)
    seen, axes, radius = stance.seen, stance.head_axes, 0.07 * head
    assert axes.T @ axes == pytest.approx(radius**2 * np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(radius**3), "left, down, forward: no mirror image"
    assert np.linalg.norm(seen["head"] - seen["neck"]) == pytest.approx(math.hypot(0.075 + radius, 0.012))
    places = {name: np.linalg.solve(axes, place - seen["head"]) for name, place in seen.items()}
    for name in ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "mouth", "left_smile", "right_smile"):
        assert 0.9 < np.linalg.norm(places[name]) < 1.1
        mirrored = name.replace("left", "x").replace("right", "left").replace("x", "right")
        assert places[mirrored] == pytest.approx(places[name] * (-1, 1, 1), abs=1e-9)
    assert places["left_ear"][0] > places["left_eye"][0] > places["left_smile"][0] > 0
    assert places["left_eye"][1] < places["nose"][1] < places["left_smile"][1] < places["mouth"][1]
    assert places["nose"][2] > places["left_eye"][2] > places["left_ear"][2]


@settings(max_examples=40)
@given(SEEDS)
def test_no_elbow_and_no_knee_bends_farther_than_a_body_does(seed: int) -> None:
    seen = drawn(seed).seen
    assert set(COCO_PERSON.names) < set(seen)
    for side, _ in SIDES:
        assert bend(seen, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist") <= 105
        assert bend(seen, f"{side}_elbow", f"{side}_wrist", f"{side}_hand") == pytest.approx(0, abs=1e-3)
        assert bend(seen, f"{side}_hip", f"{side}_knee", f"{side}_ankle") <= 130


def test_a_person_who_stands_faces_the_viewer_upright_with_its_left_at_the_right() -> None:
    seen = chosen()
    rising = ["left_toe", "left_ankle", "left_knee", "left_wrist", "left_hip", "left_elbow", "neck", "mouth", "nose"]
    heights = [seen[name][1] for name in rising]
    assert heights == sorted(heights, reverse=True)
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "toe", "eye", "ear"):
        left, right = seen[f"left_{name}"], seen[f"right_{name}"]
        assert left[0] > right[0]
        assert left == pytest.approx(right * (-1, 1, 1)), "a mirror image"
    assert seen["nose"][2] > seen["head"][2] and seen["left_toe"][2] > seen["left_ankle"][2]


@pytest.mark.parametrize("at", [None, 0.0, 1.0])
@pytest.mark.parametrize("side", ["left", "right"])
def test_arms_do_what_their_kind_is_called(side: str, at: float | None) -> None:
    def arm(kind: int) -> list[Floats]:
        seen = chosen(arms=(kind, HANGING) if side == "left" else (HANGING, kind), at=at)
        at_shoulder = seen[f"{side}_shoulder"]
        outward = 1 if side == "left" else -1
        names = ("elbow", "wrist", "hand", "hip")
        return [(seen[f"{side}_{name}"] - at_shoulder) * (outward, -1, 1) for name in names]  # out, up, forward

    elbow, wrist, _, _ = arm(HANGING)
    assert elbow[1] < -0.13 and wrist[1] < elbow[1]
    elbow, wrist, _, _ = arm(UP)
    assert elbow[1] > 0.1 and wrist[1] > elbow[1]
    elbow, wrist, _, _ = arm(OUT)
    assert elbow[0] > 0.12 and wrist[0] > elbow[0] and abs(elbow[1]) < 0.1
    elbow, wrist, hand, _ = arm(WAVING)
    assert elbow[0] > 0.1 and hand[1] > wrist[1] > elbow[1] + 0.04
    elbow, _, hand, hip = arm(ON_HIP)
    assert elbow[0] > 0.05 and np.linalg.norm(hand - hip) < 0.16
    elbow, wrist, _, _ = arm(REACHING)
    assert elbow[2] > 0.02 and wrist[2] > elbow[2] + 0.03


@pytest.mark.parametrize("at", [None, 0.0, 1.0])
def test_legs_do_what_their_kind_is_called(at: float | None) -> None:
    def legs(kind: int, swap: float = 0.9) -> tuple[Floats, ...]:
        seen = chosen(kind, swap=swap, at=at)
        names = ("left_knee", "right_knee", "left_ankle", "right_ankle")
        return tuple((seen[name] - seen[f"{name.partition('_')[0]}_hip"]) * (1, -1, 1) for name in names)

    left, right, left_foot, right_foot = legs(STANDING)
    assert left[1] < -0.23 and right[1] < -0.23 and left_foot[1] < -0.47 and right_foot[1] < -0.47
    for swap, ahead in ((0.51, 1), (0.49, -1)):
        left, right, *_ = legs(WALKING, swap)
        assert ahead * (left[2] - right[2]) > 0.05
        left, right, *_ = legs(ONE_UP, swap)
        assert ahead * (left[1] - right[1]) > 0.05
    *_, left_foot, right_foot = legs(APART)
    assert left_foot[0] - right_foot[0] > 0.18
    left, right, left_foot, right_foot = legs(SITTING)
    assert left[2] > 0.2 and right[2] > 0.2 and left_foot[1] < left[1] - 0.2 and right_foot[1] < right[1] - 0.2
    left, right, left_foot, right_foot = legs(SQUATTING)
    assert min(left[2], right[2]) > 0.17 and max(left_foot[2], right_foot[2]) < 0.2


def test_only_a_sitting_person_needs_something_to_sit_on() -> None:
    for kind in range(6):
        stance = draw_stance(Chosen(kind, (HANGING, HANGING), (0, 0, 0), None), 1.0, 1.0)  # type: ignore[arg-type]
        assert stance.sitting is (kind == SITTING)


def test_of_a_hundred_people_thirty_look_anywhere_and_forty_do_the_same_with_both_arms() -> None:
    for turn, limit in ((0.69, 40), (0.71, 180)):
        rng = Chosen(STANDING, (HANGING, UP), (turn, 0.9, 0.9), None)
        draw_stance(rng, 1.0, 1.0)  # type: ignore[arg-type]
        assert rng.ranges[0] == (-limit, limit)
    for same, as_high in ((0.39, True), (0.41, False)):
        seen = chosen(arms=(UP, HANGING), same=same)
        assert seen["left_wrist"][1] < -0.3
        assert bool(abs(seen["right_wrist"][1] - seen["left_wrist"][1]) < 1e-9) is as_high


def test_one_person_in_seven_sits_and_six_in_seven_face_the_viewer() -> None:
    """Within three standard errors."""
    stances = [drawn(seed) for seed in range(700)]
    assert np.mean([stance.sitting for stance in stances]) == pytest.approx(0.14, abs=0.04)
    facing = np.mean([stance.head_axes[2, 2] > 0 for stance in stances])
    assert facing == pytest.approx(0.7 + 0.3 / 2, abs=0.041)


def test_a_seed_gives_the_stances_that_it_has_always_given() -> None:
    """Drawn data sets stay what they are from one version to the next."""
    rng, total = np.random.default_rng(0), 0.0
    for _ in range(300):
        stance = draw_stance(rng, 1.1, 1.2)
        numbers = np.stack([*stance.seen.values(), *stance.head_axes])
        total += (1 + stance.sitting) * float(numbers.ravel() @ np.sin(np.arange(numbers.size)))
    assert total == pytest.approx(20.010497741365793, rel=1e-9)
