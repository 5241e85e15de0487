"""A study's report of schema 1 is read as what it said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shgae.errors import Refused
from shgae.evaluation.study_report import STUDY
from shgae.metrics.statistics import Verdict
from tests.builders.reports import compared, estimate, study

LETTERS = {"none": "a", "random": "b", "full": "e", "baseline": "parent"}
CAUTIONS = [
    "There is one parent: from another baseline the answer may be another.",
    "The arms were not all fine-tuned on one device: cpu (2 threads, AVX512-BF16. 1 socket); cuda (H200).",
    "The equal budget is that of fine-tuning; arms d and e had 100 epochs of pre-training before.",
    "Of each split only the first 1,200 people.",
]


def of_schema_1(cautions: list[str]) -> dict[str, Any]:
    """What the first schema made of a study of which full gained, and nothing is known of the random arm."""
    new = STUDY.to_json(study(compared("full", "none", estimate(0.01, 0.03)), compared("full", "random", None)))
    old = {key: new[key] for key in ("split", "persons", "photos", "seeds", "budget", "arms", "differences")}
    for arm in old["arms"]:
        arm["name"] = LETTERS[arm["name"]]
    for one in old["differences"]:
        one |= {"arm": LETTERS[one["arm"]], "minus": LETTERS[one["minus"]], "finding": "more", "question": "Did it?"}
        for key in ("verdict", "primary", "within_margin", "margin", "alpha", "p", "p_adjusted", "compared"):
            del one[key]
        for found in filter(None, one["groups"].values()):
            del found["equivalence"], found["seed_error"]
            found["smallest_to_show"] = 0.01
    return json.loads(json.dumps(old | {"conclusion": "More than chance explains.", "cautions": cautions}))


def test_a_report_of_schema_1_is_read_with_new_names_and_what_its_sentences_said() -> None:
    found = STUDY.from_json(of_schema_1(CAUTIONS), "here")
    assert found.verdict is Verdict.BETTER
    assert [(one.arm, one.minus, one.verdict) for one in found.differences] == [
        ("full", "none", Verdict.BETTER),
        ("full", "random", Verdict.TOO_FEW_PHOTOS),
    ]
    assert [arm.name for arm in found.arms] == ["baseline", "none", "random", "full"]
    assert found.devices == ("cpu (2 threads, AVX512-BF16. 1 socket)", "cuda (H200)")
    assert (found.ae_epochs, found.limit) == (100, 1200)
    first, second = found.differences
    assert (first.primary, second.primary, first.margin, first.within_margin) == (True, False, None, False)
    assert first.groups.all is not None and first.groups.all.equivalence is None
    silent = STUDY.from_json(of_schema_1([]), "here")
    assert (silent.devices, silent.ae_epochs, silent.limit) == ((), None, None)


@pytest.mark.parametrize("key", ["differences", "arms", "cautions", "budget"])
def test_a_torn_report_of_schema_1_is_refused(key: str) -> None:
    torn = of_schema_1(CAUTIONS)
    del torn[key]
    with pytest.raises(Refused, match=key):
        STUDY.from_json(torn, "here")


def test_a_budget_without_the_options_that_are_shown_is_refused() -> None:
    torn = of_schema_1([])
    del torn["budget"]["config"]["lr"]
    with pytest.raises(Refused, match="budget: the config of fine-tuning lacks lr"):
        STUDY.from_json(torn, "here")


def test_a_gain_and_a_loss_are_as_large_as_the_interval_allows() -> None:
    assert (estimate(-0.01, 0.02).largest_gain, estimate(-0.01, 0.02).largest_loss) == (0.02, 0.01)
    assert (estimate(0.01, 0.02).largest_gain, estimate(0.01, 0.02).largest_loss) == (0.02, 0)
    assert (estimate(-0.02, -0.01).largest_gain, estimate(-0.02, -0.01).largest_loss) == (0, 0.02)
