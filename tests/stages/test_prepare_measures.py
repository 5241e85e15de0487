"""Area, head box, centre and scale travel with the people who have them, and change nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shgae.artifacts.compatibility import seen
from shgae.artifacts.crops import read_people
from shgae.artifacts.tables import read_rows
from shgae.execution import Execution
from shgae.recipes import PrepareConfig
from shgae.stages.prepare import PrepareResult, Source, run
from tests.builders.chain import Notes

MEASURED = {"area": 50.0, "bbox_head": [3, 4, 6, 8], "head_size": 7.0, "center": [20, 21], "scale": 0.25}
PLAIN = {"category_id": 1, "image_id": 1, "keypoints": [10, 12, 2, 30, 33, 1], "bbox": [5, 5, 40, 40]}


def prepared(folder: Path, *annotations: dict[str, Any], notes: Notes | None = None, **options: Any) -> PrepareResult:
    folder.mkdir(parents=True)
    Image.new("RGB", (60, 50)).save(folder / "a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 50}],
        "annotations": [PLAIN | one | {"id": place} for place, one in enumerate(annotations)],
        "categories": [{"id": 1, "name": "person", "keypoints": ["head", "foot"]}],
    }
    (folder / "people.json").write_text(json.dumps(content))
    source = Source(folder / "people.json", folder)
    execution = Execution(progress=notes or Notes())
    return run({"train": source}, folder / "data", PrepareConfig(crop_size=128, **options), execution)


def test_who_has_them_keeps_them_and_who_lacks_them_has_nan(tmp_path: Path) -> None:
    people = read_people(prepared(tmp_path / "x", MEASURED, {}).artifact, "train")
    found = {name: getattr(people, name) for name in ("area", "head_box", "head_size", "center", "scale")}
    assert all(np.isnan(array[1]).all() for array in found.values())
    assert [array[0].tolist() for array in found.values()] == list(MEASURED.values())
    assert people.head(1).arrays().keys() == people.arrays().keys()


def test_without_them_no_tensor_and_no_column_is_written(tmp_path: Path) -> None:
    result = prepared(tmp_path / "x", {}, {})
    people = read_people(result.artifact, "train")
    assert not {"area", "head_box", "head_size", "center", "scale"} & people.arrays().keys()
    assert not any({"area", "iscrowd"} & row.keys() for row in read_rows(result.artifact.path / "people.jsonl"))
    assert "without_box" not in result.artifact.facts["sources"]["train"]


def test_they_change_no_bit_of_the_other_tensors(tmp_path: Path) -> None:
    plain = read_people(prepared(tmp_path / "x", {}, {}).artifact, "train")
    measured = read_people(prepared(tmp_path / "y", MEASURED, {"iscrowd": 0}).artifact, "train")
    for name, array in plain.arrays().items():
        assert array.tobytes() == measured.arrays()[name].tobytes()


def test_area_and_crowds_stand_in_the_table_of_everybody(tmp_path: Path) -> None:
    result = prepared(tmp_path / "x", {"area": 9.5, "iscrowd": 1}, MEASURED)
    rows = list(read_rows(result.artifact.path / "people.jsonl"))
    assert [(row.get("area"), row.get("iscrowd")) for row in rows] == [(9.5, 1), (50.0, None)]


def test_a_missing_box_is_told(tmp_path: Path) -> None:
    notes = Notes()
    folder = tmp_path / "x"
    with_box = PLAIN.pop("bbox")
    try:
        result = prepared(folder, {}, {}, notes=notes)
    finally:
        PLAIN["bbox"] = with_box
    assert result.artifact.facts["sources"]["train"]["without_box"] == 2
    assert any("without a box" in text for text in notes.said)
    np.testing.assert_array_equal(read_people(result.artifact, "train").box, [[10, 12, 20, 21]] * 2)


def test_mpiis_square_is_250_px_times_scale_around_a_lower_centre(tmp_path: Path) -> None:
    result = prepared(tmp_path / "x", MEASURED, {}, square="mpii")
    assert result.dropped == {"no centre or scale": 1}
    square = read_people(result.artifact, "train").square
    assert square.tolist() == [[20 - 31.25, 21 + 15 * 0.25 - 31.25, 62.5]]
    facts = result.artifact.facts
    assert (facts["crop_policy"], facts["margin"], facts["square"]) == ("pad", 0.25, "mpii")
    assert seen(facts)["square"] == "mpii", "and a network that is trained on them keeps it"


def test_cocos_square_is_the_boxs_longer_side_and_a_quarter(tmp_path: Path) -> None:
    result = prepared(tmp_path / "x", {"bbox": [10, 4, 20, 40]}, square="coco")
    assert read_people(result.artifact, "train").square.tolist() == [[20 - 25, 24 - 25, 50]]


def test_the_studys_square_leaves_no_word_in_the_manifest(tmp_path: Path) -> None:
    manifest = prepared(tmp_path / "x", {}).artifact.manifest
    assert "square" not in manifest.config
    assert "square" not in manifest.facts
