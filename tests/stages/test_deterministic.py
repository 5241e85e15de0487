"""``--deterministic``: two runs are equal, the CPU's bits stay what they are, and the manifest tells of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.execution import Execution
from shgae.recipes import EvaluateConfig
from shgae.stages import evaluate, extract, finetune, pretrain_ae, train
from tests.builders.chain import Chain
from tests.builders.tiny import TINY, TINY_AE, TINY_EXTRACT, TINY_FINETUNE

STRICT = Execution(deterministic="error")


def test_every_step_runs_with_deterministic_algorithms_alone_to_the_same_bits(tmp_path: Path, chain: Chain) -> None:
    train.run(chain.data, tmp_path / "baseline", TINY, STRICT)
    extract.run(chain.baseline, chain.data, tmp_path / "activations", TINY_EXTRACT, STRICT)
    pretrain_ae.run(chain.activations, tmp_path / "autoencoder", TINY_AE, STRICT)
    finetune.run(chain.grafted, chain.data, tmp_path / "finetuned", TINY_FINETUNE, STRICT)
    for name in ("baseline", "activations", "autoencoder", "finetuned"):
        made, before = (open_artifact(path) for path in (tmp_path / name, chain.baseline.parent / name))
        assert made.id == before.id, name
        assert (made.manifest.provenance["deterministic"], before.manifest.provenance["deterministic"]) == (
            "error",
            "off",
        )
    config = EvaluateConfig(precision="fp32", batch_size=4, resamples=100)
    found = [
        evaluate.run([chain.baseline], chain.data, tmp_path / name, config, how).to_json()
        for name, how in (("strict", STRICT), ("free", Execution()))
    ]
    assert found[0]["models"] == found[1]["models"]


def test_two_runs_in_bf16_are_equal(tmp_path: Path, chain: Chain) -> None:
    config = dataclasses.replace(TINY, precision="bf16", epochs=1)
    runs = [train.run(chain.data, tmp_path / name, config, STRICT).artifact for name in ("a", "b")]
    assert runs[0].id == runs[1].id
    one, other = (load_tensors(run.file(MODEL)) for run in runs)
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)
