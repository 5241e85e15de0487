"""An evaluation's report as tables, bars and sentences: one template a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shgae.artifacts.hashing import is_sha256
from shgae.evaluation.official import NAMES
from shgae.evaluation.report import EvaluationReport, Pair, Row
from shgae.evaluation.trainings import Control
from shgae.metrics.comparison import McNemar
from shgae.metrics.pose_scores import BOX_AREA, JOINTS_NOT_FOUND, NO_REGIONS, PEOPLE_NOT_FOUND
from shgae.metrics.statistics import MANY_PHOTOS, VERDICT_PHOTOS, Verdict
from shgae.reporting.error_kinds import error_tables, joint_error_tables
from shgae.reporting.pckh import AUC_IS, auc_rows, curve_tables, head_tables
from shgae.reporting.table import GROUPS, Grid, p_value, percent, points, signed_points, span
from shgae.reporting.trainings import control, trainings_tables
from shgae.wording import counted, counted_people, few

_ALL_PAIRS = 4
"""Models up to which every pair has its sentence; of more, those with the first one."""
SHOWN = (
    ("pck/person", "PCK, over people (the original study's)"),
    ("pck/micro", "PCK, over all joints at once"),
    ("pck/joint", "PCK, over joints"),
    ("box_pck@0.05/joint", "PCK 0.05 of the box, by axis"),
    ("box_pck@0.1/joint", "PCK 0.1 of the box, by axis"),
    ("box_pck@0.2/joint", "PCK 0.2 of the box, by axis"),
    ("longer_pck@0.05/joint", "PCK 0.05 of the box's longer side"),
    ("longer_pck@0.1/joint", "PCK 0.1 of the box's longer side"),
    ("longer_pck@0.2/joint", "PCK 0.2 of the box's longer side"),
    ("torso_pck@0.2/joint", "PCK 0.2 of the torso"),
    ("pckh@0.5/bearpaw", "PCKh 0.5, over joints (bearpaw)"),
    ("pckh@0.1/bearpaw", "PCKh 0.1, over joints (bearpaw)"),
    ("pckh@0.5/mmpose", "PCKh 0.5, by count (MMPose)"),
    ("pckh@0.1/mmpose", "PCKh 0.1, by count (MMPose)"),
    ("pckh@0.5/princeton", "PCKh 0.5, all joints (princeton)"),
    ("pckh@0.1/princeton", "PCKh 0.1, all joints (princeton)"),
    ("error_px/p50", "error p50, photo pixels"),
    ("error_px/p95", "error p95, photo pixels"),
    ("error_box/p50", "error p50, % of the box's longer side"),
    ("error_box/p95", "error p95, % of the box's longer side"),
    ("oks/person", "OKS, mean similarity"),
    ("oks_ap", "OKS AP"),
    ("oks_ap50", "OKS AP 50"),
    ("oks_ap75", "OKS AP 75"),
    ("oks_ar", "OKS AR"),
)
"""Scores with a row in the table, and its heading; a new family of :mod:`shgae.metrics.pose_scores` needs one here."""

_VERDICTS: Mapping[Verdict, str] = {
    Verdict.BETTER: "{found}: {second} is significantly better{adjusted}",
    Verdict.WORSE: "{found}: {second} is significantly worse{adjusted}",
    Verdict.NO_SIGNIFICANT_DIFFERENCE: "{found}: no significant difference{adjusted}",
    Verdict.IDENTICAL: "{found}: no difference on any photo",
    Verdict.TOO_FEW_PHOTOS: "{second} against {first}: too few photos for a verdict ({photos}, at least {least})",
}
"""What may be said of a pair."""
_BOX_AREA = " (box area)"
"""Stands next to every OKS of which somebody's area is that of the box."""
_FAMILIES = {"torso": "PCK by torso", "oks": "OKS"}
"""What a skeleton may lack."""


