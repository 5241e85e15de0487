"""PCKh of each joint and curves over radii, of an evaluation's report, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from shgae.evaluation.report import EvaluationReport, Row
from shgae.metrics.pck import ByGroup
from shgae.reporting.table import GROUPS, Grid, percent

_BY_COUNT, _EVERY_JOINT = "pckh@0.5/mmpose", "pckh@0.5/princeton"
CURVES = (
    ("pckh", "PCKh", "(mean over joints, bearpaw)", "the head size"),
    ("torso_pck", "PCK by torso", "(mean over joints)", "the torso"),
)
"""Key, name, averaging, and what radii are shares of."""
AUC_IS = "area under the curve of joints found over radii, divided by the last radius"
_CURVE_STEP = 5
"""Every so many radii of a curve stand in its table."""


def head_tables(report: EvaluationReport) -> list[Grid]:
    """PCKh@0.5 in per cent, a row a joint, then the hidden and the visible ones; none of data without head boxes."""
    tables = [{metric.name: metric for metric in row.metrics} for row in report.rows]
    if not {_BY_COUNT, _EVERY_JOINT} <= tables[0].keys():
        return []
    counted = [table[_BY_COUNT] for table in tables]
    found = [ByGroup(metric.all, metric.v1, metric.v2) for metric in counted]
    every = [table[_EVERY_JOINT].joints for table in tables]
    rows = [(joint, *(percent(shares[joint]) for shares in every)) for joint in report.joints]
    rows += [(heading, *(percent(one[group]) for one in found)) for group, heading in GROUPS]
    caption = "The last rows as MMPose counts: all joints at once, without pelvis and thorax"
    if missing := counted[0].left_out.get("missing heads", 0):
        caption += f"\nPeople left out for want of a head box: {missing:,}"
    headings = ("joint", *(row.name for row in report.rows))
    return [Grid("PCKh@0.5 of each joint, %", headings, tuple(rows), caption, len(GROUPS))]


def auc_rows(columns: Sequence[Row]) -> list[tuple[str, ...]]:
    """The area under each curve in per cent, a row a measure that anybody has and a column a predictor."""
    rows = []
    for key, name, _, _ in CURVES:
        found = [row.curves.get(key) for row in columns]
        if any(found):
            last = next(curve.radii[-1] for curve in found if curve)
            rows.append((f"{name}, AUC to {last:g}", *(percent(curve.auc if curve else None) for curve in found)))
    return rows


def curve_tables(report: EvaluationReport) -> list[Grid]:
    """PCKh and PCK by torso in per cent over radii, and the area under the curve."""
    grids = []
    for key, name, averaging, _ in CURVES:
        columns = [row for row in report.rows if key in row.curves]
        if not columns:
            continue
        curves = [row.curves[key] for row in columns]
        rows = [
            (f"{radius:g}", *(percent(curve.shares[place]) for curve in curves))
            for place, radius in enumerate(curves[0].radii)
            if place and place % _CURVE_STEP == 0
        ]
        rows.append(("AUC", *(percent(curve.auc) for curve in curves)))
        title, headings = f"{name}, % over radii {averaging}", ("radius", *(row.name for row in columns))
        grids.append(Grid(title, headings, tuple(rows), f"AUC: {AUC_IS}", 1))
    return grids
