"""What a study says of two arms: estimates with their intervals, and the verdict against zero and against the margin.

Made by :mod:`shgae.experiments.study.differences`, part of :class:`shgae.evaluation.study_report.StudyReport`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shgae.config import Share
from shgae.metrics.comparison import McNemar
from shgae.metrics.pck import ByGroup
from shgae.metrics.seeds import SeedError
from shgae.metrics.statistics import Verdict


@dataclass(frozen=True)
class Range:
    """The two ends of an interval of a difference of PCK."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A difference of PCK in one group of joints, as a share (0.01 is one point)."""

    value: float
    """Mean over seeds."""
    low: float
    high: float
    """The interval of confidence ``1 - alpha`` that allows for other people and other seeds; for other people alone
    where there is one seed."""
    equivalence: Range | None
    """The same at ``1 - 2 alpha``: inside the margin, the arms are equivalent at ``alpha`` (two one-sided tests,
    Schuirmann 1987). None in reports of before."""
    over_photos: Range
    over_seeds: Range | None
    """None where there is one seed, or the arms differ by the same with every seed: that shows no spread."""
    by_seed: tuple[float, ...]
    """Empty where seeds are not paired."""
    seed_error: SeedError | None
    """None where :attr:`over_seeds` is, and in reports of before."""

    @property
    def is_tied(self) -> bool:
        """Whether there are several seeds, and no spread over them."""
        return self.over_seeds is None and len(self.by_seed) != 1

    @property
    def largest_gain(self) -> float:
        """The largest gain that the interval allows, 0 or more."""
        return max(self.high, 0.0)

    @property
    def largest_loss(self) -> float:
        """The largest loss that the interval allows, 0 or more."""
        return max(-self.low, 0.0)


@dataclass(frozen=True)
class Detectable:
    """The true difference of PCK that as many photos and runs find four times of five.

    The spread over runs is a stated one: of a few runs at hand it is too uncertain. That over photos is the one seen.
    """

    difference: float | None
    """As a share (0.01 is one point), above 0. None: not even the largest one."""
    sd_runs: float | None
    """Stated standard deviation of the difference of two runs, as a share; None with one run each, where photos alone
    count."""
    sd_photos: float
    """Standard deviation over photos of the arms at hand, see :func:`shgae.metrics.power.spread_over_photos`."""

    POWER: ClassVar[float] = 0.8


@dataclass(frozen=True)
class JointTest:
    """Whether two arms find a joint on other people."""

    joint: str
    test: McNemar
    """``minus`` is the first: see :func:`shgae.metrics.comparison.mcnemar`."""


@dataclass(frozen=True)
class ArmComparison:
    """Two arms on the same people, with the same seeds: ``arm`` minus ``minus``."""

    arm: str
    minus: str
    fair: bool
    """Whether both had the same training after the baseline."""
    primary: bool
    """Whether it is the one that was registered; the others are secondary."""
    verdict: Verdict
    """On ``arm``, by PCK of all labelled joints."""
    within_margin: bool
    """Whether a true difference of the margin or more is ruled out at ``alpha``; also where the arms differ."""
    margin: float | None
    """The difference that matters, as a share; None in reports of before."""
    alpha: Share
    """Two-sided level of the verdict and of the intervals (1 - alpha); what is left of it at this look at the seeds.
    0: nothing is left, or there yet; the intervals are 95 %, and there is no verdict."""
    p: float | None
    """Two-sided, of a true difference of 0; None without an interval and in reports of before."""
    p_adjusted: float | None
    """The same after Holm over all secondary comparisons, by which a secondary verdict goes; :attr:`p` for the primary
    one."""
    compared: int
    """How many comparisons Holm's adjustment allows for; 1 for the primary one."""
    groups: ByGroup[Estimate | None]
    """None where fewer than two photos have such a joint."""
    joints: tuple[JointTest, ...] | None = None
    """In the order of the skeleton. None in the report of a study of one's own trainings."""
