"""Photos with as much detail as COCO's, and their JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from PIL import Image

from shgae.skeleton import COCO_PERSON
from shgae.stages import prepare

DISTINCT = 32
"""So many photos differ; the others are the same files under other names."""


def photo(seed: int) -> Image.Image:
    """640 x 480, its detail spread over scales as in a photograph: about 150 kB as JPEG, as COCO's are."""
    rng = np.random.default_rng(seed)
    total = np.full((480, 640, 3), 127.0)
    for step in range(7):
        shape = (480 >> step, 640 >> step, 3)
        noise = rng.normal(0, 5 * 1.5**step, shape).clip(-127, 127)
        whole = Image.fromarray((noise + 127).astype(np.uint8)).resize((640, 480), Image.Resampling.BICUBIC)
        total += np.asarray(whole, np.float64) - 127
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))


def coco(folder: Path, people: int) -> prepare.Source:
    """A COCO JSON and its photos, a person in each."""
    rng, photos = np.random.default_rng(0), folder / "photos"
    photos.mkdir(parents=True)
    images, annotations = [], []
    for i in range(people):
        path = photos / f"{i + 1:012d}.jpg"
        if i < DISTINCT:
            photo(i).save(path, quality=90)
        else:
            os.link(photos / f"{i % DISTINCT + 1:012d}.jpg", path)
        width, height = rng.uniform(100, 300), rng.uniform(150, 400)
        x, y = rng.uniform(0, 640 - width), rng.uniform(0, 480 - height)
        joints = np.column_stack([rng.uniform(x, x + width, 17), rng.uniform(y, y + height, 17), np.full(17, 2)])
        images.append({"id": i + 1, "file_name": path.name, "width": 640, "height": 480})
        person = {"id": i + 1, "image_id": i + 1, "category_id": 1, "bbox": [x, y, width, height], "iscrowd": 0}
        annotations.append(person | {"keypoints": joints.ravel().tolist(), "num_keypoints": 17, "area": width * height})
    category = {"id": 1, "name": "person", "keypoints": list(COCO_PERSON.names), "skeleton": []}
    path = folder / "people.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
    return prepare.Source(path, photos)
