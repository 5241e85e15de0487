"""Predicted joints drawn on photos, and a page of such photos."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from shgae.arrays import Bools, Floats
from shgae.plots.lettering import legible
from shgae.plots.style import MIDDLE, new_figure, side_colours, style
from shgae.skeleton import Skeleton

SHEET_PHOTOS = 16
"""Photos that a page holds."""
PANEL_PIXELS = 480
"""Longer side of a photo on the page."""
_LEGEND = "predicted joints; orange: the person's left, blue: right, white: neither; the paler, the less sure"
_DARK = "#101010"
_PEOPLE_PER_WIDTH = 60.0
"""A limb is this part of a person's size wide."""
_SMALL = 1 / 6
"""People none of whom is this part of a panel's longer side could not be made out."""
_TITLE, _TITLE_AND_NOTE = 36, 44
"""Characters that fit above a panel, of a name alone (with room to spare) and with the note after it."""
_FAINTEST = 0.5
"""Opacity of a limb of no confidence at all: still to be seen."""
_FINE_PIXELS, _COARSE_PIXELS = 200_000, 4_000_000

Point = tuple[float, float]
Points = list[Point]
_Draw = Callable[[ImageDraw.ImageDraw, Points, float], None]


@dataclass(frozen=True)
class Pose:
    """One person in a picture."""

    xy: Floats
    """(K, 2) joints in pixels of the picture."""
    confidence: Floats
    """(K,) 0 to 1: a map's height as a share of a perfect map's."""
    is_decided: Bools
    """(K,) whether there is a joint to draw."""
    box: tuple[float, float, float, float]
    """x, y, width, height in pixels of the picture."""

    @property
    def size(self) -> float:
        """Pixels: the root of the box's area."""
        return math.sqrt(self.box[2] * self.box[3])

    @classmethod
    def of_result(cls, entry: Mapping[str, Any], skeleton: Skeleton, perfect: float) -> Pose:
        """Somebody of ``predictions.json``; ``perfect`` is the height of a perfect map."""
        joints = np.array(entry["keypoints"], np.float64).reshape(-1, 3)
        undecided = entry.get("undecided", ())
        is_decided = np.array([name not in undecided for name in skeleton.names])
        return cls(joints[:, :2], (joints[:, 2] / perfect).clip(0, 1), is_decided, tuple(entry["bbox"]))

    def moved(self, origin: tuple[int, int], factor: float) -> Pose:
        """The same person in a part of the picture that begins at ``origin`` and was made so many times as large."""
        x, y, width, height = self.box
        box = ((x - origin[0]) * factor, (y - origin[1]) * factor, width * factor, height * factor)
        return dataclasses.replace(self, xy=(self.xy - origin) * factor, box=box)


def draw_poses(photo: Image.Image, poses: Iterable[Pose], skeleton: Skeleton, min_score: float) -> None:
    """Draws limbs and joints on an RGB photo, in place.

    Limbs have the colour of the person's side and a dark outline; the less sure they are, the paler. A joint of a
    confidence below ``min_score`` is hollow, and limbs to it are thin.
    """
    sides = side_colours(skeleton)
    for pose in poses:
        width = max(pose.size / _PEOPLE_PER_WIDTH, 1.8)
        outline = max(0.3 * width, 0.8)
        is_sure = pose.confidence >= min_score
        for a, b in dict.fromkeys(skeleton.limbs):
            if pose.is_decided[a] and pose.is_decided[b]:
                opacity = _opacity(min(pose.confidence[a], pose.confidence[b]))
                thickness = width if is_sure[a] and is_sure[b] else width / 2
                colour = sides[a] if sides[a] == sides[b] else MIDDLE
                ends = [_point(pose.xy[a]), _point(pose.xy[b])]
                _line(photo, ends, thickness + 2 * outline, thickness, _DARK, opacity)
                _line(photo, ends, thickness, 0, colour, opacity)
        for joint in np.flatnonzero(pose.is_decided):
            at, opacity = _point(pose.xy[joint]), _opacity(pose.confidence[joint])
            radius, hole = (1.1 * width, 0) if is_sure[joint] else (1.5 * width, width)
            _ring(photo, at, radius + outline, radius, _DARK, opacity)
            _ring(photo, at, radius, hole, sides[joint], opacity)
            if hole:
                _ring(photo, at, hole, hole - outline, _DARK, opacity)


@dataclass(frozen=True)
class Panel:
    """A photo of the page, drawn on already."""

    heading: str
    picture: Image.Image