def main_tables(report: EvaluationReport) -> list[Grid]:
    """The tables of people and models."""
    comparisons = [comparisons_table(report), *trainings_tables(report)] if report.comparisons else []
    scores = [dialects_table(report), *official_tables(report), *error_tables(report)]
    return [pck_table(report), *comparisons, *scores]


def joint_tables(report: EvaluationReport) -> list[Grid]:
    """Those of single joints, and of people by how many they have labelled."""
    first = report.models[0].name
    pairs = [
        mcnemar_grid(pair.first, pair.second, {one: pair.joints[one] for one in report.joints})
        for pair in report.comparisons
        if pair.first == first or pair.trainings.verdict is Control.EQUAL
    ]
    if left_out := len(report.comparisons) - len(pairs):
        has = f"Only pairs with {first}, and pairs of equal training, have such a table"
        pairs[-1] = replace(pairs[-1], caption=f"{pairs[-1].caption}\n{has}: {counted(left_out, 'pair')} left out")
    tables = [joints_table(report), *head_tables(report), bins_table(report), *curve_tables(report)]
    return [*tables, *joint_error_tables(report), *pairs]


def pck_table(report: EvaluationReport) -> Grid:
    """The original study's PCK in per cent, a row a model with its interval; what knows nothing of the photo below."""
    beside = (*report.floors, *report.ceilings)
    headings = ("model", "PCK % all", "95 % interval", *(f"PCK % {heading}" for _, heading in GROUPS[1:]), "joints")
    rows = []
    for row in (*report.models, *beside):
        found = row.interval.all if row.interval else None
        whole, *parts = (percent(row.pck[group]) for group, _ in GROUPS)
        count = f"{sum(joint.count for joint in row.joints.values()):,}"
        rows.append((row.name, whole, span(found), *parts, count))
    caption = (
        "PCK: labelled joints within 5 % of the crop's side, mean over a person's, then over people\n"
        f"Intervals: {_method(report) if report.photos > 1 else 'none, from fewer than two photos'}"
    )
    caption += "".join(_matched(row, report.persons) for row in report.models) + _by_cells(report) + _blind(report)
    return Grid(_title(report), headings, tuple(rows), caption, len(beside))


def _method(report: EvaluationReport) -> str:
    """How the intervals are made: one way for all, and another one for a PCK near 0 or 100 % or the same everywhere."""
    worth = report.counting_photos
    drawn = f"{report.bootstrap.resamples:,} resamples of {counted(report.photos, 'photo')}"
    weigh = f", which weigh as much as {worth:.1f} of one size" if round(worth, 1) < report.photos else ""
    how = f"Student's t with the standard error of {drawn}{weigh} (under {MANY_PHOTOS})"
    near = "; of a PCK near 0 or 100 % or equal on every photo the score interval" if report.has_score_intervals else ""
    return (how if worth < MANY_PHOTOS else f"percentiles of {drawn}") + near


def _matched(row: Row, persons: int) -> str:
    """A line that says how many people the results of whole photos were matched to; empty where they say of whom."""
    found = row.matching
    if found is None:
        return ""
    by = f"OKS{_BOX_AREA}" if any(BOX_AREA in metric.rule for metric in row.metrics) else "OKS"
    who = f"{found.matched:,} of {counted_people(persons)} matched by {by}, {found.surely:,} at 0.5 or more"
    return f"\n{row.name}: {who}" + ("; the others are missed" if found.matched < persons else "")


def _by_cells(report: EvaluationReport) -> str:
    """A line that says so where other scores are of other points than PCK; empty where all are of the same."""
    rows = [row for row in report.models if len({metric.decoding for metric in row.metrics}) > 1]
    return "\nPCK and its differences: of the highest cells, whatever the decoding of the other scores" if rows else ""


