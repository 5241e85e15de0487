"""The tables of an evaluation, made of nothing but its report as JSON; people who have the report can make them too."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shgae.metrics.official import NAMES as OFFICIAL
from shgae.metrics.pose_scores import BOX_AREA
from shgae.reporting.table import Grid, percent, points, span
from shgae.wording import counted, counted_people

GROUPS = (("all", "all"), ("v1", "hidden (v=1)"), ("v2", "visible (v=2)"))
_ALL_PAIRS = 4
"""Models up to which every pair has its sentence; of more, those with the first one."""
_FEW_PHOTOS = 50
_ID = re.compile(r"[0-9a-f]{64}")
_SHOWN = (
    ("pck/person", "PCK, over people (the study's)"),
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

_PCKH = "pckh@0.5/mmpose"
_CURVES = (
    ("pckh", "PCKh % over radii (mean over joints, bearpaw)"),
    ("torso_pck", "PCK % of the torso over radii (mean over joints)"),
)
_CURVE_STEP = 5
"""Every so many radii of a curve stand in its table."""

Report = Mapping[str, Any]
Show = Callable[[float | None], str]
_FAMILIES = {"torso": "PCK of the torso", "oks": "OKS"}
"""What a skeleton may lack."""


def main_tables(report: Report) -> list[Grid]:
    """The tables of people and models."""
    comparisons = [comparisons_table(report)] if report["comparisons"] else []
    return [pck_table(report), *comparisons, dialects_table(report), *official_tables(report)]


def joint_tables(report: Report) -> list[Grid]:
    """Those of single joints, and of people by how many they have labelled."""
    first = report["models"][0]["name"]
    pairs = [mcnemar_table(pair, joints_of(report)) for pair in report["comparisons"] if pair["first"] == first]
    return [joints_table(report), *head_tables(report), bins_table(report), *curve_tables(report), *pairs]


def pck_table(report: Report) -> Grid:
    """The study's PCK in per cent, a row a model with its interval; what knows nothing of the photo stands below."""
    models, beside = report["models"], [*report.get("floors", []), *report.get("ceilings", [])]
    has_intervals = any("interval" in row for row in models)
    headings = ["model", *(f"PCK % {heading}" for _, heading in GROUPS), "joints"]
    if has_intervals:
        headings.insert(2, "95 % interval")
    rows = []
    for row in (*models, *beside):
        numbers = [percent(row["pck"][group]) for group, _ in GROUPS]
        if has_intervals:
            found = (row.get("interval") or {}).get("all")
            numbers.insert(1, span(found["low"], found["high"]) if found else "-")
        rows.append((row["name"], *numbers, f"{sum(joint['count'] for joint in row['joints'].values()):,}"))
    caption = "PCK: labelled joints within 5 % of the crop's side, mean over a person's, then over people"
    if has_intervals:
        few = ": so few make them too narrow" if report["photos"] < _FEW_PHOTOS else ""
        drawn = f"{report['bootstrap']['draws']:,} draws of {counted(report['photos'], 'photo')}{few}"
        caption += f"\nIntervals: {drawn if report['photos'] > 1 else 'none, from fewer than two photos'}"
    for row in models:
        if "matched" in row:
            caption += f"\n{row['name']}: {row['matched']:,} of {counted_people(report['persons'])} matched by OKS, "
            caption += f"{row['matched_at_0.5']:,} at 0.5 or more; the others are missed"
    caption += _blind(models, report.get("floors", []))
    return Grid(_title(report), tuple(headings), tuple(rows), caption, len(beside))


def _blind(models: Sequence[Report], floors: Sequence[Report]) -> str:
    """A line that names the models that find no more than the best guess without the photo; empty without such."""
    best = max(floors, key=lambda row: row["pck"]["all"] or 0.0, default=None)
    if best is None or not best["pck"]["all"]:
        return ""
    behind = [row["name"] for row in models if (row["pck"]["all"] or 0.0) <= best["pck"]["all"]]
    return (
        f"\nNo better than the {best['name']}, which does not look at the photo: {', '.join(behind)}" if behind else ""
    )


def comparisons_table(report: Report) -> Grid:
    """Any two models: the difference of their PCK in points, with its interval, and what might have been missed."""
    rows = []
    for pair in report["comparisons"]:
        found = pair["difference"]
        least = "-" if found["all"] is None else percent(found["all"]["smallest_to_show"])
        numbers = [_difference(found[group]) for group, _ in GROUPS]
        rows.append((f"{pair['second']} - {pair['first']}", *numbers, least))
    caution = "Intervals are over photos, for these very weights: other seeds would train other weights"
    headings = ("difference", *(f"points {heading}" for _, heading in GROUPS), "smallest to show")
    return Grid("Differences of PCK", headings, tuple(rows), "\n".join([*sentences(report), caution]))


def sentences(report: Report) -> list[str]:
    """What may be said of each pair of models; of many models, of each one against the first."""
    first, few = report["models"][0]["name"], len(report["models"]) <= _ALL_PAIRS
    return [str(pair["sentence"]) for pair in report["comparisons"] if few or pair["first"] == first]


