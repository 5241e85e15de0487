"""An analysis as tables."""

from __future__ import annotations

from collections.abc import Mapping

from shgae.analysis.latent.clusters import Clusters
from shgae.analysis.latent.report import BOTTLENECKS, AnalysisReport, CodeUnits, Traversals
from shgae.analysis.latent.spectrum import SHARES, Spectrum
from shgae.reporting.table import Grid, interval_points, percent
from shgae.wording import counted, counted_people

_MOST_UNITS = 10


def analysis_tables(report: AnalysisReport) -> list[Grid]:
    """Every table that the parts of an analysis allow."""
    tables = [_spectra(report.spectrum, report.code_spectrum)] if report.spectrum else []
    tables += [_clusters(one) for one in (report.clusters, report.direction_clusters) if one]
    if report.traversals:
        tables.append(_traversals(report.traversals))
    if report.skips:
        tables.append(_skips(report))
    if report.code_units:
        tables.append(_code_units(report.code_units))
    return tables


def _spectra(bottleneck: Spectrum, code: Spectrum | None) -> Grid:
    rows = []
    for name, one in (("bottleneck", bottleneck), ("code", code)):
        if one:
            counts = [f"{one.components[str(share)]:,}" for share in SHARES]
            dimension = f"{one.effective_dimension:.1f}"
            rows.append((name, f"{one.dimension:,}", *counts, dimension, f"{one.above_chance:,}"))
    caption = (
        "components that hold so much of the variance; above chance: above the broken-stick rule "
        f"for as many pieces as vary (under {bottleneck.people:,}), and above white noise"
    )
    if bottleneck.rank < bottleneck.dimension:
        caption += "\nso few people determine fewer components than the dimension: counts can only be too small"
    headings = ("of", "dimension", *(f"for {share} %" for share in SHARES), "effective dimension", "above chance")
    title = f"Principal components of {counted_people(bottleneck.people, 'training')}"
    return Grid(title, headings, tuple(rows), caption)


def _clusters(found: Clusters) -> Grid:
    rows = tuple(
        (str(one.k), f"{one.silhouette:.3f}", ", ".join(f"{part.people:,}" for part in one.clusters))
        for one in found.tried
    )
    caption = f"by {found.space}; silhouettes of {counted_people(found.compared)}"
    if null := found.one_mode:
        caption += (
            f"\nhighest silhouette of {counted_people(null.people)}: {null.silhouette:.3f}; of {len(null.elliptical)} "
            f"clouds of one mode each: elliptical up to {max(null.elliptical):.3f}, copula up to {max(null.copula):.3f}"
        )
    return Grid(f"K-means of {counted_people(found.people, 'training')}", ("K", "silhouette", "people"), rows, caption)


def _traversals(found: Traversals) -> Grid:
    rows = []
    for space, traversed in found.spaces:
        for one in traversed:
            moved = [percent(one.moved.skips_on), percent(one.moved.skips_off)]
            rows.append((f"{space}, component {one.component}", percent(one.share), *moved))
    caption = (
        "moved: mean distance of decoded joints between -2 and +2 standard deviations, % of the crop's side\n"
        f"the mean person's stack input and skips are means over {counted_people(found.people, 'training')}"
    )
    headings = ("along", "% of variance", "moved, skips on", "moved, skips off")
    return Grid("Traversals", headings, tuple(rows), caption)


def _skips(report: AnalysisReport) -> Grid:
    ways = list(dict.fromkeys(one.skips for one in report.skips))
    table = {(one.bottleneck, one.skips): one for one in report.skips}
    rows = []
    for way in ways:
        found = [table[bottleneck, way] for bottleneck in BOTTLENECKS]
        cells = [cell for one in found for cell in (percent(one.pck.all), interval_points(one.lost))]
        rows.append((way, *cells))
    return Grid(
        f"Skips and bottleneck, {report.split}: {counted_people(report.persons)}",
        ("skips", "PCK %, bottleneck as it is", "lost", "PCK %, training mean", "lost"),
        tuple(rows),
        "lost: points of PCK against the whole network, with the 95 % interval over photos; off at N: of N x N cells",
    )


def _code_units(found: CodeUnits) -> Grid:
    with_cost = [(unit, unit.lost) for unit in found.units if unit.deviation and unit.lost]
    with_cost.sort(key=lambda one: -one[1].value)
    rows = [
        (str(unit.unit), interval_points(loss), percent(unit.density, 0), *_worst(unit.joints))
        for unit, loss in with_cost[:_MOST_UNITS]
    ]
    still = len(found.units) - found.varying
    caption = "lost: points of PCK when the unit is its training mean for everybody; active: not 0, of training people"
    if len(with_cost) > _MOST_UNITS:
        caption += f"\nthe {_MOST_UNITS} of {len(with_cost)} that cost most"
    if len(with_cost) < found.varying:
        caption += "\nfewer than two photos: no interval, so no cost"
    if still:
        caption += f"\n{counted(still, 'more unit')} of one value for everybody"
    headings = ("unit", "lost", "active, %", "most at", "points there")
    return Grid(f"Units of the code, tried on {counted_people(found.people)}", headings, tuple(rows), caption)


def _worst(joints: Mapping[str, float | None]) -> tuple[str, str]:
    known = {name: value for name, value in joints.items() if value is not None and value > 0}
    if not known:
        return "-", "-"
    name = max(known, key=lambda one: known[one])
    return name, percent(known[name])