def _blind(report: EvaluationReport) -> str:
    """Lines that name the models that are significantly below the best guess without the photo, and those that are
    not significantly above it."""
    best, worse = report.best_floor, report.below_floor
    level = [row for row in report.not_above_floor if row not in worse]
    lines = ""
    for how, rows in (("Significantly worse", worse), ("Not significantly better", level)):
        if best and rows:
            named = [f"{row.name} {signed_points(row.above_floor)}" if row.above_floor else row.name for row in rows]
            what = f"{how} than the {best.name}, which does not look at the photo (points of PCK)"
            lines += f"\n{what}: {', '.join(named)}"
    return lines


def comparisons_table(report: EvaluationReport) -> Grid:
    """Any two models: the difference of their PCK in points, with its interval and its p."""
    rows = []
    for pair in report.comparisons:
        numbers = [signed_points(pair.difference[group]) for group, _ in GROUPS]
        rows.append((f"{pair.second} - {pair.first}", *numbers, p_value(pair.p), p_value(pair.p_adjusted)))
    caution = "Intervals are over photos, for these very weights: other seeds would train other weights"
    if (tested := sum(pair.p is not None for pair in report.comparisons)) > 1:
        caution += f"\nAdjusted: Holm over {counted(tested, 'pair')}; the intervals are 95 % each"
    headings = ("difference", *(f"points {heading}" for _, heading in GROUPS), "p", "adjusted")
    return Grid("Differences of PCK", headings, tuple(rows), "\n".join([*sentences(report), caution]))


def sentences(report: EvaluationReport) -> list[str]:
    """What may be said of each pair of models; of many models, of each one against the first."""
    first, few = report.models[0].name, len(report.models) <= _ALL_PAIRS
    count = len(report.comparisons)
    return [sentence(pair, count) for pair in report.comparisons if few or pair.first == first]


def sentence(pair: Pair, count: int = 1) -> str:
    """What may be said of one of so many pairs: the template of its verdict, with its numbers."""
    whole, found = pair.difference.all, ""
    if whole is not None:
        found = (
            f"{pair.second} against {pair.first}: {points(whole.value)} points of PCK (95 % CI {span(whole, points)})"
        )
    return _VERDICTS[pair.verdict].format(
        found=found,
        first=pair.first,
        second=pair.second,
        adjusted=f" (one of {count} pairs, adjusted p {p_value(pair.p_adjusted)})"
        if count > 1 and pair.p is not None
        else "",
        photos=counted(pair.photos, "photo"),
        least=VERDICT_PHOTOS,
    ) + control(pair)


def dialects_table(report: EvaluationReport) -> Grid:
    """The scores that others report, a row a score and a column a model."""
    columns = report.rows
    tables = [{metric.name: metric for metric in row.metrics} for row in columns]
    rows, reasons = [], {}
    for name, heading in SHOWN:
        metrics = [table[name] for table in tables if name in table]
        values = [metric.all for metric in metrics]
        reason = metrics[0].reason if metrics else None
        if reason and values == [None] * len(values):
            family = _FAMILIES[name.partition("_")[0].partition("/")[0]]
            if family not in reasons:
                reasons[f"{family} AP" if name == "oks_ap" else family] = reason
        elif metrics:
            for row, table in zip(columns, tables, strict=True):
                metric = table.get(name)
                if name.startswith("oks_") and metric and metric.all is None and metric.reason:
                    reasons.setdefault(f"OKS AP of {row.name}", metric.reason)
            if name.startswith("oks") and any(BOX_AREA in metric.rule for metric in metrics):
                heading += _BOX_AREA
            if name.startswith("oks_") and any(NO_REGIONS in metric.rule for metric in metrics):
                reasons["ignored regions in OKS AP"] = "the data was prepared before crowds were kept"
            show = _plain if name.startswith("error_px") else percent
            rows.append((heading, *map(show, values)))
    areas = auc_rows(columns)
    torso = tables[0].get("torso_pck@0.2/joint")
    missing = torso.left_out.get("missing torsos", 0) if torso else 0
    notes = [f"No {family}: {reason}" for family, reason in reasons.items()]
    if missing:
        notes.append(f"Torso: people left out for want of a labelled shoulder and opposite hip: {missing:,}")
    left_out = [table["error_px/p50"].left_out if "error_px/p50" in table else {} for table in tables]
    for key, what in ((PEOPLE_NOT_FOUND, "people"), (JOINTS_NOT_FOUND, "labelled joints")):
        counts = [(row.name, of.get(key, 0)) for row, of in zip(columns, left_out, strict=True)]
        if lost := [f"{name} {count:,}" for name, count in counts if count]:
            notes.append(f"Errors leave out {what} that were not found, PCK and OKS miss them: {few(lost)}")
    if areas:
        notes.append(f"AUC, mean over joints: {AUC_IS}")
    notes.append("Box and torso: mean over joints; the other averagings, v = 1, v = 2 and joints are in --json")
    headings = ("score", *(row.name for row in columns))
    return Grid("Other scores (% but where pixels are named)", headings, (*rows, *areas), "\n".join(notes))


