"""A splice as tables, and as lines of text."""

from __future__ import annotations

from shgae.analysis.effects import Measure, Recovered
from shgae.analysis.splice.report import BASELINES, LEADING, Side, SpliceReport, asked_about
from shgae.metrics.reconstruction import Fidelity
from shgae.reporting.table import Grid, fvu, interval_points, number, people_title, percent
from shgae.wording import counted, whole

_MEASURES: dict[Measure, str] = {"pck": "PCK", "loss": "loss", "maps": "maps (faithfulness)"}


def splice_tables(report: SpliceReport) -> list[Grid]:
    """Every table of a splice, in order."""
    # Of a tuned trunk shares of the untouched bottleneck say little: it was trained with the autoencoder inside.
    shares = [] if report.tuned else [recovered_table(report)]
    return [replacements_table(report), *shares, fidelity_table(report), checks_table(report)]


def replacements_table(report: SpliceReport) -> Grid:
    """A row a replacement: PCK and what is recovered of the cost of the training mean, skips on and skips off."""
    what = "recovered: of the PCK that the training mean costs" if not report.tuned else "ae minus it: points of PCK"
    standing = "ae minus it, points" if report.tuned else "recovered, % of mean"
    return Grid(
        title=people_title(report.split, report.persons, report.photos, report.stack),
        headings=(
            "replacement",
            *(f"{heading}, {side}" for side, _ in report.sides for heading in ("PCK %", standing, "moved %")),
        ),
        rows=tuple(_replacement(report, one.name) for one in report.replacements),
        caption=f"{what}, with its 95 % interval over photos\n"
        "moved: maps with their peak more than 5 % of the side away from where id has it\n"
        + "; ".join(f"{one.name}: {one.meaning}" for one in report.replacements),
    )


def _replacement(report: SpliceReport, name: str) -> tuple[str, ...]:
    cells = [name]
    for _, side in report.sides:
        effect = side.effects[name]
        standing = interval_points(side.ae_ahead.get(name)) if report.tuned else _recovered(side, name, LEADING)
        cells += [percent(effect.pck.all), standing, percent(effect.moved_share)]
    return tuple(cells)


def _recovered(side: Side, name: str, baseline: str, measure: Measure = "pck") -> str:
    """A share; of a baseline's own cost it is 0 by definition."""
    if name == baseline:
        defined = any(one.share for one in side.recovered if (one.baseline, one.measure) == (baseline, measure))
        return "0" if defined else "undefined"
    return share(side.recovered_of(name, baseline, measure))


def recovered_table(report: SpliceReport) -> Grid:
    """Sensitivity to the baseline: what the autoencoder (or the components, without one), what was given and the
    training mean itself recover of what each baseline costs, in each measure."""
    names = [one.name for one in report.replacements]
    shown = (asked_about(names), *report.given)
    baselines = [name for name in BASELINES if name in names]
    columns = [(name, baseline) for baseline in baselines for name in (*shown, LEADING) if name != baseline]
    return Grid(
        title=f"Sensitivity: what {', '.join(shown)} and the mean recover of the cost of each baseline, %",
        headings=("measure", *(f"{name} of {baseline}" for name, baseline in columns)),
        rows=tuple(
            (f"{heading}, {side}", *(_recovered(found, name, baseline, measure) for name, baseline in columns))
            for side, found in report.sides
            for measure, heading in _MEASURES.items()
        ),
    )


def share(one: Recovered | None) -> str:
    """A recovered share in per cent with its interval; a dash for None."""
    if one is None:
        return "-"
    if one.share is None:
        return "undefined"
    value, low, high = (whole(100 * end) for end in (one.share.value, one.share.low, one.share.high))
    return f"{value} ({low} to {high})"


def fidelity_table(report: SpliceReport) -> Grid:
    """How near each replacement comes to the bottleneck itself."""
    rows = []
    for one in report.replacements:
        f = one.fidelity
        numbers = (f.fvu_uncentred, _worst(f), f.l2_ratio, f.relative_bias, f.cosine)
        rows.append((one.name, fvu(f.fvu, one.fvu_interval), *map(number, numbers)))
    return Grid(
        title="Distance from the bottleneck",
        headings=("replacement", "FVU", "uncentred", "worst channel", "length", "bias", "cosine"),
        rows=tuple(rows),
        caption="FVU: share of the variance left unexplained, with its 95 % interval over photos\n"
        "worst channel: the highest FVU inside one\n"
        "length, bias: below 1 it is too short",
    )


def _worst(fidelity: Fidelity) -> float | None:
    if fidelity.error_by_channel is None or fidelity.spread_by_channel is None:
        return None
    pairs = zip(fidelity.error_by_channel, fidelity.spread_by_channel, strict=True)
    return max((error / spread for error, spread in pairs if spread), default=None)


def code_lines(report: SpliceReport) -> str:
    """The bottleneck and the code in a few lines."""
    held = _held(report.bottleneck_effective_dimension, report.bottleneck_components_95)
    lines = [f"bottleneck: {held}; from {report.training}"]
    lines.append(f"FVU of a decoder that ends in a ReLU: at least {number(report.replacements[0].fidelity.relu_floor)}")
    if code := report.code:
        density = sum(code.density) / code.size
        lines.append(
            f"code: {code.size} units, {code.dead} dead, {code.constant} constant, a unit is active for "
            f"{100 * density:.0f} % of the people; {_held(code.effective_dimension, code.components_95)}"
        )
    return "\n".join(lines)


def _held(dimension: float | None, components: int | None) -> str:
    if not components:
        return "it does not vary"
    hold = "holds" if components == 1 else "hold"
    return f"effective dimension {number(dimension)}, {counted(components, 'component')} {hold} 95 %"


def checks_table(report: SpliceReport) -> Grid:
    """Exactness, a line a property."""
    rows = (
        (one.what, "passed" if one.passed else "failed", f"{one.max_abs_diff:.1e}" if one.max_abs_diff else "0")
        for one in report.checks
    )
    return Grid(title="Checks (float32)", headings=("property", "result", "max |difference|"), rows=tuple(rows))
