"""A rate curve as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shgae.reporting.splice import _SIDES, _number, _title
from shgae.reporting.table import Grid, lost, percent
from shgae.wording import counted, counted_people


def rate_table(report: Mapping[str, Any]) -> Grid:
    """A row a rank, the autoencoder and the untouched bottleneck below."""
    determined, tuned = report["determined"], report["tuned"]
    rows = [
        (f"{one['numbers']}{'*' * (one['numbers'] > determined)}", _number(one["fvu"]), *_scored(one))
        for one in report["points"]
    ]
    if code := report["autoencoder"]:
        rows.append((f"autoencoder {code['numbers']}", _number(code["fvu"]), *_scored(code)))
    rows.append(("autoencoder taken out" if tuned else "untouched", "0", *_scored(report["untouched"])))
    against = "the tuned trunk with its autoencoder taken out" if tuned else "the bottleneck as it is"
    caption = f"lost: points of PCK against {against}, with the 95 % interval over photos"
    if any(one["numbers"] > determined for one in report["points"]):
        people = counted_people(report["trained_on"], "training")
        caption += f"\n* beyond the {counted(determined, 'direction')} determined by {people}"
    return Grid(
        title=_title(report),
        headings=("numbers", "FVU", *(f"{heading}, {side}" for _, side in _SIDES for heading in ("PCK %", "lost"))),
        rows=tuple(rows),
        caption=caption,
        aside=2 if report["autoencoder"] else 1,
    )


def _scored(point: Mapping[str, Any]) -> list[str]:
    effects = [point[key] for key, _ in _SIDES]
    return [cell for effect in effects for cell in (percent(effect["pck"]["all"]), lost(effect["pck_lost"]))]
