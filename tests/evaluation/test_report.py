"""What people's tables become before they are scored, and reports that are read back."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.evaluation.people import people_of
from shgae.evaluation.predictions import Predictions, from_cells
from shgae.evaluation.report import EVALUATION, EvaluationReport, Matching, score
from shgae.evaluation.trainings import Control, Trained, Training
from shgae.metrics.official import NAMES
from shgae.metrics.paired_tests import McNemar
from shgae.metrics.pckh import Curve
from shgae.metrics.people import People
from shgae.metrics.statistics import Interval, Verdict
from shgae.skeleton import COCO_PERSON
from tests.builders.reports import evaluation, interval, pair, scored


@pytest.fixture
def crops(tiny_data: Path) -> Crops:
    return Crops(open_artifact(tiny_data, "data"), "test")


def exact(crops: Crops, people: People) -> Predictions:
    return from_cells("exact", people.cells, None, crops)


def test_the_annotation_in_photo_pixels_is_that_of_the_json(crops: Crops, tiny_data: Path) -> None:
    people, table = people_of(crops, COCO_PERSON), crops.people
    for i in range(len(people)):
        x0, y0, side = table.square[i]
        np.testing.assert_allclose(people.xy_photo[i], table.xy_crop[i] * side / 128 + [x0, y0], rtol=1e-6)
    assert (people.map_size, people.joints) == (32, COCO_PERSON.names)
    np.testing.assert_array_equal(people.box, table.box)


def test_a_joint_outside_the_crop_has_no_target_but_is_annotated(crops: Crops) -> None:
    xy_crop, visibility = crops.people.xy_crop.copy(), crops.people.visibility.copy()
    visibility[0, 0], xy_crop[0, 0] = 2, (140, -30)
    crops.people = dataclasses.replace(crops.people, xy_crop=xy_crop, visibility=visibility)
    people = people_of(crops, COCO_PERSON)
    assert (people.visibility[0, 0], people.cell_visibility[0, 0]) == (2, 0)
    found = {metric.name: metric.values for metric in score(exact(crops, people), people).metrics}
    assert found["pck/micro"].all == 1
    assert found["box_pck@0.2/micro"].joints["nose"] == pytest.approx(1 - 1 / (visibility[:, 0] > 0).sum())


def test_the_middle_of_a_joints_own_cell_is_at_most_a_cell_away(crops: Crops) -> None:
    people = people_of(crops, COCO_PERSON)
    off = np.abs(exact(crops, people).xy_photo - people.xy_photo)[people.visibility > 0]
    cell = (crops.people.square[:, 2] * 4 / 128)[:, None].repeat(17, axis=1)[people.visibility > 0]
    assert (off <= cell[:, None]).all()


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
