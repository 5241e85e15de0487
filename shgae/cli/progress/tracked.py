"""What progress on a terminal and in a file have in common: the task, the training around it, its epochs, notes said
once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shgae.cli.progress.eta import Pace, Task
from shgae.execution import Progress

NAMES = {"train_loss": "train loss", "val_loss": "val loss", "val_pck": "val PCK %", "val_fvu": "FVU"}
"""What is shown of a history; PCK in per cent."""
SCORES = ("val_pck", "val_fvu")
"""Those by which the best epoch is found."""
SCALES = {"val_pck": 100.0}


def epoch_line(row: Mapping[str, Any], of: int, best: bool) -> str:
    """A history row on one line."""
    shown = {name: SCALES.get(name, 1.0) * value for name, value in row.items() if name != "epoch"}
    numbers = "  ".join(f"{NAMES.get(name, name.replace('_', ' '))} {value:.4g}" for name, value in shown.items())
    return f"epoch {row['epoch']}/{of}  {numbers}{'  best' if best else ''}"


class Tracked(Progress):
    """Progress that knows its task, the pace of a training, and the notes that it has shown."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._task: Task | None = None
        self._pace: Pace | None = None
        self._shown: set[str] = set()

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        self._task = Task(what, total, unit, done, self._clock)
        if self._pace:
            self._pace.start(self._task)

    def finish(self) -> None:
        if self._pace and self._task:
            self._pace.finish()
        self._task = None

    def note(self, text: str) -> None:
        """See :class:`~shgae.execution.Progress`; a note that several steps of a command have reason to say is shown
        once, other lines each time."""
        _, mark, said = text.partition("note: ")
        if mark and said in self._shown:
            return
        if mark:
            self._shown.add(said)
        self._say(text)

    def training(self, rows: Sequence[Mapping[str, Any]], *, of: int, best_epoch: int) -> None:  # noqa: ARG002
        self._pace = Pace(of, len(rows), self._clock) if len(rows) < of else None

    def record(self, row: Mapping[str, Any], *, of: int, best: bool) -> None:  # noqa: ARG002
        if self._pace:
            self._pace.record()
        if row["epoch"] >= of:
            self._pace = None

    def close(self) -> None:
        """Forgets the task, finished or not."""
        self._task = None

    def _say(self, line: str) -> None:
        raise NotImplementedError
