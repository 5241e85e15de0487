"""Tables of an evaluation's report, and a sentence a verdict."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shgae.evaluation.official import NAMES
from shgae.evaluation.report import EVALUATION, EvaluationReport, Matching, Pair, Row
from shgae.evaluation.trainings import Control, Controlled
from shgae.metrics.comparison import McNemar
from shgae.metrics.pck import ByGroup
from shgae.metrics.people import People, Points
from shgae.metrics.pose_scores import score
from shgae.metrics.statistics import Interval, Verdict
from shgae.reporting.evaluation import (
    SHOWN,
    bars_title,
    dialects_table,
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


PLAIN = report_of(COCO_PERSON.names)
MIDDLE = replace(PLAIN.models[0], pck=ByGroup(0.6, None, 0.6))
DECODED = replace(MIDDLE, metrics=(replace(MIDDLE.metrics[0], decoding="highest cell"), *MIDDLE.metrics[1:]))
MATCHED = Matching(1200, 1100, 3)
GUESS = replace(PLAIN.floors[0], pck=PLAIN.models[0].pck)
ABOVE = tuple(replace(row, above_floor=interval(*ends)) for row, ends in zip(PLAIN.models, ENDS, strict=True))
BELOW = (replace(PLAIN.models[0], above_floor=interval(-0.05, -0.01)), ABOVE[1])
WORSE = "Significantly worse than the blind, which does not look at the photo (points of PCK): "
BLIND = "Not significantly better than the blind, which does not look at the photo (points of PCK): "
CAPTIONS: dict[str, tuple[EvaluationReport, list[str]]] = {
    "many photos": (
        replace(PLAIN, photos=100, models=(MIDDLE,)),
        ["Intervals: percentiles of 10,000 resamples of 100 photos"],
    ),
    "few photos": (
        replace(PLAIN, models=(MIDDLE,)),
        ["Intervals: Student's t with the standard error of 10,000 resamples of 2 photos (under 50)"],
    ),
    "few photos by their weight, and shares near 100 %": (
        replace(PLAIN, photos=100, effective_photos=8.46),
        [
            "Intervals: Student's t with the standard error of 10,000 resamples of 100 photos, which weigh as much as "
            "8.5 of one size (under 50); of a PCK near 0 or 100 % or equal on every photo the score interval"
        ],
    ),
    "one photo": (replace(PLAIN, photos=1), ["Intervals: none, from fewer than two photos"]),
    "other points than the other scores": (
        replace(PLAIN, photos=1, models=(DECODED,)),
        [
            "Intervals: none, from fewer than two photos",
            "PCK and its differences: of the highest cells, whatever the decoding of the other scores",
        ],
    ),
    "matched people": (
        replace(PLAIN, photos=1, persons=1300, models=(replace(MIDDLE, matching=MATCHED),)),
        [
            "Intervals: none, from fewer than two photos",
            "base: 1,200 of 1,300 people matched by OKS (box area), 1,100 at 0.5 or more; the others are missed",
        ],
    ),
    "everybody is matched": (
        evaluation(replace(scored("base", {"nose": 0.3}), matching=MATCHED), persons=1200, photos=1),
        [
            "Intervals: none, from fewer than two photos",
            "base: 1,200 of 1,200 people matched by OKS, 1,100 at 0.5 or more",
        ],
    ),
    "people matched by their areas": (
        evaluation(replace(scored("base", {"nose": 0.3}), matching=MATCHED), persons=1300, photos=1),
        [
            "Intervals: none, from fewer than two photos",
            "base: 1,200 of 1,300 people matched by OKS, 1,100 at 0.5 or more; the others are missed",
        ],
    ),
    "no better than a guess, by points": (
        replace(PLAIN, photos=1, floors=(GUESS,)),
        ["Intervals: none, from fewer than two photos", f"{BLIND}base, off"],
    ),
    "no better than a guess, by the interval": (
        replace(PLAIN, photos=1, floors=(GUESS,), models=ABOVE),
        ["Intervals: none, from fewer than two photos", f"{BLIND}off +1.0 (-1.0 to +3.0)"],
    ),
    "worse than a guess, of too few photos": (
        replace(PLAIN, photos=1, floors=(GUESS,), models=BELOW),
        ["Intervals: none, from fewer than two photos", f"{BLIND}base -3.0 (-5.0 to -1.0), off +1.0 (-1.0 to +3.0)"],
    ),
    "worse than a guess": (
        replace(PLAIN, photos=60, floors=(GUESS,), models=BELOW),
        [
            "Intervals: percentiles of 10,000 resamples of 60 photos; of a PCK near 0 or 100 % or equal on every photo "
            "the score interval",
            f"{WORSE}base -3.0 (-5.0 to -1.0)",
            f"{BLIND}off +1.0 (-1.0 to +3.0)",
        ],
    ),
}


@pytest.mark.parametrize("case", CAPTIONS)
def test_the_caption_says_what_the_intervals_and_points_are_of(case: str) -> None:
    made, lines = CAPTIONS[case]
    meaning = "PCK: labelled joints within 5 % of the crop's side, mean over a person's, then over people"
    assert pck_table(made).caption.splitlines() == [meaning, *lines]


def test_differences_have_intervals_and_a_sentence(report: EvaluationReport) -> None:
    grid = main_tables(report)[1]
    assert line(grid, "off - base") == ("-3.3 (-5.3 to -1.3)", "-", "-3.3 (-5.3 to -1.3)", "0.03", "0.03")
    assert grid.caption.splitlines()[0] == sentence(report.comparisons[0])
    assert [grid.title for grid in main_tables(replace(report, comparisons=()))] == [
        "test: 2 people of data 0123456789ab",
        "Other scores (% but where pixels are named)",
    ]


SENTENCES: dict[str, tuple[Pair, int, Verdict, str]] = {
    "better": (
        *(pair("old", "new", interval(0.01, 0.03), {}), 1, Verdict.BETTER),
        "new against old: +2.0 points of PCK (95 % CI +1.0 to +3.0): new is significantly better",
    ),
    "worse": (
        *(pair("old", "new", interval(-0.03, -0.01), {}), 1, Verdict.WORSE),
        "new against old: -2.0 points of PCK (95 % CI -3.0 to -1.0): new is significantly worse",
    ),
    "no significant difference": (
        *(pair("old", "new", interval(-0.01, 0.03), {}), 1, Verdict.NO_SIGNIFICANT_DIFFERENCE),
        "new against old: +1.0 points of PCK (95 % CI -1.0 to +3.0): no significant difference",
    ),
    "identical": (
        *(pair("old", "new", interval(0.0, 0.0), {}), 1, Verdict.IDENTICAL),
        "new against old: +0.0 points of PCK (95 % CI +0.0 to +0.0): no difference on any photo",
    ),
    "too few photos, and names with braces": (
        *(pair("{old}", "{0}", None, {}, photos=9), 1, Verdict.TOO_FEW_PHOTOS),
        "{0} against {old}: too few photos for a verdict (9 photos, at least 10)",
    ),
    "one of several pairs": (
        replace(
            pair("old", "new", interval(0.01, 0.03), {}), p_adjusted=0.09, verdict=Verdict.NO_SIGNIFICANT_DIFFERENCE
        ),
        *(3, Verdict.NO_SIGNIFICANT_DIFFERENCE),
        "new against old: +2.0 points of PCK (95 % CI +1.0 to +3.0): no significant difference (one of 3 pairs, "
        "adjusted p 0.09)",
    ),
    "so clear that p is rounded to 0": (
        *(replace(pair("old", "new", interval(0.4, 0.5), {}), p=0.0, p_adjusted=0.0), 3, Verdict.BETTER),
        "new against old: +45.0 points of PCK (95 % CI +40.0 to +50.0): new is significantly better (one of 3 pairs, "
        "adjusted p <1e-300)",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_every_verdict_has_its_sentence(case: str) -> None:
    made, count, verdict, said = SENTENCES[case]
    assert (made.verdict, sentence(made, count)) == (verdict, said)


def test_the_other_scores_of_coco_are_a_row_each_and_a_column_a_predictor(report: EvaluationReport) -> None:
    grid = dialects_table(report)
    assert grid.headings == ("score", "base", "off", "blind", "best")
    assert line(grid, "PCK 0.1 of the box, by axis") == ("100.0", "100.0", "0.0", "100.0")
    assert line(grid, "PCK 0.05 of the box's longer side") == ("100.0", "0.0", "0.0", "100.0")
    assert line(grid, "error p50, photo pixels") == ("0.0", "9.0", "60.0", "1.0")
    assert line(grid, "error p50, % of the box's longer side") == ("0.0", "9.0", "60.0", "1.0")
    assert line(grid, "OKS AP (box area)")[0] == "100.0"


LEFT_OUT = {
    "no torso of one person": (
        PLAIN,
        [
            "No ignored regions in OKS AP: the data was prepared before crowds were kept",
            "Torso: people left out for want of a labelled shoulder and opposite hip: 1",
        ],
    ),
    "no joints of a torso, no sigmas": (
        report_of(("nose", "tail")),
        [
            "No PCK by torso: these joints do not name left and right shoulders and hips",
            "No OKS: these are not COCO's 17 joints, for which alone there are sigmas (--sigmas FILE gives others)",
        ],
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_is_left_out_is_said_once(case: str) -> None:
    made, lines = LEFT_OUT[case]
    assert dialects_table(made).caption.splitlines()[:2] == lines


def test_what_a_skeleton_lacks_has_no_row() -> None:
    grid = dialects_table(report_of(("nose", "tail")))
    assert not [cells for cells in grid.rows if "OKS" in cells[0] or "torso" in cells[0]]


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
    assert mcnemar.caption.splitlines() == [
        "Adjusted: Holm over 17 joints, of which one in twenty has p < 0.05 by chance",
        "People are taken for independent: with several of one photo p is too small",
    ]


def test_joints_and_bins_keep_their_order_in_a_report_that_was_read_back(report: EvaluationReport) -> None:
    again = EVALUATION.from_json(json.loads(json.dumps(EVALUATION.to_json(report), sort_keys=True)), "here")
    assert list(again.models[0].joints) != list(COCO_PERSON.names), "files sort by letters"
    assert again == report
    assert joint_tables(again) == joint_tables(report)
    assert [cells[0] for cells in joint_tables(again)[0].rows] == list(COCO_PERSON.names)


def test_above_the_bars_stands_whom_they_are_of() -> None:
    report = evaluation(scored("base", {"nose": 0.2}), persons=1, photos=1)
    assert bars_title(report) == "1 person of 1 photo, split test"


def test_each_pair_of_four_models_has_its_sentence_and_of_five_those_with_the_first() -> None:
    names = ["base", "grafted", "finetuned", "control"]
    pairs = tuple(pair(a, b, None, {"nose": MCNEMAR}) for a, b in itertools.combinations(names, 2))
    four = replace(evaluation(*(scored(name, {"nose": 0.3}) for name in names)), comparisons=pairs)
    assert sentence(pairs[-1]) in sentences(four) and len(sentences(four)) == 6
    assert all("Holm" not in grid.caption for grid in main_tables(four)), "no pair was tested"
    assert len(sentences(replace(four, models=(*four.models, four.models[0])))) == 3


def test_joints_are_compared_with_the_first_model_and_between_models_that_were_trained_equally() -> None:
    names = ["base", "control", "finetuned", "other"]
    pairs = [pair(a, b, None, {"nose": MCNEMAR}) for a, b in itertools.combinations(names, 2)]
    equal = Controlled(Control.EQUAL, ())
    pairs = [replace(one, trainings=equal) if one.second == "finetuned" else one for one in pairs]
    report = evaluation(*(scored(name, {"nose": 0.3}) for name in names))
    grids = joint_tables(replace(report, joints=("nose",), comparisons=tuple(pairs)))
    tables = [grid for grid in grids if "McNemar" in grid.title]
    said = "Only pairs with base, and pairs of equal training, have such a table: 2 pairs left out"
    assert [one.caption.splitlines()[-1] == said for one in tables] == [False, False, False, True]
    assert [grid.headings[2:4] for grid in tables] == [
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


def test_official_numbers_stand_in_the_main_tables_of_whom_they_are() -> None:
    official = dict.fromkeys(NAMES, 0.5) | {"APm": None}
    base, plain = scored("base", {"nose": 0.3}), scored("plain", {"nose": 0.3})
    (*_, grid) = main_tables(evaluation(replace(base, official=official), plain, persons=1300))
    assert grid.headings == ("number", "base")
    assert (line(grid, "AP"), line(grid, "APm")) == (("50.0",), ("-",))
