"""Studies' reports of earlier schemas are read as what they said, and what they did not know is none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shgae.errors import Refused
from shgae.evaluation.older_studies import OLDER
from shgae.evaluation.study_report import STUDY, StudyReport
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


@pytest.mark.parametrize(
    ("caution", "devices", "epochs", "limit"),
    [
        ("on one device: cpu.", ("cpu",), None, None),
        ("on one device: a; b; c. d.", ("a", "b", "c. d"), None, None),
        ("had 1 epoch of it", (), 1, None),
        ("had 999999999 epochs", (), 999_999_999, None),
        ("had 1234567890 epochs", (), None, None),
        ("first 7 people", (), None, 7),
        ("first 1,234,567 people", (), None, 1_234_567),
        ("first , people; had many epochs; on one device", (), None, None),
    ],
)
def test_a_sentence_of_schema_1_becomes_its_numbers(
    caution: str, devices: tuple[str, ...], epochs: int | None, limit: int | None
) -> None:
    found = STUDY.from_json(of_schema_1(["Another sentence.", caution]), "here")
    assert (found.devices, found.ae_epochs, found.limit) == (devices, epochs, limit)


def test_the_first_sentence_that_says_a_number_counts() -> None:
    found = STUDY.from_json(of_schema_1(["first 3 people", "first 4 people"]), "here")
    assert found.limit == 3


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [((0.01, 0.03), Verdict.BETTER), ((-0.03, -0.01), Verdict.WORSE), (None, Verdict.TOO_FEW_PHOTOS)],
)
def test_the_verdict_of_schema_1_is_that_of_its_first_fair_difference(
    ends: tuple[float, float] | None, verdict: Verdict
) -> None:
    old = of_schema_1([])
    unfair, fair = old["differences"]
    unfair["fair"] = False
    groups = None if ends is None else {**unfair["groups"]["all"], "low": ends[0], "high": ends[1]}
    fair["groups"] = {**fair["groups"], "all": groups}
    found = STUDY.from_json(old, "here")
    assert (found.verdict, found.differences[1].verdict) == (verdict, verdict)
    assert [one.primary for one in found.differences] == [False, True]


def test_a_study_of_schema_1_without_a_fair_difference_compared_nothing() -> None:
    old = of_schema_1([])
    for one in old["differences"]:
        one["fair"] = False
    assert STUDY.from_json(old, "here").verdict is Verdict.NOT_COMPARED


def newest() -> StudyReport:
    return study(compared("full", "none", estimate(0.01, 0.03)), compared("pca", "none", estimate(-0.02, 0.01)))


def test_a_study_of_schema_2_takes_its_first_fair_difference_as_primary_and_knows_no_plan() -> None:
    old = STUDY.to_json(newest()) | {"schema": 2}
    for key in ("registered", "code_sizes", "detectable", "scored_by_studies"):
        del old[key]
    for arm in old["arms"]:
        del arm["gflop"]
    for one in old["differences"]:
        for key in ("primary", "within_margin", "margin", "alpha", "p", "p_adjusted", "compared", "joints"):
            del one[key]
        for found in filter(None, one["groups"].values()):
            del found["equivalence"], found["seed_error"]
            found["minimum_detectable"] = 0.01
    read = STUDY.from_json(old, "here")
    assert read.registered is None and read.code_sizes is None and read.detectable is None
    assert [arm.gflop for arm in read.arms] == [None] * 4
    for now, was, primary in zip(read.differences, newest().differences, (True, False), strict=True):
        assert was.groups.all is not None and now.groups.all is not None
        assert now.groups.all == replace(was.groups.all, equivalence=None, seed_error=None)
        assert (now.arm, now.verdict, now.primary) == (was.arm, was.verdict, primary)
        assert (now.within_margin, now.margin, now.alpha, now.compared) == (False, None, 0.05, 1)
        assert (now.p, now.p_adjusted, now.joints) == (None, None, None)


@pytest.mark.parametrize("schema", [3, 4, 5])
def test_what_a_study_of_schema_3_to_5_did_not_know_is_none(schema: int) -> None:
    old = STUDY.to_json(newest()) | {"schema": schema}
    del old["scored_by_studies"]
    if schema < 5:
        del old["detectable"]
    if schema < 4:
        for one in old["differences"]:
            del one["joints"]
    assert STUDY.from_json(old, "here") == newest()


@pytest.mark.parametrize(
    ("counts", "seeds", "current"), [([1, 3, 5], 3, 1), ([3, 5], 3, 0), ([2, 4], 3, None), ([], 1, None)]
)
def test_the_look_of_schema_5_is_found_by_its_number_of_seeds(
    counts: list[int], seeds: int, current: int | None
) -> None:
    looks = [{"seeds": count, "alpha": 0.01} for count in counts]
    old = {"seeds": list(range(seeds)), "registered": {"looks": looks, "margin": 0.02}, "photos": 9}
    assert OLDER[5].step(old) == {
        "seeds": list(range(seeds)),
        "photos": 9,
        "registered": {
            "looks": [{**look, "runs": None} for look in looks],
            "margin": 0.02,
            "current": current,
            "planned_runs": None,
        },
        "scored_by_studies": [],
    }
