"""Reports of splice, rate and analyze with made-up numbers."""

from __future__ import annotations

from dataclasses import replace

from shgae.analysis.effects import BySkips, Effect, Recovered, Undefined
from shgae.analysis.latent.clusters import Cluster, Clustering, Clusters, OneMode, verdict_of
from shgae.analysis.latent.report import (
    BOTTLENECKS,
    AnalysisReport,
    CodeUnit,
    Condition,
    Traversals,
    Traversed,
    units_of,
)
from shgae.analysis.latent.spectrum import Spectrum
from shgae.analysis.rate.curve import EqualRank, RankVerdict
from shgae.analysis.rate.report import RatePoint, RateReport, needed_of, taken_out_of
from shgae.analysis.splice.code_health import CodeHealth
from shgae.analysis.splice.report import Check, Replaced, Side, SpliceReport, changes_of, cost_of
from shgae.metrics.pck import ByGroup
from shgae.metrics.reconstruction import Fidelity
from shgae.metrics.statistics import Interval

WHOLE = 0.3
"""PCK of the bottleneck as it is."""


PHOTOS = 40


def interval(value: float, reach: float = 0.1) -> Interval:
    return Interval(value, value - reach, value + reach, reach / 2)


def effect(pck: float | None, *, alone: bool = False) -> Effect:
    """Of a PCK; ``alone``: everybody in one photo."""
    lost = None if pck is None or alone else interval(WHOLE - pck, 0.01)
    return Effect(ByGroup(pck, None, pck), lost, 0.004, 1.0, 0.0, 3.0, 0.257)


def entry(name: str, share: float | None, measure: str = "pck", baseline: str = "mean") -> Recovered:
    found = None if share is None else interval(share)
    why = Undefined.NO_COST if share is None else None
    return Recovered(name, baseline, measure, found, why, 0.3, 0.2, 0.1)  # type: ignore[arg-type]


def side(share: float | None = 0.914, *, is_tuned: bool = False) -> Side:
    """Replacements id, ae, mean and zero."""
    effects = {"id": effect(0.3), "ae": effect(0.239), "mean": effect(0.2), "zero": effect(None)}
    back = (entry("ae", share), entry("ae", None, "loss"), entry("ae", 0.5, "maps"))
    back += (entry("zero", -2.0), entry("mean", 0.88, baseline="zero"), entry("ae", 0.86, baseline="zero"))
    ahead = {"id": interval(0.06, 0.01), "mean": interval(0.2, 0.05), "zero": None}
    cost = None if is_tuned else cost_of(effects, back, PHOTOS)
    return Side(effects, back, ahead, cost, changes_of(ahead, is_tuned, PHOTOS), ())


def splice_report(share: float | None = 0.914, *, is_tuned: bool = False) -> SpliceReport:
    fidelity = Fidelity(0.288, 0.12, 0.2, 0.2, 0.93, 1.0, None, (0.2, 0.088), (0.9, 0.1), None, None)
    sides = side(share, is_tuned=is_tuned)
    return SpliceReport(
        model="m",
        data="d",
        split="val",
        persons=1234,
        photos=1000,
        stack=0,
        tuned=is_tuned,
        training="somewhere",
        bottleneck_effective_dimension=9.7,
        bottleneck_components_95=409,
        replacements=tuple(
            Replaced(name, f"what {name} is", fidelity, interval(0.288, 0.01), None) for name in sides.effects
        ),
        skips_on=sides,
        skips_off=sides,
        code=CodeHealth(4, 1, 2, (0.0, 1.0, 0.5, 0.5), None, None, None, None),
        checks=(Check("one", True, 0.0), Check("other", False, 0.25)),
    )


def point(n_components: int, fvu: float | None, pck: float | None, *, alone: bool = False) -> RatePoint:
    sure = None if fvu is None else Interval(fvu, max(fvu - 0.01, 0.0), fvu + 0.01, 0.005)
    return RatePoint(n_components, fvu, sure, effect(pck, alone=alone), effect(pck and pck / 2, alone=alone))


CURVE = (point(0, 1.0, 0.1), point(1, 0.9, 0.12), point(50, 0.3, 0.25), point(4096, 0.0, 0.3))
EQUAL = EqualRank(RankVerdict.NAMED, 12.0, 9.0, 46.0, 10.0, 4096, interval(0.04, 0.01))


def rate_report(
    code: RatePoint | None = None,
    points: tuple[RatePoint, ...] = CURVE,
    whole: float | None = WHOLE,
    *,
    rank: int = 4096,
    is_tuned: bool = False,
) -> RateReport:
    return RateReport(
        model="m",
        data="d",
        activations="a",
        split="val",
        persons=5,
        photos=4,
        stack=1,
        tuned=is_tuned,
        trained_on=rank + 1,
        rank=rank,
        points=points,
        untouched=BySkips(effect(whole), effect(whole)),
        autoencoder=code,
        equal_fvu=None if code is None or is_tuned else replace(EQUAL, difference=None),
        equal_pck={} if code is None or is_tuned else {"skips_on": EQUAL, "skips_off": EQUAL},
        taken_out=taken_out_of(code, is_tuned, PHOTOS),
        needed=needed_of(points, rank, PHOTOS) if code is None else None,
        given={},
    )


def clusters(silhouette: float, sizes: tuple[int, ...] = (60, 40), cloud: float | None = None) -> Clusters:
    """The highest silhouette, and what clouds of one mode reach."""
    groups = tuple(Cluster(people, (0, 1)) for people in sizes)
    null = None if cloud is None else OneMode(100, silhouette, (0.1, cloud), (0.2,))
    tried = (Clustering(len(sizes), silhouette, 5.0, groups),)
    return Clusters(verdict_of(silhouette, null), sum(sizes), sum(sizes), "the code", tried, null)


def unit(number: int, lost: Interval | None, deviation: float = 0.5, ankle: float = 0.0) -> CodeUnit:
    return CodeUnit(number, 0.4, 1.0, deviation, lost, {"nose": 0.0, "ankle": ankle}, (3, 1))


def analysis_report(*units: CodeUnit, people: int = 20) -> AnalysisReport:
    """Every part, with these units."""
    spectrum = Spectrum(30, 40, 29, (0.7, 0.3, *[0.0] * 38), {"90": 2, "95": 2, "99": 2}, 1.7, 1)
    joints = {name: (((1.0, 2.0),),) for name in ("skips_on", "skips_off")}
    traversed = Traversed(1, 2.0, 0.5, BySkips(0.1, 0.2), joints, (4,))
    skips = tuple(
        Condition(bottleneck, way, ByGroup(0.5, None, 0.5), {"nose": 0.5}, interval(0.1))
        for bottleneck in BOTTLENECKS
        for way in ("all on", "all off")
    )
    return AnalysisReport(
        split="val",
        persons=20,
        spectrum=spectrum,
        code_spectrum=spectrum,
        clusters=clusters(0.7, cloud=0.6),
        direction_clusters=None,
        traversals=Traversals(9, (traversed,), ()),
        skips=skips,
        code_units=units_of(units, people, PHOTOS) if units else None,
        left_out={},
        figures=(),
    )
