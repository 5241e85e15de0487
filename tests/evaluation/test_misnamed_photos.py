"""A file name next to an id is compared with the photo of that id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.artifacts.crops import Crops, PeopleTable
from shgae.artifacts.strict_json import JsonFault
from shgae.artifacts.tables import write_json
from shgae.data.text_input import stem_of
from shgae.errors import Refused
from shgae.evaluation.matching import count_misnamed
from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import coco_results, from_cells, read_predictions
from shgae.skeleton import COCO_PERSON


@pytest.fixture
def entries(crops: Crops) -> list[dict[str, Any]]:
    """Perfect predictions."""
    return list(coco_results(from_cells("x", people_of(crops, COCO_PERSON).cells, None, crops), crops, 1))


@pytest.mark.parametrize("form", [str, "/all/{}".format, lambda name: f"{stem_of(name)}.tif", stem_of])
def test_a_file_name_next_to_an_id_is_compared_with_its_photo(
    tmp_path: Path, crops: Crops, entries: list[dict[str, Any]], form: Callable[[str], str]
) -> None:
    names = crops.photo_names()
    named = [entry | {"file_name": form(names[entry["image_id"]])} for entry in entries]
    for strange in (0, 1, len(entries) // 2):
        others = [entry | {"file_name": "other.jpg"} for entry in named[:strange]]
        write_json(tmp_path / "p.json", [*others, *named[strange:]])
        found = read_predictions(tmp_path / "p.json", "x", crops)
        assert found.misnamed == strange
        assert any("another file_name than their photo" in note for note in found.notes()) == bool(strange)


@pytest.mark.parametrize(
    ("said", "name", "may"),
    [
        ("COCO_train2014_000000000790.jpg", "000000000790.jpg", True),
        ("000000000790_0.jpg", "000000000790.jpg", True),
        ("000000000790.png", "COCO_train2014_000000000790.jpg", True),
        ("790.jpg", "a.jpg", True),
        ("a.790.jpg", "000000000791.jpg", False),
        ("im0790.jpg", "im1790.jpg", False),
        ("a.jpg", "a.tif", True),
    ],
)
def test_a_photo_called_by_its_id_may_be_called_by_names_that_hold_it(said: str, name: str, may: bool) -> None:
    ids, nothing = np.array([790]), np.zeros((1, 0))
    people = PeopleTable(nothing, nothing, ids, ids, nothing, nothing, nothing, nothing)
    entries = [{"image_id": 790, "file_name": said}]
    if may:
        assert count_misnamed(entries, people, lambda: {790: name}) == 0
    else:
        with pytest.raises(JsonFault, match=said):
            count_misnamed(entries, people, lambda: {790: name})


@pytest.mark.parametrize("key", ["annotation_id", "image_id"])
def test_file_names_that_are_mostly_of_other_photos_are_of_another_split(
    tmp_path: Path, crops: Crops, entries: list[dict[str, Any]], key: str
) -> None:
    others = [{**entry, "file_name": f"other_{100 + place}.jpg"} for place, entry in enumerate(entries)]
    if key == "image_id":
        others = [{name: value for name, value in entry.items() if name != "annotation_id"} for entry in others]
    write_json(tmp_path / "p.json", others)
    with pytest.raises(Refused, match=r"an entry calls it 'other_100.jpg' \((\d+) of \1 entries are so\).*--split"):
        read_predictions(tmp_path / "p.json", "x", crops)
