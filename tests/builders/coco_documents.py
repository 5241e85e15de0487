"""A COCO JSON with one thing changed, and how it is read or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shgae.data.coco import CocoPeople, Person, read_coco
from shgae.errors import Refused

NAMES = ["nose", "left_hand", "right_hand"]


Document = dict[str, Any]


def document() -> Document:
    """Two photos; the second comes first in the annotations; a crowd and somebody without labels among them."""
    base = {"category_id": 7, "iscrowd": 0, "segmentation": [[1, 2, 3, 4]], "area": 3.5, "num_keypoints": 3}
    return {
        "info": {"year": 2024},
        "images": [
            {"id": 5, "file_name": "a.jpg", "width": 64, "height": 48},
            {"id": 3, "file_name": "sub/b.jpg", "width": 32, "height": 32},
            {"id": 4, "file_name": "nobody.jpg", "width": 8, "height": 8},
        ],
        "annotations": [
            {**base, "id": 10, "image_id": 3, "bbox": [1, 2, 3.5, 4], "keypoints": [2, 3, 2, 4, 5, 1, 0, 0, 0]},
            {**base, "id": 12, "image_id": 5, "bbox": [0, 0, 9, 9], "keypoints": [1, 1, 2, 8.25, 8, 2, 3, 4, 1]},
            {**base, "id": 11, "image_id": 5, "bbox": [0, 0, 9, 9], "keypoints": [0] * 9, "num_keypoints": 17},
            {**base, "id": 13, "image_id": 5, "bbox": [0, 0, 9, 9], "keypoints": [0] * 9, "iscrowd": 1}
            | {"segmentation": {"counts": [1, 2], "size": [48, 64]}},
        ],
        "categories": [
            {"id": 7, "name": "person", "keypoints": NAMES, "skeleton": [[1, 2], [1, 3]]},
            {"id": 9, "name": "kite"},
        ],
    }


def read(folder: Path, content: Document | str | bytes) -> CocoPeople:
    path = folder / "people.json"
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_coco(path, folder)


def everybody(people: CocoPeople) -> list[Person]:
    return [people.person(annotation, photo) for photo, annotations in people for annotation in annotations]


def line_of(folder: Path, content: Document | str | bytes) -> str:
    with pytest.raises(Refused) as caught:
        read(folder, content)
    line = caught.value.line()
    assert "people.json" in line
    assert "Try: " in line
    assert len(line.replace(str(folder), "")) < 250
    assert line.isprintable()
    return line


def with_value(value: Any, *path: str | int) -> Document:
    """The document with one value replaced."""
    content = document()
    target: Any = content
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return content


def without(*path: str | int) -> Document:
    """The document with one key left out."""
    content = document()
    target: Any = content
    for step in path[:-1]:
        target = target[step]
    del target[path[-1]]
    return content


def change_nobody(annotation: Document) -> None:
    pass
