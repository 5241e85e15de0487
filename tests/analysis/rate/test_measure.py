"""Which ranks a curve has, and that the FVU of one lies in its interval."""

from __future__ import annotations

import numpy as np
import pytest

from shgae.analysis.pca import Components
from shgae.analysis.rate.measure import _Seen, ranks


def test_ranks_are_put_in_order_cut_to_size_and_begin_with_none() -> None:
    assert ranks("50, 3,3,9000", 64) == (0, 3, 50, 64)


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_the_fvu_of_a_rank_is_that_of_its_interval_whatever_rounding_makes_of_each_person(noise: float) -> None:
    numbers, size, people = np.random.default_rng(0), 16, 40
    x = numbers.normal(size=(people, 1, 4, 4)).astype(np.float32)
    mean = np.zeros((1, 4, 4))
    coefficients = x.reshape(people, size) * (1 + noise * numbers.normal(size=(people, size))).astype(np.float32)
    seen = _Seen(Components(mean, np.ones(size), np.eye(size, dtype=np.float32), size), mean, [])
    seen.keep(coefficients, (0, 8, size))
    seen.add(x, coefficients)
    rates, intervals = seen.rates(), seen.intervals(np.arange(people), seed=0)
    assert rates is not None
    for rank in (0, 8, size):
        interval = intervals[str(rank)]
        assert interval is not None
        assert rates[rank] == pytest.approx(interval.value, abs=1e-12)
        assert interval.low - 1e-12 <= rates[rank] <= interval.high + 1e-12
    assert (rates[size] > 1e-6) == (noise > 0)
