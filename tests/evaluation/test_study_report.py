"""A study's report says what each arm was given, how much it gained or lost at most, and which code is best."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.errors import Inconsistent, Refused
from shgae.evaluation.study_report import STUDY, CodeSize, CodeSizes
from tests.builders.reports import compared, estimate, study

SIZES = tuple(CodeSize(size, 1000 + size, 0.5, 0.1, 0.4, (0.4,)) for size in (5, 10, 25))


def test_a_budget_without_the_options_that_are_shown_is_refused() -> None:
    torn = STUDY.to_json(study(compared("full", "none", estimate(0.01, 0.03))))
    del torn["budget"]["config"]["lr"]
    with pytest.raises(Refused, match="budget: .*lacks lr"):
        STUDY.from_json(torn, "here")


def test_a_gain_and_a_loss_are_as_large_as_the_interval_allows() -> None:
    assert (estimate(-0.01, 0.02).largest_gain, estimate(-0.01, 0.02).largest_loss) == (0.02, 0.01)
    assert (estimate(0.01, 0.02).largest_gain, estimate(0.01, 0.02).largest_loss) == (0.02, 0)
    assert (estimate(-0.02, -0.01).largest_gain, estimate(-0.02, -0.01).largest_loss) == (0, 0.02)


@pytest.mark.parametrize("size", [5, 10, 25])
def test_the_best_size_is_the_chosen_one_wherever_it_stands(size: int) -> None:
    found = CodeSizes((0,), SIZES, size, ((0, 0.2),))
    assert found.best == CodeSize(size, 1000 + size, 0.5, 0.1, 0.4, (0.4,))
    assert replace(found, sizes=SIZES[::-1]).best == found.best


@pytest.mark.parametrize("size", [0, 6, 1005])
def test_a_chosen_size_that_was_not_tried_is_refused(size: int) -> None:
    with pytest.raises(Inconsistent):
        CodeSizes((0,), SIZES, size, ())
    with pytest.raises(Inconsistent):
        CodeSizes((0,), (), size, ())
