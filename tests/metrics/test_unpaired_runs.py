"""Arms that were run by somebody else: runs without pairs, and joints over several runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shgae.metrics.comparison import mcnemar
from shgae.metrics.seeds import unpaired_error

scores = st.lists(st.floats(0, 1, allow_nan=False).map(lambda x: round(x, 3)), min_size=2, max_size=6)


@given(scores, scores)
def test_the_error_of_runs_without_pairs_is_welchs(first: list[float], second: list[float]) -> None:
    found = unpaired_error(first, second)
    assert found is not None
    spread = [np.var(one, ddof=1) / len(one) for one in (first, second)]
    assert found.error == pytest.approx(np.sqrt(sum(spread)), abs=1e-12)
    if min(spread) > 1e-9:
        welch = stats.ttest_ind(second, first, equal_var=False)
        assert found.freedom in (int(welch.df), int(welch.df + 1e-9))
        assert found.ends(0.0)[1] >= welch.confidence_interval(0.95).high - (np.mean(second) - np.mean(first)) - 1e-9
    assert not found.pooled


def test_runs_that_never_differ_leave_the_others_their_degrees_of_freedom() -> None:
    for count in range(2, 40):
        found = unpaired_error(np.random.default_rng(count).random(count), [0.5, 0.5, 0.5])
        assert found is not None and found.freedom == count - 1


def test_a_single_run_is_taken_to_vary_as_the_others_do() -> None:
    found = unpaired_error([0.5], [0.4, 0.6, 0.5])
    student = stats.ttest_ind([0.4, 0.6, 0.5], [0.5], equal_var=True)
    assert found is not None
    assert found.freedom == student.df == 2
    assert found.error == pytest.approx(0.1 * np.sqrt(1 + 1 / 3))
    assert unpaired_error([0.5], [0.4]) is None
    assert unpaired_error([], [0.4, 0.5]) is None


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_of_one_run_each_it_is_mcnemars_test(hits: list[tuple[bool, bool]]) -> None:
    first, second = (np.array([pair[i] for pair in hits], bool) for i in range(2))
    assert mcnemar(first.astype(float), second.astype(float)) == mcnemar(first, second)


def test_of_several_runs_a_person_counts_for_the_arm_that_found_the_joint_more_often() -> None:
    first = np.array([1 / 3, 2 / 3, 1.0, 0.0, 0.5, 1 / 3])
    second = np.array([0.5, 0.5, 1.0, 0.0, 0.5, 1 / 3])
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second, found.both, found.neither) == (1, 1, 2, 2)
    assert found.p == 1
