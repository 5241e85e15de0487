"""A study's report as tables, figures and sentences: one template a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

from matplotlib.figure import Figure

from shgae.evaluation.study_cautions import is_over_photos, is_pretraining_unproven
from shgae.evaluation.study_differences import ArmComparison, Estimate
from shgae.evaluation.study_report import ArmResult, Budget, CodeSizes, StudyCosts, StudyReport
from shgae.metrics.pck import GROUPS
from shgae.metrics.statistics import ALPHA, VERDICT_PHOTOS, Verdict
from shgae.option_lists import (
    ARMS,
    BASELINE,
    DROPOUT,
    FROZEN,
    FULL,
    FULL_AUGMENT,
    NONE,
    NONE_AUGMENT,
    PCA,
    RANDOM,
    WEIGHT_DECAY,
    WIDE,
)
from shgae.plots.code_sizes import code_size_figure
from shgae.plots.differences import forest_plot
from shgae.recipe_parts import augment_in_words
from shgae.reporting.evaluation import mcnemar_grid
from shgae.reporting.study_cautions import cautions
from shgae.reporting.study_registration import registration
from shgae.reporting.table import Grid, number, p_value, percent, points, signed_points, span, stated
from shgae.wording import counted, counted_people, tenths

ARM_HEADINGS = (
    "arm",
    "what",
    "PCK % all",
    "hidden (v=1)",
    "visible (v=2)",
    "by seed",
    "minus {}",
    "parameters",
    "trained",
    "GFLOP",
)
DIFFERENCE_HEADINGS = (
    "difference",
    "points",
    "CI, both",
    "over photos",
    "over seeds",
    "adjusted p",
    "finding",
    "question",
)
_OVER_PHOTOS = (*DIFFERENCE_HEADINGS[:2], "CI over photos", *DIFFERENCE_HEADINGS[5:])
"""The same where no interval allows for other seeds: its two parts would say the same, and nothing."""
_SIZE_HEADINGS = ("code", "components alone", "before fine-tuning", "after", "by seed", "on val", "parameters")
_COST_HEADINGS = ("arm", "parameters", "GFLOP a crop", "ms a crop")
_WORDS = ("what", "finding", "question")
_UNFAIR = "unfair: only one of the two was trained on"
_QUESTIONS: Mapping[tuple[str, str], str] = {
    (FULL, NONE): "Did the pre-trained autoencoder earn its place?",
    (FULL, RANDOM): "Did its pre-training matter?",
    (FULL, PCA): "Did its being more than a linear projection matter?",
    (PCA, NONE): "Does a linear autoencoder earn its place?",
    (RANDOM, NONE): "Does an autoencoder earn its place without pre-training?",
    (FROZEN, NONE): "Does adapting the autoencoder alone do as much as fine-tuning the network?",
    (FULL, WIDE): "Did the squeeze matter?",
    (WIDE, NONE): "Does a module without a squeeze earn its place?",
    (DROPOUT, NONE): "Does dropout do as much, without an autoencoder?",
    (WEIGHT_DECAY, NONE): "Does weight decay do as much, without an autoencoder?",
    (FULL, DROPOUT): "Is the autoencoder more than a regulariser like dropout?",
    (FULL, WEIGHT_DECAY): "Is the autoencoder more than a regulariser like weight decay?",
    (FULL_AUGMENT, NONE_AUGMENT): "Does the autoencoder earn its place on augmented crops?",
    (NONE_AUGMENT, NONE): "Does augmentation earn its place, without an autoencoder?",
    (FULL, BASELINE): f"as the original reported, {_UNFAIR}",
    (NONE, BASELINE): f"what the same training gave without an autoencoder, {_UNFAIR}",
}
"""What each difference answers."""
_UNPROVEN = "; but it is not significantly better than a random autoencoder, so the pre-training is not shown to matter"
_TOO_FEW = f"under {VERDICT_PHOTOS} photos of people with labelled joints"
_CONCLUSIONS: Mapping[Verdict, str] = {
    Verdict.BETTER: "Significantly better: {scored}, {where}; {interval} excludes zero{within}{but}{varied}.",
    Verdict.WORSE: "Significantly worse: {scored}, {where}; {interval} excludes zero{within}{varied}.",
    Verdict.EQUIVALENT: (
        "Equivalent within {margin} points: {scored}, {where}; the {narrower} % CI, {equivalence}, lies inside the "
        "margin; {allowed}{varied}."
    ),
    Verdict.INCONCLUSIVE: (
        "Inconclusive: {scored}, {where}; {interval} includes zero, and the data do not rule out a difference of the "
        "margin, {margin} points; {allowed}{varied}."
    ),
    Verdict.NO_SIGNIFICANT_DIFFERENCE: (
        "No significant difference: {scored}, {where}; {interval} includes zero; {allowed}{varied}."
    ),
    Verdict.IDENTICAL: "No difference: arm {arm} and arm {minus} scored the same on every photo, {where}{varied}.",
    Verdict.TOO_FEW_PHOTOS: f"No conclusion: {_TOO_FEW}.",
    Verdict.ALPHA_SPENT: (
        "No new verdict: an earlier look stands; {scored}, {where}; {interval} is no test; {allowed}{varied}."
    ),
    Verdict.TOO_EARLY: (
        "No verdict yet: with so few of the planned seeds under 0.01 % of the level may be used; {scored}, {where}; "
        "{interval} is no test; {allowed}{varied}."
    ),
    Verdict.NOT_COMPARED: "No conclusion: the two arms of the primary comparison were not both run.",
}
"""What may be said of the primary comparison."""
_FINDINGS: Mapping[Verdict, str] = {
    Verdict.BETTER: "significantly better{within}",
    Verdict.WORSE: "significantly worse{within}",
    Verdict.EQUIVALENT: "equivalent",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.NO_SIGNIFICANT_DIFFERENCE: "no significant difference",
    Verdict.ALPHA_SPENT: "no verdict: level spent",
    Verdict.TOO_EARLY: "no verdict yet",
    Verdict.IDENTICAL: "no difference on any photo",
    Verdict.TOO_FEW_PHOTOS: _TOO_FEW,
}
"""The same of any comparison, in a cell."""

Row = tuple[str, ...]


def conclusion(report: StudyReport) -> str:
    """One sentence: what may be said of the primary comparison."""
    one = report.primary
    found = one.groups.all if one else None
    if one is None or found is None:
        return _CONCLUSIONS[report.verdict]
    more = "more" if found.value >= 0 else "less"
    first, second = _named(report, one.minus), _named(report, one.arm)
    scored = f"{second} scored {tenths(abs(100 * found.value))} points of PCK {more} than {first}"
    over = "photos and seeds" if found.over_seeds else "photos"
    margin, equivalence = stated(one.margin or 0.0), span(found.equivalence, partial(_against, one.margin or 0.0))
    return _CONCLUSIONS[report.verdict].format(
        scored=scored,
        arm=one.arm,
        minus=one.minus,
        where=f"on {counted_people(report.persons)} and {_seeds(report, one)}",
        interval=f"the {_confidence(one)} % CI over {over}, {span(found, points)},",
        narrower=_confidence(one, sides=2),
        equivalence=equivalence,
        margin=margin,
        within=f"; a difference of the margin, {margin} points, is ruled out by the {_confidence(one, sides=2)} % CI, "
        f"{equivalence}"
        if one.within_margin
        else "",
        allowed=f"the {_confidence(one)} % CI allows a gain of up to {tenths(100 * found.largest_gain)} points and a "
        f"loss of up to {tenths(100 * found.largest_loss)}",
        but=_UNPROVEN if is_pretraining_unproven(report) else "",
        varied="" if found.over_seeds else f"; {_unvaried(found)}, so the effect of another seed is unknown",
    )


def _against(margin: float, end: float) -> str:
    """An end of an interval in points, with as many digits as show on which side of the margin it is."""
    said = (points(end), *(f"{100 * end:+.{digits}f}" for digits in range(2, 9)))
    return next((text for text in said if (abs(float(text)) < 100 * margin) == (abs(end) < margin)), said[-1])


def _unvaried(found: Estimate) -> str:
    return "the runs tie" if found.is_tied else "seeds were not varied"


def _confidence(one: ArmComparison, sides: int = 1) -> str:
    """Of the intervals of a comparison, in per cent; with two sides, of the interval for equivalence."""
    level = 100 * sides * (one.alpha or ALPHA)
    return f"{100 - level:.{max(1, math.ceil(-math.log10(level)))}f}".removesuffix(".0")  # never "100"


def _named(report: StudyReport, arm: str) -> str:
    return f"arm {arm} ({ARMS[arm]})" if report.budget and arm in ARMS else f"arm {arm}"


def _seeds(report: StudyReport, one: ArmComparison) -> str:
    """How many runs a comparison is of."""
    found = one.groups.all
    if found is not None and found.by_seed:
        return counted(len(found.by_seed), "seed")
    counts = {arm.name: len(arm.by_seed) for arm in report.arms}
    return f"{counts[one.arm]} and {counted(counts[one.minus], 'seed')}, unpaired"


def notes(report: StudyReport) -> list[str]:
    """What stands below the tables: the budget, then what a reader must know."""
    return [budget_line(report.budget), *registration(report.registered), *cautions(report)]


def budget_line(budget: Budget | None) -> str:
    """The equal budget in one line."""
    if budget is None:
        return "Budget not checked: not trained here."
    given, seeds = budget.config, budget.seeds
    seed = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    steps, epochs = counted(budget.steps, "step"), counted(budget.epochs, "epoch")
    words = augment_in_words(given)
    changes = f"augmentation {words}, " if words != "none" else ""
    return (
        f"Equal budget, checked in the manifest of every arm: {steps} of {given['batch_size']} "
        f"({epochs} of {counted_people(budget.people)}), {given['optimizer']} {given['lr']:g} "
        f"{given['schedule']}, {given['precision']}, {changes}{seed}, data {budget.data[:12]}, "
        f"baseline {budget.model[:12]}."
    )


def tables(report: StudyReport) -> list[Grid]:
    """The arms, then their differences."""
    title = f"{report.split}: {counted_people(report.persons)} in {counted(report.photos, 'photo')}"
    base = report.primary.minus if report.primary and not report.budget else NONE
    gains = {one.arm: one.groups.all for one in report.differences if one.minus == base}
    arms = [_arm_row(arm, gains.get(arm.name)) for arm in report.arms]
    differences = [_difference_row(one, asks=report.budget is not None) for one in report.differences]
    about = "Differences of PCK (all labelled joints), in points"
    if report.differences:
        about += f"; {_confidence(report.differences[0])} % intervals"
        if report.differences[0].margin is not None:
            about += f", margin {stated(report.differences[0].margin)}"
    headings = tuple(one.format(base) for one in ARM_HEADINGS)
    of_differences: Row = DIFFERENCE_HEADINGS
    if is_over_photos(report):
        of_differences, differences = _OVER_PHOTOS, [row[:3] + row[5:] for row in differences]
    grids = [
        Grid(title, headings, tuple(arms), words=_WORDS),
        Grid(about, of_differences, tuple(differences), words=_WORDS),
    ]
    return [
        *(grids if report.budget else [grid.filled() for grid in grids]),
        *(
            mcnemar_grid(one.minus, one.arm, {each.joint: each.test for each in one.joints})
            for one in report.differences
            if one.joints
        ),
    ]


def _arm_row(arm: ArmResult, gain: Estimate | None) -> Row:
    """Cells as of :data:`ARM_HEADINGS`; PCK of all, v = 1 and v = 2 in per cent, mean over seeds."""
    pck = [percent(arm.pck[group]) for group in GROUPS]
    seeds = ", ".join(percent(one.all) for one in arm.by_seed)
    counts = [f"{count:,}" if count else "-" for count in (arm.parameters, arm.trained_parameters)]
    return (arm.name, arm.label, *pck, seeds, signed_points(gain), *counts, number(arm.gflop))


def _difference_row(one: ArmComparison, *, asks: bool) -> Row:
    """Cells as of :data:`DIFFERENCE_HEADINGS`; points of PCK of all labelled joints."""
    found, name = one.groups.all, f"{one.arm} - {one.minus}"
    question = _QUESTIONS.get((one.arm, one.minus), "-") if asks else "-"
    if found is None:
        return (name, "-", "-", "-", "-", "-", _FINDINGS[one.verdict], question)
    ranges = (span(found, points), span(found.over_photos, points), span(found.over_seeds, points))
    finding = _FINDINGS[one.verdict].format(within=", within the margin" if one.within_margin else "")
    return (name, points(found.value), *ranges, p_value(one.p_adjusted), finding, question)


def sizes_table(report: StudyReport) -> list[Grid]:
    """A row a size; no table where no sizes were asked for."""
    found = report.code_sizes
    if found is None:
        return []
    components, rows = dict(found.components), []
    for one in found.sizes:
        scores = [components.get(one.size), one.before, one.after]
        seeds = ", ".join(map(percent, one.after_by_seed))
        rows.append((str(one.size), *map(percent, scores), seeds, percent(one.val), f"{one.parameters:,}"))
    title = f"{report.split}: PCK % by the size of the code, arm full, {counted(len(found.seeds), 'seed')}"
    best = found.best
    chosen = f"Chosen on val: a code of {best.size}, with a PCK of {percent(best.after)} % after fine-tuning."
    return [Grid(title, _SIZE_HEADINGS, tuple(rows), chosen)]


def costs_table(report: StudyReport, costs: StudyCosts) -> Grid:
    """A row an arm: what is counted, and the time of a forward pass that was measured."""
    rows = []
    for arm in report.arms:
        time = f"{float(f'{costs.milliseconds[arm.name]:.2g}'):g}" if arm.name in costs.milliseconds else "-"
        rows.append((arm.name, f"{arm.parameters:,}", number(arm.gflop), time))
    how = f"measured on {costs.device} in {costs.precision}, {costs.batch} crops a pass"
    caption = f"GFLOP: counted, convolutions and products; ms: {how}, two digits of the shortest of several passes"
    return Grid("Costs of a forward pass", _COST_HEADINGS, tuple(rows), caption)


def forest(report: StudyReport) -> Figure:
    """Draws the differences with the conclusion above, see :func:`shgae.plots.differences.forest_plot`."""
    confidence = _confidence(report.differences[0]) if report.differences else "95"
    questions = _QUESTIONS if report.budget else {}
    return forest_plot(report.differences, conclusion(report), questions, confidence=confidence)


def sizes_figure(report: StudyReport, found: CodeSizes) -> Figure:
    """Draws the curve of the report's code sizes."""
    names = {BASELINE: "baseline", NONE: "fine-tuned without an autoencoder"}
    return code_size_figure(found, {names[arm.name]: arm.pck.all for arm in report.arms if arm.name in names})
