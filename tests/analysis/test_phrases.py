"""Comparisons of replacements in words."""

from __future__ import annotations

import pytest

from shgae.analysis.changes import Change, ChangeVerdict
from shgae.analysis.phrases import change_sentence, per_cent
from shgae.metrics.statistics import Interval
from tests.builders.findings import interval

CHANGES = {
    ChangeVerdict.HIGHER: "With skips on, the autoencoder scores 20.0 points (10.0 to 30.0) of PCK more than "
    "6 principal components.",
    ChangeVerdict.LOWER: "With skips on, the autoencoder scores -20.0 points (-30.0 to -10.0) of PCK less "
    "than 6 principal components.",
    ChangeVerdict.NO_DIFFERENCE: "With skips on, no significant difference between the autoencoder and 6 "
    "principal components: 20.0 points (10.0 to 30.0).",
    ChangeVerdict.TOO_FEW: "With skips on, too few photos to compare the autoencoder with 6 principal components.",
}


@pytest.mark.parametrize("verdict", ChangeVerdict)
def test_every_verdict_on_a_difference_has_a_sentence(verdict: ChangeVerdict) -> None:
    assert change_sentence(Change(verdict, "ae", "pca-6", interval(0.2)), "skips on") == CHANGES[verdict]


def test_a_share_above_0_is_not_said_to_reach_0() -> None:
    assert per_cent(Interval(0.83, 0.7, 0.95, 0.03)) == "83 % (70 to 95)"
    assert per_cent(Interval(0.07, 0.003, 0.14, 0.03)) == "7 % (0.3 to 14)"
    assert per_cent(Interval(-0.07, -0.14, -0.0004, 0.03)) == "-7 % (-14 to -0.04)"
    assert per_cent(Interval(0.0, 0.0, 0.0, 0.0)) == "0 % (0 to 0)"
