"""What a study's arms cost, as a table."""

from __future__ import annotations

from shgae.evaluation.study_report import StudyCosts, StudyReport
from shgae.reporting.table import Grid, number

_HEADINGS = ("arm", "parameters", "GFLOP a crop", "ms a crop")


def costs_table(report: StudyReport, costs: StudyCosts) -> Grid:
    """A row an arm: what is counted, and the time that was measured."""
    rows = tuple(
        (
            arm.name,
            f"{arm.parameters:,}",
            number(arm.gflop),
            f"{costs.milliseconds[arm.name]:.2f}" if arm.name in costs.milliseconds else "-",
        )
        for arm in report.arms
    )
    how = f"measured on {costs.device} in {costs.precision}, {costs.batch} crops a pass"
    return Grid(
        "Costs of a forward pass", _HEADINGS, rows, caption=f"GFLOP: counted, convolutions and products; ms: {how}"
    )
