"""A sentence a verdict of a rate curve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.analysis.rate.curve import RankVerdict
from shgae.analysis.rate.report import CurveVerdict, Needed, needed_of
from shgae.analysis.rate.text import fvu_sentence, needed_sentence, pck_sentence, sentences
from tests.builders.findings import CURVE, EQUAL, interval, point, rate_report

WHAT = "the autoencoder (code size 50)"
TOLD, NO_NUMBER = "With skips on, ", "no number of components can be named."
POINTS, LOSES = "4.0 points (3.0 to 5.0)", f"{TOLD}the training mean loses 20.0 points (10.0 to 30.0) of PCK"
LEAST = f"{TOLD}PCA needs at least 10 components to reach the PCK of {WHAT}; the estimate"
PCK = {
    RankVerdict.TOO_FEW: f"{TOLD}under 10 photos of people with joints that count: {NO_NUMBER}",
    RankVerdict.NO_COST: (f"{TOLD}the training mean costs {POINTS} of PCK, not clearly above 0: {NO_NUMBER}"),
    RankVerdict.MEAN_BETTER: (
        f"{TOLD}the training mean scores higher than the bottleneck itself (its cost: {POINTS}): {NO_NUMBER}"
    ),
    RankVerdict.WORSE_THAN_MEAN: (f"{TOLD}{WHAT} is significantly worse than the training mean: {POINTS} of PCK."),
    RankVerdict.LIKE_MEAN: (f"{TOLD}no significant difference between {WHAT} and the training mean: {POINTS} of PCK."),
    RankVerdict.NAMED: (
        f"{TOLD}PCA reaches the PCK of {WHAT} at 12 components (95 % CI 9 to 46; one-sided, at least 10)."
    ),
    RankVerdict.OPEN: f"{LEAST} is 12 components, without an upper limit among the 4,096 components tried.",
    RankVerdict.BEYOND: f"{LEAST} lies beyond the 4,096 components tried.",
    RankVerdict.EARLIER: f"{TOLD}no number of components was named for {WHAT}; shgae rate made again gives a limit.",
}
EXPLAINED = "In variance explained, "
FVU = {
    RankVerdict.NAMED: f"{EXPLAINED}PCA reaches {WHAT} at 12 components (95 % CI 9 to 46).",
    RankVerdict.OPEN: (
        f"{EXPLAINED}PCA reaches {WHAT} at 12 components, without an upper limit among the 4,096 components."
    ),
    RankVerdict.BEYOND: f"{EXPLAINED}PCA does not reach {WHAT} with 4,096 components (95 % CI 9 and more).",
    RankVerdict.WORSE_THAN_MEAN: f"{EXPLAINED}{WHAT} is worse than the training mean.",
    RankVerdict.LIKE_MEAN: f"{EXPLAINED}no significant difference between {WHAT} and the training mean.",
    RankVerdict.TOO_FEW: f"{EXPLAINED}under 10 photos: {NO_NUMBER}",
    RankVerdict.EARLIER: f"{EXPLAINED}no number of components was named for {WHAT}.",
}
NEEDED = {
    CurveVerdict.TOO_FEW: f"{TOLD}under 10 photos of people with joints that count: no verdict on the curve.",
    CurveVerdict.NO_COST: (f"{TOLD}the training mean loses nothing significant: 20.0 points (10.0 to 30.0) of PCK."),
    CurveVerdict.REGAINED: (f"{LOSES}; no significant loss from 50 components on: 0.0 points (-10.0 to 10.0)."),
    CurveVerdict.NOT_REGAINED: (
        f"{LOSES}, and the most components tried that the training people determine still lose something significant."
    ),
}


@pytest.mark.parametrize("verdict", RankVerdict)
def test_every_verdict_on_the_pck_has_a_sentence(verdict: RankVerdict) -> None:
    assert pck_sentence(replace(EQUAL, verdict=verdict), WHAT, "skips on") == PCK[verdict]


def test_pca_is_said_not_to_reach_a_pck_only_where_every_number_tried_is_significantly_lower() -> None:
    beyond = replace(EQUAL, verdict=RankVerdict.BEYOND, components=None, high=None, at_least=4097.0)
    assert pck_sentence(beyond, WHAT, "skips on") == (
        "With skips on, PCA does not reach the PCK of the autoencoder (code size 50): with every number tried, up to "
        "4,096 components, it is significantly lower."
    )


@pytest.mark.parametrize("verdict", FVU)
def test_every_verdict_on_the_fvu_has_a_sentence(verdict: RankVerdict) -> None:
    high = None if verdict is RankVerdict.BEYOND else EQUAL.high
    assert fvu_sentence(replace(EQUAL, verdict=verdict, high=high), WHAT) == FVU[verdict]


@pytest.mark.parametrize("verdict", CurveVerdict)
def test_every_verdict_on_a_curve_alone_has_a_sentence(verdict: CurveVerdict) -> None:
    assert needed_sentence(Needed(verdict, interval(0.2), 50, interval(0.0))) == NEEDED[verdict]


def test_a_curve_alone_regains_everything_from_the_rank_on_after_which_no_rank_loses() -> None:
    found = needed_of(CURVE, 4096, 40)
    assert (found.verdict, found.components) == (CurveVerdict.REGAINED, 4096)
    assert needed_of(CURVE, 50, 40).verdict == CurveVerdict.NOT_REGAINED
    up_and_down = (point(0, 1.0, 0.1), point(1, 0.9, 0.3), point(2, 0.8, 0.1), point(9, 0.1, 0.3))
    assert needed_of(up_and_down, 9, 40).components == 9
    assert needed_of((point(0, 1.0, 0.3),), 9, 40).verdict == CurveVerdict.NO_COST
    assert needed_of((point(0, 1.0, 0.3, alone=True),), 9, 40).verdict == CurveVerdict.TOO_FEW
    assert needed_of(CURVE, 4096, 9).verdict == CurveVerdict.TOO_FEW, "under ten photos"


def test_a_tuned_graft_is_no_point_on_the_curve() -> None:
    tuned, plain = (list(sentences(rate_report(point(50, 0.4, 0.2), is_tuned=tuned))) for tuned in (True, False))
    no_curve = "The trunk was tuned with its autoencoder inside: components of its bottleneck do not measure it."
    assert len(tuned) == 2 and tuned[0] == no_curve and no_curve not in plain
    assert len(list(sentences(rate_report(point(50, 0.4, 0.2))))) == 3
    assert len(list(sentences(rate_report()))) == 1


@pytest.mark.parametrize(("estimate", "said"), [(1.4, "2 components"), (2.0, "2 components"), (0.0, "0 components")])
def test_an_estimate_between_two_ranks_is_the_fewest_whole_components(estimate: float, said: str) -> None:
    found = replace(EQUAL, components=estimate, low=0.0, high=2.0)
    assert f" at {said} (95 % CI 0 to 2;" in pck_sentence(found, WHAT, "skips on")
