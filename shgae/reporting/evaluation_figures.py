"""The figures of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from matplotlib.figure import Figure

from shgae.evaluation.report import EvaluationReport, Row
from shgae.metrics.pckh import Curve
from shgae.plots.bars import joint_bars
from shgae.plots.error_bars import error_bars
from shgae.plots.radii import RadiusPanel, radius_curves
from shgae.plots.style import Looks
from shgae.reporting import evaluation
from shgae.reporting.error_kinds import left_out
from shgae.reporting.pckh import CURVES


def evaluation_figures(report: EvaluationReport, looks: Looks | None = None) -> dict[str, Callable[[], Figure]]:
    """What draws each figure that the report has numbers for: ``joints``, and ``radii`` and ``errors`` where they are.

    Older reports lack radii and errors, and so do joints without a sigma or a head. The looks are those that other
    figures give the models.
    """
    title = evaluation.bars_title(report)
    found: dict[str, Callable[[], Figure]] = {"joints": partial(joint_bars, report, title, looks)}
    if panels := radius_panels(report):
        found["radii"] = partial(radius_curves, panels, title, looks)
    if any(row.errors and row.errors.all.labels for row in report.models):
        found["errors"] = partial(error_bars, report, title, left_out(report))
    return found


def radius_panels(report: EvaluationReport) -> list[RadiusPanel]:
    """The curves that models have, as :func:`shgae.plots.radii.radius_curves` draws them."""

    def having(key: str, rows: Sequence[Row]) -> list[tuple[str, Curve]]:
        return [(row.name, row.curves[key]) for row in rows if key in row.curves]

    return [
        RadiusPanel(f"{name} {averaging}", unit, models, having(key, (*report.floors, *report.ceilings)))
        for key, name, averaging, unit in CURVES
        if (models := having(key, report.models))
    ]
