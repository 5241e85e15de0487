"""What is said agrees with what was found."""

from __future__ import annotations

import numpy as np

from shgae.analysis.rate import text as rate_text
from shgae.analysis.rate.curve import EqualRank
from shgae.analysis.splice import text
from shgae.analysis.splice.effects import SideBySide
from tests.builders.tallies import tally_of, truth_of


def side(**hits: float) -> SideBySide:
    numbers = np.random.default_rng(0)
    truth = truth_of(400, numbers)
    tallies = {name.replace("_", "-"): tally_of(truth, numbers, hit) for name, hit in hits.items()}
    return SideBySide(tallies, truth, draws=300)


def test_a_clear_cost_comes_with_what_is_given_back_and_what_components_do() -> None:
    said = text.cost_and_gain(side(id=0.9, ae=0.7, pca_50=0.3, zero=0.1), True, "ae", "pca-50")
    assert said.startswith("With skips on, replacing the bottleneck by zeros costs 80.5 points")
    assert "the autoencoder gives back 7" in said
    assert "; 50 principal components give back 2" in said and said.endswith(" less.")
    better = text.cost_and_gain(side(id=0.9, ae=0.3, pca_50=0.7, zero=0.1), True, "ae", "pca-50")
    assert better.endswith(" more.") and "points (-" not in better
    equal = text.cost_and_gain(side(id=0.9, ae=0.5, pca_50=0.5, zero=0.1), True, "ae", "pca-50")
    assert "no clear difference" in equal


def test_a_cost_within_chance_is_called_that() -> None:
    said = text.cost_and_gain(side(id=0.5, ae=0.5, pca_50=0.5, zero=0.5), False, "ae", "pca-50")
    assert said.startswith("With skips off") and "no more than chance" in said and "gives back" not in said


def test_without_an_autoencoder_components_give_back() -> None:
    said = text.cost_and_gain(side(id=0.9, pca_50=0.5, zero=0.1), True, None, "pca-50")
    assert "its first 50 principal components give back" in said


def test_a_tuned_trunk_without_its_autoencoder() -> None:
    worse = text.after_tuning(side(**{"id": 0.3, "ae": 0.8, "old_ae": 0.8}), True)
    assert "leaves PCK lower by 5" in worse and "leaves it as it is, within chance" in worse
    better = text.after_tuning(side(id=0.9, ae=0.5), False)
    assert "leaves PCK higher by 4" in better and "from before" not in better and "(-" not in better


def test_a_change_within_chance_never_lowers_by_less_than_nothing() -> None:
    said = [text.after_tuning(side(id=taken_out, ae=0.5), False) for taken_out in (0.49, 0.5, 0.51, 0.52)]
    assert all("within chance" in one for one in said)
    assert any("(lower by" in one for one in said) and any("(higher by" in one for one in said)
    assert not any("lower by -" in one or "higher by -" in one for one in said)


def test_a_tuned_trunk_is_measured_from_its_autoencoder() -> None:
    said = text.cost_in_tuned(side(id=0.2, ae=0.9, mean=0.5, zero=0.1), False)
    assert said.startswith("With skips off, zeros in place of what the tuned autoencoder gives cost 8")
    assert "the training mean 4" in said or "the training mean 3" in said


def test_where_it_lies_on_the_curve() -> None:
    said = rate_text.on_the_curve(EqualRank(87.4, 40.0, 120.0, None), 50, True)
    assert (
        said == "With skips on, the autoencoder's 50 numbers do for PCK what PCA needs 87 components for (40 to 120)."
    )
    beyond = rate_text.on_the_curve(EqualRank(None, 300.0, None, "1000 components are not enough"), 50, False)
    assert "no number of components can be named" in beyond
    assert beyond.endswith("do: 1000 components are not enough; at least 300 are needed.")
    assert rate_text.on_the_curve(EqualRank(None, None, None, "noise"), 50, False).endswith("do: noise.")
    for low, least in ((0.3, "noise."), (1.2, "noise; at least 1 is needed.")):
        assert rate_text.on_the_curve(EqualRank(None, low, None, "noise"), 50, False).endswith(f"do: {least}")
    assert "17 components" in rate_text.on_the_fvu(EqualRank(17.0, None, None, None), 50)
    worse = rate_text.on_the_fvu(EqualRank(None, None, None, "its FVU of 2 is worse than the mean's"), 50)
    assert worse.endswith("its 50 numbers do: its FVU of 2 is worse than the mean's.")
    assert "do not vary" in rate_text.on_the_fvu(None, 50)


def test_a_tuned_graft_is_no_point_on_the_curve() -> None:
    said = rate_text.no_curve_in_tuned(side(id=0.3, ae=0.8))
    assert "no measure of it" in said and "leaves PCK lower by 5" in said


def test_zeros_that_do_better_than_the_bottleneck_cost_nothing_to_give_back() -> None:
    said = text.cost_and_gain(side(id=0.3, ae=0.5, pca_50=0.5, zero=0.8), True, "ae", "pca-50")
    assert "does better than the bottleneck itself, by 4" in said or "by 5" in said
    assert "give back 1" not in said and "recover" not in said


def test_a_curve_alone_says_when_it_is_full() -> None:
    said = rate_text.share_needed(side(**{"id": 0.9, "0": 0.1, "10": 0.4, "100": 0.9}), (0, 10, 100), True)
    assert "costs 80.7 points" in said and "with 100 principal components the loss cannot be told from chance" in said
