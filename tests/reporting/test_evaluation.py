"""Tables of a report that is made of nothing but JSON."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest

from shgae.metrics.people import People, Points
from shgae.metrics.pose_scores import score
from shgae.reporting.evaluation import dialects_table, joint_tables, main_tables, pck_table, sentences
from shgae.reporting.table import Grid
from shgae.skeleton import COCO_PERSON


def row(name: str, names: tuple[str, ...], shift: float, **measures: Any) -> dict[str, Any]:
    """A predictor that is off by ``shift`` photo pixels in x, on two people of 4 x 4 cells each."""
    shape = (2, len(names), 2)
    xy = np.random.default_rng(0).uniform(50, 90, shape)
    visibility, cells = np.full(shape[:2], 2), np.zeros(shape, np.int64)
    visibility[0, 5:] = 0
    box, ids = np.array([[0, 0, 100, 50]] * 2, np.float64), np.arange(2)
    people = People(names, xy, visibility, cells, visibility, 64, box, ids, ids, **measures)
    found = score(Points(xy + [shift, 0], cells + [int(shift), 0], np.ones(2), "by hand"), people)
    study = {"pck": found.study.pck(), "joints": found.study.joints(names)}
    curves = {key: one.to_json() for key, one in found.curves.items()}
    return {"name": name, **study, "curves": curves, "metrics": [metric.to_json() for metric in found.metrics]}


def difference(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.02, "high": value + 0.02, "smallest_to_show": 0.029}


def report_of(names: tuple[str, ...]) -> dict[str, Any]:
    models = [row("base", names, 0) | {"interval": {"all": {"low": 0.95, "high": 1.0}}}, row("off", names, 9)]
    mcnemar = {"both": 1, "only_first": 1200, "only_second": 0, "neither": 0, "p": 0.00012}
    pair = {
        "first": "base",
        "second": "off",
        "difference": {"all": difference(-0.033), "v1": None, "v2": difference(0.01)},
        "joints": dict.fromkeys(names, mcnemar),
        "photos": 2,
        "sentence": "off against base: a sentence",
    }
    return {
        "data": "0123456789ab" + "f" * 52,
        "split": "test",
        "persons": 2,
        "photos": 2,
        "bootstrap": {"draws": 10_000, "seed": 0},
        "models": models,
        "floors": [row("blind", names, 60)],
        "ceilings": [row("best", names, 1)],
        "comparisons": [pair],
    }


@pytest.fixture
def report() -> dict[str, Any]:
    return report_of(COCO_PERSON.names)


def line(grid: Grid, name: str) -> tuple[str, ...]:
    return next(cells[1:] for cells in grid.rows if cells[0] == name)


def test_the_main_table_has_the_interval_and_what_to_compare_with(report: dict[str, Any]) -> None:
    grid = pck_table(report)
    assert grid.title == "test: 2 people of data 0123456789ab"
    assert line(grid, "base") == ("100.0", "95.0 to 100.0", "-", "100.0", "22")
    assert line(grid, "off")[1] == "-"
    assert [cells[0] for cells in grid.rows] == ["base", "off", "blind", "best"]
    assert grid.aside == 2
    assert "10,000 draws of 2 photos: so few make them too narrow" in grid.caption


def test_models_that_find_no_more_than_a_guess_without_the_photo_are_named(report: dict[str, Any]) -> None:
    assert "No better than" not in pck_table(report).caption
    report["floors"][0]["pck"]["all"] = report["models"][0]["pck"]["all"]
    assert pck_table(report).caption.splitlines()[-1] == (
        "No better than the blind, which does not look at the photo: base, off"
    )
    report["floors"] = []
    assert "No better than" not in pck_table(report).caption


def test_differences_have_intervals_and_a_sentence(report: dict[str, Any]) -> None:
    grid = main_tables(report)[1]
    assert line(grid, "off - base") == ("-3.3 (-5.3 to -1.3)", "-", "+1.0 (-1.0 to +3.0)", "2.9")
    assert grid.caption.splitlines()[0] == "off against base: a sentence"
    report["comparisons"] = []
    assert [grid.title for grid in main_tables(report)] == [
        "test: 2 people of data 0123456789ab",
        "Other scores (% but where pixels are named)",
    ]


def test_the_other_scores_of_coco_are_a_row_each_and_a_column_a_predictor(report: dict[str, Any]) -> None:
    grid = dialects_table(report)
    assert grid.headings == ("score", "base", "off", "blind", "best")
    assert line(grid, "PCK 0.1 of the box, by axis") == ("100.0", "100.0", "0.0", "100.0")
    assert line(grid, "PCK 0.05 of the box's longer side") == ("100.0", "0.0", "0.0", "100.0")
    assert line(grid, "error p50, photo pixels") == ("0.0", "9.0", "60.0", "1.0")
    assert line(grid, "error p50, % of the box's longer side") == ("0.0", "9.0", "60.0", "1.0")
    assert line(grid, "OKS AP (box area)")[0] == "100.0"
    assert "for want of a labelled shoulder and opposite hip: 1" in grid.caption


def test_what_a_skeleton_lacks_is_said_once_and_has_no_row() -> None:
    grid = dialects_table(report_of(("nose", "tail")))
    assert not [cells for cells in grid.rows if "OKS" in cells[0] or "torso" in cells[0]]
    assert [note.partition(":")[0] for note in grid.caption.splitlines()[:2]] == ["No PCK of the torso", "No OKS"]


def test_tables_of_joints(report: dict[str, Any]) -> None:
    joints, bins, torso, mcnemar = joint_tables(report)
    assert line(joints, "nose") == ("100.0", "0.0", "0.0", "100.0", "2")
    assert line(joints, "left_ankle")[-1] == "1"
    assert bins.rows == (
        *(("1-4", "-", "-", "-", "-"), ("5-8", "100.0", "0.0", "0.0", "100.0")),
        *(("9-12", "-", "-", "-", "-"), ("13-17", "100.0", "0.0", "0.0", "100.0")),
    )
    assert [line(torso, one)[0] for one in ("0.05", "0.5")] == ["100.0", "100.0"]
    assert float(line(torso, "AUC")[0]) == 99.0  # radius 0 finds nothing
    assert line(mcnemar, "nose") == ("1", "1,200", "0", "0", "0.00012")
    assert mcnemar.headings[2:4] == ("only base", "only off")


def test_joints_and_bins_keep_their_order_in_a_report_that_was_read_back(report: dict[str, Any]) -> None:
    report["joints"] = list(COCO_PERSON.names)
    again = json.loads(json.dumps(report, sort_keys=True))
    assert list(again["models"][0]["joints"]) != report["joints"], "files sort by letters"
    assert joint_tables(again) == joint_tables(report)
    assert [cells[0] for cells in joint_tables(again)[0].rows] == list(COCO_PERSON.names)


def test_each_pair_of_four_models_has_its_sentence_and_of_five_those_with_the_first() -> None:
    pairs = itertools.combinations(["base", "grafted", "finetuned", "control"], 2)
    four = {"models": [{"name": "base"}] * 4}
    four["comparisons"] = [{"first": a, "second": b, "sentence": f"{b} against {a}"} for a, b in pairs]
    assert "control against finetuned" in sentences(four)
    assert len(sentences(four)) == 6
    assert len(sentences(four | {"models": [{"name": "base"}] * 5})) == 3


def test_head_boxes_bring_pckh_and_annotated_areas_their_similarity() -> None:
    measures = {"head_size": np.array([20.0, np.nan]), "area": np.array([5000.0, 5000.0])}
    models = [row("base", COCO_PERSON.names, shift, **measures) for shift in (0, 9, 11)]
    report = report_of(COCO_PERSON.names) | {"models": models, "floors": [], "ceilings": [], "comparisons": []}
    grid = dialects_table(report)
    for name in ("over joints (bearpaw)", "by count (MMPose)", "all joints (princeton)"):
        assert line(grid, f"PCKh 0.5, {name}") == ("100.0", "100.0", "0.0")
        assert line(grid, f"PCKh 0.1, {name}") == ("100.0", "0.0", "0.0")
    assert line(grid, "OKS AP")[0] == "100.0"
    _, heads, _, curve, _ = joint_tables(report)
    assert line(heads, "nose") == ("100.0", "100.0", "0.0")
    assert line(heads, "hidden (v=1)") == ("-", "-", "-")
    assert "head box: 1" in heads.caption
    assert line(curve, "0.45") == ("100.0", "0.0", "0.0")  # 9 px of 20: strictly inside counts only
    assert line(curve, "0.5") == ("100.0", "100.0", "0.0")
