"""An analysis as tables and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shgae.reporting.table import Grid, lost, percent
from shgae.wording import counted, counted_people

_MOST_UNITS = 10


def analysis_tables(report: Mapping[str, Any]) -> list[Grid]:
    """Every table that the parts of an analysis allow; read from the JSON that ``--json`` prints."""
    tables = []
    if report["spectrum"]:
        tables.append(_spectra(report))
    if report["clusters"]:
        tables.append(_clusters(report["clusters"]))
    if report["walks"]:
        tables.append(_walks(report["walks"]))
    if report["skips"]:
        tables.append(_skips(report))
    if report["atlas"]:
        tables.append(_atlas(report["atlas"]))
    return tables


def _spectra(report: Mapping[str, Any]) -> Grid:
    rows = []
    for name, key in (("bottleneck", "spectrum"), ("code", "code_spectrum")):
        if one := report[key]:
            counts = [f"{one['components'][share]:,}" for share in ("90", "95", "99")]
            dimension = f"{one['effective_dimension']:.1f}"
            rows.append((name, f"{one['numbers']:,}", *counts, dimension, f"{one['above_chance']:,}"))
    people, determined = report["spectrum"]["people"], report["spectrum"]["determined"]
    caption = "components that hold so much of the variance; above chance: larger than a stick broken at random"
    if determined < report["spectrum"]["numbers"]:
        caption += (
            f"\n{counted(determined, 'direction')} determined by {counted_people(people)}: counts can only be too small"
        )
    headings = ("of", "numbers", "for 90 %", "for 95 %", "for 99 %", "effective dimension", "above chance")
    return Grid(f"Principal components of {counted_people(people, 'training')}", headings, tuple(rows), caption)


def _clusters(found: Mapping[str, Any]) -> Grid:
    rows = tuple(
        (str(one["k"]), f"{one['silhouette']:.3f}", ", ".join(f"{part['people']:,}" for part in one["clusters"]))
        for one in found["tried"]
    )
    caption = f"by {found['space']}; silhouettes of {counted_people(found['compared'])}"
    return Grid(
        f"K-means of {counted_people(found['people'], 'training')}", ("K", "silhouette", "people"), rows, caption
    )


def _walks(found: Mapping[str, Any]) -> Grid:
    rows = []
    for space in ("bottleneck", "code"):
        for one in found.get(space, ()):
            moved = [percent(one["moved"][side]) for side in ("skips_on", "skips_off")]
            rows.append((f"{space}, component {one['component']}", percent(one["share"]), *moved))
    caption = f"moved: mean distance of decoded joints between -2 and +2 standard deviations, % of the crop's side\n\
the mean person's trunk and skips are means over {counted_people(found['people'], 'training')}"
    headings = ("walk along", "% of variance", "moved, skips on", "moved, skips off")
    return Grid("Walks", headings, tuple(rows), caption)


def _skips(report: Mapping[str, Any]) -> Grid:
    ways = list(dict.fromkeys(one["skips"] for one in report["skips"]))
    table = {(one["bottleneck"], one["skips"]): one for one in report["skips"]}
    rows = []
    for way in ways:
        cells = []
        for bottleneck in ("as it is", "training mean"):
            one = table[bottleneck, way]
            cells += [percent(one["pck"]["all"]), lost(one["lost"])]
        rows.append((way, *cells))
    return Grid(
        f"Skips and bottleneck, {report['split']}: {counted_people(report['persons'])}",
        ("skips", "PCK %, bottleneck as it is", "lost", "PCK %, training mean in its place", "lost"),
        tuple(rows),
        "lost: points of PCK against the whole network, with the 95 % interval over photos; off at N: of N x N cells",
    )


def _atlas(found: Mapping[str, Any]) -> Grid:
    varying = [unit for unit in found["units"] if unit["deviation"]]
    alive = sorted((unit for unit in varying if unit["lost"]), key=lambda unit: -unit["lost"]["value"])
    rows = [
        (str(unit["unit"]), lost(unit["lost"]), percent(unit["density"], 0), *_worst(unit["joints"]))
        for unit in alive[:_MOST_UNITS]
    ]
    still = len(found["units"]) - len(varying)
    caption = "lost: points of PCK when the unit is its training mean for everybody"
    if len(alive) > _MOST_UNITS:
        caption += f"\nthe {_MOST_UNITS} of {len(alive)} that cost most"
    if len(alive) < len(varying):
        caption += "\nfewer than two photos: what a unit costs cannot be told"
    if still:
        caption += f"\n{still} more unit{'s have' if still > 1 else ' has'} one value for everybody"
    headings = ("unit", "lost", "% of people", "most at", "points there")
    return Grid(f"Units of the code, tried on {counted_people(found['people'])}", headings, tuple(rows), caption)


def _worst(joints: Mapping[str, float | None]) -> tuple[str, str]:
    known = {name: value for name, value in joints.items() if value is not None and value > 0}
    if not known:
        return "-", "-"
    name = max(known, key=lambda one: known[one])
    return name, percent(known[name])
