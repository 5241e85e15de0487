"""Kinds of errors as tables: of models, of single joints, and of pairs of models."""

from __future__ import annotations

from shgae.evaluation.error_shares import ErrorShares
from shgae.evaluation.report import EvaluationReport
from shgae.metrics.error_kinds import GOOD, KINDS
from shgae.metrics.oks import LOWEST
from shgae.reporting.table import Grid, percent, signed_points

MEANING = (
    f"good: similarity (OKS of a joint) {GOOD} or more; jitter: {LOWEST} or more; inversion: on the mirrored joint; "
    "swap: on another person of the split; miss: on none of these (Ronchi and Perona 2017)"
)


def error_tables(report: EvaluationReport) -> list[Grid]:
    """Shares of all joints by kind, and the differences between models; none where no joint has a sigma."""
    if report.errors is None:
        return []
    rows = [(row.name, *_cells(row.errors.all)) for row in report.rows if row.errors]
    caption = "\n".join(filter(None, [MEANING, f"Similarity: {report.errors.similarity}", left_out(report)]))
    aside = len(report.floors) + len(report.ceilings)
    tables = [Grid("Kinds of errors, % of labelled joints", ("model", *KINDS, "joints"), tuple(rows), caption, aside)]
    differences = [
        (f"{pair.second} - {pair.first}", *(signed_points(pair.errors[kind]) for kind in KINDS))
        for pair in report.comparisons
        if pair.errors
    ]
    if differences:
        note = "Points of the share of labelled joints, with 95 % intervals over photos"
        tables.append(Grid("Differences by kind of error", ("difference", *KINDS), tuple(differences), note))
    return tables


def joint_error_tables(report: EvaluationReport) -> list[Grid]:
    """A table a model: the kinds of errors of each joint, in per cent with the count."""
    tables = []
    for name, found in ((row.name, row.errors.joints) for row in report.models if row.errors):
        rows = tuple((joint, *_cells(found[joint], counts=True)) for joint in report.joints if found[joint].labels)
        title = f"Kinds of errors of {name}, % of labels (count)"
        tables.append(Grid(title, ("joint", *KINDS, "labels"), rows, left_out(report)))
    return tables


def left_out(report: EvaluationReport) -> str:
    """A line that names the joints that no kind is known of; empty where there are none."""
    names = report.errors.left_out if report.errors else ()
    return f"Without a sigma, so left out: {', '.join(names)} (--sigmas FILE gives one)" if names else ""


def _cells(found: ErrorShares, *, counts: bool = False) -> tuple[str, ...]:
    shares = [percent(found.shares[kind]) for kind in KINDS]
    if counts:
        shares = [f"{share} ({found.counts[kind]:,})" for share, kind in zip(shares, KINDS, strict=True)]
    return (*shares, f"{found.labels:,}")
