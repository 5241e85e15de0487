"""What to do about a JSON of boxes that is refused: a fix for each cause."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from shgae.data.boxes import read_boxes
from shgae.errors import Refused

BOX: dict[str, Any] = {"image_id": 7, "bbox": [1, 2, 3, 4]}
A: dict[str, Any] = {"id": 7, "file_name": "a.jpg"}
CAUSES: dict[str, tuple[Any, str]] = {
    "five numbers": ([BOX | {"bbox": [1, 2, 3, 4, 0.5]}], "the fifth number as score"),
    "numbers by name": ([BOX | {"bbox": {"x": 1, "y": 2, "w": 3, "h": 4}}], "bbox as [x, y, width"),
    "a score as text": ([BOX | {"score": "0.9"}], "one finite number as score, or no score"),
    "a score of NaN": ([BOX | {"score": math.nan}], "one finite number as score, or no score"),
    "no photo": ([{"bbox": [1, 2, 3, 4]}], "image_id or file_name"),
    "a category's name": ([BOX | {"category_id": "person"}], "whole numbers as ids"),
    "a list by a key": ({"results": [BOX]}, "the list that it holds as 'results', alone"),
    "annotations alone": ({"annotations": [BOX]}, "the list that it holds as 'annotations', alone"),
    "boxes by file name": ({"a.jpg": [[1, 2, 3, 4]]}, "a list of {file_name, bbox, score}, an entry a box"),
    "nothing": ({}, "a COCO dataset, or a list of {image_id, bbox, score}"),
    "ids as text": ({"images": [A], "annotations": [BOX | {"image_id": "7"}]}, "whole numbers as ids"),
    "ids of images as text": ({"images": [A | {"id": "7"}], "annotations": [BOX]}, "whole numbers as ids"),
    "ids by place": ({"images": [A], "annotations": [BOX | {"image_id": 0}]}, "one of the ids of its images"),
    "ids of 65 bits": ({"images": [A], "annotations": [BOX | {"image_id": 2**64}]}, "of 64 bits"),
    "two images of an id": ({"images": [A, A], "annotations": [BOX]}, "an id of its own for each image"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_every_fault_has_a_fix_of_its_own(tmp_path: Path, cause: str) -> None:
    document, fix = CAUSES[cause]
    (tmp_path / "boxes.json").write_text(json.dumps(document))
    with pytest.raises(Refused) as refused:
        read_boxes(tmp_path / "boxes.json", 1)
    assert fix in refused.value.fix
