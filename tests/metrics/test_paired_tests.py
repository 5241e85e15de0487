"""McNemar's test by counting coins, and Holm's adjustment by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.metrics.paired_tests import holm, mcnemar


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12))
def test_mcnemar_is_a_coin_thrown_for_each_person_on_whom_they_differ(pairs: list[tuple[bool, bool]]) -> None:
    hits = np.array(pairs, dtype=bool).reshape(-1, 2)
    found = mcnemar(hits[:, 0], hits[:, 1])
    assert found.both + found.only_first + found.only_second + found.neither == len(pairs)
    differ = [second for first, second in pairs if first != second]
    uneven = abs(2 * sum(differ) - len(differ))
    throws = list(itertools.product((0, 1), repeat=len(differ)))
    as_uneven = [abs(2 * sum(throw) - len(differ)) >= uneven for throw in throws]
    assert found.p == pytest.approx(sum(as_uneven) / len(throws))


def test_holm_multiplies_by_how_many_are_left() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == () and holm([0.2]) == (0.2,)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_never_lowers_a_p(p: list[float]) -> None:
    found = holm(p)
    assert all(one >= before for one, before in zip(found, p, strict=True)) and max(found, default=0) <= 1
    assert [found[place] for place in np.argsort(p, kind="stable")] == sorted(found)


def test_of_many_true_hypotheses_one_is_rejected_in_at_most_5_of_100_families() -> None:
    p = np.random.default_rng(0).random((4000, 6))
    assert np.mean([min(holm(row)) < 0.05 for row in p.tolist()]) < 0.06