def official_tables(report: EvaluationReport) -> list[Grid]:
    """COCO's ten numbers in per cent, a row a number and a column a model; none where they were not asked for."""
    columns = [(row.name, row.official) for row in report.models if row.official is not None]
    if not columns:
        return []
    rows = [(name, *(percent(official[name]) for _, official in columns)) for name in NAMES]
    headings = ("number", *(name for name, _ in columns))
    of = [one[0].upper() + one[1:] for one in report.official_photos.notes()] if report.official_photos else []
    caption = "\n".join(["By pycocotools' COCOeval", *of])
    return [Grid("COCO's official numbers over whole photos, %", headings, tuple(rows), caption)]


def joints_table(report: EvaluationReport) -> Grid:
    """The original study's PCK in per cent, a row a joint and a column a model."""
    columns = report.rows
    rows = []
    for joint in report.joints:
        found = [row.joints[joint] for row in columns]
        rows.append((joint, *(percent(one.all) for one in found), f"{found[0].count:,}"))
    headings = ("joint", *(row.name for row in columns), "count")
    return Grid("PCK % of each joint (all labelled)", headings, tuple(rows))


def bins_table(report: EvaluationReport) -> Grid:
    """The original study's PCK in per cent by how many joints a person has labelled."""
    columns = report.rows
    labelled = [row.metrics[0].labelled for row in columns]
    bins = sorted(labelled[0], key=lambda bin_: (len(bin_.partition("-")[0]), bin_))  # files sort 13-17 before 5-8
    rows = [(bin_, *(percent(one[bin_]) for one in labelled)) for bin_ in bins]
    return Grid("PCK % by labelled joints of a person", ("labelled", *(row.name for row in columns)), tuple(rows))


def mcnemar_grid(first: str, second: str, joints: Mapping[str, McNemar]) -> Grid:
    """Of each joint, on how many people two models differ."""
    rows, tested = [], 0
    for joint, found in joints.items():
        counts = (found.both, found.only_first, found.only_second, found.neither)
        rows.append((joint, *(f"{count:,}" for count in counts), p_value(found.p), p_value(found.p_adjusted)))
        tested += any(counts)
    headings = ("joint", "both find", f"only {first}", f"only {second}", "neither", "p", "adjusted")
    by_chance = f"Adjusted: Holm over {counted(tested, 'joint')}, of which one in twenty has p < 0.05 by chance"
    by_chance += "\nPeople are taken for independent: with several of one photo p is too small"
    title = f"People with the joint found: {first}, {second} (McNemar)"
    return Grid(title, headings, tuple(rows), by_chance)


def bars_title(report: EvaluationReport) -> str:
    """What stands above the bars."""
    return f"{counted_people(report.persons)} of {counted(report.photos, 'photo')}, split {report.split}"


def _title(report: EvaluationReport) -> str:
    data = f"data {report.data[:12]}" if is_sha256(report.data) else report.data
    return f"{report.split}: {counted_people(report.persons)} of {data}"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
