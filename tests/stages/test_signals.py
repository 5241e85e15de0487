"""A signal ends what runs a network or draws, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shgae.errors import Interrupted
from shgae.execution import Execution, StopFlag
from shgae.recipes import AnalyzeConfig, RateConfig, ReportConfig, SpliceConfig
from shgae.stages import analyze, rate, report, splice
from tests.builders.chain import Chain

COMMANDS: dict[str, Callable[[Chain, Path, Execution], Any]] = {
    "analyze": lambda chain, out, how: analyze.run([chain.activations], out, AnalyzeConfig(precision="fp32"), how),
    "rate": lambda chain, out, how: rate.run(
        chain.baseline, chain.activations, chain.data, out, RateConfig(precision="fp32"), how
    ),
    "report": lambda chain, out, how: report.run([chain.data], out.with_suffix(".html"), ReportConfig(), how),
    "splice": lambda chain, out, how: splice.run(chain.baseline, chain.data, out, SpliceConfig(precision="fp32"), how),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_ends_it_and_leaves_nothing(chain: Chain, tmp_path: Path, command: str) -> None:
    stop = StopFlag()
    stop.signal_number = 15
    with pytest.raises(Interrupted) as ended:
        COMMANDS[command](chain, tmp_path / "out", Execution(stop=stop))
    assert ended.value.exit_code == 143
    assert list(tmp_path.iterdir()) == []
