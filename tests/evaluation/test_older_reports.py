"""Evaluations' reports of earlier schemas are read as what they said, and what they lack is none."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import Any

import pytest

from shgae.errors import Refused
from shgae.evaluation.official import NAMES
from shgae.evaluation.older_reports import OLDER
from shgae.evaluation.report import EVALUATION, EvaluationReport, Matching
from shgae.evaluation.trainings import Control, Trained, Training
from shgae.metrics.comparison import McNemar
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
    for key in ("schema", "joints", "floors", "ceilings", "errors", "effective_photos"):
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


def test_reports_of_schema_3_are_read_with_p_values_adjusted_for_the_number_of_joints() -> None:
    """Holm: the smallest times the number, each further one times one less, and never less than the one before."""
    names, given = ("nose", "chin", "tail"), (0.02, 0.01, 0.03)
    due = {"chin": 0.03, "nose": 0.04, "tail": 0.04}
    joints = {name: McNemar(1, 2, 3, 4, p, due[name]) for name, p in zip(names, given, strict=True)}
    made = evaluation(*(scored(name, dict.fromkeys(names, 0.3)) for name in "ab"))
    one = replace(pair("a", "b", interval(0.01, 0.03), joints), p=None, p_adjusted=None)
    made = replace(made, comparisons=(one,))
    third = EVALUATION.to_json(made) | {"schema": 3}
    del third["errors"]
    for row in third["models"]:
        for key in NEW_IN_5:
            del row[key]
    old = third["comparisons"][0]
    for key in ("p", "p_adjusted", "errors", "trainings"):
        del old[key]
    for joint in old["joints"].values():
        del joint["p_adjusted"]
    old["minimum_detectable"] = 0.02
    found = EVALUATION.from_json(third, "here").comparisons[0].joints
    assert {name: one.p_adjusted for name, one in found.items()} == pytest.approx(due)
    assert {name: replace(one, p_adjusted=due[name]) for name, one in found.items()} == joints


def test_a_row_of_schema_2_has_matching_whole_or_not_at_all() -> None:
    rows = [{"matched": 5}, {"unmatched": 3, "other": 1}, {"curves": {"pckh": 1}, "official": 2}]
    found = OLDER[2].step({"models": rows, "floors": [], "ceilings": []})["models"]
    assert found == [
        {"curves": {}, "official": None, "matching": {"matched": 5, "surely": None, "unmatched": None}},
        {"curves": {}, "official": None, "matching": None, "other": 1},
        {"curves": {"pckh": 1}, "official": 2, "matching": None},
    ]


def test_floors_and_ceilings_are_raised_like_models() -> None:
    made = evaluation(scored("a", {"nose": 0.3}))
    made = replace(made, floors=(scored("mean", {"nose": 0.1}),), ceilings=(scored("cells", {"nose": 0.9}),))
    for schema in range(1, 8):
        old = EVALUATION.to_json(made) | {"schema": schema}
        del old["effective_photos"]
        if schema < 7:
            del old["official_photos"]
        if schema == 1:
            old["bootstrap"] = {"draws": 10_000, "seed": 0}
        for row in (*old["models"], *old["floors"], *old["ceilings"]):
            for key in (*NEW_IN_5 * (schema < 5), *NEW_IN_3 * (schema < 3)):
                del row[key]
        assert EVALUATION.from_json(old, "here") == made


def test_a_row_that_was_trained_keeps_what_schema_5_said_of_it() -> None:
    known = Trained({"stacks": 2}, (Training("x", "train", "d", 50, 500, {"lr": 1e-3}),))
    made = evaluation(scored("a", {"nose": 0.3}))
    made = replace(made, ceilings=(replace(scored("cells", {"nose": 0.9}), trained=known),))
    fifth = EVALUATION.to_json(made) | {"schema": 5}
    del fifth["ceilings"][0]["trained"]["autoencoders"]
    assert EVALUATION.from_json(fifth, "here") == made


@pytest.mark.parametrize("key", ["models", "comparisons", "bootstrap"])
def test_a_torn_report_of_schema_1_is_refused(key: str) -> None:
    torn = of_schema_1(evaluation(*(scored(name, {"nose": 0.3, "chin": None}) for name in "ab")), None)
    del torn[key]
    with pytest.raises(Refused, match=key):
        EVALUATION.from_json(torn, "here")


def test_the_first_reports_take_the_order_of_joints_from_their_first_model() -> None:
    old = of_schema_1(evaluation(scored("a", {"nose": 0.3, "chin": None})), None) | {"comparisons": []}
    assert EVALUATION.from_json(old | {"joints": ["nose", "chin"]}, "here").joints == ("nose", "chin")
    assert EVALUATION.from_json(old | {"joints": []}, "here").joints == ("chin", "nose")


def test_a_difference_of_schema_1_is_told_from_zero_by_its_bounds() -> None:
    made = evaluation(*(scored(name, {"nose": 0.3, "chin": None}) for name in "ab"))
    for ends, verdict in (((0.001, 0.02), Verdict.BETTER), ((-0.02, -0.001), Verdict.WORSE)):
        (found,) = EVALUATION.from_json(of_schema_1(made, interval(*ends)), "here").comparisons
        assert found.verdict is verdict and found.difference.all == interval(*ends)


def test_nothing_of_a_report_is_lost_or_changed_in_place() -> None:
    for schema in range(1, 8):
        made = EVALUATION.to_json(evaluation(scored("a", {"nose": 0.3}))) | {"more": [schema]}
        made["bootstrap"]["draws"] = 100
        before = json.dumps(made)
        assert OLDER[schema].step(made)["more"] == [schema]
        assert json.dumps(made) == before
