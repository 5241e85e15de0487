"""``shgae verify-resume``: proves on this machine that a training which is stopped and resumed ends with the same bits.

A short trial of a training that was done before is repeated twice, with its own data, options and parents: once in
one go, and once stopped after every step and resumed in a new process. Everything is compared bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shgae.arrays import Array
from shgae.artifacts.checkpoint import CHECKPOINT, HISTORY, MODEL, load_checkpoint, section
from shgae.artifacts.scratch import scratch
from shgae.artifacts.tables import read_rows
from shgae.artifacts.tensors import load_tensors
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.experiments.resume.trial import Trial, in_new_process, trial_of

_TIMES = ("seconds",)
"""What may differ: how long it took."""


@dataclass(frozen=True)
class TrialComparison:
    """One part of what a training leaves, of both runs."""

    part: str
    compared: int
    """Tensors, numbers or rows."""
    different: tuple[str, ...]
    """Names of those that are not the same to the bit."""


@dataclass(frozen=True)
class VerifyResumeResult:
    """What was found."""

    path: Path
    trial: Trial
    interruptions: int
    """How often the second run was stopped: after every step."""
    comparisons: tuple[TrialComparison, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "command": self.trial.command,
            "epochs": self.trial.config["epochs"],
            "samples": self.trial.config["limit"],
            "interruptions": self.interruptions,
            "exact": self.fault() is None,
            "comparisons": [asdict(one) for one in self.comparisons],
        }

    def fault(self) -> Refused | None:
        """What differs first, if anything does."""
        for one in self.comparisons:
            if one.different:
                count = f"{len(one.different)} of {one.compared}"
                why = f"a resumed run differs from an uninterrupted one in {one.part}: {one.different[0]} ({count})"
                return Refused("resume", self.path, why, "--deterministic error, or --device cpu")
        return None


def run(
    path: Path, steps: int, execution: Execution, launch: Callable[..., bool] = in_new_process
) -> VerifyResumeResult:
    """Repeats a trial of a training whole and in pieces, and compares; removes what it made.

    Args:
        path: the folder of a training, finished or interrupted; it is only read.
        steps: about how many steps the trial has.
        execution: device, determinism, threads, progress.
        launch: how each piece is trained, see :func:`~shgae.experiments.resume.trial.in_new_process`.

    Raises:
        Refused: no training, its parents are gone, or its training is refused.
        Diverged, DiskError, Interrupted: see :mod:`shgae.errors`.
    """
    trial = trial_of(path, steps, execution)
    with scratch("verify-resume") as folder:
        whole, torn = folder / "whole", folder / "torn"
        execution.progress.start("runs", steps + 2, "runs")
        launch(trial, whole, steps=None, resume=False, stop=execution.stop)
        execution.progress.advance()
        interruptions = 0
        while not launch(trial, torn, steps=1, resume=interruptions > 0, stop=execution.stop):
            interruptions += 1
            execution.progress.advance()
        execution.progress.advance()
        execution.progress.finish()
        return VerifyResumeResult(path, trial, interruptions, compare(whole, torn))


def compare(whole: Path, torn: Path) -> tuple[TrialComparison, ...]:
    """Compares two finished trainings: weights, optimizer, position and history, bit for bit, times aside."""
    best = [load_tensors(run / MODEL) for run in (whole, torn)]
    last, at = zip(*(load_checkpoint(run / CHECKPOINT) for run in (whole, torn)), strict=True)
    positions = [_timeless(asdict(one)) for one in at]
    histories = [{f"epoch {row['epoch']}": _timeless(row) for row in read_rows(run / HISTORY)} for run in (whole, torn)]
    return (
        _compared("best weights", _bits(best)),
        _compared("last weights", _bits(section(one, "model.") for one in last)),
        _compared("optimizer", _bits(section(one, "optimizer.") for one in last)),
        _compared("position", positions),
        _compared("history", histories),
    )


def _timeless(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _TIMES}


def _bits(runs: Iterable[Mapping[str, Array]]) -> list[dict[str, Any]]:
    return [{name: (str(one.dtype), one.shape, one.tobytes()) for name, one in run.items()} for run in runs]


def _compared(part: str, runs: Sequence[Mapping[str, Any]]) -> TrialComparison:
    one, other = runs
    names = sorted(one.keys() | other.keys())
    return TrialComparison(part, len(names), tuple(name for name in names if one.get(name) != other.get(name)))
