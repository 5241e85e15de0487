"""How a drawn person stands: random joint angles -> positions of joints.

The body is a kinematic tree in three dimensions, seen without perspective. Body axes: x to the person's own left,
y down, z forward; seen axes: x to the right, y down, z towards the viewer. Lengths count in body heights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shgae.arrays import Floats

Range = tuple[float, float]

SIDES = (("left", 1.0), ("right", -1.0))
"""A person's own sides and their direction along the body's x axis."""

_DOWN = np.array([0.0, 1.0, 0.0])

# Share of arms; degrees: forward swing, sideways spread, inward twist of the bend, bend of the elbow.
_ARMS: tuple[tuple[float, tuple[Range, Range, Range, Range]], ...] = (
    (0.30, ((-12, 18), (6, 18), (-10, 30), (5, 30))),  # hanging
    (0.14, ((-35, 40), (6, 16), (-10, 20), (20, 70))),  # swinging
    (0.14, ((145, 180), (8, 45), (-30, 30), (0, 55))),  # up
    (0.12, ((-8, 12), (65, 95), (-20, 20), (0, 30))),  # out
    (0.10, ((-8, 12), (60, 90), (-100, -75), (50, 100))),  # waving
    (0.10, ((-25, -10), (35, 50), (65, 85), (85, 105))),  # hand on hip
    (0.10, ((20, 80), (8, 35), (0, 40), (15, 70))),  # reaching forward
)
# Share of people; degrees: forward swing, sideways spread, bend of the knee; of one leg, then of the other.
_Leg = tuple[Range, Range, Range]
_LEGS: tuple[tuple[float, _Leg, _Leg], ...] = (
    (0.34, ((-5, 6), (1, 7), (0, 8)), ((-5, 6), (1, 7), (0, 8))),  # standing
    (0.26, ((14, 34), (0, 6), (2, 25)), ((-24, -6), (0, 6), (8, 40))),  # walking
    (0.14, ((-4, 8), (12, 30), (0, 12)), ((-4, 8), (12, 30), (0, 12))),  # legs apart
    (0.14, ((72, 95), (3, 16), (70, 100)), ((72, 95), (3, 16), (70, 100))),  # sitting
    (0.06, ((85, 110), (12, 28), (100, 130)), ((85, 110), (12, 28), (100, 130))),  # squatting
    (0.06, ((45, 85), (4, 20), (30, 95)), ((-5, 5), (2, 8), (0, 10))),  # one knee up
)
_SITTING = 3


class Stance(NamedTuple):
    """A person in a pose, seen from one side; body heights."""

    seen: dict[str, Floats]
    """(3,) seen positions by name, from the middle of the hips: the COCO joints, and neck, head, mouth, hands, toes."""
    sitting: bool
    """Whether something to sit on is needed."""
    head_axes: Floats
    """(3, 3), columns left, down and forward of the head as seen, as long as its radius."""


def draw_stance(rng: np.random.Generator, build: float, head: float) -> Stance:
    """Draws a stance of a body with factors ``build`` on its width and ``head`` on the size of its head."""
    yaw = _degrees(rng, (-40, 40)) if rng.random() < 0.7 else _degrees(rng, (-180, 180))
    view = _about_x(-rng.uniform(0.02, 0.22)) @ _about_z(_degrees(rng, (-9, 9))) @ _about_y(yaw)
    chest = _about_z(_degrees(rng, (-9, 9))) @ _about_x(-_degrees(rng, (-5, 18)))
    points: dict[str, Floats] = {}
    neck = chest @ np.array([0, -0.29, 0.0])
    kind = int(rng.choice(len(_LEGS), p=[leg[0] for leg in _LEGS]))
    legs = [_LEGS[kind][1], _LEGS[kind][2]]
    if rng.random() < 0.5:
        legs.reverse()
    arms = rng.choice(len(_ARMS), size=2, p=[arm[0] for arm in _ARMS])
    if rng.random() < 0.4:  # people often do the same with both arms
        arms[1] = arms[0]
    for i, (side, sign) in enumerate(SIDES):
        shoulder = neck + chest @ np.array([sign * 0.108 * build, 0.0, 0.0])
        swing, spread, twist, bend = (_degrees(rng, limits) for limits in _ARMS[arms[i]][1])
        upper = chest @ _about_x(swing) @ _about_z(-sign * spread)
        lower = upper @ _about_y(-sign * twist) @ _about_x(bend)
        points[f"{side}_shoulder"] = shoulder
        points[f"{side}_elbow"] = shoulder + upper @ _DOWN * 0.165
        points[f"{side}_wrist"] = points[f"{side}_elbow"] + lower @ _DOWN * 0.15
        points[f"{side}_hand"] = points[f"{side}_wrist"] + lower @ _DOWN * 0.045
        swing, spread, bend = (_degrees(rng, limits) for limits in legs[i])
        upper = _about_x(swing) @ _about_z(-sign * spread)
        lower = upper @ _about_x(-bend)
        points[f"{side}_hip"] = np.array([sign * 0.068 * build, 0.0, 0.0])
        points[f"{side}_knee"] = points[f"{side}_hip"] + upper @ _DOWN * 0.245
        points[f"{side}_ankle"] = points[f"{side}_knee"] + lower @ _DOWN * 0.245
        flat = 0.5 * _about_x(swing - bend) + 0.5 * np.eye(3)
        points[f"{side}_toe"] = points[f"{side}_ankle"] + flat @ np.array([sign * 0.02, 0.025, 0.075])
    turn = _about_y(_degrees(rng, (-35, 35))) @ _about_x(_degrees(rng, (-14, 10))) @ _about_z(_degrees(rng, (-12, 12)))
    radius = 0.07 * head
    points["neck"] = neck
    points["head"] = neck + chest @ np.array([0, -0.075 - radius, 0.012])
    points |= _face(points["head"], turn * radius)
    seen = {name: view @ xyz for name, xyz in points.items()}
    return Stance(seen, kind == _SITTING, view @ turn * radius)


def _face(centre: Floats, axes: Floats) -> dict[str, Floats]:
    """Joints of the head and the mouth; ``axes`` scales with the head's radius."""
    places = {
        "nose": (0.0, 0.16, 1.02),
        "left_eye": (0.36, -0.12, 0.84),
        "right_eye": (-0.36, -0.12, 0.84),
        "left_ear": (1.0, 0.0, -0.02),
        "right_ear": (-1.0, 0.0, -0.02),
        "mouth": (0.0, 0.62, 0.86),
        "left_smile": (0.27, 0.5, 0.8),
        "right_smile": (-0.27, 0.5, 0.8),
    }
    return {name: centre + axes @ np.array(place) for name, place in places.items()}


def _degrees(rng: np.random.Generator, limits: Range) -> float:
    """Radians between two limits in degrees."""
    return float(np.radians(rng.uniform(*limits)))


def _about_x(angle: float) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(angle: float) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(angle: float) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
