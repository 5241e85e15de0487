"""The verdicts of a latent analysis in sentences: one template a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shgae.analysis.latent.clusters import SMALL, Clusters, ClusterVerdict
from shgae.analysis.latent.report import AnalysisReport, CodeUnits, Condition, Traversed, UnitsVerdict
from shgae.analysis.latent.spectrum import SHARES, Spectrum
from shgae.analysis.phrases import points
from shgae.wording import counted, counted_people

_SPECTRUM = (
    "The {what} of {people}: {counts} of the variance; effective dimension {effective:.1f} of {dimension:,}; "
    "{above} above chance, with {held:.0f} % of the variance."
)
_FOUND = "By {space}, the highest mean silhouette of K-means is {silhouette:.2f}, at K = {k} ({sizes} people)"
_CLOUDS = "{people} drawn reach {own:.3f}, and clouds of one mode"
_CLUSTERS: Mapping[ClusterVerdict, str] = {
    ClusterVerdict.NONE: f"{_FOUND}: no substantial structure.",
    ClusterVerdict.WEAK: f"{_FOUND}: weak structure that could be artificial.",
    ClusterVerdict.ONE_MODE: f"{_FOUND}: no clusters shown, {_CLOUDS} {{null:.3f}}.",
    ClusterVerdict.APART: f"{_FOUND}: clusters, {_CLOUDS} at most {{null:.3f}}.",
    ClusterVerdict.UNTESTED: f"{_FOUND}: not compared with clouds of one mode.",
}
_SMALL = " The smallest cluster has {share:.1f} % of the people: possibly a tail and not a group."
_TRAVERSED = (
    "From -2 to +2 standard deviations along the first component of the {space} ({share:.0f} % of its variance) "
    "decoded joints move by {on:.1f} % of the crop's side with the skips of the mean person, by {off:.1f} % with skips "
    "off."
)
_SKIPS = "PCK lost, over photos: {mean} with the training mean for a bottleneck, {skips} with all skips off."
_UNITS: Mapping[UnitsVerdict, str] = {
    UnitsVerdict.NONE_VARIES: "Of {units} of the code none varies.",
    UnitsVerdict.TOO_FEW: "Of {units} of the code {varying} vary; too few photos for the cost of each.",
    UnitsVerdict.COUNTED: "Of {units} of the code {varying} vary; held at its mean, one at a time, a significant loss "
    "of PCK: {costing} (about {chance:.1f} expected by chance; {people}).",
}


def sentences(report: AnalysisReport) -> Iterator[str]:
    """What the parts found, a sentence a verdict."""
    for what, spectrum in (("bottleneck", report.spectrum), ("code", report.code_spectrum)):
        if spectrum:
            yield spectrum_sentence(spectrum, what)
    for clusters in (report.clusters, report.direction_clusters):
        if clusters:
            yield clusters_sentence(clusters)
    for space, traversed in report.traversals.spaces if report.traversals else ():
        if traversed:
            yield traversal_sentence(traversed[0], space)
    yield from skips_sentences(report.skips)
    if report.code_units:
        yield units_sentence(report.code_units)


def spectrum_sentence(one: Spectrum, what: str) -> str:
    """Components of the ``what``, bottleneck or code, counted."""
    if not any(one.shares):
        return f"The {what} does not vary."
    counts = [f"{counted(one.components[str(share)], 'component')} for {share} %" for share in SHARES]
    return _SPECTRUM.format(
        what=what,
        people=counted_people(one.people),
        counts=", ".join(counts),
        effective=one.effective_dimension,
        dimension=one.dimension,
        above=counted(one.above_chance, "component"),
        held=100 * sum(one.shares[: one.above_chance]),
    )


def clusters_sentence(clusters: Clusters) -> str:
    """What the highest silhouette says, with a warning about a small cluster."""
    best, null = clusters.best, clusters.one_mode
    said = _CLUSTERS[clusters.verdict].format(
        space=clusters.space,
        silhouette=best.silhouette,
        k=best.k,
        sizes=", ".join(f"{one.people:,}" for one in best.clusters),
        people=counted_people(null.people) if null else "",
        own=null.silhouette if null else 0.0,
        null=max(null.elliptical + null.copula) if null else 0.0,
    )
    share = clusters.smallest_share
    return said + (_SMALL.format(share=100 * share) if share < SMALL else "")


def traversal_sentence(one: Traversed, space: str) -> str:
    """How far the first component of a space moves the pose."""
    on, off = 100 * one.moved.skips_on, 100 * one.moved.skips_off
    return _TRAVERSED.format(space=space, share=100 * one.share, on=on, off=off)


def skips_sentences(skips: Sequence[Condition]) -> Iterator[str]:
    """What the bottleneck and the skips are worth; nothing where that has no interval."""
    cost = {(one.bottleneck, one.skips): one.lost for one in skips}
    mean, without = cost.get(("training mean", "all on")), cost.get(("as it is", "all off"))
    if mean and without:
        yield _SKIPS.format(mean=points(mean), skips=points(without))


def units_sentence(found: CodeUnits) -> str:
    """How many units of a code vary, and how many of them PCK misses."""
    return _UNITS[found.verdict].format(
        units=counted(len(found.units), "unit"),
        varying=found.varying,
        costing=found.costing,
        chance=found.varying / 40,
        people=counted_people(found.people),
    )
