"""A study of tiny networks, and a flag that stops it anywhere."""

from __future__ import annotations

import signal
from pathlib import Path

from shgae.artifacts.manifest import DIFFERENCES, PLAN, REPORT
from shgae.evaluation.study_registration import STUDY_PLAN, StudyPlan
from shgae.execution import Execution, StopFlag
from shgae.experiments.study import run
from shgae.recipes import StudyConfig
from tests.builders.chain import Chain

TINY = StudyConfig(
    seeds=2,
    epochs=1,
    batch_size=4,
    precision="fp32",
    sigma_visible=1.5,
    code_size=6,
    ae_epochs=2,
    ae_batch_size=4,
)


FILES = (REPORT, "tables.md", "tables.tex", DIFFERENCES)


class Watched(StopFlag):
    """Counts how often anybody asks whether to stop, and says yes from the n-th time on."""

    def __init__(self, at: int = 10**9) -> None:
        super().__init__()
        self.at, self.asked = at, 0

    @property  # type: ignore[override]
    def signal_number(self) -> int | None:
        self.asked += 1
        return signal.SIGTERM if self.asked >= self.at else None

    @signal_number.setter
    def signal_number(self, value: int | None) -> None:
        """Nobody sets it from outside."""


class Whole:
    """An uninterrupted study."""

    def __init__(self, chain: Chain, output: Path) -> None:
        self.output, stop = output, Watched()
        self.result = run.run(chain.baseline, chain.data, output, TINY, Execution(stop=stop))
        self.report = self.result.report
        self.asked = stop.asked


def bytes_of(output: Path) -> list[bytes]:
    return [(output / "report" / name).read_bytes() for name in FILES]


def read_plan(study: Path) -> StudyPlan:
    return STUDY_PLAN.read(study / PLAN)
