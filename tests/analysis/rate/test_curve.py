"""The curve of ranks, and where an autoencoder lies on it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.analysis.rate.curve import EqualRank, curve, equal_fvu, equal_pck, equal_rank
from shgae.analysis.splice.effects import SideBySide
from tests.builders.tallies import tally_of, truth_of


@given(st.integers(0, 500), st.integers(1, 6))
def test_the_curve_is_the_error_of_each_projection(seed: int, size: int) -> None:
    numbers = np.random.default_rng(seed)
    x, mean = numbers.normal(size=(20, size)), numbers.normal(size=size)
    directions = np.linalg.qr(numbers.normal(size=(size, size)))[0]
    coefficients = (x - mean) @ directions.T
    spread = ((x - mean) ** 2).sum()
    rates = curve((coefficients**2).sum(0), spread)
    for k in range(size + 1):
        rebuilt = mean + coefficients[:, :k] @ directions[:k]
        assert rates[k] == pytest.approx(((x - rebuilt) ** 2).sum() / spread, abs=1e-9)
    assert equal_fvu(rates, 1.0, size).components == 0
    fewest = int(equal_fvu(rates, 0.3, size).components or -1)
    assert rates[fewest] <= 0.3 < rates[fewest - 1]


def test_no_rank_is_good_enough_for_less_than_nothing() -> None:
    found = equal_fvu(np.array([1.0, 0.5, 0.1]), 0.05, 2)
    assert found.components is None and found.undefined == "2 components are not enough"


def test_a_code_that_is_worse_than_the_mean_has_no_rank_and_says_why() -> None:
    found = equal_fvu(np.array([1.0, 0.5, 0.1]), 1.2, 2)
    assert found.components is None
    assert found.undefined == "its FVU of 1.2 is worse than the 1 of the training mean for everybody"


def test_only_components_that_the_people_determine_count_for_the_fvu() -> None:
    found = equal_fvu(np.array([1.0, 0.5, 0.1, 0.05, 0.0]), 0.06, 2)
    assert found.components is None
    assert found.undefined == "the 2 components that the training people determine are not enough"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (0.0, 0),
        (0.1, 0),
        (0.15, 0.5),
        (0.2, 1),
        (0.3, math.sqrt(10)),
        (0.4, 10),
        (0.45, 10**1.5),
        (0.5, 100),
        (0.6, math.inf),
    ],
)
def test_ranks_between_two_points_are_read_off_a_line_over_the_logarithm(wanted: float, expected: float) -> None:
    found = equal_rank([0, 1, 10, 100], np.array([[0.1, 0.2, 0.4, 0.5]]), np.array([wanted]))
    assert found.tolist() == pytest.approx([expected])


def test_the_first_rank_that_is_enough_counts_where_the_curve_goes_up_and_down() -> None:
    assert equal_rank([0, 1, 10, 100], np.array([[0.1, 0.5, 0.2, 0.5]]), np.array([0.5])).tolist() == [1]


def equal(hits: dict[str, float], ks: list[int], determined: int = 4096) -> EqualRank:
    numbers = np.random.default_rng(0)
    truth = truth_of(400, numbers)
    tallies = {name: tally_of(truth, numbers, hit) for name, hit in hits.items()}
    return equal_pck(SideBySide(tallies, truth, draws=300), ks, "ae", determined, 4096)


def test_an_autoencoder_half_way_up_lies_between_its_neighbours() -> None:
    found = equal({"id": 0.9, "ae": 0.5, "0": 0.1, "10": 0.3, "1000": 0.7}, [0, 10, 1000])
    assert found.components == pytest.approx(100, rel=0.5)
    assert 10 < found.low < found.components < found.high < 1000


def test_where_the_mean_costs_nothing_there_is_no_equal() -> None:
    found = equal({"id": 0.5, "ae": 0.5, "0": 0.5, "10": 0.5}, [0, 10])
    assert found.components is None and "the training mean costs" in str(found.undefined)
    assert "points" in str(found.undefined)


def test_a_curve_that_ends_too_low_says_so() -> None:
    found = equal({"id": 0.9, "ae": 0.8, "0": 0.1, "10": 0.3}, [0, 10])
    assert found.components is None and found.high is None
    assert found.undefined == "10 components are not enough"


def test_a_code_that_does_worse_than_the_mean_has_no_equal() -> None:
    found = equal({"id": 0.9, "ae": 0.1, "0": 0.4, "10": 0.8}, [0, 10])
    assert found.components is None and str(found.undefined).startswith("it does worse than the training mean")


def test_a_code_that_does_what_the_mean_does_has_no_equal() -> None:
    found = equal({"id": 0.9, "ae": 0.4, "0": 0.4, "10": 0.8}, [0, 10])
    assert found.components is None and "cannot be told from the training mean" in str(found.undefined)


def test_where_the_autoencoder_loses_nothing_no_first_crossing_is_named() -> None:
    found = equal({"id": 0.8, "ae": 0.8, "0": 0.1, "10": 0.4, "100": 0.8, "4096": 0.8}, [0, 10, 100, 4096])
    assert found.components is None and "cannot be told from none" in str(found.undefined)
    assert found.low is not None and found.low > 10


def test_an_autoencoder_that_does_better_than_the_bottleneck_has_no_equal() -> None:
    found = equal({"id": 0.5, "ae": 0.9, "0": 0.1, "10": 0.4}, [0, 10])
    assert found.components is None and "does better than the bottleneck as it is" in str(found.undefined)


def test_ranks_beyond_what_the_people_determine_are_not_asked() -> None:
    hits = {"id": 0.9, "ae": 0.7, "0": 0.1, "10": 0.3, "1000": 0.85}
    assert equal(hits, [0, 10, 1000]).components is not None
    found = equal(hits, [0, 10, 1000], determined=10)
    assert found.undefined == "the 10 components that the training people determine are not enough"
