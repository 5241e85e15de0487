"""The code sizes of a study as a table, a sentence and a figure."""

from __future__ import annotations

from matplotlib.figure import Figure

from shgae.evaluation.study_report import StudyReport
from shgae.evaluation.study_sizes import CodeSize, CodeSizes
from shgae.option_lists import BASELINE, NONE
from shgae.plots.code_sizes import code_size_figure
from shgae.reporting.table import Grid, percent
from shgae.wording import counted

_HEADINGS = ("code", "components alone", "before fine-tuning", "after", "by seed", "on val", "parameters")


def sizes_table(report: StudyReport) -> list[Grid]:
    """A row a size; no table where no sizes were asked for."""
    found = report.code_sizes
    if found is None:
        return []
    components = dict(found.components)
    rows = tuple(_row(one, components.get(one.size)) for one in found.sizes)
    title = f"{report.split}: PCK % by the size of the code, arm full, {counted(len(found.seeds), 'seed')}"
    best = found.best
    chosen = f"Chosen on val: a code of {best.size}, with a PCK of {percent(best.after)} % after fine-tuning."
    return [Grid(title, _HEADINGS, rows, caption=chosen)]


def _row(one: CodeSize, components: float | None) -> tuple[str, ...]:
    seeds = ", ".join(percent(each) for each in one.after_by_seed)
    scores = (percent(components), percent(one.before), percent(one.after), seeds, percent(one.val))
    return (str(one.size), *scores, f"{one.parameters:,}")


def sizes_figure(report: StudyReport, found: CodeSizes) -> Figure:
    """Draws the curve of the report's code sizes."""
    names = {BASELINE: "baseline", NONE: "fine-tuned without an autoencoder"}
    return code_size_figure(found, {names[arm.name]: arm.pck.all for arm in report.arms if arm.name in names})
