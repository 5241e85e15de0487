"""What was planned of a study: what was registered and what became of it, and what may be found; in sentences."""

from __future__ import annotations

from shgae.evaluation.study_differences import Detectable
from shgae.evaluation.study_plan import Registered
from shgae.reporting.table import stated
from shgae.wording import counted, tenths


def registration(found: Registered | None, count: int) -> list[str]:
    """What stands below the tables of a report of so many seeds; nothing of one of before there were plans."""
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
    if len(found.looks) > 1:
        counts = ", ".join(str(look.seeds) for look in found.looks)
        level = f"this report's level, with {count}, is {100 * found.alpha_at(count):.2g} %"
        said.append(f"Looks at the primary comparison: {len(found.looks)}, with {counts} seeds; {level}.")
    if found.added_arms:
        said.append(f"Not in the plan, added later: {_arms(found.added_arms)}.")
    if found.missing_arms:
        said.append(f"In the plan, not in this report: {_arms(found.missing_arms)}.")
    return said


def _arms(names: tuple[str, ...]) -> str:
    return f"arm{'s' * (len(names) > 1)} {', '.join(names)}"


def minimum_detectable(found: Detectable | None) -> list[str]:
    """What as many runs and photos find, if two runs differ by chance as was stated."""
    if found is None:
        return []
    spread = "over photos alone, as they vary here"
    if found.sd_runs is not None:
        spread = f"with a spread over runs of {stated(found.sd_runs)} points, as stated, and over photos as seen here"
    least = "none, no difference is found so often"
    if found.difference is not None:
        least = f"{tenths(100 * found.difference)} points"
    return [f"Minimum detectable difference ({100 * found.POWER:.0f} % power), {spread}: {least}."]
