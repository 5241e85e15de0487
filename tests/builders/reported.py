"""A page of everything that one can show, made once from the tiny chain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from shgae.execution import Execution
from shgae.experiments.study import run
from shgae.recipes import EvaluateConfig, RateConfig, ReportConfig, SpliceConfig, StudyConfig
from shgae.stages import evaluate, rate, report, splice
from tests.builders.chain import Chain

HOW = Execution(workers=0)
CONFIG = ReportConfig(people=2)
SCORED = EvaluateConfig(precision="fp32", draws=200, split="test")


@dataclass(frozen=True)
class Reported:
    """Everything that a page can show, and its page."""

    inputs: tuple[Path, ...]
    evaluation: Path
    data: Path
    page: Path
    result: report.ReportResult

    @property
    def text(self) -> str:
        return self.page.read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(scope="session")
def reported(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    root = tmp_path_factory.mktemp("reported")
    ways = (chain.autoencoder, chain.activations)
    models = [chain.baseline, chain.grafted, chain.finetuned]
    evaluate.run(models, chain.data, root / "evaluation", SCORED, HOW)
    splice.run(chain.baseline, chain.data, root / "splice", SpliceConfig(precision="fp32"), HOW, *ways)
    ranks = RateConfig(precision="fp32", ks="0,4,16")
    rate.run(chain.baseline, chain.activations, chain.data, root / "rate", ranks, HOW, chain.autoencoder)
    little = StudyConfig(arms="a,b", seeds=1, epochs=1, ae_epochs=1, code_size=6, batch_size=4, precision="fp32")
    run.run(chain.baseline, chain.data, root / "study", little, HOW)
    others = [root / name for name in ("evaluation", "splice", "rate", "study")]
    inputs = (chain.data, *models, chain.activations, chain.autoencoder, *others)
    page = root / "new" / "report.html"
    return Reported(inputs, root / "evaluation", chain.data, page, report.run(inputs, page, CONFIG, HOW))
