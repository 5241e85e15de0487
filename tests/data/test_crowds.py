"""A photo with a crowd: cut in parts, decoded once, with memory that does not grow with the number of people."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data import cropping
from shgae.execution import Execution
from shgae.recipes import PrepareConfig
from shgae.stages import prepare
from tests.builders.chain import Notes


def crowd(folder: Path, people: int, broken: bool = False) -> prepare.Source:
    """A photo with so many people of one joint, each at another place."""
    (folder / "photos").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "photos" / "a.png")
    if broken:
        (folder / "photos" / "a.png").write_bytes((folder / "photos" / "a.png").read_bytes()[:9000])
    annotations: list[dict[str, Any]] = []
    for number in range(people):
        x, y = 5.0 + number % 80, 5.0 + number // 80 % 60
        box = {"bbox": [x, y, 12, 12], "area": 144, "iscrowd": 0}
        annotations.append({"id": number, "image_id": 1, "category_id": 1, "keypoints": [x, y, 2], **box})
    category = {"id": 1, "name": "person", "keypoints": ["nose"], "skeleton": []}
    image = {"id": 1, "file_name": "a.png", "width": 100, "height": 80}
    document = {"images": [image], "annotations": annotations, "categories": [category]}
    (folder / "a.json").write_text(json.dumps(document))
    return prepare.Source(folder / "a.json", folder / "photos")


def stored(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    crops = Crops(open_artifact(folder), "train")
    return crops.people.annotation_id, crops.read(np.arange(len(crops)))


@pytest.mark.parametrize("workers", [0, 3])
def test_parts_of_a_crowd_give_the_crops_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    source, config = crowd(tmp_path / "crowd", 150), PrepareConfig(crop_size=128, context=1.5)
    opened: list[Path] = []
    real = cropping.open_photo

    def watched(path: Path, *more: Any) -> Image.Image:
        opened.append(path)
        return real(path, *more)

    monkeypatch.setattr(cropping, "open_photo", watched)
    made = {}
    for most in (64, 1000):
        monkeypatch.setattr(cropping, "MOST_AT_ONCE", most)
        result = prepare.run({"train": source}, tmp_path / str(most), config, Execution(workers=workers))
        made[most] = (result.artifact.id, *stored(tmp_path / str(most)))
    assert made[64][0] == made[1000][0]
    assert made[64][1].tolist() == list(range(150))
    assert np.array_equal(made[64][2], made[1000][2])
    assert len(opened) == 2  # once a run


def test_a_bad_photo_of_a_crowd_is_told_once(tmp_path: Path) -> None:
    notes = Notes()
    good, bad = crowd(tmp_path / "good", 3), crowd(tmp_path / "bad", 300, broken=True)
    document = json.loads(good.annotations.read_text())
    others = json.loads(bad.annotations.read_text())
    (bad.photos / "a.png").rename(good.photos / "b.png")
    document["images"].append({**others["images"][0], "id": 2, "file_name": "b.png"})
    document["annotations"] += [{**one, "id": one["id"] + 1000, "image_id": 2} for one in others["annotations"]]
    good.annotations.write_text(json.dumps(document))
    config = PrepareConfig(crop_size=128, max_bad_photos=1)
    result = prepare.run({"train": good}, tmp_path / "data", config, Execution(progress=notes))
    assert result.splits == {"train": 3}
    assert result.bad_photos == 1
    assert result.dropped == {"bad photo": 300}
    assert sum(note.startswith("bad photo") for note in notes.said) == 1


def peak(source: prepare.Source, output: Path) -> int:
    """Bytes at most, of a rehearsal."""
    tracemalloc.start()
    try:
        prepare.dry_run({"train": source}, output, PrepareConfig(crop_size=128), Execution(workers=1))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_a_crowd(tmp_path: Path) -> None:
    few, many = (peak(crowd(tmp_path / str(people), people), tmp_path / "x") for people in (200, 1700))
    crop = 128 * 128 * 3
    assert many - few < 1500 * crop / 5
