"""Photos with crowds and people without joints among the people, predictions of them, and data prepared of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shgae.execution import Execution
from shgae.recipes import PrepareConfig
from shgae.skeleton import COCO_PERSON
from shgae.stages.prepare import Source, run


def drawn(folder: Path, seed: int, *, with_area: bool = True) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Four photos of 3 to 8 people, crowds and people without joints among them; a prediction of each person."""
    numbers = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for photo in range(1, 5):
        Image.new("RGB", (240, 240), (60 * photo, 0, 0)).save(folder / f"{photo}.png")
        for place in range(numbers.integers(3, 9)):
            x, y, width, height = (int(one) for one in (*numbers.integers(0, 140, 2), *numbers.integers(30, 100, 2)))
            xy = np.column_stack([numbers.integers(x, x + width, 17), numbers.integers(y, y + height, 17)])
            kind = "person" if place == 0 else str(numbers.choice(["person", "nobody", "crowd"], p=[0.6, 0.2, 0.2]))
            v = numbers.integers(0, 3, 17) * (kind == "person" or (kind == "crowd" and numbers.random() < 0.5))
            v[0] = max(v[0], kind == "person")
            number = len(annotations) + 1
            about = {"id": number, "image_id": photo, "category_id": 1, "iscrowd": int(kind == "crowd")}
            joints = np.column_stack([xy * (v > 0)[:, None], v]).ravel().tolist()
            about |= {"bbox": [x, y, width, height], "keypoints": joints, "num_keypoints": int((v > 0).sum())}
            annotations.append(about | ({"area": width * height * 0.6} if with_area else {}))
            if kind == "person":
                off = numbers.choice([1, 4, 80]) * numbers.standard_normal((17, 2))
                keypoints = np.column_stack([(xy + off).round(2), np.ones(17)]).ravel().tolist()
                score = float(numbers.integers(0, 4)) / 4
                results.append({"image_id": photo, "annotation_id": number, "keypoints": keypoints, "score": score})
    images = [{"id": n, "file_name": f"{n}.png", "width": 240, "height": 240} for n in range(1, 5)]
    category = {"id": 1, "name": "person", "keypoints": list(COCO_PERSON.names)}
    return {"images": images, "annotations": annotations, "categories": [category]}, results


def prepared(folder: Path, truth: dict[str, Any], **options: Any) -> Path:
    """Data whose train and val are these people, in 128-pixel crops."""
    (folder / "people.json").write_text(json.dumps(truth))
    source = Source(folder / "people.json", folder)
    config = PrepareConfig(crop_size=128, **options)
    return run({"train": source, "val": source}, folder / "data", config, Execution(workers=0)).artifact.path
