"""How a stage runs, never what it computes: device, reading threads, progress, and the wish to stop.

Nothing here is part of the method, so nothing here enters an artefact's identity; the device (like the number of
computing threads) may still change last bits, and stands in the manifest's provenance.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Protocol

from shgae.errors import Interrupted


class Progress(Protocol):
    """Where a stage tells what it does. The command line supplies one that draws; the default is silent."""

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        """Begins a task of ``total`` units, ``done`` of which an earlier run finished."""

    def advance(self, amount: int = 1, facts: str = "") -> None:
        """Counts ``amount`` more units; ``facts`` is shown beside the bar (losses, say)."""

    def finish(self) -> None:
        """Ends the task."""

    def note(self, text: str) -> None:
        """Says one line that stays."""

    def training(self, rows: Sequence[Mapping[str, Any]], *, of: int, best_epoch: int) -> None:
        """Begins a training of so many epochs, of which an earlier run left these history rows, in order.

        Every epoch begins a task, may begin others (validation), and ends with :meth:`record`.
        """

    def record(self, row: Mapping[str, Any], *, of: int, best: bool) -> None:
        """Tells the history row of an epoch, one of so many, and whether it is the best so far."""


class Silent:
    """A progress that shows nothing."""

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        """See :class:`Progress`."""

    def advance(self, amount: int = 1, facts: str = "") -> None:
        """See :class:`Progress`."""

    def finish(self) -> None:
        """See :class:`Progress`."""

    def note(self, text: str) -> None:
        """See :class:`Progress`."""

    def training(self, rows: Sequence[Mapping[str, Any]], *, of: int, best_epoch: int) -> None:
        """See :class:`Progress`."""

    def record(self, row: Mapping[str, Any], *, of: int, best: bool) -> None:
        """See :class:`Progress`."""


class StopFlag:
    """Set by SIGINT or SIGTERM while :meth:`listening`; long loops ask it between two steps, save and end."""

    def __init__(self) -> None:
        self.signal_number: int | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catches the first SIGINT / SIGTERM; a second one ends the process at once."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) for number in signals}

        def handle(number: int, _frame: FrameType | None) -> None:
            self.signal_number = number
            for one in signals:
                signal.signal(one, signal.SIG_DFL)

        for number in signals:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                # None: a handler that Python did not install and cannot put back.
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def raise_if_set(self, where: object, fix: str, *, saved: bool = True) -> None:
        """Raises :class:`Interrupted` if a signal came; call it after saving, or say that nothing is kept."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number, where, fix, saved=saved)

    def __bool__(self) -> bool:
        return self.signal_number is not None


@dataclass(frozen=True)
class Execution:
    """How to run a stage."""

    device: str = "auto"
    """Where tensors are computed: auto, cpu, cuda or cuda:N."""
    workers: int = 2
    """Threads that read and decode ahead; 0 does it in line."""
    resume: bool = False
    """Continue an interrupted run of the same output, exactly."""
    force: bool = False
    """Replace an output that exists; the old one stays until the new one is complete."""
    tensorboard: bool = False
    """Write the history of a training for TensorBoard too, into the folder ``tensorboard`` of the run."""
    progress: Progress = field(default_factory=Silent)
    """Where progress is told."""
    stop: StopFlag = field(default_factory=StopFlag)
    """The wish to stop, set by a signal."""
