"""An epoch of the autoencoder over mapped bottlenecks, against the textbook's loop over files.

The time of a step does not depend on how many there are, so a part of COCO's 124,040 rows stands for all of them.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shgae.artifacts.activations import SHARD_ROWS, Activations, StatisticsSums, shard_name, statistics_name
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact
from shgae.execution import Execution
from shgae.inference.device import resolve_precision
from shgae.models.specs import AutoencoderSpec
from shgae.recipes import RECIPES, AutoencoderConfig, RecipeName
from shgae.stages import pretrain_ae
from shgae.training.loop import fit
from shgae.training.objectives import ReconstructionObjective
from tests.benchmarks import textbook
from tests.benchmarks.conftest import Bench

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

ROWS = 4_096
"""Of both; they and the files lie in the page cache, which is kind to the files: 124,040 of them are opened anew."""
VALIDATION = 256
SHAPE = (256, 4, 4)


def activations(folder: Path, splits: dict[str, int]) -> Artifact:
    """Made-up bottlenecks in shards: normal numbers of an unequal spread, all shards one in other orders."""
    rng = np.random.default_rng(0)
    spread = rng.gamma(1.0, 1.0, SHAPE).astype(np.float32)
    block = rng.standard_normal((SHARD_ROWS, *SHAPE), dtype=np.float32) * spread
    with new_artifact(folder, kind="activations", config={}, parents={}, execution=Execution()) as made:
        for split, rows in splits.items():
            sums = StatisticsSums()
            for number, start in enumerate(range(0, rows, SHARD_ROWS)):
                shard = np.roll(block, 97 * number, axis=0)[: rows - start]
                made.write_tensors(shard_name(split, number), {"bottleneck": shard})
                if number == 0:
                    sums.add(shard)
            made.write_tensors(statistics_name(split), vars(sums.result()))
        return made.commit({"splits": splits, "shape": list(SHAPE), "dtype": "fp32"})


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return activations(tmp_path_factory.mktemp("all") / "activations", {"train": ROWS, "val": VALIDATION})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, stored: Artifact) -> Path:
    """The rows, a file each."""
    folder = tmp_path_factory.mktemp("files")
    for i, one in enumerate(Activations(stored, "train").read(np.arange(ROWS))):
        np.save(folder / f"{i:06d}.npy", one)
    return folder


@pytest.mark.parametrize("recipe", ["improved", "original"])
def test_autoencoder_epoch(bench: Bench, stored: Artifact, files: Path, tmp_path: Path, recipe: RecipeName) -> None:
    cpu = torch.device("cpu")
    config = replace(RECIPES[recipe].pretrain_ae, epochs=1)
    config = replace(config, precision=resolve_precision(config.precision, cpu))
    train, val = (Activations(stored, split) for split in ("train", "val"))
    objective = ReconstructionObjective(train, val, config, cpu, config.precision)
    book = textbook.autoencoder()
    optimizer = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[config.optimizer](book.parameters(), lr=config.lr)

    def ours() -> None:
        shutil.rmtree(tmp_path / "run.partial", ignore_errors=True)
        one_epoch(objective, config, tmp_path / "run")

    mine, theirs = bench.in_turn(ours, lambda: textbook.autoencoder_epoch(book, optimizer, files), rounds=3)
    how = f"{ROWS:,} mapped rows with validation and checkpoints {1000 * mine / ROWS:.3f} ms a row, "
    how += f"as many files {1000 * theirs / ROWS:.3f} ms; {config.optimizer}, {config.precision} against fp32"
    bench.add(f"autoencoder epoch, batch 16, {recipe}", theirs / mine, 5, "x", how)


def one_epoch(objective: ReconstructionObjective, config: AutoencoderConfig, output: Path) -> None:
    spec = AutoencoderSpec(code_size=config.code_size, output=config.decoder_output)
    model = pretrain_ae.new(spec, config, objective.device)
    with new_artifact(output, kind="autoencoder", config={}, parents={}, execution=Execution()) as made:
        fit(model, objective, config, made, Execution())
