"""Verdicts of a splice follow its numbers."""

from __future__ import annotations

import pytest

from shgae.analysis.effects import Recovered, Undefined
from shgae.analysis.splice.report import CostVerdict, changes_of, cost_of
from tests.builders.findings import effect, entry, interval, side

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


def test_of_fewer_than_ten_photos_there_is_no_verdict() -> None:
    assert cost_of(EFFECTS, (entry("ae", 0.5),), 9).verdict == CostVerdict.TOO_FEW
    assert cost_of(EFFECTS, (entry("ae", 0.5),), 10).verdict == CostVerdict.GIVES_BACK


def test_a_tuned_trunk_is_compared_with_its_baselines_and_both_autoencoders() -> None:
    ahead = {name: interval(0.2) for name in ("id", "old-ae", "pca-6", "random-ae", "shuffle", "mean", "zero")}
    assert [one.second for one in changes_of(ahead, is_tuned=True, photos=40)] == ["zero", "mean", "id", "old-ae"]
    assert [one.second for one in changes_of(ahead, is_tuned=False, photos=40)] == ["pca-6"]
    assert side(is_tuned=True).cost is None
