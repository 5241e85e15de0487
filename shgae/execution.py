"""How a stage runs, never what it computes: device, processes, reading threads, progress, and the wish to stop.

Nothing here is part of the method, so nothing here enters an artefact's identity; the device (like the number of
computing threads and of processes) may still change last bits, and stands in the manifest's provenance.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from shgae.config import Config, Limit, Parsed
from shgae.errors import Interrupted, quoted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor, nn

RENDEZVOUS = "SHGAE_RENDEZVOUS"
"""Environment of the processes of ``--nproc``: the file in which they find each other. torchrun's have a server."""
PATIENCE = 180.0
"""Seconds that processes which we started have to save and end when a signal asked them to."""
T = TypeVar("T")
Number = TypeVar("Number", bound="np.generic")
Deterministic = Literal["off", "warn", "error"]
WORKERS, JOBS, PROCESSES, STEPS = Limit(0, 256), Limit(1, 256), Limit(1, 1024), Limit(1, 1000)
EPOCH, SEED = Limit(1), Limit(0)
_DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu)(:[0-9]{1,4})?")


class Progress:
    """Where a stage tells what it does. This one shows nothing; the command line supplies one that draws."""

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
        """Begins a task of ``total`` units, ``done`` of which an earlier run finished."""

    def advance(self, amount: int = 1, facts: str = "") -> None:
        """Counts ``amount`` more units; ``facts`` is shown next to the bar (losses, say)."""

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


def processors() -> int:
    """How many this process may use: on a cluster, fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def own_python(*words: str) -> tuple[list[str], dict[str, str]]:
    """Command line and environment of a Python that imports what this one does, whatever lies in the current folder."""
    return [sys.executable, "-P", *words], {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, a polite kill, and a terminal that was closed."""
HANGUP = getattr(signal, "SIGHUP", None)


def signal_name(number: int) -> str:
    """``SIGKILL``; ``signal 37`` of one that has no name, as real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class StopFlag:
    """Set by one of :data:`STOP_SIGNALS` while :meth:`listening`; long loops ask it between two steps, save and end.

    ``arm`` is called with the first signal and says what a second one does; without it, what it does to any process.
    """

    def __init__(self, arm: Callable[[], None] | None = None) -> None:
        self.signal_number: int | None = None
        self._arm = arm

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catches the first signal; a second SIGINT or SIGTERM ends the process at once.

        SIGHUP, of a terminal that is closed, counts as SIGTERM; under nohup it stays ignored.
        """
        before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        if before.get(HANGUP) == signal.SIG_IGN:
            del before[HANGUP]  # nohup

        def handle(number: int, _frame: FrameType | None) -> None:
            self.signal_number = signal.SIGTERM if number == HANGUP else number
            for one in before:
                # Both the terminal and its shell may say that it is closed.
                signal.signal(one, signal.SIG_IGN if one == HANGUP else signal.SIG_DFL)
            if self._arm:
                self._arm()

        for number in before:
            signal.signal(number, handle)
        try:
            yield
        finally:
            if not (self and self._arm):
                for number, handler in before.items():
                    # None: a handler that Python did not install and cannot put back.
                    signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def raise_if_set(self, where: object, fix: str, *, saved: bool = True) -> None:
        """Raises :class:`Interrupted` if a signal came; call it after saving, or say that nothing is kept."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number, where, fix, saved=saved)

    def __bool__(self) -> bool:
        return self.signal_number is not None


class ProcessGroup:
    """The processes that do one stage together. This one is alone; :mod:`shgae.training.distributed` has several.

    All of them call the same methods in the same order. Only the first one writes files and shows anything.
    """

    rank = 0
    """Which one this is, from 0."""
    size = 1
    """How many there are."""

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def shard(self, items: Sequence[T]) -> Sequence[T]:
        """This process's own of some items: every ``size``-th one. Of all processes together each comes once."""
        return items[self.rank :: self.size]

    def broadcast(self, value: T) -> T:
        """What the first process says (anything that JSON holds), to all; none goes on before it was said."""
        return value

    def merge_disjoint(self, array: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """One array of several of its shape, bit for bit: each number was filled by one process, and is all zero bits
        elsewhere."""
        return array

    def broadcast_model(self, model: nn.Module) -> None:
        """Gives every process the first one's weights and running statistics."""

    def all_reduce_gradients(self, model: nn.Module, losses: Sequence[Tensor]) -> Tensor:  # noqa: ARG002
        """The sum () of all processes' losses () of a step; every gradient becomes the sum of all processes' too."""
        return sum(losses[1:], losses[0])

    def any_stopped(self, stop: StopFlag) -> bool:
        """Whether any process was asked to stop; then all of them are."""
        return bool(stop)


def device_name(text: str) -> str:
    """The name of a kind of device, whether there is one or not; raises :class:`ValueError` if it is none."""
    if not _DEVICE.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a device (auto, cpu, cuda, cuda:0, mps or xpu)")
    return text


@dataclass(frozen=True)
class Execution(Config):
    """How to run a stage; raises :class:`~shgae.errors.Refused` for what is no device, or beyond a limit."""

    device: Annotated[str, Parsed(device_name, "auto")] = "auto"
    """Where to compute: auto (the first NVIDIA or AMD GPU, else the CPU), cpu, cuda or cuda:N; mps and xpu (Apple's and
    Intel's GPUs) are untested."""
    deterministic: Deterministic = "off"
    """Only algorithms that give the same bits each time: error refuses others, warn tells of them. CPUs give the same
    bits anyway."""
    workers: Annotated[int, WORKERS] = 2
    """Threads that read and decode ahead; 0 reads in line."""
    resume: bool = False
    """Continue an interrupted run of this output, exactly; where there is none, begin."""
    force: bool = False
    """Replace an output that exists; the old one stays until the new one is complete."""
    compile: bool = False
    """Compile the network at the first step (minutes), for faster steps with other last bits; for long trainings."""
    cuda_graphs: bool = False
    """Record the passes of a step on a GPU and launch them as a whole, with the same bits; checked at the first
    step."""
    tensorboard: bool = False
    """Write the history for TensorBoard too, into the folder tensorboard of the run (extra: tensorboard)."""
    stamp: bool = True
    """Whether pictures show the command that made them, at their foot."""
    world: ProcessGroup = field(default_factory=ProcessGroup)
    """The processes that do it together."""
    progress: Progress = field(default_factory=Progress)
    """Where progress is told."""
    stop: StopFlag = field(default_factory=StopFlag)
    """The wish to stop, set by a signal."""
