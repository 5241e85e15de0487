"""A joint that a file has at 0, 0 with a score of 0 was not found: it is missed, and nowhere taken for a point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import Predictions, coco_results, from_cells, read_predictions
from shgae.execution import Execution
from shgae.experiments import compare
from shgae.experiments.compare import GivenArm
from shgae.metrics.error_kinds import KINDS, kinds
from shgae.metrics.people import People
from shgae.metrics.pose_scores import score
from shgae.recipe_parts import CompareConfig
from shgae.recipes import EvaluateConfig
from shgae.reporting.evaluation import dialects_table
from shgae.skeleton import COCO_PERSON
from shgae.stages import evaluate
from tests.builders import crowded

HOW = Execution(device="cpu", workers=0)


@pytest.fixture
def entries(crops: Crops) -> list[dict[str, Any]]:
    """Everybody's target cells."""
    return list(coco_results(from_cells("x", people_of(crops, COCO_PERSON).cells, None, crops), crops, 1))


def without(entries: list[dict[str, Any]], seed: int = 0, share: float = 0.3) -> list[dict[str, Any]]:
    """The same, of which a share of joints was not found."""
    numbers = np.random.default_rng(seed)
    lost = [np.repeat(numbers.random(17) < share, 3) for _ in entries]
    pairs = zip(entries, lost, strict=True)
    return [one | {"keypoints": np.where(gone, 0.0, one["keypoints"]).tolist()} for one, gone in pairs]


def written(path: Path, entries: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(entries))
    return path


def at_the_corner() -> tuple[Predictions, People]:
    """Two people with all joints on pixel 0, 0 of their photo; the second is predicted there with a score."""
    shape = (2, 17, 2)
    xy, cells, ids = np.zeros(shape), np.zeros(shape, np.int64), np.arange(2)
    v, box = np.full(shape[:2], 2), np.array([[0.0, 0, 90, 90]] * 2)
    people = People(COCO_PERSON.names, xy, v, cells, v, 64, box, ids, ids)
    each = np.repeat(np.array([[0], [0.5]], np.float32), 17, 1)
    return Predictions(xy, cells, np.ones(2), "by hand", name="x", joint_score=each), people


def test_it_is_missed_in_every_score_even_where_the_joint_is_at_the_corner() -> None:
    points, people = at_the_corner()
    found = score(points, people)
    metrics = {one.name: one for one in found.metrics}
    for name in ("pck/person", "box_pck@0.1/micro", "longer_pck@0.2/joint", "oks/person"):
        assert metrics[name].all == 0.5, name
    assert found.hits.tolist() == [[False] * 17, [True] * 17]
    assert kinds(points, people, COCO_PERSON.flip_pairs).tolist() == [[KINDS.index(k)] * 17 for k in ("miss", "good")]
    assert metrics["error_px/p99"].all == 0
    assert metrics["error_px/p99"].left_out == {"people not found": 1}


@pytest.mark.parametrize("named", [True, False])
def test_errors_in_pixels_leave_it_out_and_count_it(
    tmp_path: Path, tiny_data: Path, crops: Crops, entries: list[dict[str, Any]], named: bool
) -> None:
    drop = () if named else ("annotation_id",)
    files = [
        written(tmp_path / name, [{k: v for k, v in one.items() if k not in drop} for one in each])
        for name, each in (("all.json", entries), ("some.json", without(entries)))
    ]
    report = evaluate.run(files, tiny_data, None, EvaluateConfig(resamples=100), HOW).report
    full, some = ({one.name: one for one in row.metrics} for row in report.models)
    labelled = crops.people.visibility > 0
    kept = np.reshape([one["keypoints"] for one in without(entries)], (len(crops), 17, 3)).any(-1)
    assert some["error_px/p99"].left_out["joints not found"] == (labelled & ~kept).sum() > 0
    assert "joints not found" not in full["error_px/p99"].left_out
    for name in ("error_px/p50", "error_px/p90", "error_px/p99", "error_box/p99"):
        assert some[name].all is not None and full[name].all is not None
        assert some[name].all <= 1.5 * full[name].all, name  # type: ignore[operator]
    assert report.models[1].pck.all == pytest.approx((labelled & kept).sum(1).mean() / 17, abs=0.2)
    assert f"not found, PCK and OKS miss them: some {(labelled & ~kept).sum()}" in dialects_table(report).caption


def test_people_of_whom_nothing_was_found_are_left_out_of_errors_and_told(
    tmp_path: Path, tiny_data: Path, entries: list[dict[str, Any]]
) -> None:
    file = written(tmp_path / "some.json", [*without(entries[:2], share=1), *entries[2:]])
    report = evaluate.run([file], tiny_data, None, EvaluateConfig(resamples=100), HOW).report
    assert (
        "Errors leave out people that were not found, PCK and OKS miss them: some 2" in dialects_table(report).caption
    )


def test_it_is_still_not_found_in_the_file_that_evaluate_writes(
    tmp_path: Path, crops: Crops, entries: list[dict[str, Any]]
) -> None:
    def read(each: list[dict[str, Any]]) -> Predictions:
        return read_predictions(written(tmp_path / "p.json", each), "x", crops, crops.people).predictions

    first = read(without(entries))
    np.testing.assert_array_equal(first.joints_found, read(list(coco_results(first, crops, 1))).joints_found)
    assert read(entries).joints_found.all() and not first.joints_found.all()
    nobody = read([one | {"found": False} for one in entries])
    assert not nobody.joints_found.any()


def test_a_comparison_misses_it_too(tmp_path: Path) -> None:
    truth, _ = crowded.drawn(tmp_path / "x", 1)
    for one in truth["annotations"]:
        one["bbox"], one["keypoints"][:3] = [0, 0, 100, 100], [1, 1, 2]
    data = crowded.prepared(tmp_path / "x", truth)
    there = Crops(open_artifact(data, "data"), "val")
    all_found = list(coco_results(from_cells("x", people_of(there, COCO_PERSON).cells, None, there), there, 1))
    none_found = without(all_found, share=1)
    files = [written(tmp_path / f"{i}.json", each) for i, each in enumerate((all_found, none_found))]
    arms = [GivenArm(file.stem, (file,)) for file in files]
    report = compare.run(arms, data, tmp_path / "out", CompareConfig(), HOW).report
    assert [arm.by_seed[0].all for arm in report.arms] == [1, 0]
