"""Reports of evaluations: read back, of earlier schemas too, and the verdicts on their models."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import Any

import pytest

from shgae.errors import Refused
from shgae.evaluation.report import EVALUATION, EvaluationReport, Matching
from shgae.evaluation.trainings import Control, Trained, Training
from shgae.metrics.official import NAMES
from shgae.metrics.paired_tests import McNemar
from shgae.metrics.pckh import Curve
from shgae.metrics.statistics import Interval, Verdict
from tests.builders.reports import evaluation, interval, pair, scored

CURVES = {"pckh": Curve((0.0, 0.5), (0.0, 0.3), 0.15)}
OFFICIAL = dict.fromkeys(NAMES, 0.5) | {"APm": None}
NEW_IN_3 = ("curves", "matching", "official")
NEW_IN_5 = ("above_floor", "errors", "trained")


def of_schema_1(report: EvaluationReport, found: Interval | None) -> dict[str, Any]:
    """What the first schema made of a report with one comparison; its first reports had neither floors nor an order."""
    old = json.loads(json.dumps(EVALUATION.to_json(replace(report, comparisons=())), sort_keys=True))
    for key in ("schema", "joints", "floors", "ceilings", "errors"):
        del old[key]
    old["bootstrap"] = {"draws": old["bootstrap"].pop("resamples"), "seed": 0}
    for row in old["models"]:
        for key in ("id", "predictions_sha256", "trained_on_other_data", "interval", *NEW_IN_3, *NEW_IN_5):
            del row[key]
        for joint in row["joints"].values():
            del joint["interval"]
    one = found and {**dataclasses.asdict(found), "smallest_to_show": 0.5}
    pair = {"first": "a", "second": "b", "photos": 7, "sentence": "b against a: a sentence"}
    difference = {"all": one, "v1": None, "v2": one}
    joints = dict.fromkeys(("nose", "chin"), {"both": 1, "only_first": 2, "only_second": 3, "neither": 4, "p": 0.03})
    return old | {"comparisons": [pair | {"difference": difference, "joints": joints}]}


@pytest.mark.parametrize("found", [interval(0.01, 0.03), interval(-0.01, 0.03), None])
def test_a_report_of_schema_1_is_read_and_what_it_lacks_is_none(found: Interval | None) -> None:
    made = evaluation(*(scored(name, {"nose": 0.3, "chin": None}) for name in "ab"))
    read = EVALUATION.from_json(of_schema_1(made, found), "here")
    assert [row.interval for row in read.models] == [None, None]
    assert (read.floors, read.ceilings, read.joints) == ((), (), ("chin", "nose"))
    (pair,) = read.comparisons
    assert (pair.difference.all, pair.difference.v1) == (found, None)
    assert pair.verdict is Verdict.of(found, 20)
    assert (pair.p, pair.p_adjusted) == (None, None)
    assert pair.joints["nose"] == McNemar(1, 2, 3, 4, 0.03, 0.06)
    assert replace(read, comparisons=(), joints=made.joints) == made


def test_reports_of_schema_2_and_the_last_of_schema_1_are_read_with_what_their_rows_have() -> None:
    plain, whole = (scored(name, {"nose": 0.3}) for name in "ab")
    whole = replace(whole, curves=CURVES, matching=Matching(5, 4, 3), official=OFFICIAL)
    made = evaluation(plain, whole)
    assert EVALUATION.from_json(EVALUATION.to_json(made), "here") == made

    last = of_schema_1(evaluation(plain), None) | {"comparisons": []}
    says = {"curves": {"pckh": dataclasses.asdict(CURVES["pckh"])}, "official": OFFICIAL}
    says |= {"matched": 5, "matched_at_0.5": 4, "unmatched": 3, "name": "b"}
    last["models"].append(last["models"][0] | json.loads(json.dumps(says)))
    assert EVALUATION.from_json(last, "here") == made

    second = EVALUATION.to_json(evaluation(plain)) | {"schema": 2}
    del second["errors"]
    for key in (*NEW_IN_3, *NEW_IN_5):
        del second["models"][0][key]
    assert EVALUATION.from_json(second, "here") == evaluation(plain)


def test_reports_of_schema_4_are_read_without_kinds_of_errors_and_trainings() -> None:
    made = evaluation(scored("a", {"nose": 0.3}), scored("b", {"nose": 0.3}))
    made = replace(made, comparisons=(pair("a", "b", interval(0.01, 0.03), {"nose": McNemar(1, 2, 3, 4, 0.5, 0.5)}),))
    fourth = EVALUATION.to_json(made) | {"schema": 4}
    del fourth["errors"], fourth["comparisons"][0]["errors"], fourth["comparisons"][0]["trainings"]
    for row in fourth["models"]:
        for key in NEW_IN_5:
            del row[key]
    assert EVALUATION.from_json(fourth, "here") == made
    assert made.comparisons[0].trainings.verdict is Control.UNKNOWN


def test_reports_of_schema_5_are_read_without_how_autoencoders_were_made() -> None:
    known = Trained({"stacks": 1}, (Training("x", "train", "d", 50, 500, {"lr": 1e-3}),))
    made = evaluation(replace(scored("a", {"nose": 0.3}), trained=known), scored("b", {"nose": 0.3}))
    fifth = EVALUATION.to_json(made) | {"schema": 5}
    del fifth["models"][0]["trained"]["autoencoders"]
    assert EVALUATION.from_json(fifth, "here") == made


@pytest.mark.parametrize(
    "change",
    [
        {"official": {"AP": 0.5}},
        {"curves": {"pckh": {"radii": [0.0, 0.5], "shares": [0.0], "auc": 0.1}}},
        {"curves": {"pckh": {"radii": [0.0, 0.4], "shares": [0.0, 0.3], "auc": 0.1}}},
    ],
)
def test_curves_and_official_numbers_that_are_not_those_of_the_tables_are_refused(change: dict[str, Any]) -> None:
    row = replace(scored("a", {"nose": 0.3}), curves=CURVES, official=OFFICIAL)
    value = EVALUATION.to_json(evaluation(row, row))
    value["models"][1] |= change
    with pytest.raises(Refused, match="official|radii"):
        EVALUATION.from_json(value, "here")


def test_rows_of_other_joints_or_scores_and_a_report_without_models_are_refused() -> None:
    made = EVALUATION.to_json(evaluation(scored("a", {"nose": 0.3}), scored("b", {"nose": 0.3})))
    for change in (
        {"joints": ["nose", "tail"]},
        {"models": []},
        {"models": [made["models"][0] | {"metrics": []}, made["models"][1]]},
    ):
        with pytest.raises(Refused, match="no model|no score"):
            EVALUATION.from_json(made | change, "here")


def test_a_model_has_to_be_significantly_better_than_the_best_guess_without_the_photo() -> None:
    guess, worse = scored("guess", {"nose": 0.2}, pck=0.2), scored("none", {"nose": 0.0}, pck=0.0)
    models = [
        replace(scored("clear", {"nose": 0.3}, pck=0.3), above_floor=interval(0.05, 0.15)),
        replace(scored("unclear", {"nose": 0.3}, pck=0.3), above_floor=interval(-0.01, 0.2)),
        scored("of one photo, above", {"nose": 0.3}, pck=0.3),
        scored("of one photo, equal", {"nose": 0.2}, pck=0.2),
        scored("nobody labelled", {"nose": None}, pck=None),
    ]
    report = replace(evaluation(*models), floors=(worse, guess))
    assert report.best_floor is guess
    assert [row.name for row in report.not_above_floor] == ["unclear", "of one photo, equal", "nobody labelled"]
    assert replace(report, floors=(worse,)).not_above_floor == ()
    assert replace(report, floors=()).best_floor is None


@pytest.mark.parametrize(("pck", "near"), [(0.5, False), (0.999, True), (0.001, True)])
def test_near_none_and_all_an_interval_is_a_score_interval(pck: float, near: bool) -> None:
    row = scored("x", {"nose": pck}, pck=pck, sure=interval(pck - 0.001, pck + 0.001))
    assert evaluation(row, photos=300).has_score_intervals is near
    assert not evaluation(replace(row, interval=None), photos=300).has_score_intervals
