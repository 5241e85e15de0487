"""Reports with numbers of a test's choosing."""

from __future__ import annotations

from collections.abc import Mapping

from shgae.evaluation.error_shares import ErrorShares
from shgae.evaluation.report import Bootstrap, EvaluationReport, JointScore, Pair, Row
from shgae.evaluation.study_differences import ArmComparison, Estimate, Range
from shgae.evaluation.study_report import ArmResult, Budget, StudyReport, verdict_of
from shgae.metrics.comparison import McNemar
from shgae.metrics.error_kinds import ByKind
from shgae.metrics.pck import ByGroup
from shgae.metrics.people import Metric
from shgae.metrics.seeds import SeedError
from shgae.metrics.statistics import Interval, Verdict
from shgae.option_lists import ARMS, BASELINE

DATA = "0123456789ab" + "f" * 52


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, (high - low) / 4)


def scored(
    name: str,
    joints: Mapping[str, float | None],
    *,
    pck: float | None = 0.3,
    sure: Interval | None = None,
    count: int = 10,
    metrics: tuple[Metric, ...] = (),
) -> Row:
    """A predictor that finds these shares; every share has the interval ``sure``."""
    each = {joint: JointScore(share, None, share, count, sure if share else None) for joint, share in joints.items()}
    study = Metric("pck/person", "share", "", "", "", "", pck, None, pck, dict(joints), {"1-4": pck}, 2)
    whole = ByGroup(sure, None, sure) if sure else None
    share = ByGroup(pck, None, pck)
    return Row(name=name, pck=share, interval=whole, joints=each, metrics=metrics or (study,))


def error_shares(found: tuple[float, ...], labels: int = 10) -> ErrorShares:
    """Of so many joints these shares, one a kind."""
    return ErrorShares(labels, ByKind(*(round(share * labels) for share in found)), ByKind(*found))


def pair(first: str, second: str, found: Interval | None, joints: Mapping[str, McNemar], photos: int = 20) -> Pair:
    """The second against the first."""
    p = 0.03 if found else None
    return Pair(Verdict.of(found, photos), ByGroup(found, None, found), p, p, photos, first, second, joints)


def evaluation(*models: Row, persons: int = 10, photos: int = 7) -> EvaluationReport:
    """Of these models alone; more by ``dataclasses.replace``."""
    joints = tuple(models[0].joints)
    how = Bootstrap(10_000, 0)
    return EvaluationReport(DATA, "test", persons, photos, None, joints, how, models, (), (), ())


def estimate(low: float, high: float, *, seeds: int = 3, error: SeedError | None = None) -> Estimate:
    value, ends = (low + high) / 2, Range(low, high)
    inner = Range(value - 0.8 * (value - low), value + 0.8 * (high - value))
    return Estimate(value, low, high, inner, ends, ends if seeds > 1 else None, (value,) * seeds, error)


def compared(
    arm: str, minus: str, found: Estimate | None, *, margin: float = 0.01, alpha: float = 0.05, count: int = 1
) -> ArmComparison:
    """A comparison with the verdict that its estimate has by itself; full - none is the primary one."""
    within, verdict = False, Verdict.TOO_FEW_PHOTOS
    if found and found.equivalence:
        within = -margin < found.equivalence.low and found.equivalence.high < margin
        verdict = Verdict.of_bounds(found.low, found.high)
    if verdict is Verdict.NO_SIGNIFICANT_DIFFERENCE:
        verdict = Verdict.EQUIVALENT if within else Verdict.INCONCLUSIVE
    if found and not alpha:
        verdict = Verdict.ALPHA_SPENT
    return ArmComparison(
        arm=arm,
        minus=minus,
        fair=minus != BASELINE,
        primary=(arm, minus) == ("full", "none"),
        verdict=verdict,
        within_margin=within,
        margin=margin,
        alpha=alpha,
        p=0.03 if found else None,
        p_adjusted=0.03 * count if found else None,
        compared=count,
        groups=ByGroup(found, None, found),
    )


def study(*differences: ArmComparison, seeds: int = 3) -> StudyReport:
    """Of these differences, with an arm for each of their names."""
    named = {one for each in differences for one in (each.arm, each.minus)}
    pck = ByGroup(0.5, None, 0.5)
    arms = [ArmResult(BASELINE, "no further training", pck, (pck,), 90, 0, (), 0.25)]
    arms += [
        ArmResult(name, ARMS[name], pck, (pck,) * seeds, 90, 80, (1,) * seeds, 0.25) for name in ARMS if name in named
    ]
    config = {"batch_size": 4, "optimizer": "adam", "lr": 5e-4, "schedule": "cosine", "precision": "fp32"}
    budget = Budget("1" * 64, "2" * 64, 600, 2, 300, 1200, config, tuple(range(seeds)))
    return StudyReport(
        split="test",
        persons=600,
        photos=300,
        seeds=budget.seeds,
        budget=budget,
        arms=tuple(arms),
        differences=differences,
        verdict=verdict_of(differences),
        devices=("cpu",),
        ae_epochs=None,
        limit=None,
        registered=None,
        code_sizes=None,
    )
