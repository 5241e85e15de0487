"""The chain on tiny networks, run once for all stage tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from shgae.execution import Execution
from shgae.stages import extract, finetune, graft, pretrain_ae, train
from tests.conftest import TINY, TINY_AE, TINY_EXTRACT, TINY_FINETUNE


@dataclass(frozen=True)
class Chain:
    """Folders of the artefacts."""

    data: Path
    baseline: Path
    activations: Path
    autoencoder: Path
    grafted: Path
    finetuned: Path


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Chain:
    """train -> extract -> pretrain-ae -> graft -> finetune."""
    root = tmp_path_factory.mktemp("chain")
    names = ("baseline", "activations", "autoencoder", "grafted", "finetuned")
    made = Chain(tiny_data, *(root / name for name in names))
    how = Execution()
    train.run(made.data, made.baseline, TINY, how)
    extract.run(made.baseline, made.data, made.activations, TINY_EXTRACT, how)
    pretrain_ae.run(made.activations, made.autoencoder, TINY_AE, how)
    graft.run(made.baseline, made.autoencoder, made.grafted, how)
    finetune.run(made.grafted, made.data, made.finetuned, TINY_FINETUNE, how)
    return made
