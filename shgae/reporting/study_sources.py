"""What the intervals of a study allow for: seeds and photos, in sentences."""

from __future__ import annotations

from shgae.evaluation.study_report import StudyReport
from shgae.wording import counted


def sources(report: StudyReport) -> list[str]:
    """What the intervals allow for."""
    found = {f"{one.arm} - {one.minus}": one.groups.all for one in report.differences if one.groups.all}
    alone = [name for name, one in found.items() if one.over_seeds is None]
    if len(report.seeds) == 1 or (alone and len(alone) == len(found)):
        return ["Seeds were not varied: the intervals are over photos alone."]
    said = "The verdicts go by the interval that allows for both: other photos and other seeds."
    return [said] + ([f"With one seed each, over photos alone: {', '.join(alone)}."] if alone else [])


def pairing_lines(report: StudyReport) -> list[str]:
    """Which runs of arms that were trained elsewhere were taken for pairs."""
    pairs = [len(one.groups.all.by_seed) for one in report.differences if one.fair and one.groups.all]
    said = []
    if any(count > 1 for count in pairs):
        said.append("Runs of arms with equally many are paired in the order in which they were given, as by seed.")
    if 0 in pairs:
        which = "Runs of arms with unequal numbers" if max(pairs) else "Runs"
        said.append(f"{which} are not paired: the spreads of both arms add up (Welch).")
    if report.scored_by_studies:
        arms = ", ".join(report.scored_by_studies)
        said.append(f"Scores of a registered study ({arms}): the verdict that was planned stands in its own report.")
    if any(one.joints for one in report.differences):
        said.append("McNemar: a person counts for the arm of which a larger share of runs found the joint.")
    return said


def error_lines(report: StudyReport) -> list[str]:
    """Where the errors over seeds come from, and why."""
    pooled, own = list[str](), list[str]()
    unchecked = list[str]()
    freedoms = set[int]()
    for one in report.differences:
        error = one.groups.all.seed_error if one.groups.all else None
        if error is None or (error.ratio is None and not error.pooled):
            continue
        name = f"{one.arm} - {one.minus}"
        if error.ratio is None:
            unchecked.append(name)
            continue
        (pooled if error.pooled else own).append(f"{name} (F {error.ratio:.2f})")
        freedoms |= {error.freedom} if error.pooled else set()
    said = []
    if pooled:
        said.append(
            f"The error over seeds is that of all arms ({counted(max(freedoms), 'degree')} of freedom) where a pair "
            f"varies over seeds as the other arms do (F test): {', '.join(pooled)}."
        )
    if own:
        said.append(
            f"A pair that varies over seeds more or less than the others keeps its own error: {', '.join(own)}."
        )
    if unchecked:
        which = ", ".join(unchecked)
        said.append(f"With one seed in common, the error over seeds is that of all arms, unchecked: {which}.")
    return said
