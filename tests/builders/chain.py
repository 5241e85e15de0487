"""The chain on tiny networks, of one stack and of three, run once for all stage tests."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact, open_artifact
from shgae.execution import Execution, Progress
from shgae.recipes import Stack
from shgae.stages import extract, finetune, graft, pretrain_ae, train
from tests.builders.tiny import TINY, TINY_AE, TINY_EXTRACT, TINY_FINETUNE


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
    graft.run(made.baseline, [made.autoencoder], made.grafted, how)
    finetune.run(made.grafted, made.data, made.finetuned, TINY_FINETUNE, how)
    return made


class Notes(Progress):
    """Keeps what a stage says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def as_before(now: Artifact, target: Path) -> Artifact:
    """Activations of a last stack in the form that did not number stacks."""
    facts = {key: value for key, value in now.facts.items() if key not in ("stacks", "model_stacks")}
    config = {key: value for key, value in now.manifest.config.items() if key != "stack"}
    parents = {p.role: open_artifact(Path(os.path.normpath(now.path / p.path))) for p in now.manifest.parents}
    with new_artifact(target, kind="activations", config=config, parents=parents, execution=Execution()) as made:
        for name in now.manifest.files:
            shutil.copy(now.path / name, made.file(name))
        return made.commit(facts)


@dataclass(frozen=True)
class Sites:
    """Folders of a chain on three stacks."""

    data: Path
    baseline: Path
    activations: Path
    """Of all stacks."""
    codes: tuple[Path, ...]
    """An autoencoder of each stack."""
    pooled: Path
    """One autoencoder of stacks 0 to 2 together."""


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Sites:
    """train --stacks 3 -> extract --stack all -> pretrain-ae at each stack, and for all of them together."""
    root = tmp_path_factory.mktemp("sites")
    names = ("baseline", "activations", "pooled")
    baseline, activations, pooled = (root / name for name in names)
    made = Sites(tiny_data, baseline, activations, tuple(root / f"code-{stack}" for stack in range(3)), pooled)
    how = Execution()
    train.run(tiny_data, baseline, replace(TINY, stacks=3, epochs=1), how)
    extract.run(baseline, tiny_data, activations, replace(TINY_EXTRACT, stack="all"), how)
    stacks: tuple[Stack, ...] = ("0", "1", "2")
    for code, stack in zip(made.codes, stacks, strict=True):
        pretrain_ae.run(activations, code, replace(TINY_AE, epochs=1, stack=stack), how)
    pretrain_ae.run(activations, pooled, replace(TINY_AE, epochs=1, stack="all"), how)
    return made
