"""The verdicts of a splice in sentences: one template a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shgae.analysis.changes import turned
from shgae.analysis.phrases import change_sentence, name_of, per_cent, points
from shgae.analysis.splice.report import Cost, CostVerdict, SpliceReport

_COST = "With {side}, replacing the bottleneck by the training mean costs {cost} of PCK"
_COSTS: Mapping[CostVerdict, str] = {
    CostVerdict.TOO_FEW: "With {side}, under 10 photos of people with joints that count: no verdict on the mean.",
    CostVerdict.NO_COST: f"{_COST}, not clearly above 0: a share of it is not defined.",
    CostVerdict.MEAN_BETTER: "With {side}, the training mean scores {gain} of PCK more than the bottleneck itself.",
    CostVerdict.GIVES_BACK: f"{_COST}; {{name}} recovers {{share}} of it.",
    CostVerdict.NOT_SHOWN: f"{_COST}; no significant difference between {{name}} and the mean: {{share}} of the cost.",
    CostVerdict.WORSE: f"{_COST}; {{name}} is significantly worse than the mean: {{share}} of the cost.",
}


def sentences(report: SpliceReport) -> Iterator[str]:
    """What a splice found, a sentence a verdict."""
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
        name=name_of(one.replacement),
        cost=points(one.cost) if one.cost else "",
        gain=points(turned(one.cost)) if one.cost else "",
        share=per_cent(one.share) if one.share else "",
    )
