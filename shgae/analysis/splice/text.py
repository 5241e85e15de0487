"""What the numbers of a splice or a rate curve allow to say, in plain words."""

from __future__ import annotations

from shgae.analysis.phrases import per_cent, points, turned
from shgae.analysis.splice.effects import CLEAR, TOO_FEW, SideBySide
from shgae.metrics.statistics import Interval


def cost_and_gain(side: SideBySide, skips: bool, coded: str | None, rank: str) -> str:
    """What zeros in the bottleneck's place cost, and how much of that an autoencoder gives back.

    Args:
        side: the replacements, with skips on or all with skips off.
        skips: which.
        coded: name of the autoencoder's replacement, if there is one.
        rank: name of the principal components'.
    """
    begin = f"With skips {'on' if skips else 'off'}, replacing the bottleneck by zeros"
    cost = side.difference("id", "zero")
    if cost is None:
        return f"Nothing can be said: {TOO_FEW}."
    back = side.recovered(coded or rank, "zero", "pck")
    if back.share is None and cost.value < -CLEAR * cost.standard_error:
        return (
            f"{begin} does better than the bottleneck itself, by {points(turned(cost))} of PCK: no cost to give back."
        )
    if back.share is None:
        why = "no more than chance makes: what the bottleneck carries cannot be told from nothing here"
        return f"{begin} costs {points(cost)} of PCK, {why}."
    whose = "the autoencoder" if coded else f"its first {rank.partition('-')[2]} principal components"
    gives = "gives" if coded else "give"
    said = f"{begin} costs {points(cost)} of PCK; {whose} {gives} back {per_cent(back.share)} of it"
    return f"{said}{_against(side, coded, rank) if coded else ''}."


def _against(side: SideBySide, coded: str, rank: str) -> str:
    plain = side.recovered(rank, "zero", "pck")
    ahead = side.difference(coded, rank)
    if plain.share is None or ahead is None:
        return ""
    said = f"; {rank.partition('-')[2]} principal components give back {100 * plain.share.value:.0f} %, "
    if not ahead.excludes_zero:
        return f"{said}no clear difference ({points(ahead)})"
    return f"{said}{points(ahead)} less" if ahead.value > 0 else f"{said}{points(turned(ahead))} more"


def cost_in_tuned(side: SideBySide, skips: bool) -> str:
    """What stands to lose in a trunk that was tuned with its autoencoder inside."""
    leads = {name: side.difference("ae", name) for name in ("zero", "mean")}
    if leads["zero"] is None or leads["mean"] is None:
        return f"Nothing can be said: {TOO_FEW}."
    begin = f"With skips {'on' if skips else 'off'}, zeros in place of what the tuned autoencoder gives"
    return f"{begin} cost {points(leads['zero'])} of PCK, the training mean {points(leads['mean'])}."


def after_tuning(side: SideBySide, has_old: bool) -> str:
    """What the tuned trunk does without its autoencoder, and with the one from before."""
    lead = side.difference("ae", "id")
    if lead is None:
        return f"Nothing can be said: {TOO_FEW}."
    said = f"Taken out of the tuned trunk, its autoencoder leaves PCK {_change(lead)}"
    old = side.difference("ae", "old-ae") if has_old else None
    return said + (f"; the one from before fine-tuning in its place leaves it {_change(old)}" if old else "") + "."


def _change(lead: Interval) -> str:
    change = f"lower by {points(lead)}" if lead.value > 0 else f"higher by {points(turned(lead))}"
    return change if lead.excludes_zero else f"as it is, within chance ({change})"
