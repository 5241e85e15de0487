"""How far a task and a training are, how fast they go, and how long they still take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from shgae.wording import duration

WINDOW = 30.0
"""Seconds over which a speed is measured."""


@dataclass
class Task:
    """A task of so many units."""

    what: str
    total: int
    unit: str
    done: int
    began: float
    facts: str = ""
    before: int = field(init=False)
    """Units that an earlier run did: they say nothing about this run's speed."""
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.before = self.done
        self._seen.append((self.began, self.done))

    def advance(self, amount: int, facts: str, now: float) -> None:
        """Counts more units."""
        self.done += amount
        self.facts = facts or self.facts
        self._seen.append((now, self.done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()

    def speed(self, now: float) -> float | None:
        """Units a second over the last :data:`WINDOW`, falling while nothing comes; None before anything did."""
        (then, done), fresh = self._seen[0], self.done - self.before
        return (self.done - done) / (now - then) if fresh > 0 and now > then else None

    def left(self, now: float) -> float | None:
        """Seconds that the rest takes at the task's mean speed so far; None before there is one."""
        fresh = self.done - self.before
        return (now - self.began) / fresh * max(self.total - self.done, 0) if fresh > 0 else None

    def line(self, now: float) -> str:
        """How far it is: ``extract train: 300/5,000 people, 12 s left  loss 0.1``."""
        text, left = f"{self.what}: {self.done:,}/{self.total:,} {self.unit}", self.left(now)
        if left:
            text += f", {duration(left)} left"
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
        """A task of the training begins."""
        if self._steps is None:
            self._steps = task

    def finish(self) -> None:
        """The task is done."""
        if self._steps and self._stepped_at is None:
            self._stepped_at = self._clock()
            fresh = self._steps.done - self._steps.before
            if fresh:
                self._steps_take = (self._stepped_at - self._steps.began) * self._steps.total / fresh

    def record(self) -> None:
        """The epoch is recorded."""
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
        elif self._steps and (left := self._steps.left(now)) is not None:
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
