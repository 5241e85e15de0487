"""One drawn person: a random stance and look -> joints and body parts.

Every part is the convex hull of a few balls, hence on the photo the hull of discs; parts are painted from far to near.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shgae.arrays import Floats, Ints
from shgae.data.drawing.stance import SIDES, draw_stance
from shgae.skeleton import COCO_PERSON

Colour = tuple[int, int, int]

_SKINS: tuple[Colour, ...] = ((250, 218, 192), (233, 188, 152), (205, 152, 112), (160, 108, 74), (108, 70, 48))
_HAIRS: tuple[Colour, ...] = ((34, 28, 26), (72, 46, 30), (128, 82, 44), (206, 168, 96), (168, 74, 38), (150, 148, 146))


@dataclass(frozen=True)
class BodyPart:
    """A convex piece of a body on the photo."""

    discs: Floats
    """(D, 3): x, y and radius of the discs that it is the hull of, photo pixels."""
    colour: Colour
    depth: float
    """Nearness to the viewer: greater is painted later."""
    shows: frozenset[str] = frozenset()
    """Names of the joints that are visible where this part is on top."""
    flat: bool = False
    """Painted without edge and shading (features of the face, trimmings)."""


@dataclass(frozen=True)
class Puppet:
    """A person ready to be painted."""

    parts: tuple[BodyPart, ...]
    """From far to near."""
    xy_photo: Ints
    """(17, 2) joints of :data:`shgae.skeleton.COCO_PERSON`: indices of photo pixels, some perhaps outside the photo."""
    seat: tuple[float, float, float, float] | None
    """What a sitting person sits on: x0, y0, x1, y1 in photo pixels, to be painted before the parts."""
    size: float
    """Height if it stood upright, photo pixels."""
    feet: tuple[float, float]
    """x and y of the point on the floor between the feet, photo pixels."""


@dataclass(frozen=True)
class PuppetLook:
    """Colours and proportions of a person."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    trim: Colour
    """Of a band across the shirt."""
    long_hair: bool
    long_sleeves: bool
    long_trousers: bool
    skirt: bool
    band: bool
    build: float
    """Factor on every width; 1 is average."""
    head: float
    """Factor on the size of the head; children have more."""


@dataclass
class _Body:
    """Seen positions by name and the parts made so far; lengths in photo pixels."""

    look: PuppetLook
    size: float
    seen: dict[str, Floats]
    parts: list[BodyPart] = field(default_factory=list)

    def add(
        self, balls: Sequence[tuple[Floats, float]], colour: Colour, nearer: float = 0.0, shows: Sequence[str] = ()
    ) -> None:
        """Adds the hull of (seen centre, radius in body heights); ``nearer`` shifts its place in the painting order."""
        width = self.size * self.look.build
        discs = np.array([(x, y, max(radius * width, 0.8)) for (x, y, _), radius in balls])
        depth = float(np.mean([centre[2] for centre, _ in balls])) + nearer * self.size
        self.parts.append(BodyPart(discs, colour, depth, frozenset(shows)))


def draw_look(rng: np.random.Generator) -> PuppetLook:
    skin = np.array(_SKINS[rng.integers(len(_SKINS))]) + rng.integers(-8, 9)
    shirt, trousers, shoes, trim = (_cloth(rng) for _ in range(4))
    return PuppetLook(
        skin=colour_of(skin),
        hair=_HAIRS[rng.integers(len(_HAIRS))],
        shirt=shirt,
        trousers=trousers,
        shoes=shoes,
        trim=trim,
        long_hair=bool(rng.random() < 0.4),
        long_sleeves=bool(rng.random() < 0.5),
        long_trousers=bool(rng.random() < 0.65),
        skirt=bool(rng.random() < 0.15),
        band=bool(rng.random() < 0.35),
        build=float(rng.uniform(0.9, 1.2)),
        head=float(rng.uniform(0.98, 1.25)),
    )