def dialects_table(report: Report) -> Grid:
    """The scores that others report, a row a score and a column a model."""
    columns = _columns(report)
    tables = [{metric["name"]: metric for metric in row["metrics"]} for row in columns]
    rows, reasons = [], {}
    for name, heading in _SHOWN:
        if name not in tables[0]:  # of data without head boxes
            continue
        metrics = [table[name] for table in tables]
        values = [metric["all"] for metric in metrics]
        if metrics[0]["reason"] and values == [None] * len(values):
            family = _FAMILIES[name.partition("_")[0].partition("/")[0]]
            if family not in reasons:
                reasons[f"{family} AP" if name == "oks_ap" else family] = metrics[0]["reason"]
            continue
        if name.startswith("oks") and any(BOX_AREA in metric["rule"] for metric in metrics):
            heading += " (box area)"
        show: Show = _plain if name.startswith("error_px") else percent
        rows.append((heading, *map(show, values)))
    missing = tables[0]["torso_pck@0.2/joint"]["left_out"].get("missing torsos", 0)
    notes = [f"No {family}: {reason}" for family, reason in reasons.items()]
    if missing:
        notes.append(f"Torso: people left out for want of a labelled shoulder and opposite hip: {missing:,}")
    notes.append("Box and torso: mean over joints; the other averagings, v = 1, v = 2 and joints are in --json")
    headings = ("score", *(row["name"] for row in columns))
    return Grid("Other scores (% but where pixels are named)", headings, tuple(rows), "\n".join(notes))


def official_tables(report: Report) -> list[Grid]:
    """COCO's ten numbers in per cent, a row a number and a column a model; none where they were not asked for."""
    columns = [row for row in report["models"] if "official" in row]
    if not columns:
        return []
    rows = [(name, *(percent(row["official"][name]) for row in columns)) for name in OFFICIAL]
    headings = ("number", *(row["name"] for row in columns))
    return [Grid("COCO's official numbers over whole photos, %", headings, tuple(rows), "By pycocotools' COCOeval")]


def joints_table(report: Report) -> Grid:
    """The study's PCK in per cent, a row a joint and a column a model."""
    columns = _columns(report)
    rows = []
    for joint in joints_of(report):
        count = columns[0]["joints"][joint]["count"]
        rows.append((joint, *(percent(row["joints"][joint]["all"]) for row in columns), f"{count:,}"))
    headings = ("joint", *(row["name"] for row in columns), "count")
    return Grid("PCK % of each joint (all labelled)", headings, tuple(rows))


def head_tables(report: Report) -> list[Grid]:
    """PCKh@0.5 in per cent, a row a joint, then the hidden and the visible ones; none of data without head boxes."""
    columns = _columns(report)
    tables = [{metric["name"]: metric for metric in row["metrics"]} for row in columns]
    if _PCKH not in tables[0]:
        return []
    found = [table[_PCKH] for table in tables]
    every = [table["pckh@0.5/princeton"]["joints"] for table in tables]
    rows = [(joint, *(percent(shares[joint]) for shares in every)) for joint in joints_of(report)]
    rows += [(heading, *(percent(metric[group]) for metric in found)) for group, heading in GROUPS]
    caption = "The last rows as MMPose counts: all joints at once, without pelvis and thorax"
    if missing := found[0]["left_out"].get("missing heads", 0):
        caption += f"\nPeople left out for want of a head box: {missing:,}"
    return [Grid("PCKh 0.5 % of each joint", ("joint", *(row["name"] for row in columns)), tuple(rows), caption, 3)]


def curve_tables(report: Report) -> list[Grid]:
    """PCKh and PCK of the torso in per cent over radii, and the area under the curve."""
    columns = [row for row in _columns(report) if row.get("curves")]
    grids = []
    for key, title in _CURVES:
        having = [row for row in columns if key in row["curves"]]
        if not having:
            continue
        curves = [row["curves"][key] for row in having]
        rows = [
            (f"{radius:g}", *(percent(curve["shares"][place]) for curve in curves))
            for place, radius in enumerate(curves[0]["radii"])
            if place and place % _CURVE_STEP == 0
        ]
        rows.append(("AUC", *(percent(curve["auc"]) for curve in curves)))
        headings = ("radius", *(row["name"] for row in having))
        grids.append(Grid(title, headings, tuple(rows), "AUC: area under the curve, divided by the last radius", 1))
    return grids


def bins_table(report: Report) -> Grid:
    """The study's PCK in per cent by how many joints a person has labelled."""
    columns = _columns(report)
    labelled = [row["metrics"][0]["labelled"] for row in columns]
    bins = sorted(labelled[0], key=lambda bin_: int(bin_.partition("-")[0]))  # files sort by letters: 13-17 before 5-8
    rows = [(bin_, *(percent(one[bin_]) for one in labelled)) for bin_ in bins]
    return Grid("PCK % by labelled joints of a person", ("labelled", *(row["name"] for row in columns)), tuple(rows))


def mcnemar_table(pair: Mapping[str, Any], joints: Sequence[str]) -> Grid:
    """Of each of these joints, on how many people two models differ."""
    first, second = pair["first"], pair["second"]
    rows = [
        (joint, *(f"{found[key]:,}" for key in ("both", "only_first", "only_second", "neither")), f"{found['p']:.3g}")
        for joint, found in ((joint, pair["joints"][joint]) for joint in joints)
    ]
    headings = ("joint", "both find", f"only {first}", f"only {second}", "neither", "p")
    by_chance = f"Of {counted(len(rows), 'joint')} about one in twenty has p < 0.05 by chance alone"
    return Grid(f"People whose joint was found: {first}, {second} (McNemar)", headings, tuple(rows), by_chance)


def joints_of(report: Report) -> Sequence[str]:
    """The joints in the order of the skeleton; an older report does not say it."""
    names: Sequence[str] = report.get("joints") or list(report["models"][0]["joints"])
    return names


def _columns(report: Report) -> Sequence[Mapping[str, Any]]:
    return [*report["models"], *report.get("floors", []), *report.get("ceilings", [])]


def _title(report: Report) -> str:
    data = report["data"]
    people = counted_people(report["persons"])
    return f"{report['split']}: {people} of {f'data {data[:12]}' if _ID.fullmatch(data) else data}"


def _difference(found: Mapping[str, float] | None) -> str:
    return "-" if found is None else f"{points(found['value'])} ({span(found['low'], found['high'], points)})"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
