"""Crowds and people without joints go from the JSON through prepare into OKS AP, which is then COCO's own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from shgae.artifacts.ignored import IGNORED, read_regions
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import read_rows, write_rows
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


@pytest.mark.parametrize(
    "change",
    [{"bbox": [1, 2, 3]}, {"bbox": [1, 2, 0, 4]}, {"area": "x"}, {"keypoints": [1]}, {"iscrowd": 2}, {"splits": 0}],
)
def test_a_row_that_prepare_would_not_write_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    truth, _ = drawn(tmp_path / "x", 4)
    data = open_artifact(prepared(tmp_path / "x", truth), "data")
    rows = list(read_rows(data.file(IGNORED)))
    write_rows(data.path / IGNORED, [rows[0] | change, *rows[1:]])
    manifest = json.loads((data.path / "manifest.json").read_text())
    content = (data.path / IGNORED).read_bytes()
    manifest["files"][IGNORED] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (data.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Refused, match="prepare writes"):
        read_regions(open_artifact(data.path, "data"), "val", 17)


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
