"""Which parts of a study are left, which can be made now, and how long that takes; made here, one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import read_rows
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.experiments.part import SCORING, Part
from shgae.experiments.study import locks
from shgae.experiments.study.parts import Study
from shgae.wording import duration

_MOST_SECONDS = 1e9
"""No epoch takes longer."""


class Work:
    """The parts that are left of those that are wanted."""

    def __init__(self, study: Study, wanted: Sequence[Part], execution: Execution) -> None:
        self.study, self.execution = study, execution
        self.all = len(wanted)
        self.left = left_of(wanted, execution)
        self.made: list[str] = []
        """Titles of what this run made."""
        self.took = took_before([part for part in wanted if part not in self.left])
        self._patience = locks.Patience(study.output, execution)

    def ready(self) -> list[Part]:
        """What can be made now, in the order of the study: parents are there, and nothing is scored before the last
        training."""
        waiting = {part.path for part in self.left}
        trains = any(part.step not in SCORING for part in self.left)
        free = [part for part in self.left if waiting.isdisjoint(part.parents.values())]
        return [part for part in free if not (trains and part.step in SCORING)]

    def begins(self, part: Part, jobs: int = 1, running: int = 1) -> None:
        """Says that a part is begun, and how long all of them take."""
        left = time_left(self.left, self.took, jobs)
        beside = f" ({running} at once)" if running > 1 else ""
        number = self.all - len(self.left) + running
        self.execution.progress.note(f"-- {number} of {self.all}: {part.title}{beside}{left}")

    def ends(self, part: Part, seconds: float | None) -> None:
        """Strikes a part off; ``seconds`` is None where another process made it."""
        self.left.remove(part)
        if seconds is not None:
            self.took[part.step] = seconds
            self.made.append(part.title)

    def waits(self) -> None:
        """A moment in which other processes make what is left."""
        self._patience.wait(self._awaited())

    def says_waiting(self) -> None:
        """Says so without such a moment."""
        self._patience.say(self._awaited())

    def _awaited(self) -> str:
        return f"which makes {', '.join(self.study.name_of(part) for part in self.ready()[:3])}"


def left_of(parts: Sequence[Part], execution: Execution) -> list[Part]:
    """The parts that are to be made, or to be asked again once what they are made from is made: it may be another one.

    Raises:
        Refused: something else lies where a part should (unless ``force``).
        Interrupted: a signal came while files were hashed, which ``force`` asks for.
    """
    left: list[Part] = []
    for part in parts:
        paths = {one.path for one in left}
        if not part.is_made(execution) or not paths.isdisjoint(part.parents.values()):
            left.append(part)
    return left


def in_turn(work: Work) -> None:
    """Makes everything that is left in this process; what another one is making is left to it.

    Raises:
        Refused, Diverged, Interrupted: see :mod:`shgae.errors`; finished parts stay.
    """
    while work.left:
        if not any(_make(work, part) for part in work.ready()):
            work.waits()


def _make(work: Work, part: Part) -> bool:
    """Whether the part is there now; not where another process is making it."""
    study, execution = work.study, work.execution
    execution.stop.raise_if_set(study.output, "the same command again")
    with locks.held(study.output, study.name_of(part)) as mine:
        if mine and part.is_made(execution):
            work.ends(part, None)
        elif mine:
            work.begins(part)
            begun = time.monotonic()
            part.make(execution)
            work.ends(part, time.monotonic() - begun)
        return mine


def needed_for(study: Study, name: str) -> list[Part]:
    """The part of a name and all that it is made from, parents before children.

    Raises:
        Refused: there is no such part, or it is a score and not every training is done.
    """
    parts = study.parts()
    found = next((part for part in parts if study.name_of(part) == name), None)
    if found is None:
        why = f"{name!r:.60} is not a part of this study"
        raise Refused("value", "--only", why, "one of those that the same command with --plan lists")
    missing = [part for part in parts if part.step not in SCORING and not part.path.exists()]
    if found.step in SCORING and missing:
        why = f"what is scored comes after all trainings, and {len(missing)} are missing"
        raise Refused("value", "--only", why, f"--only {study.name_of(missing[-1])}")
    wanted = {found.path}
    for part in reversed(parts):
        if part.path in wanted:
            wanted |= set(part.parents.values())
    return [part for part in parts if part.path in wanted]


def took_before(made: Sequence[Part]) -> dict[str, float]:
    """Seconds of each step of training, by the histories of what is there: the median."""
    seconds: dict[str, list[float]] = {}
    for part in made:
        if part.step in ("finetune", "pretrain"):
            rows = read_rows(open_artifact(part.path, verify=False).open(HISTORY))
            times: list[Any] = [row.get("seconds") for row in rows]
            known = [float(time) for time in times if type(time) in (int, float) and 0 <= time < _MOST_SECONDS]
            seconds.setdefault(part.step, []).append(sum(known))
    return {step: float(np.median(each)) for step, each in seconds.items()}


def time_left(left: Sequence[Part], took: Mapping[str, float], jobs: int = 1) -> str:
    """How long these parts take, by the last one of each step, to be said; at least so long where a step is new."""
    missing = [part.step for part in left if not part.path.exists()]
    known = sum(took.get(step, 0.0) for step in missing) / jobs
    about = "about" if set(missing) <= took.keys() else "at least"
    return f", {about} {duration(known)} left in all" if known >= 1 else ""
