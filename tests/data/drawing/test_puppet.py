"""Puppets: parts that hold the joints that they show, in the colours of a look, at the place that was asked for."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shgae.data.drawing.puppet import BodyPart, Puppet, PuppetLook, draw_look, draw_puppet, shade
from shgae.data.drawing.stance import SIDES, Stance, draw_stance
from shgae.skeleton import COCO_PERSON

SEEDS = range(60)
SIZE, X, FEET = 120.0, 300.0, 400.0
COLOURS = st.tuples(*[st.integers(0, 255)] * 3)
ANGLES = np.linspace(0, 2 * np.pi, 72, endpoint=False)
DIRECTIONS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def drawn(seed: int, x: float = X, feet: float = FEET, size: float = SIZE) -> Puppet:
    return draw_puppet(np.random.default_rng(seed), x, feet, size)


def origin(seed: int) -> tuple[PuppetLook, Stance]:
    """What a puppet of that seed is made from."""
    rng = np.random.default_rng(seed)
    look = draw_look(rng)
    return look, draw_stance(rng, look.build, look.head)


@cache
def everybody() -> tuple[tuple[Puppet, PuppetLook, Stance], ...]:
    return tuple((drawn(seed), *origin(seed)) for seed in SEEDS)


def shown(puppet: Puppet, *names: str) -> list[BodyPart]:
    """The parts that show just these joints."""
    return [part for part in puppet.parts if part.shows == set(names)]


def place(puppet: Puppet, name: str) -> np.ndarray:
    """The middle of a joint's pixel."""
    return puppet.xy_photo[COCO_PERSON.names.index(name)] + 0.5


def lack(part: BodyPart, point: np.ndarray) -> float:
    """By how much a point lies outside the hull of the discs; negative inside."""
    edge = (part.discs[:, :2] @ DIRECTIONS.T + part.discs[:, 2:]).max(0)
    return float((DIRECTIONS @ point - edge).max())


def test_a_limb_or_a_piece_of_the_face_holds_the_joints_that_it_shows() -> None:
    for puppet, *_ in everybody():
        for part in puppet.parts:
            if not part.shows & {"left_shoulder", "right_shoulder", "left_hip", "right_hip"}:
                assert all(lack(part, place(puppet, name)) < 0 for name in part.shows)
        for side, _ in SIDES:
            for part in shown(puppet, f"{side}_shoulder", f"{side}_elbow") + shown(
                puppet, f"{side}_hip", f"{side}_knee"
            ):
                assert all(lack(part, place(puppet, name)) < 0 for name in part.shows)


def test_every_joint_is_shown_by_some_part_of_its_own() -> None:
    for puppet, *_ in everybody():
        every = frozenset().union(*(part.shows for part in puppet.parts))
        assert every <= set(COCO_PERSON.names)
        assert set(COCO_PERSON.names) - every <= {"left_eye", "right_eye"}, "from the back, eyes are not there"


def test_parts_stand_from_far_to_near_and_none_is_too_thin_to_be_seen() -> None:
    for puppet, *_ in everybody():
        depths = [part.depth for part in puppet.parts]
        assert depths == sorted(depths)
        assert all(part.discs.shape[1] == 3 and len(part.discs) >= 1 for part in puppet.parts)
    tiny = drawn(0, size=5.0)
    assert min(part.discs[:, 2].min() for part in tiny.parts if not part.flat) >= 0.7
    arm = shown(tiny, "left_elbow", "left_wrist")[0]
    assert arm.discs[:, 2].tolist() == [0.8, 0.8]


def test_a_puppet_stands_on_its_lowest_foot_with_its_hips_where_it_was_asked_for() -> None:
    for puppet, _, stance in everybody():
        toes = max(stance.seen[f"{side}_toe"][1] for side, _ in SIDES)
        for name, xy in zip(COCO_PERSON.names, puppet.xy_photo, strict=True):
            x, y = stance.seen[name][:2] * SIZE
            assert xy.tolist() == [np.floor(X + x), np.floor(FEET - 0.02 * SIZE - toes * SIZE + y)]
        assert abs((place(puppet, "left_hip") + place(puppet, "right_hip"))[0] / 2 - X) <= 1
        ankles = (place(puppet, "left_ankle") + place(puppet, "right_ankle")) / 2
        assert puppet.feet == (pytest.approx(ankles[0]), FEET)
        assert puppet.size == SIZE


def test_only_who_sits_has_a_seat_and_it_reaches_from_the_hips_to_the_floor() -> None:
    for puppet, _, stance in everybody():
        assert (puppet.seat is not None) is stance.sitting
        if puppet.seat is not None:
            hips = (place(puppet, "left_hip") + place(puppet, "right_hip"))[1] / 2
            assert puppet.seat == pytest.approx((X - 0.13 * SIZE, hips + 0.04 * SIZE, X + 0.13 * SIZE, FEET))
            assert hips < puppet.seat[1] < FEET


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(-500, 500), st.integers(-500, 500))
def test_the_place_changes_nothing_of_the_person(seed: int, right: int, down: int) -> None:
    one, other = drawn(seed), drawn(seed, X + right, FEET + down)
    assert (other.xy_photo - one.xy_photo == (right, down)).all()
    for part, moved in zip(one.parts, other.parts, strict=True):
        np.testing.assert_allclose(moved.discs - part.discs, np.tile((right, down, 0), (len(part.discs), 1)), atol=1e-9)
        assert (part.colour, part.shows, part.flat) == (moved.colour, moved.shows, moved.flat)
        assert moved.depth == pytest.approx(part.depth)