def to_panel(title: str, photo: Image.Image, poses: Sequence[Pose], skeleton: Skeleton, min_score: float) -> Panel:
    """The part of a photo that its people are in, made small, with lines that can be seen at that size.

    Where all are too small to be made out in it, it is the part around the largest. After the title stands how many
    they are, if there are several.
    """
    x0, y0, x1, y1 = _around(poses, photo.size)
    note = f"({len(poses)} people)" if len(poses) > 1 else ""
    largest = max(poses, key=_longer_side)
    if note and _longer_side(largest) < _SMALL * max(x1 - x0, y1 - y0):
        x0, y0, x1, y1 = _around([largest], photo.size)
        note = f"(largest of {len(poses)} people)"
    factor = min(PANEL_PIXELS / max(x1 - x0, y1 - y0), 4.0)
    size = (max(round((x1 - x0) * factor), 1), max(round((y1 - y0) * factor), 1))
    small = photo.resize(size, Image.Resampling.LANCZOS, (x0, y0, x1, y1))
    draw_poses(small, [pose.moved((x0, y0), factor) for pose in poses], skeleton, min_score)
    heading = legible(title, min(_TITLE, _TITLE_AND_NOTE - len(note)))
    return Panel(f"{heading} {note}".rstrip(), small)


def overlay_sheet(panels: Sequence[Panel], min_score: float) -> Figure:
    """A page of photos (at least one; :data:`SHEET_PHOTOS` fit well) with a legend; joints below ``min_score`` were
    drawn hollow."""
    columns = min(math.ceil(math.sqrt(len(panels))), 4)
    rows = math.ceil(len(panels) / columns)
    with style():
        figure = new_figure(max(2.8 * columns, 7.5), 2.8 * rows + 0.6)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for one in axes:
            one.set_axis_off()
            one.set_anchor("N")
        for one, panel in zip(axes, panels, strict=False):
            one.imshow(np.asarray(panel.picture))
            one.set_title(panel.heading, fontsize=7)
        hollow = f"hollow joints, thin limbs: below {min_score:g} of a perfect map's height"
        figure.suptitle(f"{_LEGEND}\n{hollow}; photos are cut to their people", fontsize=8)
    return figure


def _around(poses: Sequence[Pose], photo_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 in whole pixels: all boxes, and a quarter of the larger side around them, within the photo."""
    boxes = np.array([pose.box for pose in poses])
    low, high = boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
    room = 0.25 * (high - low).max()
    x0, y0 = np.floor((low - room).clip(0, np.array(photo_size) - 1)).astype(int).tolist()
    x1, y1 = np.ceil((high + room).clip((x0 + 1, y0 + 1), photo_size)).astype(int).tolist()
    return x0, y0, x1, y1


def _longer_side(pose: Pose) -> float:
    return max(pose.box[2:])


def _line(photo: Image.Image, ends: Points, width: float, hole: float, colour: str, opacity: float) -> None:
    def draw(canvas: ImageDraw.ImageDraw, scaled: Points, scale: float) -> None:
        canvas.line(scaled, fill=round(255 * opacity), width=max(round(width * scale), 1))
        if hole:
            canvas.line(scaled, fill=0, width=max(round(hole * scale), 1))

    _blend(photo, ends, width / 2, draw, colour)


def _ring(photo: Image.Image, at: Point, radius: float, hole: float, colour: str, opacity: float) -> None:
    def draw(canvas: ImageDraw.ImageDraw, scaled: Points, scale: float) -> None:
        canvas.circle(scaled[0], radius * scale, fill=round(255 * opacity))
        if hole > 0:
            canvas.circle(scaled[0], hole * scale, fill=0)

    _blend(photo, [at], radius, draw, colour)


def _blend(photo: Image.Image, points: Points, reach: float, draw: _Draw, colour: str) -> None:
    """Paints through a mask that is drawn finer than the photo, so that edges are smooth."""
    x0, y0 = (max(math.floor(min(axis) - reach) - 1, 0) for axis in zip(*points, strict=True))
    x1, y1 = (
        min(math.ceil(max(axis) + reach) + 1, side)
        for axis, side in zip(zip(*points, strict=True), photo.size, strict=True)
    )
    if x0 >= x1 or y0 >= y1:
        return  # beyond the photo
    pixels = (x1 - x0) * (y1 - y0)
    scale = 4 if pixels <= _FINE_PIXELS else 2 if pixels <= _COARSE_PIXELS else 1
    mask = Image.new("L", ((x1 - x0) * scale, (y1 - y0) * scale))
    # Pillow puts whole numbers into the middle of pixels, our frame puts halves there.
    scaled = [((x - x0) * scale - 0.5, (y - y0) * scale - 0.5) for x, y in points]
    draw(ImageDraw.Draw(mask), scaled, scale)
    photo.paste(colour, (x0, y0), mask.reduce(scale))


def _point(xy: Floats) -> Point:
    return float(xy[0]), float(xy[1])


def _opacity(confidence: float) -> float:
    return _FAINTEST + (1 - _FAINTEST) * min(max(confidence, 0.0), 1.0)
