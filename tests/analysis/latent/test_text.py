"""A sentence a verdict of a latent analysis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.analysis.latent.clusters import ClusterVerdict
from shgae.analysis.latent.report import UnitsVerdict, units_of
from shgae.analysis.latent.spectrum import Spectrum
from shgae.analysis.latent.text import clusters_sentence, sentences, spectrum_sentence, units_sentence
from shgae.metrics.statistics import Interval
from tests.builders.findings import analysis_report, clusters, unit

CLEAR, UNCLEAR = Interval(0.02, 0.01, 0.03, 0.005), Interval(0.01, -0.01, 0.03, 0.01)
SPECTRUM = Spectrum(30, 40, 29, (0.7, 0.3, *[0.0] * 38), {"90": 2, "95": 2, "99": 2}, 1.7, 1)
HIGHEST = "By the code, the highest mean silhouette of K-means is 0.70, at K = 2 (60, 40 people)"
CLUSTERS = {
    ClusterVerdict.NONE: f"{HIGHEST}: no substantial structure.",
    ClusterVerdict.WEAK: f"{HIGHEST}: weak structure that could be artificial.",
    ClusterVerdict.ONE_MODE: (
        f"{HIGHEST}: no clusters shown, 50 people drawn reach 0.650, and clouds of one mode 0.600."
    ),
    ClusterVerdict.APART: f"{HIGHEST}: clusters, 50 people drawn reach 0.650, and clouds of one mode at most 0.600.",
    ClusterVerdict.UNTESTED: f"{HIGHEST}: not compared with clouds of one mode.",
}
UNITS = {
    UnitsVerdict.NONE_VARIES: "Of 3 units of the code none varies.",
    UnitsVerdict.TOO_FEW: "Of 3 units of the code 2 vary; too few photos for the cost of each.",
    UnitsVerdict.COUNTED: "Of 3 units of the code 2 vary; held at its mean, one at a time, a significant loss"
    " of PCK: 1 (about 0.1 expected by chance; 20 people).",
}


@pytest.mark.parametrize("verdict", ClusterVerdict)
def test_every_verdict_on_clusters_has_a_sentence(verdict: ClusterVerdict) -> None:
    found = clusters(0.7, cloud=0.6)
    assert found.one_mode is not None
    drawn = replace(found.one_mode, people=50, silhouette=0.65)  # not the 0.70 of all people: a fair comparison
    assert clusters_sentence(replace(found, verdict=verdict, one_mode=drawn)) == CLUSTERS[verdict]


def test_a_cluster_of_few_people_is_warned_of() -> None:
    assert clusters_sentence(clusters(0.7, (91, 9))) == (
        f"{CLUSTERS[ClusterVerdict.UNTESTED].replace('60, 40', '91, 9')} The smallest cluster has 9.0 % of the people: "
        "possibly a tail and not a group."
    )


@pytest.mark.parametrize("verdict", UnitsVerdict)
def test_every_verdict_on_units_has_a_sentence(verdict: UnitsVerdict) -> None:
    found = units_of([unit(0, CLEAR), unit(1, UNCLEAR), unit(2, None, deviation=0.0)], 20, 15)
    assert units_sentence(replace(found, verdict=verdict)) == UNITS[verdict]


def test_the_verdict_on_units_follows_what_was_found() -> None:
    still = unit(2, None, deviation=0.0)
    found = units_of([unit(0, CLEAR), unit(1, UNCLEAR), still], 20, 15)
    assert (found.verdict, found.varying, found.costing) == (UnitsVerdict.COUNTED, 2, 1)
    assert units_of([still], 20, 15).verdict == UnitsVerdict.NONE_VARIES
    assert units_of([unit(0, None), still], 20, 15).verdict == UnitsVerdict.TOO_FEW
    assert units_of([unit(0, CLEAR), still], 20, 9).verdict == UnitsVerdict.TOO_FEW


def test_a_spectrum_has_its_counts_and_no_suggestion() -> None:
    assert spectrum_sentence(SPECTRUM, "code") == (
        "The code of 30 people: 2 components for 90 %, 2 components for 95 %, 2 components for 99 % of the variance; "
        "effective dimension 1.7 of 40; 1 component above chance, with 70 % of the variance."
    )
    assert spectrum_sentence(replace(SPECTRUM, shares=(0.0,) * 40), "code") == "The code does not vary."


def test_a_report_says_a_sentence_a_part() -> None:
    said = list(sentences(analysis_report(unit(0, CLEAR))))
    assert len(said) == 6
    assert said[4] == (
        "PCK lost, over photos: 10.0 points (0.0 to 20.0) with the training mean for a bottleneck, 10.0 points (0.0 to "
        "20.0) with all skips off."
    )
