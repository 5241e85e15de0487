"""Photos of drawn people with exact COCO keypoints, for the demo and for tests: no download, any number, by a seed.

Every part of every person is painted twice: in colour, and as a number into a buffer of what is on top where. A joint
is visible (v = 2) exactly when the part on top of its pixel is one that shows it, hidden (v = 1) when something else
is; outside the photo, and for some hidden joints, there is no label (v = 0), as in COCO.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from shgae.arrays import Bytes, Floats
from shgae.artifacts.durable import write_bytes
from shgae.config import Config, Count, Limit, Natural, Share
from shgae.data.drawing.backdrop import draw_backdrop, draw_obstacle
from shgae.data.drawing.puppet import Colour, Puppet, draw_puppet, shade
from shgae.execution import Progress
from shgae.skeleton import COCO_PERSON

FOREGROUND = 255
"""Owner of the pixels of things in front of people."""

_SCALE = 2  # the canvas is finer than the photo by this factor: halving it smooths every edge
_SIZES = ((320, 240), (240, 320), (300, 300), (400, 260), (280, 360), (256, 256))
_TURNS = np.linspace(0, 2 * np.pi, 28, endpoint=False)
_DIRECTIONS = np.stack([np.cos(_TURNS), np.sin(_TURNS)])
_FACE = frozenset(range(5))  # joints of the head: nobody guesses a nose from behind
_UNLABELLED_FACE, _UNLABELLED = 0.7, 0.15  # share of hidden joints that get no label
_LEAST_SIZE = 0.25  # people smaller than this share of the photo's height get no joints
_LEAST_SEEN = 0.1  # people of whom less than this share of their box is to be seen get no joints


@dataclass(frozen=True)
class SyntheticConfig(Config):
    """A set of drawn photos."""

    photos: Count
    """How many photos."""
    seed: Natural = 0
    """Photo i is a function of the seed and i, whatever the number of photos."""
    most_people: Annotated[int, Limit(1, 6)] = 3
    """A photo shows 1 to this many people in full size."""
    obstacles: Share = 0.35
    """Share of the photos with a thing in front of somebody."""
    bystanders: Share = 0.08
    """Share of the photos with one more person, far away and without labelled joints."""


@dataclass(frozen=True)
class DrawnPhoto:
    """One drawn photo."""

    image: Bytes
    """(H, W, 3) RGB."""
    annotations: tuple[dict[str, Any], ...]
    """COCO keypoint annotations, without ``id`` and ``image_id``; xy in photo pixels."""
    owner: Bytes
    """(H, W): the pixel's owner: 0 nobody (background, seats), n annotation n - 1, 255 a thing in front."""


def draw_dataset(directory: Path, config: SyntheticConfig, progress: Progress | None = None) -> Path:
    """Draws photos and their labels: ``directory/photos/*.jpg`` and ``directory/person_keypoints.json``.

    The same config gives the same bytes (with the same numpy and Pillow). Files of the same names are replaced.

    Returns:
        The path of the JSON, which is written last.
    """
    progress = progress or Progress()
    photos = directory / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    progress.start("drawing people", config.photos, "photos")
    for index in range(config.photos):
        photo = draw_photo(config, index)
        name, number = f"{index + 1:012d}.jpg", index + 1
        Image.fromarray(photo.image).save(photos / name, quality=92)
        height, width = photo.image.shape[:2]
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for nth, annotation in enumerate(photo.annotations):
            annotations.append({"id": 10 * number + nth, "image_id": number, **annotation})
        progress.advance()
    progress.finish()
    dataset = {
        "info": {"description": "drawn people", "seed": config.seed},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [_category()],
    }
    path = directory / "person_keypoints.json"
    write_bytes(path, json.dumps(dataset, separators=(",", ":")).encode())
    return path


