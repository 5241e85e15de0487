"""How far a task and a training are, how fast they go, and how long they still take."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.progress import Progress

from shgae.wording import duration

WINDOW = 300.0
"""Seconds over which a speed is measured: several steps even of a slow training."""


class Task:
    """A task of so many units, ``done`` of which an earlier run did; rich keeps its speed."""

    def __init__(
        self, what: str, total: int, unit: str, done: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.what, self.total, self.unit, self.facts = what, total, unit, ""
        self.began, self.before = clock(), done
        self._kept = Progress(auto_refresh=False, get_time=clock, speed_estimate_period=WINDOW)
        self._id = self._kept.add_task(what, total=total, completed=done)
        self._kept.advance(self._id, 0)  # the moment from which a speed is measured

    @property
    def done(self) -> int:
        """Units that are done, an earlier run's too."""
        return int(self._kept.tasks[0].completed)

    def advance(self, amount: int, facts: str = "") -> None:
        self._kept.advance(self._id, amount)
        self.facts = facts or self.facts

    @property
    def speed(self) -> float | None:
        """Units a second over the last :data:`WINDOW`; None before anything was done."""
        return self._kept.tasks[0].speed or None

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes at that speed; None before there is one."""
        return max(self.total - self.done, 0) / self.speed if self.speed else None

    def line(self) -> str:
        """How far it is: ``extract train: 300/5,000 people, 12 s left  loss 0.1``."""
        text = f"{self.what}: {self.done:,}/{self.total:,} {self.unit}"
        if self.left:
            text += f", {duration(self.left)} left"
        return f"{text}  {self.facts}".rstrip()


class Pace:
    """The clock of a training: an epoch is its first task (the steps), and what follows until it is recorded."""

    def __init__(self, of: int, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._of, self.done = clock, of, done
        self._steps: Task | None = None
        self._stepped_at: float | None = None
        self._steps_take: float | None = None
        self._rest_takes: float | None = None

    def start(self, task: Task) -> None:
        if self._steps is None:
            self._steps = task

    def finish(self) -> None:
        if self._steps and self._stepped_at is None:
            self._stepped_at = self._clock()
            fresh = self._steps.done - self._steps.before
            if fresh:
                self._steps_take = (self._stepped_at - self._steps.began) * self._steps.total / fresh

    def record(self) -> None:
        self.done += 1
        if self._stepped_at is not None:
            self._rest_takes = self._clock() - self._stepped_at
        self._steps = self._stepped_at = None

    def left(self) -> tuple[float, bool] | None:
        """Seconds until the last epoch is recorded, and whether validation is in them; None before there is a speed.

        Validation is timed too, so it is left out until the first one is over.
        """
        now, epochs, rest = self._clock(), self._of - self.done, self._rest_takes or 0.0
        whole, seconds = self._steps_take, 0.0
        if self._steps and self._stepped_at is not None:
            seconds = max(rest - (now - self._stepped_at), 0.0)
            epochs -= 1
        elif self._steps and (left := self._steps.left) is not None:
            seconds = left + rest
            epochs -= 1
            if whole is None:
                fresh = self._steps.done - self._steps.before
                whole = (now - self._steps.began) * self._steps.total / fresh
        if whole is None:
            return None
        return seconds + max(epochs, 0) * (whole + rest), self._rest_takes is not None

    def sentence(self) -> str:
        """``12 min 05 s left in all``, or nothing before there is a speed."""
        found = self.left()
        if found is None or self.done >= self._of:
            return ""
        seconds, is_whole = found
        return f"{duration(seconds)} left in all{'' if is_whole else ' without validation'}"
