"""Verdicts of a splice follow its numbers; a sentence a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.analysis.splice.effects import Recovered, Undefined
from shgae.analysis.splice.text import change_sentence, cost_sentence, sentences
from shgae.analysis.splice.verdicts import Change, ChangeVerdict, Cost, CostVerdict, change, changes_of, cost_of
from shgae.metrics.statistics import Interval
from tests.builders.findings import PHOTOS, effect, entry, interval, side, splice_report

EFFECTS = {"id": effect(0.3), "ae": effect(0.2), "mean": effect(0.1)}


@pytest.mark.parametrize(
    ("share", "verdict"),
    [(0.5, CostVerdict.GIVES_BACK), (0.05, CostVerdict.NOT_SHOWN), (-0.5, CostVerdict.WORSE)],
)
def test_a_share_is_given_back_only_where_its_interval_excludes_zero(share: float, verdict: CostVerdict) -> None:
    found = cost_of(EFFECTS, (entry("ae", share),), 40)
    assert (found.verdict, found.replacement, found.share) == (verdict, "ae", interval(share))
    assert found.cost == EFFECTS["mean"].pck_lost


def test_the_mean_leads_whatever_zeros_cost() -> None:
    found = cost_of(EFFECTS, (entry("ae", 0.9, baseline="zero"), entry("ae", 0.02), entry("ae", 0.9, "loss")), 40)
    assert found.verdict == CostVerdict.NOT_SHOWN


@pytest.mark.parametrize(
    ("why", "verdict"),
    [
        (Undefined.TOO_FEW, CostVerdict.TOO_FEW),
        (Undefined.NO_COST, CostVerdict.NO_COST),
        (Undefined.BASELINE_BETTER, CostVerdict.MEAN_BETTER),
    ],
)
def test_where_no_share_is_defined_the_verdict_says_why(why: Undefined, verdict: CostVerdict) -> None:
    undefined = Recovered("ae", "mean", "pck", None, why, 0.3, 0.2, 0.1)
    assert cost_of(EFFECTS, (undefined,), 40).verdict == verdict


def test_without_an_autoencoder_components_are_asked_about() -> None:
    effects = {"id": effect(0.3), "pca-50": effect(0.2), "mean": effect(0.1)}
    assert cost_of(effects, (entry("pca-50", 0.5),), 40).replacement == "pca-50"


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [
        (None, ChangeVerdict.TOO_FEW),
        (interval(0.2), ChangeVerdict.HIGHER),
        (interval(0.05), ChangeVerdict.NO_DIFFERENCE),
        (interval(-0.2), ChangeVerdict.LOWER),
    ],
)
def test_a_difference_is_one_where_its_interval_excludes_zero(
    difference: Interval | None, verdict: ChangeVerdict
) -> None:
    assert change("ae", "pca-6", difference, 40) == Change(verdict, "ae", "pca-6", difference)


def test_a_share_that_rounds_to_nothing_has_no_sign() -> None:
    least = Interval(-0.001, -0.12, 0.004, 0.05)
    assert "-0 %" not in cost_sentence(Cost(CostVerdict.NOT_SHOWN, "ae", interval(0.2), least), "skips on")


def test_of_fewer_than_ten_photos_there_is_no_verdict() -> None:
    assert cost_of(EFFECTS, (entry("ae", 0.5),), 9).verdict == CostVerdict.TOO_FEW
    assert cost_of(EFFECTS, (entry("ae", 0.5),), 10).verdict == CostVerdict.GIVES_BACK
    assert change("ae", "pca-6", interval(0.2), 9).verdict == ChangeVerdict.TOO_FEW
    assert change("ae", "pca-6", interval(0.2), 10).verdict == ChangeVerdict.HIGHER


def test_a_tuned_trunk_is_compared_with_its_baselines_and_both_autoencoders() -> None:
    ahead = {name: interval(0.2) for name in ("id", "old-ae", "pca-6", "random-ae", "shuffle", "mean", "zero")}
    assert [one.second for one in changes_of(ahead, is_tuned=True, photos=40)] == ["zero", "mean", "id", "old-ae"]
    assert [one.second for one in changes_of(ahead, is_tuned=False, photos=40)] == ["pca-6"]
    assert side(is_tuned=True).cost is None


COSTS = {
    CostVerdict.TOO_FEW: "With skips on, under 10 photos of people with joints that count: no verdict on the mean.",
    CostVerdict.NO_COST: "With skips on, replacing the bottleneck by the training mean costs 10.0 points (0.0"
    " to 20.0) of PCK, not clearly above 0: a share of it is not defined.",
    CostVerdict.MEAN_BETTER: "With skips on, the training mean scores -10.0 points (-20.0 to 0.0) of PCK more"
    " than the bottleneck itself.",
    CostVerdict.GIVES_BACK: "With skips on, replacing the bottleneck by the training mean costs 10.0 points "
    "(0.0 to 20.0) of PCK; the autoencoder recovers 50 % (40 to 60) of it.",
    CostVerdict.NOT_SHOWN: "With skips on, replacing the bottleneck by the training mean costs 10.0 points "
    "(0.0 to 20.0) of PCK; no significant difference between the autoencoder and the mean: 50 % (40 to 60) of the"
    " cost.",
    CostVerdict.WORSE: "With skips on, replacing the bottleneck by the training mean costs 10.0 points (0.0 "
    "to 20.0) of PCK; the autoencoder is significantly worse than the mean: 50 % (40 to 60) of the cost.",
}
CHANGES = {
    ChangeVerdict.HIGHER: "With skips on, the autoencoder scores 20.0 points (10.0 to 30.0) of PCK more than "
    "6 principal components.",
    ChangeVerdict.LOWER: "With skips on, the autoencoder scores -20.0 points (-30.0 to -10.0) of PCK less "
    "than 6 principal components.",
    ChangeVerdict.NO_DIFFERENCE: "With skips on, no significant difference between the autoencoder and 6 "
    "principal components: 20.0 points (10.0 to 30.0).",
    ChangeVerdict.TOO_FEW: "With skips on, too few photos to compare the autoencoder with 6 principal components.",
}


@pytest.mark.parametrize("verdict", CostVerdict)
def test_every_verdict_on_a_cost_has_a_sentence(verdict: CostVerdict) -> None:
    assert cost_sentence(Cost(verdict, "ae", interval(0.1), interval(0.5)), "skips on") == COSTS[verdict]


@pytest.mark.parametrize("verdict", ChangeVerdict)
def test_every_verdict_on_a_difference_has_a_sentence(verdict: ChangeVerdict) -> None:
    assert change_sentence(Change(verdict, "ae", "pca-6", interval(0.2)), "skips on") == CHANGES[verdict]


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
    assert len(sentences(splice_report())) == 2
    assert len(sentences(splice_report(is_tuned=True))) == 6
