"""The cautions of a study in sentences: one template a caution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from shgae.evaluation.study_cautions import (
    Caution,
    cautions_of,
    compared_at_once,
    counts_of_pairs,
    over_photos_alone,
    training_cost,
    with_seed_error,
)
from shgae.evaluation.study_differences import ArmComparison
from shgae.evaluation.study_report import StudyReport
from shgae.metrics.seeds import SeedError
from shgae.option_lists import NONE
from shgae.reporting.table import stated
from shgae.wording import counted, counted_people, tenths

_HOLM = "verdicts and adjusted p allow for their number (Holm), the intervals are one by one."


def cautions(report: StudyReport) -> list[str]:
    """What a reader of the numbers must know and the conclusion does not say."""
    return [_SENTENCES[caution](report) for caution in cautions_of(report)]


def _training_cost(report: StudyReport) -> str:
    found = training_cost(report)
    value, low, high = (-100 * end for end in (found.value, found.high, found.low)) if found else (0.0, 0.0, 0.0)
    lost = f"{tenths(value)} points ({tenths(low)} to {tenths(high)})"
    so = "so the arms may differ in what they lost, not in what they won"
    return f"Arm {NONE} ended {lost} below its baseline: these epochs cost more than they gave, {so}."


def _pretraining_apart(report: StudyReport) -> str:
    before = f"the pre-trained autoencoders had {counted(report.ae_epochs or 0, 'epoch')} of pre-training before"
    return f"The equal budget is that of fine-tuning; {before}."


def _minimum_detectable(report: StudyReport) -> str:
    """What as many runs and photos find, if two runs differ by chance as was stated."""
    found = report.detectable
    if found is None:
        return ""
    spread = "over photos alone, as they vary here"
    if found.sd_runs is not None:
        spread = f"with a spread over runs of {stated(found.sd_runs)} points, as stated, and over photos as seen here"
    least = "none (no difference would be found)"
    if found.difference is not None:
        least = f"{tenths(100 * found.difference)} points"
    return f"Minimum detectable difference ({100 * found.POWER:.0f} % power), {spread}: {least}."


def _pooled_error(report: StudyReport) -> str:
    found = with_seed_error(report, pooled=True, checked=True)
    freedoms = sorted({error.freedom for _, error in found})  # pairs without an added arm have fewer
    return (
        f"The error over seeds is that of all arms ({' or '.join(map(str, freedoms))} degrees of freedom) where a pair "
        f"varies over seeds as the other arms do (F test): {_with_ratios(found)}."
    )


def _unpaired(report: StudyReport) -> str:
    which = "Runs of arms with unequal numbers" if max(counts_of_pairs(report)) else "Runs"
    return f"{which} are not paired: the spreads of both arms add up (Welch)."


def _or_tied(report: StudyReport) -> str:
    tied = any(one.groups.all.is_tied for one in over_photos_alone(report) if one.groups.all)
    return ", or runs that tie and show no spread" if tied else ""


def _names(compared: Sequence[ArmComparison]) -> str:
    return ", ".join(f"{one.arm} - {one.minus}" for one in compared)


def _with_ratios(compared: Sequence[tuple[ArmComparison, SeedError]]) -> str:
    return ", ".join(f"{one.arm} - {one.minus} (F {error.ratio:.2f})" for one, error in compared)


_SENTENCES: Mapping[Caution, Callable[[StudyReport], str]] = {
    Caution.TRAINING_COST: _training_cost,
    Caution.ONE_BASELINE: lambda _: "There is one baseline: from another one the answer may be another.",
    Caution.SEVERAL_DEVICES: lambda report: (
        f"The arms were not all fine-tuned on one device: {'; '.join(report.devices)}."
    ),
    Caution.PRETRAINING_APART: _pretraining_apart,
    Caution.NO_TEST_SPLIT: lambda _: (
        "There is no test split: the people compared on also chose the best epoch of every arm."
    ),
    Caution.LIMITED: lambda report: f"Of each split only the first {counted_people(report.limit or 0)}.",
    Caution.OVER_PHOTOS: lambda report: (
        f"Seeds were not varied{_or_tied(report)}: the intervals are over photos alone."
    ),
    Caution.OVER_PHOTOS_AND_SEEDS: lambda _: (
        "The verdicts go by the interval that allows for both: other photos and other seeds."
    ),
    Caution.SOME_OVER_PHOTOS: lambda report: (
        f"With one seed each{_or_tied(report)}, over photos alone: {_names(over_photos_alone(report))}."
    ),
    Caution.MINIMUM_DETECTABLE: _minimum_detectable,
    Caution.POOLED_ERROR: _pooled_error,
    Caution.OWN_ERROR: lambda report: (
        "A pair that varies over seeds more or less than the others keeps its own error: "
        f"{_with_ratios(with_seed_error(report, pooled=False, checked=True))}."
    ),
    Caution.UNCHECKED_ERROR: lambda report: (
        "With one seed in common, the error over seeds is that of all arms, unchecked: "
        f"{_names([one for one, _ in with_seed_error(report, pooled=True, checked=False)])}."
    ),
    Caution.PAIRED_IN_ORDER: lambda _: (
        "Runs of arms with equally many are paired in the order in which they were given, as by seed."
    ),
    Caution.UNPAIRED: _unpaired,
    Caution.REGISTERED_SCORES: lambda report: (
        f"Scores of a registered study ({', '.join(report.scored_by_studies)}): the verdict that was planned stands in "
        "its own report."
    ),
    Caution.MCNEMAR_BY_RUNS: lambda _: (
        "McNemar: a person counts for the arm of which a larger share of runs found the joint; of arms with "
        "unequal numbers of runs the first ones count, as many of each."
    ),
    Caution.SEVERAL_COMPARISONS: lambda report: (
        f"Of {compared_at_once(report, added=False)} secondary comparisons, {_HOLM}"
    ),
    Caution.ADDED_COMPARISONS: lambda report: (
        f"Of {compared_at_once(report, added=True)} comparisons with added arms, {_HOLM}"
    ),
}