def draw_photo(config: SyntheticConfig, index: int) -> DrawnPhoto:
    """Draws photo ``index`` of a set: a function of the index and of the config, but not of its number of photos."""
    rng = np.random.default_rng((config.seed, index))
    width, height = _SIZES[rng.integers(len(_SIZES))]
    canvas = _Canvas(draw_backdrop(rng, (_SCALE * width, _SCALE * height)))
    puppets = _cast(rng, config, width, height)
    obstacle_after = int(rng.integers(len(puppets))) if rng.random() < config.obstacles else -1
    for n, puppet in enumerate(puppets):
        canvas.paint_puppet(puppet)
        if n == obstacle_after:
            canvas.paint_obstacle(rng, n)
    annotations, numbers = [], {}
    for n, puppet in enumerate(puppets):
        annotation = canvas.annotate(rng, n, puppet)
        if annotation is not None:
            annotations.append(annotation)
            numbers[n] = len(annotations)
    owner = np.zeros(256, np.uint8)
    owner[FOREGROUND] = FOREGROUND
    for ident, (n, _) in enumerate(canvas.shown, start=1):
        owner[ident] = numbers.get(n, 0)
    return DrawnPhoto(_develop(rng, canvas.colour), tuple(annotations), owner[canvas.on_top()])


def _cast(rng: np.random.Generator, config: SyntheticConfig, width: int, height: int) -> list[Puppet]:
    """Places the people of a photo, from far to near."""
    count = int(rng.integers(1, config.most_people + 1))
    places = []
    slots = rng.permutation(count)
    for slot in slots:
        size = height * rng.uniform(0.55, 0.95) / (1 + 0.06 * (count - 1))
        feet = height * rng.uniform(0.9, 0.99)
        if rng.random() < 0.1:  # a close-up, cut off by the lower border
            size *= 1.5
            feet = height * 0.12 + size
        x = width * (slot + 0.5 + rng.uniform(-0.28, 0.28)) / count
        places.append((size, x, feet))
    places.sort()
    if rng.random() < config.bystanders:
        places.insert(
            0, (height * rng.uniform(0.14, 0.2), width * rng.uniform(0.1, 0.9), height * rng.uniform(0.7, 0.8))
        )
    return [draw_puppet(rng, x, feet, size) for size, x, feet in places]


def _develop(rng: np.random.Generator, canvas: Image.Image) -> Bytes:
    """Halves the canvas and adds what cameras add: softness, a tint and noise."""
    image = canvas.reduce(_SCALE)
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.8))))
    pixels = np.asarray(image, dtype=np.float32)
    tint = rng.uniform(0.88, 1.08) * rng.uniform(0.95, 1.05, 3)
    noise = rng.uniform(0, 7) * rng.standard_normal((*pixels.shape[:2], 1), dtype=np.float32)
    developed: Bytes = np.clip(pixels * tint.astype(np.float32) + noise, 0, 255).astype(np.uint8)
    return developed


