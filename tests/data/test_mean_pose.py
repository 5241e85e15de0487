"""The mean pose's score, and the note on networks that find hardly more."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.crops import read_people
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact, open_artifact
from shgae.data.mean_pose import NEAR, mean_pose_pck, note_near_mean_pose
from shgae.evaluation.report import EvaluationReport
from shgae.execution import Execution
from shgae.recipes import EvaluateConfig, RateConfig, SpliceConfig, StudyConfig
from shgae.stages import evaluate, extract, graft, rate, splice
from tests.builders.chain import Chain, Notes
from tests.builders.tiny import TINY_EXTRACT


def with_score(model: Path, data: Path, target: Path, score: float) -> Artifact:
    """The same network with another score in its manifest."""
    now = open_artifact(model)
    facts = dict(now.manifest.facts) | {"val_pck": score}
    config, parents = dict(now.manifest.config), {"data": open_artifact(data)}
    with new_artifact(target, kind="hourglass", config=config, parents=parents, execution=Execution()) as made:
        shutil.copy(model / MODEL, made.file(MODEL))
        return made.commit(facts)


def told(model: Artifact) -> list[str]:
    notes = Notes()
    note_near_mean_pose(model, notes)
    return notes.said


def test_the_score_is_that_of_the_evaluations_mean_pose(chain: Chain) -> None:
    how = EvaluateConfig(split="val", precision="fp32", resamples=100)
    report: EvaluationReport = evaluate.run([chain.baseline], chain.data, None, how, Execution(workers=0)).report
    row = next(one for one in report.floors if one.name == "mean pose")
    assert mean_pose_pck(open_artifact(chain.data), "val") == row.pck.all


def test_a_mean_pose_by_hand(chain: Chain) -> None:
    data = open_artifact(chain.data)
    train, people = read_people(data, "train"), read_people(data, "val")
    labelled = train.visibility > 0
    mean = (train.xy_crop * labelled[..., None]).sum(0) / np.maximum(labelled.sum(0), 1)[:, None]
    shares = []
    for xy, v in zip(people.xy_crop, people.visibility, strict=True):
        near = np.linalg.norm(np.floor(xy) / 4 - np.floor(mean) / 4, axis=1) < 1.6
        if v.any():
            shares.append(near[v > 0].mean())
    assert mean_pose_pck(data, "val") == pytest.approx(np.mean(shares), abs=0.15), "but for rounding to cells"


def test_a_network_near_the_mean_pose_is_noted_and_one_well_above_is_not(chain: Chain, tmp_path: Path) -> None:
    blind = mean_pose_pck(open_artifact(chain.data), "val")
    assert blind is not None
    for name, score, noted in (("low", 0.0, 1), ("near", blind + NEAR - 1e-6, 1), ("above", blind + NEAR, 0)):
        said = told(with_score(chain.baseline, chain.data, tmp_path / name, score))
        assert len(said) == noted
        assert all(f"{100 * score:.1f} %" in one and f"{100 * blind:.1f} %" in one for one in said)


def test_a_graft_is_judged_by_what_it_was_made_of_and_damaged_data_is_named_and_without_data_nothing_is_said(
    chain: Chain, tmp_path: Path
) -> None:
    shutil.copytree(chain.data, tmp_path / "data")
    low = with_score(chain.baseline, tmp_path / "data", tmp_path / "low", 0.0)
    extract.run(low.path, tmp_path / "data", tmp_path / "activations", TINY_EXTRACT, Execution(workers=0))
    with new_artifact(
        tmp_path / "grafted", kind="hourglass", config={}, parents={"model": low}, execution=Execution()
    ) as made:
        shutil.copy(chain.baseline / MODEL, made.file(MODEL))
        grafted = made.commit({"made_by": "graft"})
    assert told(grafted) == told(low) != []
    (tmp_path / "data" / "val" / "people.safetensors").write_bytes(b"torn")
    assert "val/people.safetensors has 4 bytes" in told(grafted)[0]
    shutil.rmtree(tmp_path / "data")
    assert told(grafted) == []


@pytest.mark.parametrize("step", ["extract", "graft", "splice", "rate", "study"])
def test_every_step_that_looks_at_a_baseline_says_so(
    chain: Chain, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shgae.experiments.study import run as study

    monkeypatch.setattr("shgae.data.mean_pose.NEAR", 1.0)
    notes, out = Notes(), tmp_path / "out"
    how = Execution(workers=0, progress=notes)
    steps: dict[str, Any] = {
        "extract": lambda: extract.dry_run(chain.baseline, chain.data, out, TINY_EXTRACT, how),
        "graft": lambda: graft.run(chain.baseline, [chain.autoencoder], out, how),
        "splice": lambda: splice.run(chain.baseline, chain.data, None, SpliceConfig(precision="fp32"), how),
        "rate": lambda: rate.run(
            *(chain.baseline, chain.activations, chain.data, None, RateConfig(components="0,2", precision="fp32"), how)
        ),
        "study": lambda: study.dry_run(chain.baseline, chain.data, out, StudyConfig(arms="none", seeds=1), how),
    }
    steps[step]()
    assert len([note for note in notes.said if "mean-pose baseline" in note]) == 1
