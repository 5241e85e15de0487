"""A sentence a verdict of a splice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.analysis.phrases import per_cent
from shgae.analysis.splice.report import Cost, CostVerdict, changes_of
from shgae.analysis.splice.text import cost_sentence, sentences
from shgae.metrics.statistics import Interval
from tests.builders.findings import PHOTOS, interval, splice_report

MEAN_COSTS = "With skips on, replacing the bottleneck by the training mean costs 10.0 points (0.0 to 20.0) of PCK"
COSTS = {
    CostVerdict.TOO_FEW: "With skips on, under 10 photos of people with joints that count: no verdict on the mean.",
    CostVerdict.NO_COST: f"{MEAN_COSTS}, not clearly above 0: a share of it is not defined.",
    CostVerdict.MEAN_BETTER: (
        "With skips on, the training mean scores -10.0 points (-20.0 to 0.0) of PCK more than the bottleneck itself."
    ),
    CostVerdict.GIVES_BACK: f"{MEAN_COSTS}; the autoencoder recovers 50 % (40 to 60) of it.",
    CostVerdict.NOT_SHOWN: (
        f"{MEAN_COSTS}; no significant difference between the autoencoder and the mean: 50 % (40 to 60) of the cost."
    ),
    CostVerdict.WORSE: (
        f"{MEAN_COSTS}; the autoencoder is significantly worse than the mean: 50 % (40 to 60) of the cost."
    ),
}
LEAST = Interval(-0.001, -0.12, 0.004, 0.05)


@pytest.mark.parametrize("verdict", CostVerdict)
def test_every_verdict_on_a_cost_has_a_sentence(verdict: CostVerdict) -> None:
    assert cost_sentence(Cost(verdict, "ae", interval(0.1), interval(0.5)), "skips on") == COSTS[verdict]


def test_a_share_that_rounds_to_nothing_has_no_sign() -> None:
    assert per_cent(Interval(-0.0, -0.12, 0.0, 0.05)) == "0 % (-12 to 0)"
    assert per_cent(LEAST) == "-0.1 % (-12 to 0.4)", "what is not nothing keeps a digit"


def test_what_was_given_is_told_by_its_name_where_a_share_of_the_cost_is_defined() -> None:
    report = splice_report()
    costs = (
        Cost(CostVerdict.GIVES_BACK, "nmf", interval(0.1), interval(0.5)),
        Cost(CostVerdict.NO_COST, "other", interval(0.1), None),
    )
    given = replace(report, skips_on=replace(report.skips_on, given=costs))
    new = [one for one in sentences(given) if one not in sentences(report)]
    assert new == [COSTS[CostVerdict.GIVES_BACK].replace("the autoencoder", "nmf")]
    ahead = {"pca-6": interval(0.2), "nmf": interval(0.2)}
    assert [one.second for one in changes_of(ahead, is_tuned=False, photos=PHOTOS, given=["nmf"])] == ["pca-6", "nmf"]


def test_a_report_says_a_sentence_a_verdict_and_side() -> None:
    assert len(list(sentences(splice_report()))) == 2
    assert len(list(sentences(splice_report(is_tuned=True)))) == 6