class _Canvas:
    """A photo in the making, ``_SCALE`` times as fine, with a buffer of the parts that are on top."""

    def __init__(self, backdrop: Image.Image) -> None:
        self.colour = backdrop
        self.idents = Image.new("L", backdrop.size, 0)
        self.shown: list[tuple[int, frozenset[str]]] = []
        """Of part ident - 1: its person and the joints that it shows."""
        self.boxes: list[tuple[int, int, int, int]] = []
        """Of each person: x0, y0, x1, y1 on the canvas of all that was painted, hidden later or not."""
        self._pen = ImageDraw.Draw(self.colour)
        self._veil = ImageDraw.Draw(self.colour, "RGBA")
        self._ident_pen = ImageDraw.Draw(self.idents)

    def paint_puppet(self, puppet: Puppet) -> None:
        """Paints a person over all that is there."""
        person = len(self.boxes)
        self._paint_ground(puppet)
        silhouette = Image.new("L", self.idents.size, 0)
        silhouette_pen = ImageDraw.Draw(silhouette)
        for part in puppet.parts:
            discs = part.discs * _SCALE
            edge = 0.0 if part.flat else min(1.5, 0.12 * float(discs[:, 2].min()) + 0.5)
            outline = _outline(discs, edge)
            self.shown.append((person, part.shows))
            self._ident_pen.polygon(outline.ravel().tolist(), len(self.shown))
            silhouette_pen.polygon(outline.ravel().tolist(), 255)
            if part.flat:
                self._fill(outline, part.colour)
                continue
            self._fill(outline, shade(part.colour, 0.5))
            self._fill(_outline(discs, -0.5), part.colour)
            light = discs * (1, 1, 0.5)  # the light comes from the upper left
            light[:, :2] -= 0.22 * discs[:, 2:]
            self._fill(_outline(light, 0.0), shade(part.colour, 1.12))
        self.boxes.append(silhouette.getbbox() or (0, 0, 0, 0))

    def paint_obstacle(self, rng: np.random.Generator, person: int) -> None:
        """Paints a thing over all that is there, somewhere before a person."""
        for polygon, colour in draw_obstacle(rng, self.boxes[person], self.colour.size):
            self._pen.polygon(polygon, colour, shade(colour, 0.6))
            self._ident_pen.polygon(polygon, FOREGROUND)

    def on_top(self) -> Bytes:
        """(H, W) of the photo: the ident on top at the middle of each pixel."""
        return np.asarray(self.idents)[_SCALE // 2 :: _SCALE, _SCALE // 2 :: _SCALE]

    def annotate(self, rng: np.random.Generator, person: int, puppet: Puppet) -> dict[str, Any] | None:
        """The annotation of a person, or None for one of whom nothing is to be seen."""
        on_top = self.on_top()
        height, width = on_top.shape
        own = [ident for ident, (n, _) in enumerate(self.shown, start=1) if n == person]
        area = int(np.isin(on_top, own).sum())
        if area == 0:
            return None
        x0, y0, x1, y1 = self.boxes[person]
        x0, y0, x1, y1 = x0 // _SCALE, y0 // _SCALE, -(-x1 // _SCALE), -(-y1 // _SCALE)  # outwards to whole pixels
        clear = puppet.size >= _LEAST_SIZE * height and area >= _LEAST_SEEN * (x1 - x0) * (y1 - y0)
        keypoints: list[int] = []
        for joint, (x, y) in enumerate(puppet.xy_photo.tolist()):
            inside = 0 <= x < width and 0 <= y < height
            ident = int(on_top[y, x]) if inside else 0
            visible = ident in own and COCO_PERSON.names[joint] in self.shown[ident - 1][1]
            unlabelled = rng.random() < (_UNLABELLED_FACE if joint in _FACE else _UNLABELLED)
            labelled = inside and clear and (visible or not unlabelled)
            keypoints += [x, y, 2 if visible else 1] if labelled else [0, 0, 0]
        return {
            "category_id": 1,
            "keypoints": keypoints,
            "num_keypoints": sum(v > 0 for v in keypoints[2::3]),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": area,
            "iscrowd": 0,
        }

    def _fill(self, outline: Floats, colour: Colour) -> None:
        self._pen.polygon(outline.ravel().tolist(), colour)

    def _paint_ground(self, puppet: Puppet) -> None:
        """What ties a person to the floor: a shadow, and a seat for the sitting."""
        x, y = (_SCALE * value for value in puppet.feet)
        wide = 0.22 * _SCALE * float(np.ptp(puppet.xy_photo[:, 1]))
        self._veil.ellipse([x - wide, y - 0.22 * wide, x + wide, y + 0.22 * wide], (0, 0, 0, 70))
        if puppet.seat is not None:
            x0, y0, x1, y1 = (_SCALE * value for value in puppet.seat)
            self._pen.rectangle([x0, y0, x1, max(y0, y1)], (120, 92, 70), (70, 52, 40), 2)
            self._ident_pen.rectangle([x0, y0, x1, max(y0, y1)], 0)
            self._pen.rectangle([x0, y0, x1, y0 + 0.1 * (x1 - x0)], (160, 124, 92))


def _outline(discs: Floats, grow: float) -> Floats:
    """(28, 2) corners of the convex hull of discs (D, 3: x, y, radius), each disc grown by ``grow``.

    In each direction the hull reaches as far as the disc that reaches farthest (its support function).
    """
    radii = np.maximum(discs[:, 2:] + grow, 0.5)
    farthest = (discs[:, :2] @ _DIRECTIONS + radii).argmax(axis=0)
    outline: Floats = discs[farthest, :2] + radii[farthest] * _DIRECTIONS.T
    return outline


def _category() -> dict[str, Any]:
    return {
        "supercategory": "person",
        "id": 1,
        "name": "person",
        "keypoints": list(COCO_PERSON.names),
        "skeleton": [[a + 1, b + 1] for a, b in COCO_PERSON.limbs],
    }
