"""PCKh of each joint and curves over radii, of an evaluation's report, as tables."""

from __future__ import annotations

from shgae.evaluation.report import EvaluationReport
from shgae.metrics.pck import ByGroup
from shgae.reporting.table import GROUPS, Grid, percent

_BY_COUNT, _EVERY_JOINT = "pckh@0.5/mmpose", "pckh@0.5/princeton"
_CURVES = (
    ("pckh", "PCKh % over radii (mean over joints, bearpaw)"),
    ("torso_pck", "PCK % of the torso over radii (mean over joints)"),
)
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
    return [Grid("PCKh 0.5 % of each joint", headings, tuple(rows), caption, len(GROUPS))]


def curve_tables(report: EvaluationReport) -> list[Grid]:
    """PCKh and PCK of the torso in per cent over radii, and the area under the curve."""
    grids = []
    for key, title in _CURVES:
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
        caption = "AUC: area under the curve, divided by the last radius"
        grids.append(Grid(title, ("radius", *(row.name for row in columns)), tuple(rows), caption, 1))
    return grids
