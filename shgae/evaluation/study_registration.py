"""What a study registers before its first part: ``plan.json``, and what its report keeps of it.

The plan's hash stands in the report, and a copy of the plan lies next to the report: one without the other, or one of
another plan, is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from shgae.artifacts.manifest import PLAN, differences
from shgae.artifacts.store import Artifact
from shgae.artifacts.tables import json_bytes
from shgae.artifacts.typed_json import Schema, to_json
from shgae.errors import Inconsistent, Refused
from shgae.metrics.statistics import ALPHA, Verdict

_MOST_POINTS = 100
_FIXED = ("split", "limit", "margin", "analysis", "baseline", "data")


@dataclass(frozen=True)
class AnalysisPlan:
    """How the verdicts are going to be found."""

    alpha: float = ALPHA
    """False positives of the primary comparison, over all looks together."""
    intervals: str = "over photos and seeds together; the error over seeds pooled over arms that are equally steady"
    test: str = "two-sided; equivalence within the margin by two one-sided tests (TOST)"
    secondary: str = "Holm over all comparisons but the primary one"
    looks: str = "Lan-DeMets spending of alpha over the planned seeds (O'Brien-Fleming type)"
    resamples: int = 10_000
    """Of photos, for the intervals."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` for a level or a number that no analysis has."""
        if not 0 < self.alpha < 1 or self.resamples < 1:
            raise Inconsistent("no study is analysed so")


@dataclass(frozen=True)
class StudyPlan:
    """What is fixed before anything is trained; :attr:`sha256` is its identity."""

    primary: tuple[str, str] | None
    """The comparison on which the verdict is: the first arm minus the second; None if no two arms are compared."""
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    """Of the primary comparison's arms."""
    other_seeds: tuple[int, ...]
    """Of the other arms, the first ones of :attr:`seeds`; empty without other arms."""
    code_sizes: tuple[int, ...]
    """Sizes of the code with which arm full is repeated; empty without such a curve."""
    code_seeds: tuple[int, ...]
    """Of these repetitions; empty without any."""
    split: Literal["val", "test"]
    """On whom the arms are compared; the best epochs and the best code size are chosen on val."""
    limit: int | None
    """So many people of each split alone; None for all."""
    margin: float
    """The smallest difference, in points of PCK, that matters."""
    analysis: AnalysisPlan
    baseline: str
    """Id of the network that every arm starts from."""
    data: str
    """Id of the prepared data."""
    options: Mapping[str, Any]
    """Of fine-tuning and pre-training."""
    strengths: Mapping[str, Mapping[str, Any]]
    """By arm, the options of fine-tuning in which it alone differs."""
    late: bool = False
    """Whether scores were there already when it was written, as in a folder of an older shgae."""
    replaced: tuple[str, ...] = ()
    """Hashes of the plans that --force put this one in the place of."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` for a plan that no study registers."""
        if not self.arms or not self.seeds:
            raise Inconsistent("a study has an arm and a seed")
        each = (self.arms, self.seeds, self.other_seeds, self.code_sizes, self.code_seeds, self.primary or ())
        is_fit = all(len(set(some)) == len(some) for some in each)
        is_fit &= {*(self.primary or ())} <= {*self.arms} and {*self.other_seeds} <= {*self.seeds}
        is_fit &= min(*self.seeds, *self.code_seeds, 0) == 0 and min(*self.code_sizes, self.limit or 1, 1) == 1
        if not is_fit or not 0 < self.margin <= _MOST_POINTS or self.limit == 0:
            raise Inconsistent("no study registers such a plan")

    @property
    def sha256(self) -> str:
        """Hash of the file's bytes, in hexadecimal."""
        return hashlib.sha256(plan_bytes(self)).hexdigest()

    def misses(self, wanted: StudyPlan) -> list[str]:
        """In what a call that wants another plan differs from this one, numbers of seeds and added arms aside."""
        mine, theirs = ({name: to_json(one)[name] for name in _FIXED} for one in (self, wanted))
        found = differences(theirs, mine) + differences(wanted.options, self.options)
        for arm in self.strengths.keys() & wanted.strengths.keys():
            found += differences(wanted.strengths[arm], self.strengths[arm])
        if wanted.seeds[0] != self.seeds[0]:
            found.append(f"seed: {wanted.seeds[0]} here, {self.seeds[0]} there")
        if self.primary is None and wanted.primary is not None:
            found.append(f"primary: {' - '.join(wanted.primary)} here, none there")
        lost = [arm for arm in self.primary or () if arm not in wanted.arms]
        return found + ([f"arms: {lost[0]} is not among them, and it is in the primary comparison"] if lost else [])


