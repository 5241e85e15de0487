"""A study's report: tables, bars, and a sentence a verdict."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from shgae.evaluation.study_report import STUDY, StudyReport
from shgae.metrics.statistics import Verdict
from shgae.recipe_parts import PRESETS
from shgae.reporting.study import bars, budget_line, conclusion, notes, tables
from tests.builders.reports import compared, estimate, study

GAIN, LOSS, NOTHING = estimate(0.01, 0.03), estimate(-0.03, -0.01), estimate(-0.01, 0.02)
SCORED = "arm full (pre-trained autoencoder) scored {} points of PCK {} than arm none (no autoencoder)"
WHERE = "on 600 people and 3 seeds; the 95 % CI over photos and seeds"
SNAPSHOTS = {
    Verdict.BETTER: f"Significantly better: {SCORED.format('2.0', 'more')}, {WHERE}, +1.0 to +3.0, excludes zero.",
    Verdict.WORSE: f"Significantly worse: {SCORED.format('2.0', 'less')}, {WHERE}, -3.0 to -1.0, excludes zero.",
    Verdict.EQUIVALENT: (
        f"Equivalent within 3.0 points: {SCORED.format('0.5', 'more')}, on 600 people and 3 seeds; the 90 % CI, -0.7 "
        "to +1.7, lies inside the margin; the 95 % CI allows a gain of up to 2.0 points and a loss of up to 1.0."
    ),
    Verdict.INCONCLUSIVE: (
        f"Inconclusive: {SCORED.format('0.5', 'more')}, {WHERE}, -1.0 to +2.0, includes zero, and the data do not rule "
        "out a difference of the margin, 1.0 points; the 95 % CI allows a gain of up to 2.0 points and a loss of "
        "up to 1.0."
    ),
    Verdict.ALPHA_SPENT: (
        "No new verdict: an earlier look stands; "
        f"{SCORED.format('0.5', 'more')}, {WHERE}, -1.0 to +2.0, is no test; the 95 % CI allows a gain of up to "
        "2.0 points and a loss of up to 1.0."
    ),
    Verdict.TOO_EARLY: (
        "No verdict yet: with so few of the planned seeds under 0.01 % of the level may be used; "
        f"{SCORED.format('0.5', 'more')}, {WHERE}, -1.0 to +2.0, is no test; the 95 % CI allows a gain of up to "
        "2.0 points and a loss of up to 1.0."
    ),
    Verdict.NO_SIGNIFICANT_DIFFERENCE: (
        f"No significant difference: {SCORED.format('0.5', 'more')}, {WHERE}, -1.0 to +2.0, includes zero; the 95 % CI "
        "allows a gain of up to 2.0 points and a loss of up to 1.0."
    ),
    Verdict.IDENTICAL: (
        "No difference: arm full and arm none scored the same on every photo, on 600 people and 3 seeds."
    ),
    Verdict.TOO_FEW_PHOTOS: "No conclusion: under 10 photos of people with labelled joints.",
    Verdict.NOT_COMPARED: "No conclusion: the two arms of the primary comparison were not both run.",
}


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (study(compared("full", "none", GAIN)), Verdict.BETTER),
        (study(compared("full", "none", LOSS)), Verdict.WORSE),
        (study(compared("full", "none", NOTHING)), Verdict.INCONCLUSIVE),
        (study(compared("full", "none", NOTHING, margin=0.03)), Verdict.EQUIVALENT),
        (study(compared("full", "none", NOTHING, alpha=0)), Verdict.ALPHA_SPENT),
        (
            study(replace(compared("full", "none", NOTHING, alpha=0), verdict=Verdict.TOO_EARLY)),
            Verdict.TOO_EARLY,
        ),
        (study(compared("full", "none", estimate(0.0, 0.0))), Verdict.IDENTICAL),
        (study(compared("full", "none", None)), Verdict.TOO_FEW_PHOTOS),
        (study(compared("full", "baseline", GAIN)), Verdict.NOT_COMPARED),
    ],
)
def test_every_verdict_has_its_sentence(report: StudyReport, verdict: Verdict) -> None:
    assert report.verdict is verdict
    assert conclusion(report) == SNAPSHOTS[verdict]


def test_a_report_of_before_margins_says_so_much_as_it_knows() -> None:
    one = replace(
        compared("full", "none", replace(NOTHING, equivalence=None)),
        verdict=Verdict.NO_SIGNIFICANT_DIFFERENCE,
        margin=None,
    )
    assert conclusion(study(one)) == SNAPSHOTS[Verdict.NO_SIGNIFICANT_DIFFERENCE]
    assert tables(study(one))[1].title == "Differences of PCK (all labelled joints), in points; 95 % intervals"


@pytest.mark.parametrize(("other", "is_said"), [(NOTHING, True), (LOSS, True), (GAIN, False), (None, False)])
def test_a_gain_is_not_put_down_to_a_pre_training_that_a_random_autoencoder_matches(other, is_said: bool) -> None:
    report = study(compared("full", "none", GAIN), compared("full", "random", other))
    assert ("the pre-training is not shown to matter" in conclusion(report)) == is_said
    worse = study(compared("full", "none", LOSS), compared("full", "random", other))
    assert "pre-training" not in conclusion(worse).partition(";")[2]


def test_one_seed_is_said_to_be_one() -> None:
    report = study(compared("full", "none", estimate(0.01, 0.03, seeds=1)), seeds=1)
    assert "on 600 people and 1 seed; the 95 % CI over photos, +1.0 to +3.0" in conclusion(report)
    assert conclusion(report).endswith("; seeds were not varied, so the effect of another seed is unknown.")


def test_one_interval_stands_in_the_table_where_none_allows_for_other_seeds() -> None:
    grid = tables(study(compared("full", "none", estimate(0.01, 0.03, seeds=1)), seeds=1))[1]
    assert grid.headings == ("difference", "points", "CI over photos", "adjusted p", "finding", "question")
    assert grid.rows[0][:4] == ("full - none", "+2.0", "+1.0 to +3.0", "0.03")


def test_runs_that_tie_are_said_to_tie() -> None:
    report = study(compared("full", "none", replace(estimate(0.01, 0.03), over_seeds=None)))
    assert "3 seeds; the 95 % CI over photos, +1.0 to +3.0" in conclusion(report)
    assert conclusion(report).endswith("; the runs tie, so the effect of another seed is unknown.")
    assert any("runs that tie" in note for note in notes(report))


def test_a_comparison_of_one_seed_among_others_of_several_is_over_photos_alone() -> None:
    one_seed, three = estimate(0.01, 0.03, seeds=1), compared("wide", "none", GAIN)
    report = study(compared("full", "none", one_seed), three)
    assert conclusion(report).endswith("; seeds were not varied, so the effect of another seed is unknown.")


def test_a_significant_difference_inside_the_margin_is_said_to_be_inside() -> None:
    report = study(compared("full", "none", estimate(0.001, 0.005)))
    assert report.verdict is Verdict.BETTER
    assert "excludes zero; a difference of the margin, 1.0 points, is ruled out" in conclusion(report)
    (row,) = tables(report)[1].rows
    assert row[6] == "significantly better, within the margin"


def test_an_end_near_zero_and_a_fine_margin_are_not_rounded_away() -> None:
    near = study(compared("full", "none", estimate(0.0004, 0.0204), margin=0.0025))
    assert "+0.04 to +2.0, excludes zero" in conclusion(near)
    assert tables(near)[1].title.endswith("margin 0.25")
    fine = study(compared("full", "none", estimate(-0.0004, 0.002), margin=0.0025))
    assert conclusion(fine).startswith("Equivalent within 0.25 points")
    assert "a loss of up to 0.04" in conclusion(fine)


def test_the_intervals_of_a_later_look_are_of_its_level() -> None:
    said = conclusion(study(compared("full", "none", GAIN, alpha=0.0076)))
    assert "the 99.2 % CI over photos and seeds" in said
    assert "the 98.5 % CI" in conclusion(study(compared("full", "none", NOTHING, margin=0.03, alpha=0.0076)))
    assert "the 99.98 % CI over" in conclusion(study(compared("full", "none", GAIN, alpha=0.0002))), "not of 100 %"


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
    assert differences.title.endswith("in points; 95 % intervals, margin 1.0")
    assert [row[6] for row in differences.rows] == [
        "significantly better",
        "inconclusive",
        "under 10 photos of people with labelled joints",
    ]
    assert "unfair" in differences.rows[-1][-1]
    assert {len(row) for grid in (arms, differences) for row in (grid.headings, *grid.rows)} == {10, 8}


def test_bars_are_the_differences_that_have_an_interval() -> None:
    unfair = compared("full", "baseline", estimate(0.02, 0.04, seeds=1))
    drawn = bars(study(compared("full", "none", GAIN), compared("pca", "none", None), unfair))
    assert [(bar.label, bar.fair) for bar in drawn] == [("full - none", True), ("full - baseline (unfair)", False)]
    assert (drawn[0].value, drawn[0].interval, drawn[0].by_seed) == (0.02, (0.01, 0.03), (0.02,) * 3)
    assert drawn[1].over_seeds is None


def test_a_report_is_read_back_equal_and_says_the_same() -> None:
    report = study(compared("full", "none", NOTHING), compared("none", "baseline", None))
    again = STUDY.from_json(json.loads(json.dumps(STUDY.to_json(report), sort_keys=True)), "here")
    assert again == report
    assert (tables(again), conclusion(again)) == (tables(report), conclusion(report))


def test_the_budget_is_told_in_one_line() -> None:
    budget = study().budget
    assert budget is not None
    assert budget_line(budget) == (
        "Equal budget, checked in the manifest of every arm: 300 steps of 4 (2 epochs of 600 people), adam 0.0005 "
        "cosine, fp32, seeds 0, 1, 2, data 222222222222, baseline 111111111111."
    )
    augmented = replace(budget, config={**budget.config, "augment": "newell", **PRESETS["newell"], "rotation": 10.0})
    assert "fp32, augmentation newell, rotation 10, seeds 0" in budget_line(augmented)
