"""Long commands tell in every part how far they are, and each part ends where it said it would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shgae.execution import Execution, Progress
from shgae.recipes import AnalyzeConfig, EvaluateConfig, ReportConfig
from shgae.stages import analyze, evaluate, report
from tests.builders.chain import Chain

pytestmark = pytest.mark.usefixtures("sketched")


class Tasks(Progress):
    """Counts what each task said."""

    def __init__(self) -> None:
        self.total: list[tuple[str, int]] = []
        self.done: list[int] = []
        self.finished = 0

    def start(self, what: str, total: int, unit: str, done: int = 0) -> None:  # noqa: ARG002
        self.total.append((what, total))
        self.done.append(done)

    def advance(self, amount: int = 1, facts: str = "") -> None:  # noqa: ARG002
        self.done[-1] += amount

    def finish(self) -> None:
        self.finished += 1

    def check(self, *names: str) -> None:
        """All of these ran, to their ends; a task that stops reading early may leave its last batch out."""
        assert {name for name, _ in self.total} >= set(names)
        for (name, total), done in zip(self.total, self.done, strict=True):
            assert 0 < done <= total and (done == total or name not in names), name
        assert self.finished == len(self.total)


def test_an_analysis_counts_people_clusters_and_figures(chain: Chain, tmp_path: Path) -> None:
    tasks = Tasks()
    inputs = [chain.activations, chain.baseline, chain.data, chain.autoencoder]
    config = replace(AnalyzeConfig(), precision="fp32", batch_size=4, clusters="2-3", traversals=1, unit_people=4)
    analyze.run(inputs, tmp_path / "analysis", config, Execution(progress=tasks))
    tasks.check("coefficients and codes", "K-means", "skips", "units of the code", "figures")


def test_a_report_counts_artefacts_and_people(chain: Chain, tmp_path: Path) -> None:
    evaluate.run([chain.baseline], chain.data, tmp_path / "evaluation", EvaluateConfig(), Execution())
    tasks = Tasks()
    inputs = [chain.data, chain.baseline, tmp_path / "evaluation"]
    report.run(inputs, tmp_path / "page.html", ReportConfig(people=1), Execution(progress=tasks))
    tasks.check("sections", "people")