def draw_puppet(rng: np.random.Generator, x: float, feet: float, size: float) -> Puppet:
    """Draws a person.

    Args:
        rng: source of pose and look; the position takes nothing from it.
        x: where the middle of the hips goes, photo pixels.
        feet: where the lowest foot goes, photo pixels.
        size: height of the person if it stood upright, photo pixels.
    """
    look = draw_look(rng)
    stance = draw_stance(rng, look.build, look.head)
    seen = stance.seen
    lowest = max(seen[f"{side}_toe"][1] for side, _ in SIDES) + 0.02
    shift = np.array([x, feet - lowest * size, 0.0])
    seen = {name: shift + size * xyz for name, xyz in seen.items()}
    for name in COCO_PERSON.names:  # on pixel centres: then a label, a whole number as in COCO, is exact
        seen[name][:2] = np.floor(seen[name][:2]) + 0.5
    body = _Body(look, size, seen)
    _legs(body)
    _torso(body)
    _arms(body)
    _head(body, stance.head_axes)
    joints = np.array([np.floor(seen[name][:2]) for name in COCO_PERSON.names]).astype(np.int64)
    hips = (seen["left_hip"] + seen["right_hip"]) / 2
    seat = (x - 0.13 * size, hips[1] + 0.04 * size, x + 0.13 * size, feet) if stance.sitting else None
    parts = tuple(sorted(body.parts, key=lambda part: part.depth))
    ankles = (seen["left_ankle"] + seen["right_ankle"]) / 2
    return Puppet(parts, joints, seat, size, (float(ankles[0]), feet))


def shade(colour: Colour, factor: float) -> Colour:
    """A darker (below 1) or lighter (above 1: towards white) tone."""
    tone = np.array(colour, dtype=float)
    return colour_of(tone * factor if factor <= 1 else tone + (255 - tone) * (factor - 1))


def _legs(body: _Body) -> None:
    look, seen = body.look, body.seen
    for side, _ in SIDES:
        hip, knee, ankle, toe = (seen[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "toe"))
        cloth = _sided(look.trousers, side)
        lower = cloth if look.long_trousers and not look.skirt else look.skin
        body.add([(ankle, 0.032), (toe, 0.026)], _sided(look.shoes, side), 0.001, (f"{side}_ankle",))
        body.add([(knee, 0.043), (ankle, 0.029)], lower, 0.002, (f"{side}_knee", f"{side}_ankle"))
        body.add([(hip, 0.064), (knee, 0.046)], cloth, 0.004, (f"{side}_hip", f"{side}_knee"))
    hips = [(seen["left_hip"], 0.06), (seen["right_hip"], 0.06)]
    if look.skirt:
        hem = [(0.35 * seen[f"{side}_hip"] + 0.65 * seen[f"{side}_knee"], 0.072) for side, _ in SIDES]
        body.add([*hips, *hem], look.trousers, 0.03, _near(seen, "hip"))
    else:
        body.add(hips, look.trousers, 0.005, _near(seen, "hip"))


def _torso(body: _Body) -> None:
    look, seen = body.look, body.seen
    shoulders = [(seen["left_shoulder"], 0.046), (seen["right_shoulder"], 0.046)]
    waist = [(0.8 * seen[f"{side}_hip"] + 0.2 * seen[f"{side}_shoulder"], 0.058) for side, _ in SIDES]
    body.add([*shoulders, *waist], look.shirt, 0.012, (*_near(seen, "shoulder"), *_near(seen, "hip")))
    torso = body.parts[-1]
    if look.band:
        top, bottom = torso.discs[:2], torso.discs[2:]
        band = np.concatenate([top + t * (bottom - top) for t in (0.35, 0.6)])
        band[:, 2] *= 0.55
        body.parts.append(BodyPart(band, look.trim, torso.depth + 1e-6, torso.shows, flat=True))
    body.add([(seen["neck"], 0.036), (seen["head"], 0.032)], look.skin, 0.008)


