"""Crowds and people without joints go from the JSON through prepare into OKS AP, which is then COCO's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.ignored import IGNORED, read_regions
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tables import read_rows
from shgae.errors import Refused
from shgae.evaluation.official import NAMES
from shgae.execution import Execution
from shgae.metrics.pose_scores import BOX_AREA, NO_REGIONS
from shgae.recipes import EvaluateConfig
from shgae.reporting.evaluation import main_tables
from shgae.stages import evaluate
from tests.builders.crowded import drawn, prepared

HOW = Execution(device="cpu", workers=0)
CONFIG = EvaluateConfig(resamples=100, precision="fp32")
OWN = {"oks_ap": "AP", "oks_ap50": "AP50", "oks_ap75": "AP75", "oks_ar": "AR"}


def evaluated(folder: Path, data: Path, results: list[dict[str, Any]], official: bool = True) -> Any:
    (folder / "results.json").write_text(json.dumps(results))
    truth = folder / "people.json" if official else None
    return evaluate.run([folder / "results.json"], data, None, CONFIG, HOW, official=truth)


@pytest.mark.parametrize("seed", range(6))
def test_own_ap_is_cocos_where_everybody_has_one_prediction(tmp_path: Path, seed: int) -> None:
    truth, results = drawn(tmp_path / "x", seed)
    data = prepared(tmp_path / "x", truth)
    regions = read_regions(open_artifact(data, "data"), "val", 17)
    assert regions is not None
    assert len(regions) == len(truth["annotations"]) - len(results)
    (row,) = evaluated(tmp_path / "x", data, results).report.models
    found = {metric.name: metric.all for metric in row.metrics}
    assert row.official is not None
    assert set(row.official) == set(NAMES)
    assert {name: found[name] for name in OWN} == {
        name: pytest.approx(row.official[its], abs=1e-12) for name, its in OWN.items()
    }


def test_a_region_belongs_to_the_splits_of_its_photos_people(tmp_path: Path) -> None:
    truth, results = drawn(tmp_path / "x", 1)
    truth["annotations"] = [one | ({"iscrowd": 1} if one["image_id"] == 2 else {}) for one in truth["annotations"]]
    data = prepared(tmp_path / "x", truth, hold_out=3)
    rows = list(read_rows(data / "people.jsonl"))
    people = {split: {row["image_id"] for row in rows if row["split"] == split} for split in ("train", "val", "test")}
    for split, photos in people.items():
        regions = read_regions(open_artifact(data, "data"), split, 17)
        assert regions is not None
        assert 2 not in regions.photo_id, "a photo of crowds alone has no predictions"
        wanted = {row["image_id"] for row in rows if row["image_id"] in photos and row["split"] is None}
        assert set(regions.photo_id.tolist()) == wanted
    assert len(results) > 3


def test_the_regions_are_no_part_of_the_datas_id(tmp_path: Path) -> None:
    truth, _ = drawn(tmp_path / "x", 2)
    made = open_artifact(prepared(tmp_path / "x", truth), "data")
    assert made.manifest.files[IGNORED].volatile
    assert not made.manifest.files["people.jsonl"].volatile


def test_a_table_says_where_an_area_is_a_boxs_and_where_regions_are_not_known(tmp_path: Path) -> None:
    truth, results = drawn(tmp_path / "x", 3, with_area=False)
    data = prepared(tmp_path / "x", truth)
    result = evaluated(tmp_path / "x", data, results, official=False)
    rules = {metric.name: metric.rule for metric in result.report.models[0].metrics}
    assert BOX_AREA in rules["oks_ap"]
    named = [row[0] for grid in main_tables(result.report) for row in grid.rows if "OKS" in row[0]]
    assert len(named) == 5
    assert all("box area" in name for name in named)
    manifest = json.loads((data / "manifest.json").read_text())
    del manifest["files"][IGNORED]
    (data / IGNORED).unlink()
    (data / "manifest.json").write_text(json.dumps(manifest))
    older = evaluated(tmp_path / "x", data, results, official=False).report
    assert NO_REGIONS in {metric.name: metric.rule for metric in older.models[0].metrics}["oks_ap"]
    assert any("ignored regions in OKS AP" in grid.caption for grid in main_tables(older))


CROWD = {"image_id": 7, "splits": ["val"], "iscrowd": 1, "bbox": [1, 2, 3, 4], "area": 5.5, "keypoints": [8, 9, 2] * 2}
NOBODY = {"image_id": -(2**63), "splits": ["train", "val"], "iscrowd": 0, "bbox": [-5, 6, 0.5, 1]}
SMALL = NOBODY | {"image_id": 2**63 - 1, "area": 0, "keypoints": [1, 2, 0, 3, 4, 1]}


def kept(folder: Path, rows: list[dict[str, Any]], name: str = IGNORED) -> Artifact:
    """Data with these ignored regions, of people of two joints."""
    with new_artifact(folder, kind="data", config={}, parents={}, execution=Execution()) as made:
        made.write_rows(name, rows)
        return made.commit({})


def test_regions_are_read_as_they_are_written_those_of_the_split(tmp_path: Path) -> None:
    data = kept(tmp_path / "data", [CROWD, NOBODY, SMALL | {"splits": ["train"]}, SMALL])
    found = read_regions(data, "val", 2)
    assert found is not None
    assert found.photo_id.tolist() == [7, -(2**63), 2**63 - 1]
    assert found.is_crowd.tolist() == [True, False, False]
    assert found.box.tolist() == [[1, 2, 3, 4], [-5, 6, 0.5, 1], [-5, 6, 0.5, 1]]
    np.testing.assert_array_equal(found.area, [5.5, np.nan, 0])
    assert found.xy_photo.tolist() == [[[8, 9], [8, 9]], [[0, 0], [0, 0]], [[1, 2], [3, 4]]]
    assert found.visibility.tolist() == [[2, 2], [0, 0], [0, 1]]


def test_no_regions_in_a_split_are_none_and_of_older_data_they_are_not_known(tmp_path: Path) -> None:
    found = read_regions(kept(tmp_path / "data", [CROWD]), "test", 2)
    assert found is not None
    assert (len(found), found.box.shape, found.xy_photo.shape, found.visibility.shape) == (0, (0, 4), (0, 2, 2), (0, 2))
    assert read_regions(kept(tmp_path / "older", [], "people.jsonl"), "val", 2) is None


WRONG: dict[str, tuple[Any, ...]] = {
    "image_id": (2**63, -(2**63) - 1, 1.0, True, None),
    "splits": (0, None, "val"),
    "iscrowd": (2, -1, None),
    "area": ("x", -0.5, None, True, 2**53),
    "bbox": ([1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 0, 4], [1, 2, 3, 0], [1, 2, "3", 4], None, 5),
    "keypoints": ([1], [], [1, 2, 3] * 2, [1, 2, 0.5] * 2, ["x", 2, 0] * 2, None),
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_row_that_prepare_would_not_write_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(Refused, match="prepare writes"):
        read_regions(kept(tmp_path / "data", [CROWD, NOBODY | {key: value}]), "val", 2)


def test_a_broken_crowd_is_no_region_and_no_fault(tmp_path: Path) -> None:
    truth, results = drawn(tmp_path / "x", 5)
    one = next(one for one in truth["annotations"] if not one["iscrowd"] and not one["num_keypoints"])
    broken = [
        {"bbox": [float("inf"), 0, 3, 3], "iscrowd": 1},
        {"bbox": None},
        {"keypoints": [1.5, 2.0, 7] * 17, "iscrowd": 1},
    ]
    more = [one | change | {"id": 1000 + place} for place, change in enumerate(broken)]
    data = prepared(tmp_path / "x", truth | {"annotations": [*truth["annotations"], *more]})
    rows = list(read_rows(data / IGNORED))
    assert len(rows) == 2 * (len(truth["annotations"]) - len(results) + 1), "of train and of val"
    assert "keypoints" not in rows[-1]
