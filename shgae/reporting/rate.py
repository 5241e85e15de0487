"""A rate curve as a table."""

from __future__ import annotations

from shgae.analysis.effects import Effect
from shgae.analysis.rate.report import GivenPoint, RatePoint, RateReport
from shgae.plots.rates import beyond
from shgae.reporting.table import Grid, fvu, interval_points, people_title, percent


def rate_table(report: RateReport) -> Grid:
    """A row a rank; the autoencoder, what was given and the untouched bottleneck below."""
    tuned, code = report.tuned, report.autoencoder
    rows = [_row(f"{one.n_components}{'*' * (one.n_components > report.rank)}", one) for one in report.points]
    if code:
        rows.append(_row(f"autoencoder {code.n_components}", code))
    rows += [_row(name, one) for name, one in report.given.items()]
    untouched = _scored(report.untouched.skips_on, report.untouched.skips_off)
    rows.append(("autoencoder taken out" if tuned else "untouched", "0", *untouched))
    against = "the tuned trunk with its autoencoder taken out" if tuned else "the bottleneck as it is"
    caption = f"lost: points of PCK against {against}; 95 % intervals over photos, of FVU too"
    if any(one.n_components > report.rank for one in report.points):
        caption += f"\n* {beyond(report)}"
    return Grid(
        title=people_title(report.split, report.persons, report.photos, report.stack),
        headings=(
            "components",
            "FVU",
            *(f"{heading}, {side}" for side in ("skips on", "skips off") for heading in ("PCK %", "lost")),
        ),
        rows=tuple(rows),
        caption=caption,
        aside=(2 if code else 1) + len(report.given),
    )


def _row(name: str, one: RatePoint | GivenPoint) -> tuple[str, ...]:
    return (name, fvu(one.fvu, one.fvu_interval), *_scored(one.skips_on, one.skips_off))


def _scored(*effects: Effect) -> list[str]:
    return [cell for effect in effects for cell in (percent(effect.pck.all), interval_points(effect.pck_lost))]
