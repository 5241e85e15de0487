"""The verdicts of a splice in sentences: one template a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shgae.analysis.phrases import per_cent, points
from shgae.analysis.splice.report import SpliceReport
from shgae.analysis.splice.verdicts import Change, ChangeVerdict, Cost, CostVerdict, turned

_NAMES = {
    "ae": "the autoencoder",
    "old-ae": "the autoencoder from before fine-tuning",
    "id": "the tuned trunk without its autoencoder",
    "mean": "the training mean",
    "zero": "zeros",
}
_COST = "With {side}, replacing the bottleneck by the training mean costs {cost} of PCK"
_COSTS: Mapping[CostVerdict, str] = {
    CostVerdict.TOO_FEW: "With {side}, under 10 photos of people with joints that count: no verdict on the mean.",
    CostVerdict.NO_COST: f"{_COST}, not clearly above 0: a share of it is not defined.",
    CostVerdict.MEAN_BETTER: "With {side}, the training mean scores {gain} of PCK more than the bottleneck itself.",
    CostVerdict.GIVES_BACK: f"{_COST}; {{name}} recovers {{share}} of it.",
    CostVerdict.NOT_SHOWN: f"{_COST}; no significant difference between {{name}} and the mean: {{share}} of the cost.",
    CostVerdict.WORSE: f"{_COST}; {{name}} is significantly worse than the mean: {{share}} of the cost.",
}
_CHANGES: Mapping[ChangeVerdict, str] = {
    ChangeVerdict.HIGHER: "With {side}, {first} scores {difference} of PCK more than {second}.",
    ChangeVerdict.LOWER: "With {side}, {first} scores {turned} of PCK less than {second}.",
    ChangeVerdict.NO_DIFFERENCE: "With {side}, no significant difference between {first} and {second}: {difference}.",
    ChangeVerdict.TOO_FEW: "With {side}, too few photos to compare {first} with {second}.",
}


def sentences(report: SpliceReport) -> tuple[str, ...]:
    """What a splice found, a sentence a verdict."""
    return tuple(_sentences(report))


def _sentences(report: SpliceReport) -> Iterator[str]:
    for side, found in report.sides:
        if found.cost:
            yield cost_sentence(found.cost, side)
            if found.cost.verdict == CostVerdict.TOO_FEW:
                continue
        yield from (cost_sentence(one, side) for one in found.given if one.share)
        yield from (change_sentence(one, side) for one in found.changes)


def cost_sentence(one: Cost, side: str) -> str:
    """What the training mean costs and what is recovered; ``side`` is "skips on" or "skips off"."""
    return _COSTS[one.verdict].format(
        side=side,
        name=_name(one.replacement),
        cost=points(one.cost) if one.cost else "",
        gain=points(turned(one.cost)) if one.cost else "",
        share=per_cent(one.share) if one.share else "",
    )


def change_sentence(one: Change, side: str) -> str:
    """Two replacements compared; ``side`` is "skips on" or "skips off"."""
    return _CHANGES[one.verdict].format(
        side=side,
        first=_name(one.first),
        second=_name(one.second),
        difference=points(one.difference) if one.difference else "",
        turned=points(turned(one.difference)) if one.difference else "",
    )


def _name(replacement: str) -> str:
    kind, _, count = replacement.partition("-")
    return f"{count} principal components" if kind == "pca" else _NAMES.get(replacement, replacement)
