"""What a reader of a study's numbers must know and its conclusion does not say: which cautions hold, and of what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from shgae.evaluation.study_differences import ArmComparison, Estimate
from shgae.evaluation.study_report import StudyReport
from shgae.metrics.seeds import SeedError
from shgae.metrics.statistics import Verdict
from shgae.option_lists import BASELINE, FULL, NONE, RANDOM


class Caution(StrEnum):
    """In the order in which they are told."""

    TRAINING_COST = "training_cost"
    """Without an autoencoder the fine-tuning ended significantly below the baseline."""
    ONE_BASELINE = "one_baseline"
    SEVERAL_DEVICES = "several_devices"
    PRETRAINING_APART = "pretraining_apart"
    """The pre-training is no part of the equal budget."""
    NO_TEST_SPLIT = "no_test_split"
    LIMITED = "limited"
    OVER_PHOTOS = "over_photos"
    """Every interval is over photos alone."""
    OVER_PHOTOS_AND_SEEDS = "over_photos_and_seeds"
    SOME_OVER_PHOTOS = "some_over_photos"
    """Some intervals are over photos alone."""
    MINIMUM_DETECTABLE = "minimum_detectable"
    POOLED_ERROR = "pooled_error"
    """The error over seeds is that of all arms, where a pair varies as the others do."""
    OWN_ERROR = "own_error"
    UNCHECKED_ERROR = "unchecked_error"
    """The same with one seed in common, so that nobody can tell."""
    PAIRED_IN_ORDER = "paired_in_order"
    UNPAIRED = "unpaired"
    REGISTERED_SCORES = "registered_scores"
    MCNEMAR_BY_RUNS = "mcnemar_by_runs"
    SEVERAL_COMPARISONS = "several_comparisons"
    """Secondary ones, for the number of which Holm's adjustment allows."""
    ADDED_COMPARISONS = "added_comparisons"
    """Likewise, with arms that were added to the plan."""


def cautions_of(report: StudyReport) -> tuple[Caution, ...]:
    """Those that hold."""
    return tuple(caution for caution in Caution if _HOLDS[caution](report))


def training_cost(report: StudyReport) -> Estimate | None:
    """What the fine-tuning without an autoencoder scores above the baseline, where that is significantly less."""
    found = _between(report, NONE, BASELINE)
    return found.groups.all if found and found.verdict is Verdict.WORSE else None


def is_pretraining_unproven(report: StudyReport) -> bool:
    """Whether a gain of the pre-trained autoencoder may be one that a random autoencoder has too."""
    primary, other = report.primary, _between(report, FULL, RANDOM)
    if report.budget is None or other is None or primary is None or (primary.arm, primary.minus) != (FULL, NONE):
        return False
    return other.verdict not in (Verdict.BETTER, Verdict.TOO_FEW_PHOTOS)


def over_photos_alone(report: StudyReport) -> tuple[ArmComparison, ...]:
    """Comparisons that do not allow for other seeds."""
    return tuple(one for one in report.differences if one.groups.all and one.groups.all.over_seeds is None)


def with_seed_error(report: StudyReport, *, pooled: bool, checked: bool) -> list[tuple[ArmComparison, SeedError]]:
    """Comparisons with an error over seeds that is that of all arms or their own, with a ratio by which that was
    checked or without."""
    found = [(one, one.groups.all.seed_error) for one in report.differences if one.groups.all]
    kind = (pooled, checked)
    return [(one, error) for one, error in found if error and (error.pooled, error.ratio is not None) == kind]


def counts_of_pairs(report: StudyReport) -> tuple[int, ...]:
    """How many pairs of runs each fair comparison has; 0 where runs are not paired."""
    return tuple(len(one.groups.all.by_seed) for one in report.differences if one.fair and one.groups.all)


def compared_at_once(report: StudyReport, *, added: bool) -> int:
    """For how many comparisons Holm's adjustment allows: planned ones, or those with an arm that was added; or 1."""
    names = set(report.registered.added_arms) if report.registered else set()
    counts = [one.compared for one in report.differences if added is not names.isdisjoint((one.arm, one.minus))]
    return max(counts, default=1)


def _between(report: StudyReport, arm: str, minus: str) -> ArmComparison | None:
    return next((one for one in report.differences if (one.arm, one.minus) == (arm, minus)), None)


def is_over_photos(report: StudyReport) -> bool:
    alone, every = len(over_photos_alone(report)), sum(one.groups.all is not None for one in report.differences)
    return len(report.seeds) == 1 or (alone > 0 and alone == every)


_HOLDS: Mapping[Caution, Callable[[StudyReport], bool]] = {
    Caution.TRAINING_COST: lambda report: training_cost(report) is not None,
    Caution.ONE_BASELINE: lambda report: report.budget is not None,
    Caution.SEVERAL_DEVICES: lambda report: len(report.devices) > 1,
    Caution.PRETRAINING_APART: lambda report: report.ae_epochs is not None,
    Caution.NO_TEST_SPLIT: lambda report: report.split == "val" and report.budget is not None,
    Caution.LIMITED: lambda report: bool(report.limit),
    Caution.OVER_PHOTOS: is_over_photos,
    Caution.OVER_PHOTOS_AND_SEEDS: lambda report: not is_over_photos(report),
    Caution.SOME_OVER_PHOTOS: lambda report: not is_over_photos(report) and bool(over_photos_alone(report)),
    Caution.MINIMUM_DETECTABLE: lambda report: report.detectable is not None,
    Caution.POOLED_ERROR: lambda report: bool(with_seed_error(report, pooled=True, checked=True)),
    Caution.OWN_ERROR: lambda report: bool(with_seed_error(report, pooled=False, checked=True)),
    Caution.UNCHECKED_ERROR: lambda report: bool(with_seed_error(report, pooled=True, checked=False)),
    Caution.PAIRED_IN_ORDER: lambda report: report.budget is None and max(counts_of_pairs(report), default=0) > 1,
    Caution.UNPAIRED: lambda report: report.budget is None and 0 in counts_of_pairs(report),
    Caution.REGISTERED_SCORES: lambda report: report.budget is None and bool(report.scored_by_studies),
    Caution.MCNEMAR_BY_RUNS: lambda report: report.budget is None and any(one.joints for one in report.differences),
    Caution.SEVERAL_COMPARISONS: lambda report: compared_at_once(report, added=False) > 1,
    Caution.ADDED_COMPARISONS: lambda report: compared_at_once(report, added=True) > 1,
}
