"""What a report says of its plan: nothing where there was none, more where it was not kept to."""

from __future__ import annotations

from dataclasses import replace

from shgae.evaluation.study_registration import Look
from shgae.reporting.study_registration import registration
from tests.builders.plans import KEPT, PLANNED


def test_a_plan_that_was_kept_to_is_one_line() -> None:
    assert registration(None) == []
    (said,) = registration(KEPT)
    assert said == (
        f"Registered as plan {PLANNED.sha256[:12]}: primary comparison full - none, 3 seeds, margin 1.0 points of PCK."
    )


def test_everything_that_was_not_planned_is_a_line_of_its_own() -> None:
    looks = (Look(5, 0.05, {"none": 5, "full": 5}), Look(8, 0.011, {"none": 8, "full": 8}))
    otherwise = replace(
        KEPT, looks=looks, current=1, added_arms=("pca",), missing_arms=("wide",), late=True, replaced=("cd" * 32,)
    )
    said = registration(otherwise)
    assert len(said) == 6
    assert "2, with so many seeds at this level: 5 (5 %), 8 (1.1 %); this report has 8" in said[3]
    assert "cdcdcdcdcdcd" in said[2] and "arm pca" in said[4] and "arm wide" in said[5]
