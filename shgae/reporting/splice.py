"""Splices and rate curves as tables, and as lines of text; read from the JSON that ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shgae.reporting.table import Grid, lost, percent
from shgae.wording import counted, counted_people

_SIDES = (("skips_on", "skips on"), ("skips_off", "skips off"))
_MEASURES = {"pck": "PCK", "loss": "loss", "maps": "maps (faithfulness)"}


def splice_tables(report: Mapping[str, Any]) -> list[Grid]:
    """Every table of a splice, in order."""
    # Of a tuned trunk shares of the untouched bottleneck say little: it was trained with the autoencoder inside.
    shares = [] if report["tuned"] else [recovered_table(report)]
    return [replacements_table(report), *shares, fidelity_table(report), checks_table(report)]


def replacements_table(report: Mapping[str, Any]) -> Grid:
    """A row a replacement: PCK and what is recovered of the cost of zeros, skips on beside skips off."""
    what = "gives back: of the PCK that zeros cost" if not report["tuned"] else "behind ae: points of PCK"
    standing = "behind ae, points" if report["tuned"] else "gives back, % of zero"
    return Grid(
        title=_title(report),
        headings=(
            "in its place",
            *(f"{heading}, {side}" for _, side in _SIDES for heading in ("PCK %", standing, "moved %")),
        ),
        rows=tuple(_replacement(report, one["name"]) for one in report["replacements"]),
        caption=f"{what}, with its 95 % interval over photos\n"
        "moved: maps whose peak is more than 5 % of the side away from where id has it\n"
        + "; ".join(f"{one['name']}: {one['meaning']}" for one in report["replacements"]),
    )


def _title(report: Mapping[str, Any]) -> str:
    people, photos = counted_people(report["persons"]), counted(report["photos"], "photo")
    return f"{report['split']}: {people} of {photos}, stack {report['stack']}"


def _replacement(report: Mapping[str, Any], name: str) -> tuple[str, ...]:
    cells = [name]
    for key, _ in _SIDES:
        effect = report[key]["effects"][name]
        cells += [percent(effect["pck"]["all"]), _standing(report, key, name), percent(effect["moved_share"])]
    return tuple(cells)


def _standing(report: Mapping[str, Any], key: str, name: str) -> str:
    if not report["tuned"]:
        return share(recovered(report[key], name, "zero", "pck"))
    return lost(report[key]["ae_ahead"].get(name))


def recovered_table(report: Mapping[str, Any]) -> Grid:
    """What the autoencoder (or the components, without one) gives back, against each baseline in each measure."""
    names = [one["name"] for one in report["replacements"]]
    mine = "ae" if "ae" in names else next(name for name in names if name.startswith("pca-"))
    rows = [one for one in report["skips_on"]["recovered"] if one["replacement"] == mine]
    baselines = list(dict.fromkeys(one["baseline"] for one in rows))
    return Grid(
        title=f"What {mine} gives back of what each baseline costs, %",
        headings=("measure", *(f"against {baseline}" for baseline in baselines)),
        rows=tuple(
            (
                f"{heading}, {side}",
                *(share(recovered(report[key], mine, baseline, measure)) for baseline in baselines),
            )
            for key, side in _SIDES
            for measure, heading in _MEASURES.items()
        ),
    )


def recovered(side: Mapping[str, Any], name: str, baseline: str, measure: str) -> Mapping[str, Any] | None:
    """One entry of a side's ``recovered``; None if there is none."""
    wanted = (name, baseline, measure)
    entries = side["recovered"]
    return next((one for one in entries if (one["replacement"], one["baseline"], one["measure"]) == wanted), None)


def share(one: Mapping[str, Any] | None) -> str:
    """A recovered share in per cent with its interval; a dash for None."""
    if one is None:
        return "-"
    if one["share"] is None:
        return "undefined"
    value, low, high = (round(100 * one["share"][key]) for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def fidelity_table(report: Mapping[str, Any]) -> Grid:
    """How near each replacement comes to the bottleneck itself."""
    rows = []
    for one in report["replacements"]:
        f = one["fidelity"]
        numbers = (f["fvu"], f["fvu_uncentred"], _worst(f), f["l2_ratio"], f["relative_bias"], f["cosine"])
        rows.append((one["name"], *(_number(number) for number in numbers)))
    return Grid(
        title="How near it comes to the bottleneck",
        headings=("in its place", "FVU", "uncentred", "worst channel", "length", "bias", "cosine"),
        rows=tuple(rows),
        caption="FVU: share of the variance left unexplained; worst channel: the highest inside one\n"
        "length, bias: below 1 it is too short",
    )


def _worst(fidelity: Mapping[str, Any]) -> float | None:
    if fidelity["error_by_channel"] is None:
        return None
    pairs = zip(fidelity["error_by_channel"], fidelity["spread_by_channel"], strict=True)
    return max((error / spread for error, spread in pairs if spread), default=None)


def code_lines(report: Mapping[str, Any]) -> str:
    """The bottleneck and the code in a few lines."""
    held = _held(report["bottleneck_effective_dimension"], report["bottleneck_components_95"])
    lines = [f"bottleneck: {held}; from {report['training']}"]
    floor = report["replacements"][0]["fidelity"]["sign_floor"]
    lines.append(f"a decoder that ends in a ReLU cannot get below FVU {_number(floor)}")
    code = report["code"]
    if code:
        density = sum(code["density"]) / code["size"]
        lines.append(
            f"code: {code['size']} units, {code['dead']} dead, {code['constant']} constant, a unit speaks for "
            f"{100 * density:.0f} % of the people; {_held(code['effective_dimension'], code['components_95'])}"
        )
    return "\n".join(lines)


def _held(dimension: float | None, components: int | None) -> str:
    if not components:
        return "nothing in it varies"
    hold = "holds" if components == 1 else "hold"
    return f"effective dimension {_number(dimension)}, {counted(components, 'component')} {hold} 95 %"


def checks_table(report: Mapping[str, Any]) -> Grid:
    """Exactness, a line a property."""
    rows = (
        (one["what"], "passed" if one["passed"] else "failed", f"{one['off_by']:.1e}" if one["off_by"] else "0")
        for one in report["checks"]
    )
    return Grid(title="Checks (float32)", headings=("property", "found", "off by"), rows=tuple(rows))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
