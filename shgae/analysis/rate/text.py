"""The verdicts of a rate curve in sentences: one template a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from shgae.analysis.phrases import change_sentence, points
from shgae.analysis.rate.curve import EqualRank, RankVerdict
from shgae.analysis.rate.report import CurveVerdict, Needed, RateReport
from shgae.metrics.statistics import ROUNDING
from shgae.wording import counted

_PCK: Mapping[RankVerdict, str] = {
    RankVerdict.TOO_FEW: "With {side}, under 10 photos of people with joints that count: "
    "no number of components can be named.",
    RankVerdict.NO_COST: "With {side}, the training mean costs {difference} of PCK, not clearly above 0: "
    "no number of components can be named.",
    RankVerdict.MEAN_BETTER: "With {side}, the training mean scores higher than the bottleneck itself (its cost: "
    "{difference}): no number of components can be named.",
    RankVerdict.WORSE_THAN_MEAN: "With {side}, {what} is significantly worse than the "
    "training mean: {difference} of PCK.",
    RankVerdict.LIKE_MEAN: "With {side}, no significant difference between {what} and the "
    "training mean: {difference} of PCK.",
    RankVerdict.NAMED: "With {side}, PCA reaches the PCK of {what} at {components} "
    "(95 % CI {low} to {high}{at_least}).",
    RankVerdict.OPEN: "With {side}, PCA needs {least} to reach the PCK of {what}; the "
    "estimate is {components}, without an upper limit among the {most} tried.",
    RankVerdict.BEYOND: "With {side}, PCA does not reach the PCK of {what}: with every number tried, up to "
    "{most}, it is significantly lower.",
    RankVerdict.EARLIER: "With {side}, no number of components was named for {what}; "
    "shgae rate made again gives a limit.",
}
_PERHAPS_BEYOND = (
    "With {side}, PCA needs {least} to reach the PCK of {what}; the estimate lies beyond the {most} tried."
)
_FVU: Mapping[RankVerdict, str] = {
    RankVerdict.NAMED: "In variance explained, PCA reaches {what} at {components}{interval}.",
    RankVerdict.OPEN: "In variance explained, PCA reaches {what} at {components}, without an "
    "upper limit among the {most}.",
    RankVerdict.BEYOND: "In variance explained, PCA does not reach {what} with {most}{interval}.",
    RankVerdict.WORSE_THAN_MEAN: "In variance explained, {what} is worse than the training mean.",
    RankVerdict.LIKE_MEAN: "In variance explained, no significant difference between {what} and the training mean.",
    RankVerdict.TOO_FEW: "In variance explained, under 10 photos: no number of components can be named.",
    RankVerdict.EARLIER: "In variance explained, no number of components was named for {what}.",
}
_NOT_VARYING = "The bottlenecks do not vary: there is no variance to explain."
_NO_CURVE = "The trunk was tuned with its autoencoder inside: components of its bottleneck do not measure it."
_NEEDED: Mapping[CurveVerdict, str] = {
    CurveVerdict.TOO_FEW: "With skips on, under 10 photos of people with joints that count: no verdict on the curve.",
    CurveVerdict.NO_COST: "With skips on, the training mean loses nothing significant: {cost} of PCK.",
    CurveVerdict.REGAINED: "With skips on, the training mean loses {cost} of PCK; no significant loss from "
    "{components} on: {loss}.",
    CurveVerdict.NOT_REGAINED: "With skips on, the training mean loses {cost} of PCK, and the most components "
    "tried that the training people determine still lose something significant.",
}


def sentences(report: RateReport) -> Iterator[str]:
    """What a rate curve found, a sentence a verdict."""
    if report.needed:
        yield needed_sentence(report.needed)
    if report.taken_out:
        yield _NO_CURVE
        yield change_sentence(report.taken_out, "skips on")
    if report.autoencoder is not None:
        what = f"the autoencoder (code size {report.autoencoder.n_components})"
        yield from _equal_sentences(report.equal_pck, report.equal_fvu, what)
    for name, one in report.given.items():
        yield from _equal_sentences(one.equal_pck, one.equal_fvu, name)


def _equal_sentences(equal_pck: Mapping[str, EqualRank], equal_fvu: EqualRank | None, what: str) -> Iterator[str]:
    for side in ("skips_on", "skips_off"):
        if side in equal_pck:
            yield pck_sentence(equal_pck[side], what, side.replace("_", " "))
    if equal_fvu:
        yield fvu_sentence(equal_fvu, what)
    elif equal_pck:
        yield _NOT_VARYING


def pck_sentence(found: EqualRank, what: str, side: str) -> str:
    """Where an autoencoder, or what was given, lies on the PCK curve; ``side`` is "skips on" or "skips off"."""
    least = round(found.at_least or 0)
    is_open = found.verdict is RankVerdict.BEYOND and least <= found.most
    return (_PERHAPS_BEYOND if is_open else _PCK[found.verdict]).format(
        side=side,
        what=what,
        difference=points(found.difference) if found.difference else "",
        components=_components(found.components),
        low=_number(found.low),
        high=_number(found.high),
        at_least=f"; one-sided, at least {least}" if found.at_least is not None else "",
        least=f"at least {_components(found.at_least)}",
        most=_components(found.most),
    )


def fvu_sentence(found: EqualRank, what: str) -> str:
    """Where it lies on the curve of the variance explained."""
    high = "and more" if found.high is None else f"to {_number(found.high)}"
    interval = "" if found.low is None else f" (95 % CI {_number(found.low)} {high})"
    return _FVU[found.verdict].format(
        what=what, components=_components(found.components), interval=interval, most=_components(found.most)
    )


def needed_sentence(found: Needed) -> str:
    """What a curve without an autoencoder says."""
    return _NEEDED[found.verdict].format(
        cost=points(found.cost) if found.cost else "",
        components=_components(found.components),
        loss=points(found.loss) if found.loss else "",
    )


def _components(value: float | None) -> str:
    """The fewest whole components that reach it: an estimate between two numbers of them is the higher one."""
    return counted(math.ceil((value or 0) - ROUNDING), "component")


def _number(value: float | None) -> str:
    return f"{round(value):,}" if value is not None else "-"
