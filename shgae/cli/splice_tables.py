"""Splices and rate curves as tables, for people; read from the JSON that ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

_SIDES = (("skips_on", "skips on"), ("skips_off", "skips off"))
_MEASURES = {"pck": "PCK", "loss": "loss", "maps": "maps (faithfulness)"}


def _table(title: str, caption: str = "") -> Table:
    return Table(
        box=box.SIMPLE_HEAD,
        title=Text(title, style="bold"),
        title_justify="left",
        caption=caption or None,
        caption_justify="left",
    )


def splice_tables(report: Mapping[str, Any]) -> list[Table | Text]:
    """Everything that a splice says, one under the other."""
    # Of a tuned trunk shares of the untouched bottleneck say little: it was trained with the autoencoder inside.
    shares = [] if report["tuned"] else [recovered_table(report)]
    return [
        replacements_table(report),
        *shares,
        fidelity_table(report),
        code_lines(report),
        checks_table(report),
        sentences(report),
    ]


def replacements_table(report: Mapping[str, Any]) -> Table:
    """A row a replacement: PCK and what is recovered of the cost of zeros, skips on beside skips off."""
    people, photos = report["persons"], report["photos"]
    title = f"{report['split']}: {people:,} people of {photos:,} photos, stack {report['stack']}"
    moved = "moved: maps whose peak is more than 5 % of the side away from where id has it"
    what = "gives back: of the PCK that zeros cost" if not report["tuned"] else "behind ae: points of PCK"
    table = _table(title, f"{what}, with its 95 % interval over photos\n{moved}")
    table.add_column("in its place", no_wrap=True)
    for _, side in _SIDES:
        table.add_column(f"PCK %\n{side}", justify="right")
        table.add_column("behind ae\npoints" if report["tuned"] else "gives back\n% of zero", justify="right")
        table.add_column("moved\n%", justify="right")
    for one in report["replacements"]:
        cells = []
        for key, _ in _SIDES:
            effect = report[key]["effects"][one["name"]]
            cells += [_percent(effect["pck"]["all"]), _standing(report, key, one["name"])]
            cells.append(_percent(effect["moved_share"]))
        table.add_row(Text(one["name"]), *cells)
    return table


def _standing(report: Mapping[str, Any], key: str, name: str) -> str:
    if not report["tuned"]:
        return share(recovered(report[key], name, "zero", "pck"))
    return _lost(report[key]["ae_ahead"].get(name))


def recovered_table(report: Mapping[str, Any]) -> Table:
    """What the autoencoder (or the components, without one) gives back, against each baseline in each measure."""
    names = [one["name"] for one in report["replacements"]]
    mine = "ae" if "ae" in names else next(name for name in names if name.startswith("pca-"))
    rows = [one for one in report["skips_on"]["recovered"] if one["replacement"] == mine]
    baselines = list(dict.fromkeys(one["baseline"] for one in rows))
    table = _table(f"What {mine} gives back of what each baseline costs, %")
    table.add_column("measure", no_wrap=True)
    for baseline in baselines:
        table.add_column(f"against {baseline}", justify="right")
    for key, side in _SIDES:
        for measure, heading in _MEASURES.items():
            found = [recovered(report[key], mine, baseline, measure) for baseline in baselines]
            table.add_row(f"{heading}, {side}", *(share(one) for one in found))
    return table


def recovered(side: Mapping[str, Any], name: str, baseline: str, measure: str) -> Mapping[str, Any] | None:
    """One entry of a side's ``recovered``; None if there is none."""
    wanted = (name, baseline, measure)
    entries = side["recovered"]
    return next((one for one in entries if (one["replacement"], one["baseline"], one["measure"]) == wanted), None)


