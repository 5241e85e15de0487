"""Reports of evaluations: what is refused when they are read, and the verdicts on their models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shgae.errors import Refused
from shgae.evaluation.official import NAMES
from shgae.evaluation.report import EVALUATION
from shgae.metrics.comparison import resample_pck
from shgae.metrics.pckh import Curve
from tests.builders.reports import evaluation, interval, scored

CURVES = {"pckh": Curve((0.0, 0.5), (0.0, 0.3), 0.15)}
OFFICIAL = dict.fromkeys(NAMES, 0.5) | {"APm": None}


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
    report = replace(evaluation(*models, photos=10), floors=(worse, guess))
    assert report.best_floor is guess
    assert [row.name for row in report.not_above_floor] == ["unclear", "of one photo, equal", "nobody labelled"]
    assert report.below_floor == ()
    below = replace(models[0], above_floor=interval(-0.15, -0.05))
    assert replace(report, models=(below, *models[1:])).below_floor == (below,)
    assert replace(report, models=(below, *models[1:]), photos=9).below_floor == ()
    assert replace(report, floors=(worse,)).not_above_floor == ()
    assert replace(report, floors=()).best_floor is None


@pytest.mark.parametrize(("pck", "near"), [(0.5, False), (0.999, True), (0.001, True)])
def test_near_none_and_all_an_interval_is_a_score_interval(pck: float, near: bool) -> None:
    row = scored("x", {"nose": pck}, pck=pck, sure=interval(pck - 0.001, pck + 0.001))
    assert evaluation(row, photos=300).has_score_intervals is near
    assert not evaluation(replace(row, interval=None), photos=300).has_score_intervals


def test_the_same_on_every_photo_it_is_one_but_in_reports_of_before_that_had_no_width() -> None:
    hits = np.array([[True, False]] * 60)
    found = resample_pck([hits], np.full((60, 2), 2, np.uint8), np.arange(60), resamples=200, seed=0).share((0, 0))
    assert found is not None
    for sure, is_score in ((found, True), (interval(0.5, 0.5), False)):
        assert evaluation(scored("x", {"nose": 0.5}, pck=0.5, sure=sure), photos=60).has_score_intervals is is_score


def test_the_kind_of_interval_goes_by_the_photos_that_weigh_and_not_by_those_that_are_there() -> None:
    """Of 100 photos one has half of the people: they are worth about four."""
    photo_id = np.concatenate([np.zeros(99, np.int64), np.arange(1, 100)])
    hits = np.ones((198, 1), bool)
    hits[:30] = False
    paired = resample_pck([hits], np.full((198, 1), 2, np.uint8), photo_id, resamples=200, seed=0)
    effective = paired.effective((0, 0))
    assert effective == pytest.approx(198**2 / (99**2 + 99))
    found = paired.share((0, 0))
    assert found is not None
    row = scored("x", {"nose": found.value}, pck=found.value, sure=found)
    report = replace(evaluation(row, photos=100), effective_photos=effective)
    combined = paired.combined(lambda one: one, (0, 0))
    assert combined is not None
    is_score = (found.low, found.high) != tuple(np.clip(combined.ends(), 0, 1))
    assert report.has_score_intervals is is_score is True
    assert not evaluation(row, photos=100).has_score_intervals
