"""What is at the back and in front of the people: walls, floors, furniture.

Sizes and places are in pixels of the canvas that is drawn on, which is finer than the photo.
"""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw

from shgae.arrays import Floats
from shgae.data.drawing.puppet import Colour, colour_of, shade

Box = tuple[float, float, float, float]
Polygon = list[tuple[float, float]]


def draw_backdrop(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Draws an RGB background of ``size`` (width, height): a room, a cloudy or striped wall, tiles or blobs."""
    kinds = (_room, _room, _clouds, _stripes, _tiles, _blobs)
    return kinds[rng.integers(len(kinds))](rng, size)


def draw_obstacle(rng: np.random.Generator, around: Box, size: tuple[int, int]) -> list[tuple[Polygon, Colour]]:
    """Draws a thing that stands in front of the person ``around``: x0, y0, x1, y1 on a canvas of ``size``.

    Returns:
        Polygons and their colours, in painting order.
    """
    x0, y0, x1, y1 = around
    width, height = x1 - x0, y1 - y0
    colour = _tone(rng, 0.5)
    x = x0 + rng.uniform(0.0, 1.0) * width
    kind = rng.integers(3)
    if kind == 0:  # a crate on the floor, with its lid
        half, top = rng.uniform(0.25, 0.5) * width, y1 - rng.uniform(0.15, 0.45) * height
        lid = top + 0.12 * half
        return [
            (_box((x - half, top, x + half, size[1])), shade(colour, 0.8)),
            (_box((x - half, top, x + half, lid)), shade(colour, 1.25)),
        ]
    if kind == 1:  # a table: a slab and two legs
        half, top = rng.uniform(0.5, 0.9) * width, y1 - rng.uniform(0.3, 0.5) * height
        thick = 0.05 * height
        legs = [(x + s * 0.85 * half - thick, top, x + s * 0.85 * half + thick, size[1]) for s in (-1, 1)]
        slab = (x - half, top, x + half, top + 1.6 * thick)
        return [*((_box(leg), shade(colour, 0.7)) for leg in legs), (_box(slab), colour)]
    half = rng.uniform(0.05, 0.1) * width  # a post
    post = (x - half, 0.0, x + half, float(size[1]))
    return [(_box(post), colour), (_box((x - half, 0.0, x - 0.3 * half, float(size[1]))), shade(colour, 1.3))]


def _box(box: Box) -> Polygon:
    x0, y0, x1, y1 = box
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _tone(rng: np.random.Generator, vividness: float) -> Colour:
    rgb = colorsys.hsv_to_rgb(rng.random(), vividness * rng.random(), rng.uniform(0.35, 0.95))
    return colour_of(255 * np.array(rgb))


def _grid(colours: Floats, size: tuple[int, int], how: Image.Resampling) -> Image.Image:
    """Stretches a small (H, W, 3) array over the canvas."""
    return Image.fromarray(np.clip(colours, 0, 255).astype(np.uint8)).resize(size, how)


def _clouds(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    cells = int(rng.integers(2, 9))
    spread = rng.uniform(8, 40)
    soft = np.array(_tone(rng, 0.7)) + spread * rng.standard_normal((cells, cells, 3))
    return _grid(soft, size, Image.Resampling.BICUBIC)


def _tiles(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    one, other = np.array(_tone(rng, 0.5)), np.array(_tone(rng, 0.5))
    across = int(rng.integers(5, 14))
    down = max(2, round(across * size[1] / size[0]))
    odd = (np.arange(down)[:, None] + np.arange(across)) % 2
    other = 0.7 * one + 0.3 * other  # close tones: people stay the strongest shapes
    return _grid(np.where(odd[..., None] == 1, one, other), size, Image.Resampling.NEAREST)


def _stripes(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    base = _tone(rng, 0.6)
    image = Image.new("RGB", size, base)
    pen = ImageDraw.Draw(image)
    step, slant = int(rng.integers(24, 80)), rng.uniform(-0.8, 0.8) * size[1]
    dark = shade(base, rng.uniform(0.75, 0.92))
    for x in range(-size[1], size[0] + size[1], 2 * step):
        pen.polygon([(x, 0), (x + step, 0), (x + step + slant, size[1]), (x + slant, size[1])], dark)
    return image


def _blobs(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    image = _clouds(rng, size)
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(8, 30))):
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        wide, tall = rng.uniform(10, 90, 2)
        pen.ellipse([x - wide, y - tall, x + wide, y + tall], _tone(rng, 0.5))
    return image


def _room(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """A wall and a floor, with pictures or windows on the one and furniture on the other."""
    width, height = size
    wall, floor = np.array(_tone(rng, 0.45), dtype=float), np.array(_tone(rng, 0.55), dtype=float)
    image = _grid(np.stack([[wall, wall * 0.92], [wall * 0.85, wall * 0.8]]), size, Image.Resampling.BILINEAR)
    line = int(rng.uniform(0.55, 0.85) * height)
    ground = np.stack([[floor * 0.75, floor * 0.7], [floor, floor * 0.95]])
    image.paste(_grid(ground, (width, height - line), Image.Resampling.BILINEAR), (0, line))
    pen = ImageDraw.Draw(image)
    pen.rectangle([0, line - height // 60, width, line], colour_of(wall * 0.6))
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(0, width), rng.uniform(0.05, 0.35) * height
        wide, tall = rng.uniform(0.08, 0.2) * width, rng.uniform(0.12, 0.3) * height
        pen.rectangle([x, y, x + wide, y + tall], _tone(rng, 0.6), shade(colour_of(wall), 0.5), 5)
    for _ in range(int(rng.integers(0, 3))):
        x, wide, tall = rng.uniform(-0.1, 0.9) * width, rng.uniform(0.1, 0.3) * width, rng.uniform(0.15, 0.5) * height
        foot = line + rng.uniform(0.0, 0.1) * height
        colour = _tone(rng, 0.6)
        pen.rectangle([x, foot - tall, x + wide, foot], colour, shade(colour, 0.6), 4)
        for shelf in np.linspace(foot - tall, foot, int(rng.integers(2, 5)))[1:-1]:
            pen.line([x, shelf, x + wide, shelf], shade(colour, 0.6), 4)
    return image
