"""What a splice is made from: how its parents are checked."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from shgae.artifacts import hashing
from shgae.errors import Interrupted
from shgae.execution import Execution, Progress, StopFlag
from shgae.recipes import AnalyzeConfig, RateConfig, ReportConfig, SpliceConfig
from shgae.stages import analyze, rate, report, splice
from tests.builders.chain import Chain

Command = Callable[[Chain, Path, Execution], object]
COMMANDS: dict[str, Command] = {
    "splice": lambda c, _, how: splice.run(c.baseline, c.data, None, SpliceConfig(), how, None, c.activations),
    "rate": lambda c, _, how: rate.run(c.baseline, c.activations, c.data, None, RateConfig(), how),
    "analyze": lambda c, to, how: analyze.run([c.activations, c.data], to, AnalyzeConfig(parts="spectrum"), how),
    "report": lambda c, to, how: report.run([c.baseline, c.data], to.with_suffix(".html"), ReportConfig(), how),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_where_hashing_the_parents_takes_long_it_is_told_and_can_be_stopped(
    name: str, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Told(Progress):
        def __init__(self) -> None:
            self.tasks: list[str] = []

        def start(self, what: str, total: int, unit: str, done: int = 0) -> None:
            self.tasks.append(what)

    monkeypatch.setattr(hashing, "_WORTH_TELLING", 0)
    told, stop = Told(), StopFlag()
    COMMANDS[name](chain, tmp_path / "out", Execution(progress=told))
    read = {"splice": ("data", "activations"), "rate": ("data", "activations"), "analyze": ("data", "activations")}
    for parent in read.get(name, ("baseline", "data")):
        assert f"checking {getattr(chain, parent)}" in told.tasks
    stop.signal_number = signal.SIGINT
    with pytest.raises(Interrupted, match="checking"):
        COMMANDS[name](chain, tmp_path / "again", Execution(stop=stop))
