"""A command of Python that is given an empty list is refused by the list's name, before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shgae.errors import Refused
from shgae.execution import Execution
from shgae.recipes import AnalyzeConfig, EvaluateConfig, ReportConfig
from shgae.stages import analyze, evaluate, graft, plot, report

HERE, HOW = Path("nowhere"), Execution()


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("models", lambda out: evaluate.run([], HERE, out, EvaluateConfig(), HOW)),
        ("inputs", lambda out: analyze.run([], out, AnalyzeConfig(), HOW)),
        ("inputs", lambda out: plot.run([], out, HOW)),
        ("inputs", lambda out: report.run([], out / "x.html", ReportConfig(), HOW)),
        ("autoencoders", lambda out: graft.run(HERE, [], out, HOW)),
        ("stacks", lambda out: graft.run(HERE, [HERE], out, HOW, stacks=())),
    ],
)
def test_an_empty_list_is_refused_by_its_name(name: str, call: Callable[[Path], Any], tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"value in {name}: the list is empty. Try: one or more {name}"):
        call(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
