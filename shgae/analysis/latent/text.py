"""A latent analysis in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from shgae.analysis.latent.clusters import FEW, SOME, Clusters
from shgae.analysis.latent.measure import Found
from shgae.analysis.latent.network import Condition, Unit
from shgae.analysis.latent.spectrum import SHARES, Spectrum
from shgae.analysis.phrases import points
from shgae.wording import counted_people


def reading(clusters: Clusters) -> str:
    """What the best silhouette says, in words."""
    best = clusters.best
    sizes = ", ".join(f"{one.people:,}" for one in best.clusters)
    said = (
        f"By {clusters.space}, K-means finds its highest mean silhouette, {best.silhouette:.2f}, at K = {best.k} "
        f"({sizes} people)"
    )
    if best.silhouette <= FEW:
        return (
            f"{said}: no substantial structure (up to {FEW} by Kaufman and Rousseeuw's scale), so the groups are cuts."
        )
    if best.silhouette <= SOME:
        return f"{said}: weak structure that could be artificial (up to {SOME} by Kaufman and Rousseeuw's scale)."
    return f"{said}: groups that keep apart (above {SOME} by Kaufman and Rousseeuw's scale)."


def suggestion(spectrum: Spectrum, what: str) -> str:
    """What the spectrum says about the size of a code, in words."""
    if not spectrum.above_chance and not any(spectrum.shares):
        return f"The {what} does not vary."
    some, more, most = (f"{spectrum.components[str(share)]}" for share in SHARES)
    begin = (
        f"The {what} of {counted_people(spectrum.people)}: {some} principal component{'s' * (some != '1')} "
        f"for {SHARES[0]} % of the variance, {more} for {SHARES[1]} %, {most} for {SHARES[2]} %; effective dimension "
        f"{spectrum.effective_dimension:.1f} of {spectrum.numbers:,}"
    )
    kept = spectrum.above_chance
    if not kept:
        return f"{begin}; no component stands out of chance, so no size of a code follows."
    held = 100 * sum(spectrum.shares[:kept])
    stand, hold = ("component stands", "holds") if kept == 1 else ("components stand", "hold")
    return (
        f"{begin}. Suggested size of a code: {kept}, for {kept} {stand} out of chance (larger than the pieces of a "
        f"stick broken at random) and {hold} {held:.0f} %; what a code needs for PCK is another matter, see shgae rate."
    )


def sentences(found: Found) -> list[str]:
    """What the parts found, a sentence or two each."""
    says = []
    if found.spectrum:
        says.append(suggestion(found.spectrum, "bottleneck"))
    if found.code_spectrum:
        says.append(suggestion(found.code_spectrum, "code"))
    if found.clusters:
        says.append(reading(found.clusters))
    for space, walks in found.walks.items():
        if walks:
            first = walks[0]
            on, off = (100 * first.moved[side] for side in ("skips_on", "skips_off"))
            says.append(
                f"From -2 to +2 standard deviations along the {space}'s first component ({100 * first.share:.0f} % of "
                f"its variance) the decoded joints move by {on:.1f} % of the crop's side on average with the skips of "
                f"the mean person, and by {off:.1f} % with skips off."
            )
    return says + of_network(found.skips, found.atlas, found.tried)


def of_network(skips: Sequence[Condition], atlas: Sequence[Unit], tried: int) -> list[str]:
    """What switching off skips and units allows to say."""
    said = []
    cost = {(one.bottleneck, one.skips): one.lost for one in skips}
    alone, without = cost.get(("training mean", "all on")), cost.get(("as it is", "all off"))
    if alone and without:
        said.append(
            f"The training mean in the bottleneck's place costs {points(alone)} of PCK, all skips off cost "
            f"{points(without)}."
        )
    clear = [unit for unit in atlas if unit.lost and unit.lost.low > 0]
    alive = [unit for unit in atlas if unit.deviation]
    if atlas and not alive:
        said.append(f"None of the {len(atlas)} units of the code varies.")
    elif alive and alive[0].lost is None:
        said.append(f"{len(alive)} of {len(atlas)} units of the code vary; too few photos to say what each costs.")
    elif alive:
        how = f"{len(clear)} of them cost" if len(clear) > 1 else f"{'one' if clear else 'none'} of them costs"
        said.append(
            f"{len(alive)} of {len(atlas)} units of the code vary; held at the mean one at a time, {how} PCK beyond "
            f"chance on {counted_people(tried)} (each interval is 95 %, so about one in forty would by chance)."
        )
    return said
