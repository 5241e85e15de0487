"""A training step next to those of two published training codes, on equal networks, people and weights, in turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import resolve_precision
from shgae.models.foreign import translate
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass, load_state, state_arrays
from shgae.recipes import RECIPES, HeatmapConfig, Precision, PrepareConfig
from shgae.stages import prepare
from shgae.training.health import measure
from shgae.training.objectives import PoseObjective
from shgae.training.optim import build_optimizer
from tests.benchmarks import published
from tests.benchmarks.conftest import Bench
from tests.builders.detailed_photos import coco

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

STACKS, KEYPOINTS, BATCH = 2, 17, 4
"""Both publish weights of 2 stacks."""
CPU = torch.device("cpu")
CODES = {
    "princeton-vl/pytorch_stacked_hourglass": (published.Princeton, published.princeton_step, "adam"),
    "bearpaw/pytorch-pose": (published.Bearpaw, published.bearpaw_step, "rmsprop"),
}


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Crops:
    folder = tmp_path_factory.mktemp("published")
    source = coco(folder, 4 * BATCH)
    prepare.run({"train": source, "val": source}, folder / "data", PrepareConfig(), Execution())
    return Crops(open_artifact(folder / "data", "data", verify=False), "train")


@dataclass
class Ours:
    """A step of ours from stored crops to new weights, checks included."""

    network: nn.Module
    objective: PoseObjective
    optimizer: torch.optim.Optimizer

    def __call__(self) -> None:
        batch = self.objective.load(np.arange(BATCH), 0)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.objective.loss(self.network, batch, self.objective.weight(batch.rows, 0))
        loss.backward()  # type: ignore[no-untyped-call]
        assert measure(self.network, loss).read().fault() is None
        self.optimizer.step()


def ours(theirs: nn.Module, crops: Crops, optimizer: str, precision: Precision) -> Ours:
    """With a copy of their weights."""
    found = translate(state_arrays(theirs), "the published network")
    assert isinstance(found.spec, HourglassSpec)
    network = build_hourglass(found.spec)
    load_state(network, found.arrays, "the published network")
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    config = replace(RECIPES["original"].train, optimizer=optimizer)  # type: ignore[arg-type]
    objective = PoseObjective(crops, crops, HeatmapConfig(), Inference(CPU, precision, BATCH, (0.4, 0.4, 0.4)))
    return Ours(network, objective, build_optimizer(network, config))


@pytest.mark.parametrize("code", CODES)
def test_training_step(bench: Bench, crops: Crops, code: str) -> None:
    build, published_step, optimizer = CODES[code]
    theirs = build(STACKS, KEYPOINTS).train()
    precision = resolve_precision("auto", CPU)
    mine, fp32 = (ours(theirs, crops, optimizer, one) for one in (precision, "fp32"))
    people = published.People(crops.read(np.arange(len(crops))), crops.people.xy_crop, crops.people.visibility)
    step, batches = published_step(theirs), published.batches(people, BATCH)
    seconds, in_fp32, published_ = bench.in_turn(mine, fp32, lambda: step(next(batches)), rounds=5)
    how = f"{STACKS} stacks, batch {BATCH}, 256 pixels, {optimizer}, crop to new weights: {precision} {seconds:.2f} s, "
    how += f"theirs in fp32 {published_:.2f} s; ours in fp32 {in_fp32:.2f} s, {published_ / in_fp32:.2f} x"
    bench.add(f"training step, against {code}", published_ / seconds, 1, "x", how)
