"""Every caution has its sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shgae.evaluation.study_cautions import Caution, cautions_of
from shgae.evaluation.study_differences import Detectable, JointTest
from shgae.evaluation.study_registration import Registered
from shgae.evaluation.study_report import StudyReport
from shgae.metrics.comparison import McNemar
from shgae.metrics.seeds import SeedError
from shgae.reporting.study_cautions import cautions
from tests.builders.reports import compared, estimate, study

GAIN, ONE_SEED = estimate(0.01, 0.03), estimate(0.01, 0.03, seeds=1)
UNPAIRED = replace(GAIN, by_seed=())
PLAN = Registered("f" * 64, ("full", "none"), 1.0, (0, 1, 2), ("wide",), (), (), None, None, False, ())


def erring(error: SeedError) -> StudyReport:
    return study(compared("full", "none", estimate(0, 0.1, error=error)))


PLAIN = study(compared("full", "none", GAIN))
ELSEWHERE = replace(PLAIN, budget=None)
TESTED = replace(compared("full", "none", GAIN), joints=(JointTest("nose", McNemar(1, 2, 3, 4, 0.5, 0.5)),))
SNAPSHOTS: dict[Caution, tuple[StudyReport, str]] = {
    Caution.TRAINING_COST: (
        study(compared("none", "baseline", estimate(-0.03, -0.01))),
        "Arm none ended 2.0 points (1.0 to 3.0) below its baseline: these epochs cost more than they gave, so the arms "
        "may differ in what they lost, not in what they won.",
    ),
    Caution.ONE_BASELINE: (PLAIN, "There is one baseline: from another one the answer may be another."),
    Caution.SEVERAL_DEVICES: (
        replace(PLAIN, devices=("cpu", "cuda")),
        "The arms were not all fine-tuned on one device: cpu; cuda.",
    ),
    Caution.PRETRAINING_APART: (
        replace(PLAIN, ae_epochs=1),
        "The equal budget is that of fine-tuning; the pre-trained autoencoders had 1 epoch of pre-training before.",
    ),
    Caution.NO_TEST_SPLIT: (
        replace(PLAIN, split="val"),
        "There is no test split: the people compared on also chose the best epoch of every arm.",
    ),
    Caution.LIMITED: (replace(PLAIN, limit=1), "Of each split only the first 1 person."),
    Caution.OVER_PHOTOS: (
        study(compared("full", "none", ONE_SEED)),
        "Seeds were not varied: the intervals are over photos alone.",
    ),
    Caution.OVER_PHOTOS_AND_SEEDS: (
        PLAIN,
        "The verdicts go by the interval that allows for both: other photos and other seeds.",
    ),
    Caution.SOME_OVER_PHOTOS: (
        study(compared("full", "none", ONE_SEED), compared("wide", "none", GAIN)),
        "With one seed each, over photos alone: full - none.",
    ),
    Caution.MINIMUM_DETECTABLE: (
        replace(PLAIN, detectable=Detectable(0.0123, 0.005, 0.2)),
        "Minimum detectable difference (80 % power), with a spread over runs of 0.5 points, as stated, and over photos "
        "as seen here: 1.2 points.",
    ),
    Caution.POOLED_ERROR: (
        erring(SeedError(0.01, 8, True, 1.2, 0.35)),
        "The error over seeds is that of all arms (8 degrees of freedom) where a pair varies over seeds as the other "
        "arms do (F test): full - none (F 1.20).",
    ),
    Caution.OWN_ERROR: (
        erring(SeedError(0.02, 2, False, 9.1, 0.01)),
        "A pair that varies over seeds more or less than the others keeps its own error: full - none (F 9.10).",
    ),
    Caution.UNCHECKED_ERROR: (
        erring(SeedError(0.02, 8, True, None, None)),
        "With one seed in common, the error over seeds is that of all arms, unchecked: full - none.",
    ),
    Caution.PAIRED_IN_ORDER: (
        ELSEWHERE,
        "Runs of arms with equally many are paired in the order in which they were given, as by seed.",
    ),
    Caution.UNPAIRED: (
        replace(study(compared("full", "none", UNPAIRED)), budget=None),
        "Runs are not paired: the spreads of both arms add up (Welch).",
    ),
    Caution.REGISTERED_SCORES: (
        replace(ELSEWHERE, scored_by_studies=("full", "none")),
        "Scores of a registered study (full, none): the verdict that was planned stands in its own report.",
    ),
    Caution.MCNEMAR_BY_RUNS: (
        replace(study(TESTED), budget=None),
        "McNemar: a person counts for the arm of which a larger share of runs found the joint; of arms with unequal "
        "numbers of runs the first ones count, as many of each.",
    ),
    Caution.SEVERAL_COMPARISONS: (
        study(compared("pca", "none", GAIN, count=3)),
        "Of 3 secondary comparisons, verdicts and adjusted p allow for their number (Holm), the intervals are one by "
        "one.",
    ),
    Caution.ADDED_COMPARISONS: (
        replace(study(compared("wide", "none", GAIN, count=5)), registered=PLAN),
        "Of 5 comparisons with added arms, verdicts and adjusted p allow for their number (Holm), the intervals are "
        "one by one.",
    ),
}


MINIMUM = "Minimum detectable difference (80 % power), "
SPREAD = "a spread over runs of {} points, as stated, and over photos as seen here"
OTHERWISE: tuple[tuple[Caution, StudyReport, str], ...] = (
    (
        Caution.POOLED_ERROR,
        study(
            *(
                compared(one, "none", estimate(0, 0.1, error=SeedError(0.01, freedom, True, 1.2, 0.35)))
                for one, freedom in (("full", 16), ("pca", 16), ("wide", 20))
            )
        ),
        "The error over seeds is that of all arms (16 or 20 degrees of freedom) where a pair varies over seeds as the "
        "other arms do (F test): full - none (F 1.20), pca - none (F 1.20), wide - none (F 1.20).",
    ),
    (
        Caution.OVER_PHOTOS,
        study(compared("full", "none", replace(GAIN, over_seeds=None))),
        "Seeds were not varied, or runs that tie and show no spread: the intervals are over photos alone.",
    ),
    (
        Caution.MINIMUM_DETECTABLE,
        replace(PLAIN, detectable=Detectable(0.0004, 0.0025, 0.2)),
        f"{MINIMUM}with {SPREAD.format('0.25')}: 0.04 points.",
    ),
    (
        Caution.MINIMUM_DETECTABLE,
        replace(PLAIN, detectable=Detectable(0.0123, None, 0.2)),
        f"{MINIMUM}over photos alone, as they vary here: 1.2 points.",
    ),
    (
        Caution.MINIMUM_DETECTABLE,
        replace(PLAIN, detectable=Detectable(None, 0.005, 0.2)),
        f"{MINIMUM}with {SPREAD.format('0.5')}: none (no difference would be found).",
    ),
    (
        Caution.UNPAIRED,
        replace(study(compared("full", "none", UNPAIRED), compared("pca", "none", GAIN)), budget=None),
        "Runs of arms with unequal numbers are not paired: the spreads of both arms add up (Welch).",
    ),
)
"""The same cautions of other reports."""


def said(report: StudyReport, caution: Caution) -> str:
    return dict(zip(cautions_of(report), cautions(report), strict=True))[caution]


@pytest.mark.parametrize("caution", Caution)
def test_every_caution_has_its_sentence(caution: Caution) -> None:
    report, sentence = SNAPSHOTS[caution]
    assert said(report, caution) == sentence


@pytest.mark.parametrize(("caution", "report", "sentence"), OTHERWISE)
def test_a_caution_says_what_it_goes_by(caution: Caution, report: StudyReport, sentence: str) -> None:
    assert said(report, caution) == sentence