def _arms(body: _Body) -> None:
    look, seen = body.look, body.seen
    for side, _ in SIDES:
        shoulder, elbow, wrist, hand = (seen[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "hand"))
        cloth = _sided(look.shirt, side)
        lower = cloth if look.long_sleeves else look.skin
        body.add([(wrist, 0.025), (hand, 0.027)], look.skin, 0.02, (f"{side}_wrist",))
        body.add([(elbow, 0.033), (wrist, 0.025)], lower, 0.02, (f"{side}_elbow", f"{side}_wrist"))
        body.add([(shoulder, 0.043), (elbow, 0.034)], cloth, 0.022, (f"{side}_shoulder", f"{side}_elbow"))


def _head(body: _Body, axes: Floats) -> None:
    """``axes``: (3, 3), columns left, down and forward of the head as seen, as long as the head's radius."""
    look, seen, size = body.look, body.seen, body.size
    left, down, forward = (axes[:, i] * size for i in range(3))
    radius = float(np.linalg.norm(forward))
    centre = seen["head"]

    def add(
        balls: Sequence[tuple[Floats, float]],
        colour: Colour,
        lift: float,
        shows: tuple[str, ...] = (),
        flat: bool = False,
    ) -> None:
        """Orders parts of the head among themselves by depth, but keeps them together against the rest of the body."""
        discs = np.array([(x, y, max(share * radius, 0.7)) for (x, y, _), share in balls])
        inner = float(np.mean([at[2] for at, _ in balls]) - centre[2]) + lift * radius
        if flat and inner < 0.22 * radius:  # eyes and mouth lie in the face: nothing of them sticks out from behind
            return
        body.parts.append(
            BodyPart(discs, colour, float(centre[2]) + 0.04 * size + 1e-3 * inner, frozenset(shows), flat)
        )

    hair = centre - 0.2 * down - 0.2 * forward
    add([(hair, 1.06)], look.hair, 0.0)
    if look.long_hair:  # falls behind the neck, so it is not kept together with the head
        fall = centre + 0.9 * down - 0.4 * forward
        balls = ((hair, 1.06), (fall + 0.6 * left, 0.5), (fall - 0.6 * left, 0.5))
        discs = np.array([(x, y, share * radius) for (x, y, _), share in balls])
        body.parts.append(BodyPart(discs, look.hair, float(fall[2])))
    add([(centre + 0.12 * forward + 0.04 * down, 0.9), (centre + 0.3 * forward + 0.5 * down, 0.55)], look.skin, 0.0)
    for side, _ in SIDES:
        add([(seen[f"{side}_ear"], 0.2)], shade(look.skin, 0.86), 0.0, (f"{side}_ear",))
        add([(seen[f"{side}_eye"], 0.15)], (245, 245, 245), 0.0, (f"{side}_eye",), flat=True)
        add([(seen[f"{side}_eye"], 0.1)], (36, 28, 28), 0.01, (f"{side}_eye",), flat=True)
        add([(seen["mouth"], 0.06), (seen[f"{side}_smile"], 0.05)], (150, 50, 50), 0.0, flat=True)
    add([(seen["nose"], 0.14), (seen["nose"] - 0.2 * down, 0.08)], shade(look.skin, 0.88), 0.1, ("nose",))


def _near(seen: Mapping[str, Floats], joint: str) -> tuple[str, ...]:
    """Those of the left and the right joint that the trunk does not hide: it is turned far when one is well hidden."""
    left, right = seen[f"left_{joint}"], seen[f"right_{joint}"]
    behind = 0.75 * float(np.linalg.norm(left - right))
    return tuple(
        f"{side}_{joint}" for side, lag in (("left", right - left), ("right", left - right)) if lag[2] < behind
    )


def _sided(colour: Colour, side: str) -> Colour:
    """Clothes are lighter on a person's left side, so that left and right can be told apart at any turn."""
    return shade(colour, 1.2 if side == "left" else 0.78)


def _cloth(rng: np.random.Generator) -> Colour:
    rgb = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.15, 0.95), rng.uniform(0.3, 0.9))
    return colour_of(255 * np.array(rgb))


def colour_of(tone: Floats | Ints) -> Colour:
    """Red, green and blue (3,) as whole numbers from 0 to 255."""
    red, green, blue = (int(value) for value in np.clip(tone, 0, 255))
    return red, green, blue
