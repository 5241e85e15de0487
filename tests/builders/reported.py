"""A page of everything that one can show, made once from the tiny chain."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.evaluation.people import people_of
from shgae.execution import Execution
from shgae.experiments.study import run
from shgae.recipes import EvaluateConfig, RateConfig, ReportConfig, SpliceConfig, StudyConfig
from shgae.skeleton import Skeleton
from shgae.stages import evaluate, rate, report, splice
from tests.builders.chain import Chain

HOW, FORCE = Execution(workers=0), Execution(workers=0, force=True)


CONFIG = ReportConfig(people=2)


SCORED = EvaluateConfig(precision="fp32", resamples=200, split="test")


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
    ranks = RateConfig(precision="fp32", components="0,4,16")
    rate.run(chain.baseline, chain.activations, chain.data, root / "rate", ranks, HOW, chain.autoencoder)
    little = StudyConfig(arms="a,b", seeds=1, epochs=1, ae_epochs=1, code_size=6, batch_size=4, precision="fp32")
    run.run(chain.baseline, chain.data, root / "study", little, HOW)
    others = [root / name for name in ("evaluation", "splice", "rate", "study")]
    inputs = (chain.data, *models, chain.activations, chain.autoencoder, *others)
    page = root / "new" / "report.html"
    return Reported(inputs, root / "evaluation", chain.data, page, report.run(inputs, page, CONFIG, HOW))


def brute_force(reported: Reported, pair: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """PCK of every person by both models, from the predictions' JSON, a joint at a time."""
    data = open_artifact(reported.data)
    crops = Crops(data, "test")
    people = people_of(crops, Skeleton.from_json(data.facts["skeleton"]))
    shares = []
    for name in pair:
        rows = json.loads((reported.evaluation / f"predictions-{name}.json").read_text())
        mine = []
        for row, (x0, y0, side) in zip(rows, crops.people.square, strict=True):
            right = count = 0
            for k, (x, y, _) in enumerate(np.array(row["keypoints"]).reshape(-1, 3)):
                at = people.annotation_id.tolist().index(row["annotation_id"])
                if people.cell_visibility[at, k]:
                    cell = [(x - x0) * 128 / side / 4, (y - y0) * 128 / side / 4]
                    off = np.floor(cell) - people.cells[at, k]
                    count += 1
                    right += bool(np.hypot(*off) < 1.6)
            mine.append(right / count if count else np.nan)
        shares.append(mine)
    return np.array(shares), people.annotation_id