def test_clothes_cover_what_a_look_says_and_are_lighter_on_the_left() -> None:
    for puppet, look, _ in everybody():
        for side, factor in (("left", 1.2), ("right", 0.78)):
            trousers, shirt = shade(look.trousers, factor), shade(look.shirt, factor)
            lower = trousers if look.long_trousers and not look.skirt else look.skin
            sleeve = shirt if look.long_sleeves else look.skin
            colours = {
                ("hip", "knee"): trousers,
                ("knee", "ankle"): lower,
                ("ankle",): shade(look.shoes, factor),
                ("shoulder", "elbow"): shirt,
                ("elbow", "wrist"): sleeve,
                ("wrist",): look.skin,
            }
            for names, colour in colours.items():
                (part,) = shown(puppet, *(f"{side}_{name}" for name in names))
                assert part.colour == colour and not part.flat


def test_skirt_band_and_long_hair_are_drawn_where_a_look_has_them() -> None:
    seen = set()
    for puppet, look, _ in everybody():
        plain = [
            part for part in puppet.parts if part.colour == look.trousers and part.shows <= {"left_hip", "right_hip"}
        ]
        assert [len(part.discs) for part in plain] == [4 if look.skirt else 2]
        assert sum(part.colour == look.hair for part in puppet.parts) == 1 + look.long_hair
        (torso,) = (part for part in puppet.parts if part.colour == look.shirt)
        bands = [part for part in puppet.parts if part.colour == look.trim]
        assert len(bands) == look.band
        for band in bands:
            assert band.flat and band.shows == torso.shows
            assert 0 < band.depth - torso.depth < 1e-3, "right on the shirt"
            assert all(lack(torso, centre) < 0 for centre in band.discs[:, :2])
        seen |= {("skirt", look.skirt), ("band", look.band), ("hair", look.long_hair)}
    assert len(seen) == 6


def test_the_trunk_hides_the_far_one_of_two_shoulders_or_hips_where_it_is_turned_far() -> None:
    hidden = 0
    for puppet, look, stance in everybody():
        (torso,) = (part for part in puppet.parts if part.colour == look.shirt)
        for joint in ("shoulder", "hip"):
            left, right = stance.seen[f"left_{joint}"], stance.seen[f"right_{joint}"]
            turned = (right - left)[2] / np.linalg.norm(left - right)  # the sine, to the left shoulder's being far
            for side, lag in (("left", turned), ("right", -turned)):
                if abs(lag - 0.75) > 0.06:  # the rest of a pixel
                    assert (f"{side}_{joint}" in torso.shows) is bool(lag < 0.75)
                    hidden += lag > 0.75
    assert hidden > 5


def test_of_a_head_seen_from_behind_there_are_no_eyes_and_no_mouth() -> None:
    backs = 0
    for puppet, _, stance in everybody():
        ahead = stance.head_axes[2, 2] / np.linalg.norm(stance.head_axes[:, 2])
        eyes = [part for part in puppet.parts if part.flat and part.shows & {"left_eye", "right_eye"}]
        mouth = [part for part in puppet.parts if part.colour == (150, 50, 50)]
        if ahead < -0.2:
            assert not eyes and not mouth
            backs += 1
        elif ahead > 0.8:
            assert len(eyes) == 4 and len(mouth) == 2
            for side, _ in SIDES:
                white, pupil = shown(puppet, f"{side}_eye")
                assert pupil.depth > white.depth and pupil.discs[0, 2] < white.discs[0, 2]
                assert sum(pupil.colour) < sum(white.colour)
    assert backs > 2


def test_looks_are_as_frequent_as_they_are_said_to_be() -> None:
    """Within four standard errors."""
    rng = np.random.default_rng(0)
    looks = [draw_look(rng) for _ in range(1200)]
    for name, share in {
        "long_hair": 0.4,
        "long_sleeves": 0.5,
        "long_trousers": 0.65,
        "skirt": 0.15,
        "band": 0.35,
    }.items():
        assert np.mean([getattr(look, name) for look in looks]) == pytest.approx(share, abs=0.055)
    for name, low, high in (("build", 0.9, 1.2), ("head", 0.98, 1.25)):
        values = [getattr(look, name) for look in looks]
        assert low <= min(values) < low + 0.01 and high - 0.01 < max(values) <= high
    for name in ("skin", "hair", "shirt", "trousers", "shoes", "trim"):
        colours = np.array([getattr(look, name) for look in looks])
        assert colours.min() >= 0 and colours.max() <= 255 and len(np.unique(colours, axis=0)) > 4
    skins = np.array([look.skin for look in looks])
    assert (skins[:, 0] > skins[:, 1]).all() and (skins[:, 1] > skins[:, 2]).all(), "from pale to dark, all warm"


@given(COLOURS, st.floats(0, 1))
def test_a_shade_below_1_goes_to_black_and_above_1_to_white(colour: tuple[int, int, int], part: float) -> None:
    darker, lighter = shade(colour, part), shade(colour, 1 + part)
    for value, dark, light in zip(colour, darker, lighter, strict=True):
        assert dark == int(value * part)
        assert light == pytest.approx(value + (255 - value) * part, abs=1)
        assert 0 <= dark <= value <= light <= 255
    assert shade(colour, 1) == colour
    assert shade(colour, 2) == (255, 255, 255)


def test_a_seed_gives_the_puppets_that_it_has_always_given() -> None:
    """Drawn data sets stay what they are from one version to the next."""
    rng, total = np.random.default_rng(0), 0.0
    for _ in range(60):
        puppet = draw_puppet(rng, 90.0, 210.0, 160.0)
        for place, part in enumerate(puppet.parts):
            numbers = np.concatenate([part.discs.ravel(), part.colour, [part.depth, part.flat, len(part.shows)]])
            total += float(numbers @ np.sin(place + np.arange(len(numbers))))
    assert total == pytest.approx(17194.583000906725, rel=1e-9)
