"""Photos of several sizes with a COCO JSON, and ``prepare`` on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shgae.artifacts.tables import read_rows
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.recipes import PrepareConfig, Split
from shgae.stages.prepare import PrepareResult, Source, run

SIZES = [(90, 60), (60, 90), (40, 40), (121, 33), (64, 64)]
DOT = 5


@dataclass
class Folder:
    """A COCO JSON and its photos; people have two joints, each drawn as a red or green dot."""

    path: Path
    content: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def source(self) -> Source:
        (self.path / "people.json").write_text(json.dumps(self.content))
        return Source(self.path / "people.json", self.path / "photos")


def make(path: Path, photos: int = 7, first_id: int = 0, people: int = 2) -> Folder:
    """Photos of several sizes with people each: the last one of a photo is a crowd, the last but one unlabelled."""
    rng = np.random.default_rng(first_id)
    (path / "photos").mkdir(parents=True)
    content: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": ["head", "foot"], "skeleton": [[1, 2]]}],
    }
    for number in range(first_id, first_id + photos):
        width, height = SIZES[number % len(SIZES)]
        pixels = rng.integers(60, 120, (height, width, 3), dtype=np.uint8)
        for person in range(people + 2):
            xs, ys = rng.integers(DOT, width - DOT, 2), rng.integers(DOT, height - DOT, 2)
            labels = (2, 1) if person < people else (0, 0) if person == people else (2, 2)
            if person < people:
                for x, y, colour in zip(xs, ys, ((255, 0, 0), (0, 255, 0)), strict=True):
                    pixels[y - 1 : y + 2, x - 1 : x + 2] = colour
            joints = zip(xs, ys, labels, strict=True)
            keypoints = [int(n) for joint in joints for n in (joint if joint[2] else (0, 0, 0))]
            content["annotations"].append(
                {
                    "id": 1000 + len(content["annotations"]),
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": int(person > people),
                    "bbox": [float(min(xs)), float(min(ys)), float(np.ptp(xs)) + 1, float(np.ptp(ys)) + 1],
                    "keypoints": keypoints,
                }
            )
        Image.fromarray(pixels).save(path / "photos" / f"{number}.png")
        content["images"].append({"id": number, "file_name": f"{number}.png", "width": width, "height": height})
    return Folder(path, content)


def prepare(
    sources: Mapping[Split, Folder], output: Path, execution: Execution | None = None, **options: Any
) -> PrepareResult:
    config = PrepareConfig(**{"crop_size": 128, **options})
    return run({split: folder.source for split, folder in sources.items()}, output, config, execution or Execution())


def rows_of(result: PrepareResult) -> list[dict[str, Any]]:
    return list(read_rows(result.artifact.path / "people.jsonl"))


def line_of(tmp_path: Path, sources: Mapping[Split, Folder], **options: Any) -> str:
    """The line of a refusal, after which nothing lies where the output was to be."""
    with pytest.raises(Refused) as caught:
        prepare(sources, tmp_path / "out" / "data", **options)
    assert not list((tmp_path / "out").glob("*"))
    return caught.value.line()


class Listener(Progress):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.total = self.done = 0

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        self.total = total

    def advance(self, amount: int = 1, facts: str = "") -> None:
        self.done += amount

    def note(self, text: str) -> None:
        self.notes.append(text)