def share(one: Mapping[str, Any] | None) -> str:
    """A recovered share in per cent with its interval."""
    if one is None:
        return ""
    if one["share"] is None:
        return "undefined"
    value, low, high = (round(100 * one["share"][key]) for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def fidelity_table(report: Mapping[str, Any]) -> Table:
    """How near each replacement comes to the bottleneck itself."""
    table = _table(
        "How near it comes to the bottleneck",
        "FVU: share of the variance left unexplained; worst channel: the highest inside one\n"
        "length, bias: below 1 it is too short",
    )
    table.add_column("in its place", no_wrap=True)
    for heading in ("FVU", "uncentred", "worst channel", "length", "bias", "cosine"):
        table.add_column(heading, justify="right")
    for one in report["replacements"]:
        f = one["fidelity"]
        numbers = (f["fvu"], f["fvu_uncentred"], _worst(f), f["l2_ratio"], f["relative_bias"], f["cosine"])
        table.add_row(Text(one["name"]), *(_number(number) for number in numbers))
    return table


def _worst(fidelity: Mapping[str, Any]) -> float | None:
    if fidelity["error_by_channel"] is None:
        return None
    pairs = zip(fidelity["error_by_channel"], fidelity["spread_by_channel"], strict=True)
    return max((error / spread for error, spread in pairs if spread), default=None)


def code_lines(report: Mapping[str, Any]) -> Text:
    """The bottleneck and the code in a few lines."""
    dimension = _number(report["bottleneck_effective_dimension"])
    lines = [
        f"bottleneck: effective dimension {dimension}, {report['bottleneck_components_95'] or '-'} components hold "
        f"95 %; from {report['training']}"
    ]
    floor = report["replacements"][0]["fidelity"]["sign_floor"]
    lines.append(f"a decoder that ends in a ReLU cannot get below FVU {_number(floor)}")
    code = report["code"]
    if code:
        density = sum(code["density"]) / code["size"]
        lines.append(
            f"code: {code['size']} units, {code['dead']} dead, {code['constant']} constant, a unit speaks for "
            f"{100 * density:.0f} % of the people; effective dimension {_number(code['effective_dimension'])}, "
            f"{code['components_95'] or '-'} components hold 95 %"
        )
    return Text("\n".join(lines))


def checks_table(report: Mapping[str, Any]) -> Table:
    """Exactness, a line a property."""
    table = _table("Checks (float32)")
    table.add_column("property", no_wrap=True)
    table.add_column("")
    table.add_column("off by", justify="right")
    for one in report["checks"]:
        word = Text("passed", style="green") if one["passed"] else Text("failed", style="red")
        table.add_row(one["what"], word, f"{one['off_by']:.1e}" if one["off_by"] else "0")
    return table


def sentences(report: Mapping[str, Any]) -> Text:
    """What it means."""
    return Text("\n".join(report["says"]))


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def rate_table(report: Mapping[str, Any]) -> Table:
    """A row a rank, the autoencoder and the untouched bottleneck below."""
    people, photos = report["persons"], report["photos"]
    title = f"{report['split']}: {people:,} people of {photos:,} photos, stack {report['stack']}"
    table = _table(title, "lost: points of PCK against the bottleneck as it is, with the 95 % interval over photos")
    table.add_column("numbers", justify="right")
    table.add_column("FVU", justify="right")
    for _, side in _SIDES:
        table.add_column(f"PCK %\n{side}", justify="right")
        table.add_column("lost", justify="right")
    for point in report["points"]:
        sides = [point[key] for key, _ in _SIDES]
        table.add_row(str(point["numbers"]), _number(point["fvu"]), *_scored(sides))
    table.add_section()
    if code := report["autoencoder"]:
        sides = [code[key] for key, _ in _SIDES]
        table.add_row(f"autoencoder {code['numbers']}", _number(code["fvu"]), *_scored(sides), style="bold")
    table.add_row("untouched", "0", *_scored([report["untouched"][key] for key, _ in _SIDES]), style="dim")
    return table


def _scored(sides: Sequence[Mapping[str, Any]]) -> list[str]:
    return [cell for effect in sides for cell in (_percent(effect["pck"]["all"]), _lost(effect["pck_lost"]))]


def _lost(one: Mapping[str, float] | None) -> str:
    """A difference of PCK in points, with its interval."""
    if one is None:
        return ""
    # Rounded first: a difference of nothing must not read -0.0.
    value, low, high = (round(100 * one[key], 1) + 0.0 for key in ("value", "low", "high"))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"
