"""A study's report: tables, bars, and a sentence a verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shgae.evaluation.study_differences import Estimate, JointTest, Range
from shgae.evaluation.study_report import STUDY, StudyCosts, StudyReport
from shgae.metrics.comparison import McNemar
from shgae.metrics.statistics import Verdict
from shgae.recipe_parts import PRESETS
from shgae.reporting.study import budget_line, conclusion, costs_table, tables
from tests.builders.reports import compared, estimate, study

GAIN, LOSS, NOTHING = estimate(0.01, 0.03), estimate(-0.03, -0.01), estimate(-0.01, 0.02)
ONE_SEED = estimate(0.01, 0.03, seeds=1)
SCORED = "arm full (pre-trained autoencoder) scored {} points of PCK {} than arm none (no autoencoder)"
WHERE = "on 600 people and 3 seeds; the 95 % CI over photos and seeds"
MORE = f"{SCORED.format('0.5', 'more')}, {WHERE}, -1.0 to +2.0"
ALLOWED = "the 95 % CI allows a gain of up to 2.0 points and a loss of up to 1.0"
BETTER = f"Significantly better: {SCORED.format('2.0', 'more')}"
SNAPSHOT_BETTER = f"{BETTER}, {WHERE}, +1.0 to +3.0, excludes zero."
WORSE = f"Significantly worse: {SCORED.format('2.0', 'less')}, {WHERE}, -3.0 to -1.0, excludes zero."
EQUIVALENT = (
    f"Equivalent within 3.0 points: {SCORED.format('0.5', 'more')}, on 600 people and 3 seeds; the 90 % CI, -0.7 to "
    f"+1.7, lies inside the margin; {ALLOWED}."
)
OVER_PHOTOS, UNKNOWN = (
    "the 95 % CI over photos, +1.0 to +3.0, excludes zero",
    ", so the effect of another seed is unknown.",
)
OF_ONE_SEED = f"{BETTER}, on 600 people and 1 seed; {OVER_PHOTOS}; seeds were not varied{UNKNOWN}"


def of(found: Estimate | None, minus: str = "none", **numbers: Any) -> StudyReport:
    return study(compared("full", minus, found, **numbers))


def judged(verdict: Verdict, **numbers: Any) -> StudyReport:
    """A difference of which the verdict does not follow from the interval alone."""
    return study(replace(compared("full", "none", NOTHING), verdict=verdict, **numbers))


SNAPSHOTS: dict[str, tuple[StudyReport, Verdict, str]] = {
    "better": (of(GAIN), Verdict.BETTER, SNAPSHOT_BETTER),
    "worse": (of(LOSS), Verdict.WORSE, WORSE),
    "equivalent": (of(NOTHING, margin=0.03), Verdict.EQUIVALENT, EQUIVALENT),
    "inconclusive": (
        of(NOTHING),
        Verdict.INCONCLUSIVE,
        f"Inconclusive: {MORE}, includes zero, and the data do not rule out a difference of the margin, 1.0 points; "
        f"{ALLOWED}.",
    ),
    "level spent": (
        of(NOTHING, alpha=0),
        Verdict.ALPHA_SPENT,
        f"No new verdict: an earlier look stands; {MORE}, is no test; {ALLOWED}.",
    ),
    "too early": (
        judged(Verdict.TOO_EARLY),
        Verdict.TOO_EARLY,
        "No verdict yet: with so few of the planned seeds under 0.01 % of the level may be used; "
        f"{MORE}, is no test; {ALLOWED}.",
    ),
    "a report of before margins": (
        judged(Verdict.NO_SIGNIFICANT_DIFFERENCE, margin=None),
        Verdict.NO_SIGNIFICANT_DIFFERENCE,
        f"No significant difference: {MORE}, includes zero; {ALLOWED}.",
    ),
    "identical": (
        of(estimate(0.0, 0.0)),
        Verdict.IDENTICAL,
        "No difference: arm full and arm none scored the same on every photo, on 600 people and 3 seeds.",
    ),
    "too few photos": (
        of(None),
        Verdict.TOO_FEW_PHOTOS,
        "No conclusion: under 10 photos of people with labelled joints.",
    ),
    "not compared": (
        of(GAIN, minus="baseline"),
        Verdict.NOT_COMPARED,
        "No conclusion: the two arms of the primary comparison were not both run.",
    ),
    # Clauses of these templates.
    "inside the margin": (
        of(estimate(0.001, 0.005)),
        Verdict.BETTER,
        f"Significantly better: {SCORED.format('0.3', 'more')}, {WHERE}, +0.1 to +0.5, excludes zero; a difference of "
        "the margin, 1.0 points, is ruled out by the 90 % CI, +0.1 to +0.5.",
    ),
    "a random autoencoder does as well": (
        study(compared("full", "none", GAIN), compared("full", "random", NOTHING)),
        Verdict.BETTER,
        f"{BETTER}, {WHERE}, +1.0 to +3.0, excludes zero; but it is not significantly better than a random "
        "autoencoder, so the pre-training is not shown to matter.",
    ),
    "worse, and a random autoencoder does as well": (
        study(compared("full", "none", LOSS), compared("full", "random", NOTHING)),
        Verdict.WORSE,
        WORSE,
    ),
    "one seed": (of(ONE_SEED), Verdict.BETTER, OF_ONE_SEED),
    "one seed among several": (
        study(compared("full", "none", ONE_SEED), compared("wide", "none", GAIN)),
        Verdict.BETTER,
        OF_ONE_SEED,
    ),
    "runs that tie": (
        of(replace(GAIN, over_seeds=None)),
        Verdict.BETTER,
        f"{BETTER}, on 600 people and 3 seeds; {OVER_PHOTOS}; the runs tie{UNKNOWN}",
    ),
    "an end near zero": (
        of(estimate(0.0004, 0.0204), margin=0.0025),
        Verdict.BETTER,
        f"Significantly better: {SCORED.format('1.0', 'more')}, {WHERE}, +0.04 to +2.0, excludes zero.",
    ),
    "a fine margin": (
        of(estimate(-0.0004, 0.002), margin=0.0025),
        Verdict.EQUIVALENT,
        f"Equivalent within 0.25 points: {SCORED.format('0.1', 'more')}, on 600 people and 3 seeds; the 90 % CI, "
        "-0.02 to +0.2, lies inside the margin; the 95 % CI allows a gain of up to 0.2 points and a loss of up to "
        "0.04.",
    ),
    "a later look": (of(GAIN, alpha=0.0076), Verdict.BETTER, SNAPSHOT_BETTER.replace("95 % CI", "99.2 % CI")),
    "a level of nearly nothing": (
        of(GAIN, alpha=0.0002),
        Verdict.BETTER,
        SNAPSHOT_BETTER.replace("95 % CI", "99.98 % CI"),
    ),
    "equivalence of a later look": (
        of(NOTHING, margin=0.03, alpha=0.0076),
        Verdict.EQUIVALENT,
        EQUIVALENT.replace("95 % CI", "99.2 % CI").replace("90 % CI", "98.5 % CI"),
    ),
}


@pytest.mark.parametrize("case", SNAPSHOTS)
def test_every_verdict_has_its_sentence(case: str) -> None:
    report, verdict, sentence = SNAPSHOTS[case]
    assert (report.verdict, conclusion(report)) == (verdict, sentence)


def test_no_verdict_is_without_a_snapshot() -> None:
    assert {verdict for _, verdict, _ in SNAPSHOTS.values()} == set(Verdict)


def test_margins_stand_in_the_title_as_they_were_given() -> None:
    told = {margin: tables(of(NOTHING, margin=margin))[1].title for margin in (0.01, 0.0025)}
    assert [title.rpartition("margin ")[2] for title in told.values()] == ["1.0", "0.25"]
    assert "margin" not in tables(judged(Verdict.NO_SIGNIFICANT_DIFFERENCE, margin=None))[1].title


def test_one_interval_stands_in_the_table_where_none_allows_for_other_seeds() -> None:
    grid = tables(study(compared("full", "none", ONE_SEED), seeds=1))[1]
    assert grid.headings == ("difference", "points", "CI over photos", "adjusted p", "finding", "question")
    assert grid.rows[0][:4] == ("full - none", "+2.0", "+1.0 to +3.0", "0.03")


def test_a_significant_difference_inside_the_margin_is_called_so_in_its_cell() -> None:
    (row,) = tables(of(estimate(0.001, 0.005)))[1].rows
    assert row[6] == "significantly better, within the margin"


def test_the_tables_have_a_line_an_arm_and_a_line_a_difference() -> None:
    report = study(compared("full", "none", GAIN), compared("pca", "none", NOTHING), compared("full", "baseline", None))
    arms, differences = tables(report)
    assert arms.title == "test: 600 people in 300 photos"
    assert [row[0] for row in arms.rows] == ["baseline", "none", "pca", "full"]
    assert arms.rows[-1][2:] == ("50.0", "-", "50.0", "50.0, 50.0, 50.0", "+2.0 (+1.0 to +3.0)", "90", "80", "0.25")
    assert arms.rows[0][5:] == ("50.0", "-", "90", "-", "0.25")
    assert [row[:2] for row in differences.rows] == [
        ("full - none", "+2.0"),
        ("pca - none", "+0.5"),
        ("full - baseline", "-"),
    ]
    assert [row[5] for row in differences.rows] == ["0.03", "0.03", "-"]
    assert [row[6] for row in differences.rows] == [
        "significantly better",
        "inconclusive",
        "under 10 photos of people with labelled joints",
    ]
    assert "unfair" in differences.rows[-1][-1]
    assert {len(row) for grid in (arms, differences) for row in (grid.headings, *grid.rows)} == {10, 8}


def test_times_have_two_digits_and_the_caption_says_how_they_were_taken() -> None:
    report = of(None)
    names = [arm.name for arm in report.arms]
    times = dict(zip(names, (123.4, 4.567), strict=False))
    grid = costs_table(report, StudyCosts("cpu", "fp32", 8, times))
    assert [cells[-1] for cells in grid.rows[:2]] == ["120", "4.6"]
    assert "two digits of the shortest of several passes" in grid.caption


def test_a_report_is_read_back_equal_and_says_the_same() -> None:
    report = study(compared("full", "none", NOTHING), compared("none", "baseline", None))
    again = STUDY.from_json(json.loads(json.dumps(STUDY.to_json(report), sort_keys=True)), "here")
    assert again == report
    assert (tables(again), conclusion(again)) == (tables(report), conclusion(report))


def test_the_budget_is_told_in_one_line() -> None:
    budget = study().budget
    assert budget is not None
    line = (
        "Equal budget, checked in the manifest of every arm: 300 steps of 4 (2 epochs of 600 people), adam 0.0005 "
        "cosine, fp32, seeds 0, 1, 2, data 222222222222, baseline 111111111111."
    )
    augmented = replace(budget, config={**budget.config, "augment": "newell", **PRESETS["newell"], "rotation": 10.0})
    assert budget_line(budget) == line
    assert budget_line(augmented) == line.replace("fp32, ", "fp32, augmentation newell, rotation 10, ")
    turned = replace(budget, config={**budget.config, "rotation": 10.0, "scale": 0.0})
    assert budget_line(turned) == line.replace("fp32, ", "fp32, augmentation none, rotation 10, ")


def test_a_joint_that_nobody_has_is_not_one_of_the_tested_ones() -> None:
    joints = (JointTest("nose", McNemar(1, 2, 0, 0, 0.5, 0.5)), JointTest("tail", McNemar(0, 0, 0, 0, 1.0, 1.0)))
    *_, tested = tables(study(replace(compared("full", "none", estimate(0.0, 0.1)), joints=joints)))
    assert len(tested.rows) == 2
    assert tested.caption.startswith("Adjusted: Holm over 1 joint,")


def test_an_interval_inside_the_margin_is_not_rounded_up_to_it() -> None:
    inside = replace(estimate(-0.011, 0.005), equivalence=Range(-0.00967, 0.00304))
    said = conclusion(study(replace(compared("full", "none", inside), verdict=Verdict.EQUIVALENT, within_margin=True)))
    assert "the 90 % CI, -0.97 to +0.3, lies inside the margin" in said
