"""A rate curve as a table and as a figure."""

from __future__ import annotations

from typing import Literal

from matplotlib.figure import Figure

from shgae.analysis.effects import BySkips, Effect
from shgae.analysis.rate.report import GivenPoint, RatePoint, RateReport
from shgae.plots.rates import Level, Ranks, ScoreCurve, rate_curve
from shgae.reporting.table import Grid, fvu, interval_points, people_title, percent
from shgae.wording import counted, counted_people

_Side = Literal["skips_on", "skips_off"]
_SIDES: tuple[tuple[_Side, str], ...] = (("skips_on", "skips on"), ("skips_off", "skips off"))


def rate_table(report: RateReport) -> Grid:
    """A row a rank; the autoencoder, what was given and the untouched bottleneck below."""
    tuned, code = report.tuned, report.autoencoder
    rows = [_row(f"{one.n_components}{'*' * (one.n_components > report.rank)}", one) for one in report.points]
    if code:
        rows.append(_row(f"autoencoder {code.n_components}", code))
    rows += [_row(name, one) for name, one in report.given.items()]
    untouched = (_effect(report.untouched, side) for side, _ in _SIDES)
    rows.append(("autoencoder taken out" if tuned else "untouched", "0", *_scored(*untouched)))
    against = "the tuned trunk with its autoencoder taken out" if tuned else "the bottleneck as it is"
    caption = f"lost: points of PCK against {against}; 95 % intervals over photos, of FVU too"
    if any(one.n_components > report.rank for one in report.points):
        caption += f"\n* {_beyond(report)}"
    return Grid(
        title=people_title(report.split, report.persons, report.photos, report.stack),
        headings=(
            "components",
            "FVU",
            *(f"{heading}, {side}" for _, side in _SIDES for heading in ("PCK %", "lost")),
        ),
        rows=tuple(rows),
        caption=caption,
        aside=(2 if code else 1) + len(report.given),
    )


def rate_figure(report: RateReport) -> Figure:
    """Draws the curve, see :func:`shgae.plots.rates.rate_curve`."""
    code = report.autoencoder
    curves = [_curve(report, side, name) for side, name in _SIDES]
    sides = [side for (side, _), one in zip(_SIDES, curves, strict=True) if one]
    found = Ranks(
        ranks=tuple(one.n_components for one in report.points),
        curves=tuple(one for one in curves if one),
        fvu=tuple(one.fvu for one in report.points),
        code_size=code.n_components if code else None,
        code_fvu=code.fvu if code else None,
        rank=report.rank,
        shaded=_beyond(report),
        untouched="autoencoder taken out" if report.tuned else "bottleneck as it is",
        given=tuple(
            Level(name, tuple(_share(one, side) for side in sides), one.fvu) for name, one in report.given.items()
        ),
    )
    return rate_curve(found)


def _beyond(report: RateReport) -> str:
    return f"beyond {counted(report.rank, 'component')}, all that {counted_people(report.trained_on, 'training')} span"


def _curve(report: RateReport, side: _Side, name: str) -> ScoreCurve | None:
    """None where nobody has a joint."""
    whole = _effect(report.untouched, side).pck.all
    if whole is None:
        return None
    effects = [_effect(one, side) for one in report.points]
    losses = [one.pck_lost for one in effects]
    # The interval of the loss, hung below the untouched score; a PCK below 0 or above 100 % does not exist.
    band = [(_within(whole - one.high), _within(whole - one.low)) for one in losses if one is not None]
    return ScoreCurve(
        name=name,
        untouched=100 * whole,
        scores=tuple(100 * (one.pck.all or 0.0) for one in effects),
        band=tuple(band) if len(band) == len(losses) else None,
        autoencoder=100 * (_effect(report.autoencoder, side).pck.all or 0.0) if report.autoencoder else None,
    )


def _share(point: GivenPoint, side: _Side) -> float:
    return 100 * (_effect(point, side).pck.all or 0.0)


def _effect(point: RatePoint | GivenPoint | BySkips[Effect], side: _Side) -> Effect:
    return point.skips_on if side == "skips_on" else point.skips_off


def _within(share: float) -> float:
    return min(max(100 * share, 0), 100)


def _row(name: str, one: RatePoint | GivenPoint) -> tuple[str, ...]:
    return (name, fvu(one.fvu, one.fvu_interval), *_scored(one.skips_on, one.skips_off))


def _scored(*effects: Effect) -> list[str]:
    return [cell for effect in effects for cell in (percent(effect.pck.all), interval_points(effect.pck_lost))]
