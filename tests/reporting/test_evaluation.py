"""Tables of an evaluation's report, and a sentence a verdict."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shgae.evaluation.report import EVALUATION, EvaluationReport, Matching, Row
from shgae.evaluation.trainings import Control, Controlled
from shgae.metrics.official import NAMES
from shgae.metrics.paired_tests import McNemar
from shgae.metrics.pck import ByGroup
from shgae.metrics.people import People, Points
from shgae.metrics.pose_scores import score
from shgae.metrics.statistics import Interval, Verdict
from shgae.reporting.evaluation import (
    SHOWN,
    bars_title,
    dialects_table,
    joint_bars,
    joint_tables,
    main_tables,
    pck_table,
    sentence,
    sentences,
)
from shgae.reporting.table import Grid
from shgae.skeleton import COCO_PERSON
from tests.builders.reports import evaluation, interval, pair, scored

ENDS = ((0.01, 0.05), (-0.01, 0.03))
"""One interval above 0, and one on both sides of it."""
MCNEMAR = McNemar(1, 1200, 0, 0, 0.00012, 0.002)


def row(name: str, names: tuple[str, ...], shift: float, sure: Interval | None = None, **measures: Any) -> Row:
    """A predictor that is off by ``shift`` photo pixels in x, on two people of 4 x 4 cells each."""
    shape = (2, len(names), 2)
    xy = np.random.default_rng(0).uniform(50, 90, shape)
    visibility, cells = np.full(shape[:2], 2), np.zeros(shape, np.int64)
    visibility[0, 5:] = 0
    box, ids = np.array([[0, 0, 100, 50]] * 2, np.float64), np.arange(2)
    people = People(names, xy, visibility, cells, visibility, 64, box, ids, ids, **measures)
    found = score(Points(xy + [shift, 0], cells + [int(shift), 0], np.ones(2), "by hand"), people)
    joints = found.original.joints(names)
    made = scored(name, {joint: one.all for joint, one in joints.items()}, sure=sure, metrics=found.metrics)
    labels = found.original.joint_labels[0].tolist()
    counts = {joint: replace(made.joints[joint], count=count) for joint, count in zip(names, labels, strict=True)}
    return replace(made, pck=found.original.pck(), joints=counts, curves=found.curves)


def test_a_table_says_so_where_pck_is_of_other_points_than_the_other_scores() -> None:
    one = row("base", COCO_PERSON.names, 0)
    decoded = replace(one, metrics=(replace(one.metrics[0], decoding="highest cell"), *one.metrics[1:]))
    plain, other = (pck_table(evaluation(each, persons=2, photos=2)).caption for each in (one, decoded))
    assert "highest cells" in other and "highest cells" not in plain


def report_of(names: tuple[str, ...]) -> EvaluationReport:
    models = (row("base", names, 0, interval(0.95, 1.0)), row("off", names, 9))
    each = pair("base", "off", interval(-0.053, -0.013), dict.fromkeys(names, MCNEMAR))
    return replace(
        evaluation(*models, persons=2, photos=2),
        floors=(row("blind", names, 60),),
        ceilings=(row("best", names, 1),),
        comparisons=(each,),
    )


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    return report_of(COCO_PERSON.names)


def line(grid: Grid, name: str) -> tuple[str, ...]:
    return next(cells[1:] for cells in grid.rows if cells[0] == name)


def test_the_main_table_has_the_interval_and_what_to_compare_with(report: EvaluationReport) -> None:
    grid = pck_table(report)
    assert grid.title == "test: 2 people of data 0123456789ab"
    assert line(grid, "base") == ("100.0", "95.0 to 100.0", "-", "100.0", "22")
    assert line(grid, "off")[1] == "-"
    assert [cells[0] for cells in grid.rows] == ["base", "off", "blind", "best"]
    assert grid.aside == 2
    few = "Intervals: Student's t with the standard error of 10,000 resamples of 2 photos (under 50)"
    assert f"{few}; of a PCK near 0 or 100 % the score interval instead" in grid.caption
    many = pck_table(replace(report, photos=100)).caption
    assert "Intervals: percentiles of 10,000 resamples of 100 photos; of a PCK near" in many
    uneven = pck_table(replace(report, photos=100, effective_photos=8.46)).caption
    assert "Student's t with the standard error of 10,000 resamples of 100 photos, which weigh as much" in uneven
    assert "as much as 8.5 of one size (under 50); of a PCK" in uneven
    middle = replace(report.models[0], pck=ByGroup(0.6, None, 0.6))
    assert "score interval" not in pck_table(replace(report, models=(middle,))).caption


def test_models_that_find_no_more_than_a_guess_without_the_photo_are_named(report: EvaluationReport) -> None:
    def named(report: EvaluationReport) -> str:
        lines = pck_table(report).caption.splitlines()
        return next((line.rpartition(": ")[2] for line in lines if "does not look at the photo" in line), "")

    assert named(report) == "", "floors find nothing"
    guess = replace(report.floors[0], pck=report.models[0].pck)
    assert named(replace(report, floors=(guess,))) == "base, off", "by points, where there is no interval"
    sure = [replace(row, above_floor=interval(*ends)) for row, ends in zip(report.models, ENDS, strict=True)]
    assert named(replace(report, floors=(guess,), models=tuple(sure))) == "off +1.0 (-1.0 to +3.0)"
    low = ByGroup(0.001, None, 0.001)
    assert named(replace(report, floors=(replace(guess, pck=low),), models=tuple(sure))).startswith("off")
    assert named(replace(report, floors=())) == ""


def test_from_one_photo_there_are_no_intervals(report: EvaluationReport) -> None:
    assert "Intervals: none, from fewer than two photos" in pck_table(replace(report, photos=1)).caption


def test_differences_have_intervals_and_a_sentence(report: EvaluationReport) -> None:
    grid = main_tables(report)[1]
    assert line(grid, "off - base") == ("-3.3 (-5.3 to -1.3)", "-", "-3.3 (-5.3 to -1.3)", "0.03", "0.03")
    assert grid.caption.splitlines()[0] == sentence(report.comparisons[0])
    assert [grid.title for grid in main_tables(replace(report, comparisons=()))] == [
        "test: 2 people of data 0123456789ab",
        "Other scores (% but where pixels are named)",
    ]


SENTENCES = {
    Verdict.BETTER: "new against old: +2.0 points of PCK (95 % CI +1.0 to +3.0): new is significantly better",
    Verdict.WORSE: "new against old: -2.0 points of PCK (95 % CI -3.0 to -1.0): new is significantly worse",
    Verdict.NO_SIGNIFICANT_DIFFERENCE: (
        "new against old: +1.0 points of PCK (95 % CI -1.0 to +3.0): no significant difference"
    ),
    Verdict.IDENTICAL: "new against old: +0.0 points of PCK (95 % CI +0.0 to +0.0): no difference on any photo",
    Verdict.TOO_FEW_PHOTOS: "new against old: too few photos for a verdict (9 photos, at least 10)",
}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (interval(0.01, 0.03), Verdict.BETTER),
        (interval(-0.03, -0.01), Verdict.WORSE),
        (interval(-0.01, 0.03), Verdict.NO_SIGNIFICANT_DIFFERENCE),
        (interval(0.0, 0.0), Verdict.IDENTICAL),
        (None, Verdict.TOO_FEW_PHOTOS),
    ],
)
def test_every_verdict_has_its_sentence(found: Interval | None, verdict: Verdict) -> None:
    made = pair("old", "new", found, {}, photos=10 if found else 9)
    assert (made.verdict, sentence(made)) == (verdict, SENTENCES[verdict])


def test_of_several_pairs_the_number_and_the_adjusted_p_are_said() -> None:
    made = replace(pair("old", "new", interval(0.01, 0.03), {}), p_adjusted=0.09)
    made = replace(made, verdict=Verdict.NO_SIGNIFICANT_DIFFERENCE)
    assert sentence(made, 3) == (
        "new against old: +2.0 points of PCK (95 % CI +1.0 to +3.0): no significant difference (one of 3 pairs, "
        "adjusted p 0.09)"
    )


def test_names_with_braces_are_names() -> None:
    made = pair("{old}", "{0}", None, {})
    assert sentence(made) == "{0} against {old}: too few photos for a verdict (20 photos, at least 10)"


def test_the_other_scores_of_coco_are_a_row_each_and_a_column_a_predictor(report: EvaluationReport) -> None:
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
    assert [note.partition(":")[0] for note in grid.caption.splitlines()[:2]] == ["No PCK by torso", "No OKS"]


def test_tables_of_joints(report: EvaluationReport) -> None:
    joints, bins, torso, mcnemar = joint_tables(report)
    assert line(joints, "nose") == ("100.0", "0.0", "0.0", "100.0", "2")
    assert line(joints, "left_ankle")[-1] == "1"
    assert bins.rows == (
        *(("1-4", "-", "-", "-", "-"), ("5-8", "100.0", "0.0", "0.0", "100.0")),
        *(("9-12", "-", "-", "-", "-"), ("13-17", "100.0", "0.0", "0.0", "100.0")),
    )
    assert [line(torso, one)[0] for one in ("0.05", "0.5")] == ["100.0", "100.0"]
    assert float(line(torso, "AUC")[0]) == 99.0  # radius 0 finds nothing
    assert line(mcnemar, "nose") == ("1", "1,200", "0", "0", "0.00012", "0.002")
    assert mcnemar.headings[2:4] == ("only base", "only off")
    assert mcnemar.caption.endswith("People are taken for independent: with several of one photo p is too small")


def test_joints_and_bins_keep_their_order_in_a_report_that_was_read_back(report: EvaluationReport) -> None:
    again = EVALUATION.from_json(json.loads(json.dumps(EVALUATION.to_json(report), sort_keys=True)), "here")
    assert list(again.models[0].joints) != list(COCO_PERSON.names), "files sort by letters"
    assert again == report
    assert joint_tables(again) == joint_tables(report)
    assert [cells[0] for cells in joint_tables(again)[0].rows] == list(COCO_PERSON.names)
    assert [list(bars.joints) for bars in joint_bars(again)] == [list(COCO_PERSON.names)] * 2


def test_bars_are_the_shares_of_the_models_with_their_intervals() -> None:
    base = scored("base", {"nose": 0.2, "tail": None}, pck=0.3, sure=interval(0.1, 0.4))
    report = replace(evaluation(base, persons=1, photos=1), joints=("tail", "nose"))
    (bars,) = joint_bars(report)
    assert [(name, bar.share, bar.interval, bar.count) for name, bar in bars.joints.items()] == [
        ("tail", None, None, 10),
        ("nose", 0.2, interval(0.1, 0.4), 10),
    ]
    assert (bars.name, bars.whole.share, bars.whole.interval) == ("base", 0.3, interval(0.1, 0.4))
    assert bars_title(report) == "1 person of 1 photo, split test"


def test_each_pair_of_four_models_has_its_sentence_and_of_five_those_with_the_first() -> None:
    names = ["base", "grafted", "finetuned", "control"]
    pairs = tuple(pair(a, b, None, {"nose": MCNEMAR}) for a, b in itertools.combinations(names, 2))
    four = replace(evaluation(*(scored(name, {"nose": 0.3}) for name in names)), comparisons=pairs)
    assert sentence(pairs[-1]) in sentences(four)
    assert len(sentences(four)) == 6
    assert len(sentences(replace(four, models=(*four.models, four.models[0])))) == 3


def test_joints_are_compared_with_the_first_model_and_between_models_that_were_trained_equally() -> None:
    names = ["base", "control", "finetuned", "other"]
    pairs = [pair(a, b, None, {"nose": MCNEMAR}) for a, b in itertools.combinations(names, 2)]
    equal = Controlled(Control.EQUAL, ())
    pairs = [replace(one, trainings=equal) if one.second == "finetuned" else one for one in pairs]
    report = evaluation(*(scored(name, {"nose": 0.3}) for name in names))
    grids = joint_tables(replace(report, joints=("nose",), comparisons=tuple(pairs)))
    assert [grid.headings[2:4] for grid in grids if "McNemar" in grid.title] == [
        *[("only base", f"only {name}") for name in names[1:]],
        ("only control", "only finetuned"),
    ]


def test_head_boxes_bring_pckh_and_annotated_areas_their_similarity() -> None:
    measures = {"head_size": np.array([20.0, np.nan]), "area": np.array([5000.0, 5000.0])}
    report = evaluation(*(row("base", COCO_PERSON.names, shift, **measures) for shift in (0, 9, 11)))
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


IN_JSON_ALONE: frozenset[str] = frozenset()
"""Families of scores without a row, on purpose."""


def test_every_family_of_scores_has_a_row() -> None:
    measures = {"head_size": np.array([20.0, np.nan]), "area": np.array([5000.0, 5000.0])}
    computed = {metric.name.partition("/")[0] for metric in row("base", COCO_PERSON.names, 0, **measures).metrics}
    shown = {name.partition("/")[0] for name, _ in SHOWN}
    assert computed == shown | IN_JSON_ALONE and not shown & IN_JSON_ALONE


def test_official_numbers_and_matching_stand_in_the_main_tables_of_whom_they_are() -> None:
    official = dict.fromkeys(NAMES, 0.5) | {"APm": None}
    base, plain = scored("base", {"nose": 0.3}), scored("plain", {"nose": 0.3})
    base = replace(base, official=official, matching=Matching(1200, 1100, 3))
    grids = main_tables(evaluation(base, plain, persons=1300))
    said = [one for one in grids[0].caption.splitlines() if "matched" in one]
    assert said == ["base: 1,200 of 1,300 people matched by OKS, 1,100 at 0.5 or more; the others are missed"]
    everybody = pck_table(evaluation(base, persons=1200)).caption
    assert "1,200 of 1,200 people matched" in everybody and "missed" not in everybody
    assert grids[-1].headings == ("number", "base")
    assert (line(grids[-1], "AP"), line(grids[-1], "APm")) == (("50.0",), ("-",))
