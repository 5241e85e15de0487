"""What was planned of a study: what was registered and what became of it, and what may be found; in sentences."""

from __future__ import annotations

from shgae.evaluation.study_registration import Registered
from shgae.reporting.table import stated
from shgae.wording import counted


def registration(found: Registered | None) -> list[str]:
    """What stands below the tables of a report; nothing of one of before there were plans."""
    if found is None:
        return []
    asked = f"primary comparison {' - '.join(found.primary)}" if found.primary else "no primary comparison"
    seeds = counted(len(found.seeds), "seed")
    said = [
        f"Registered as plan {found.sha256[:12]}: {asked}, {seeds}, margin {stated(found.margin / 100)} points of PCK."
    ]
    if found.late:
        said.append("The plan was written when there were scores already: it is no proof that nobody saw them before.")
    if found.replaced:
        hashes = ", ".join(sha256[:12] for sha256 in found.replaced)
        said.append(f"The plan was put in the place of another one by --force: {hashes}.")
    if len(found.tests) > 1 and found.current is not None:
        counts = ", ".join(f"{look.seeds} ({100 * look.alpha:.2g} %)" for look in found.tests)
        said.append(
            f"Looks at the primary comparison: {len(found.tests)}, with so many seeds at this level: {counts}; "
            f"this report has {found.looks[found.current].seeds}."
        )
    said += _numbers_of_seeds(found)
    if found.added_arms:
        said.append(f"Not in the plan, added later: {_arms(found.added_arms)}.")
    if found.missing_arms:
        said.append(f"In the plan, not in this report: {_arms(found.missing_arms)}.")
    return said


def _numbers_of_seeds(found: Registered) -> list[str]:
    """Of the arms outside the primary comparison: which have not as many as planned, and which had others before."""
    runs = found.looks[found.current].runs if found.current is not None else None
    if runs is None:
        return []
    others = {arm: count for arm, count in runs.items() if arm not in (found.primary or ())}
    planned = found.planned_runs or {}
    other = [
        f"{arm} {count} (planned {planned[arm]})" for arm, count in others.items() if planned.get(arm, count) != count
    ]
    seen = {arm: sorted({look.runs[arm] for look in found.looks if look.runs and arm in look.runs}) for arm in others}
    again = [f"{arm} with {', '.join(map(str, counts))}" for arm, counts in seen.items() if len(counts) > 1]
    said = [f"Not as many seeds as planned: {'; '.join(other)}."] if other else []
    if again:
        earlier = "Reported before with other numbers of seeds, for which no p-value is corrected"
        said.append(f"{earlier}: {'; '.join(again)}.")
    return said


def _arms(names: tuple[str, ...]) -> str:
    return f"arm{'s' * (len(names) > 1)} {', '.join(names)}"
