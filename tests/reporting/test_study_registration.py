"""What a report says of its plan: nothing where there was none, more where it was not kept to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.evaluation.study_registration import Look
from shgae.reporting.study_registration import registration
from tests.builders.plans import KEPT, PLANNED

REGISTERED = (
    f"Registered as plan {PLANNED.sha256[:12]}: primary comparison full - none, 3 seeds, margin 1.0 points of PCK."
)
LOOKS = (
    Look(5, 0.05, {"none": 5, "full": 5, "pca": 3, "frozen": 3}),
    Look(8, 0.011, {"none": 8, "full": 8, "pca": 5, "frozen": 3}),
)
SAID = {
    "late": (
        {"late": True},
        "The plan was written when there were scores already: it is no proof that nobody saw them before.",
    ),
    "replaced": (
        {"replaced": ("cd" * 32, "ef" * 32)},
        "The plan was put in the place of another one by --force: cdcdcdcdcdcd, efefefefefef.",
    ),
    "looks": (
        {"looks": tuple(replace(look, runs=None) for look in LOOKS), "current": 1},
        "Looks at the primary comparison: 2, with so many seeds at this level: 5 (5 %), 8 (1.1 %); this report has 8.",
    ),
    "other seeds": (
        {"looks": (Look(3, 0.05, {"none": 3, "full": 3, "pca": 2}),), "planned_runs": {"pca": 3}},
        "Not as many seeds as planned: pca 2 (planned 3).",
    ),
    "added": ({"added_arms": ("pca",)}, "Not in the plan, added later: arm pca."),
    "missing": ({"missing_arms": ("wide", "pca")}, "In the plan, not in this report: arms wide, pca."),
}


def test_without_a_plan_nothing_is_said_and_of_one_that_was_kept_to_one_line() -> None:
    assert registration(None) == []
    assert registration(KEPT) == [REGISTERED]


@pytest.mark.parametrize("what", SAID)
def test_what_was_not_planned_is_a_line_of_its_own(what: str) -> None:
    facts, sentence = SAID[what]
    assert registration(replace(KEPT, **facts)) == [REGISTERED, sentence]


def test_other_numbers_of_seeds_of_an_earlier_look_are_told() -> None:
    otherwise = replace(KEPT, looks=LOOKS, current=1, planned_runs={"pca": 5, "frozen": 3})
    assert registration(otherwise)[2:] == [
        "Reported before with other numbers of seeds, for which no p-value is corrected: pca with 3, 5."
    ]