@dataclass(frozen=True)
class Look:
    """A report, and what it might spend of the false positives."""

    seeds: int
    """Of the primary comparison."""
    alpha: float
    """Nominal level of this look; 0 where nothing is left, or under :data:`shgae.metrics.spending.LEAST`."""
    runs: Mapping[str, int] | None
    """How many seeds each arm had; None of a look that an earlier shgae wrote down."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` for a look that no study makes."""
        if self.seeds < 1 or not 0 <= self.alpha < 1 or min((self.runs or {}).values(), default=1) < 1:
            raise Inconsistent("no study makes such a look")

    def is_test(self, seeds: int, runs: Mapping[str, int], arms: Collection[str]) -> bool:
        """Whether a report with these runs tests the primary comparison with the same numbers, given the planned
        arms: those, which give the error over seeds, have as many seeds."""
        mine, theirs = ({arm: of.get(arm) for arm in arms} for of in (self.runs or runs, runs))
        return (self.seeds, mine) == (seeds, theirs)


@dataclass(frozen=True)
class Looks:
    """Every look at a study, in the order in which they were made."""

    looks: tuple[Look, ...]

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` for looks that no study makes."""
        each = [(look.seeds, sorted((look.runs or {}).items())) for look in self.looks]
        # With no more seeds than another test had, a look has no level.
        tests = [seeds for seeds, _ in dict.fromkeys((look.seeds, look.alpha) for look in self.looks if look.alpha)]
        if any(one in each[:place] for place, one in enumerate(each)) or tests != sorted(set(tests)):
            raise Inconsistent("no study makes such looks")


@dataclass(frozen=True)
class Registered:
    """What a report says of its plan."""

    sha256: str
    """Of the plan."""
    primary: tuple[str, str] | None
    margin: float
    """In points of PCK."""
    seeds: tuple[int, ...]
    """The planned ones."""
    added_arms: tuple[str, ...]
    """Arms that are not in the plan: their comparisons are secondary."""
    missing_arms: tuple[str, ...]
    """Arms of the plan that this report does not have yet."""
    looks: tuple[Look, ...]
    """Every report that was made, in order; none without a primary comparison."""
    current: int | None
    """Which of them this report is; None without any."""
    planned_runs: Mapping[str, int] | None
    """How many seeds each planned arm was to have; None in a report of before."""
    late: bool
    replaced: tuple[str, ...]
    """See :class:`StudyPlan`."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` where no such look was made, or a number is out of range."""
        is_fit = self.current is None or 0 <= self.current < len(self.looks)
        if not is_fit or not 0 < self.margin <= _MOST_POINTS or min((self.planned_runs or {}).values(), default=1) < 1:
            raise Inconsistent("no study is registered so")

    @property
    def alpha(self) -> float:
        """The level of this report; 0 if looks before it have used all of it, or it is too early."""
        return ALPHA if self.current is None else self.looks[self.current].alpha

    @property
    def without_level(self) -> Verdict:
        """The verdict of this report where it has no level."""
        if self.current is None:
            return Verdict.NOT_COMPARED
        is_early = self.looks[self.current].seeds < len(self.seeds)
        is_first = not any(look.alpha for look in self.looks[: self.current])
        return Verdict.TOO_EARLY if is_early and is_first else Verdict.ALPHA_SPENT

    @property
    def tests(self) -> tuple[Look, ...]:
        """The looks that tested the primary comparison with numbers of their own, in order."""
        arms = self.planned_runs or {}
        kept: list[Look] = []
        for look in self.looks:
            if not any(one.is_test(look.seeds, look.runs or {}, arms) for one in kept):
                kept.append(look)
        return tuple(kept)


STUDY_LOOKS = Schema(Looks, version=2, older={})
"""The form of ``looks.json``; of version 1 see :mod:`shgae.experiments.study.registration`."""
STUDY_PLAN = Schema(StudyPlan, version=1, older={})
"""The form of ``plan.json``."""


def plan_bytes(plan: StudyPlan) -> bytes:
    """The file ``plan.json``."""
    return json_bytes(STUDY_PLAN.to_json(plan))


def read_plan(path: Path) -> StudyPlan:
    """What a study registered; raises :class:`Refused` where its file is damaged, which nobody can make again."""
    try:
        return STUDY_PLAN.read(path)
    except Refused as error:
        fix = "remove that file: shgae study takes the copy in the report, or registers the plan again"
        raise Refused("plan", path, error.why, fix) from error


def check_registered(found: Registered, artifact: Artifact) -> None:
    """Checks that what a study's report says of its plan is of the plan that lies next to it, and of that of the
    study's folder.

    Raises:
        Refused: there is no plan, or it is another one.
    """
    if PLAN not in artifact.manifest.files:
        raise Refused("report", artifact.path, f"it has no {PLAN}, so nothing was registered", "make the report again")
    outside = artifact.path.parent / PLAN
    for path in (artifact.file(PLAN), *([outside] if outside.is_file() else [])):
        sha256 = read_plan(path).sha256
        if sha256 != found.sha256:
            why = f"it is of plan {found.sha256[:12]}, {path} is plan {sha256[:12]}"
            raise Refused("report", artifact.path, why, "the plan that it was made by, or make the report again")
