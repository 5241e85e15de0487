"""A study's report says what each arm was given, and how much was gained or lost at most."""

from __future__ import annotations

import pytest

from shgae.errors import Refused
from shgae.evaluation.study_report import STUDY
from tests.builders.reports import compared, estimate, study


def test_a_budget_without_the_options_that_are_shown_is_refused() -> None:
    torn = STUDY.to_json(study(compared("full", "none", estimate(0.01, 0.03))))
    del torn["budget"]["config"]["lr"]
    with pytest.raises(Refused, match="budget: .*lacks lr"):
        STUDY.from_json(torn, "here")


def test_a_gain_and_a_loss_are_as_large_as_the_interval_allows() -> None:
    assert (estimate(-0.01, 0.02).largest_gain, estimate(-0.01, 0.02).largest_loss) == (0.02, 0.01)
    assert (estimate(0.01, 0.02).largest_gain, estimate(0.01, 0.02).largest_loss) == (0.02, 0)
    assert (estimate(-0.02, -0.01).largest_gain, estimate(-0.02, -0.01).largest_loss) == (0, 0.02)
