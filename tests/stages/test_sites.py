"""Many stacks and many autoencoders, as training, fine-tuning and evaluation see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import shgae
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data import heatmaps
from shgae.data.datasets import load_pose_batch, to_images
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.models import grafting
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass
from shgae.recipes import EvaluateConfig, HeatmapConfig
from shgae.stages import evaluate, finetune, graft, train
from shgae.training.objectives import PoseObjective
from tests.builders.chain import Sites
from tests.builders.line import StopAfter
from tests.builders.tiny import TINY, TINY_FINETUNE

HOW = Execution()


class Unchanged(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


@settings(max_examples=12)
@given(st.integers(1, 8), st.sampled_from(["original", "newell"]), st.integers(0, 2**31))
def test_identity_autoencoders_in_all_stacks_are_the_plain_network_bit_for_bit(
    stacks: int, residual: str, seed: int
) -> None:
    model = build_hourglass(HourglassSpec(2, 128, residual, stacks, width=8), seed).eval()  # type: ignore[arg-type]
    images = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        plain, bottlenecks = model(images), model.bottlenecks(images, range(stacks))
        for stack in range(stacks):
            model.hourglass(stack).graft = Unchanged()
        assert torch.equal(model(images), plain)
        for found, expected in zip(model.bottlenecks(images, range(stacks)), bottlenecks, strict=True):
            assert torch.equal(found, expected)


@settings(max_examples=6)
@given(st.integers(2, 4), st.integers(0, 99))
def test_the_loss_of_a_network_with_shared_autoencoders_is_the_sum_over_its_stacks(
    tiny_data: Path, stacks: int, seed: int
) -> None:
    artifact = open_artifact(tiny_data)
    spec = HourglassSpec(17, 128, "newell", stacks, width=8, grafts=(AutoencoderSpec(8, 4),) + (0,) * (stacks - 1))
    model = build_hourglass(spec, seed).eval()
    inference = Inference(torch.device("cpu"), "fp32", 4, artifact.facts["mean_rgb"])
    config = HeatmapConfig(unlabelled="masked")
    objective = PoseObjective(Crops(artifact, "train"), Crops(artifact, "val"), config, inference)
    batch = objective.load(np.arange(3), 0)
    with torch.inference_mode():
        loss = objective.loss(model, batch, objective.weight(np.arange(3), 0)).item()
        maps = model(to_images(batch.crops, batch.valid, inference.mean_rgb))
    targets = heatmaps.encode(batch.xy_crop, batch.visibility, config, crop_size=128)
    labelled = [(n, k) for n in range(3) for k in range(17) if batch.visibility[n, k] > 0]
    expected = 0.0
    for stack in range(stacks):
        errors = [float(((maps[n, stack, k] - targets[n, k]) ** 2).mean()) for n, k in labelled]
        expected += sum(errors) / len(errors)
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("residual", ["original", "newell"])
@pytest.mark.parametrize("stacks", [1, 2, 8])
def test_stacks_of_either_residual_are_trained(tiny_data: Path, tmp_path: Path, residual: str, stacks: int) -> None:
    config = replace(TINY, residual=residual, stacks=stacks, width=8, epochs=1, limit=4)
    result = train.run(tiny_data, tmp_path / "run", config, HOW)
    assert np.isfinite(result.summary.best["val_loss"])
    model = shgae.open_model(tmp_path / "run")
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, 128, 128)).shape == (1, stacks, 17, 32, 32)


def test_the_last_stack_predicts(sites: Sites, tmp_path: Path) -> None:
    graft.run(sites.baseline, [sites.pooled], tmp_path / "shared", HOW, (0, 2))
    result = evaluate.run([tmp_path / "shared"], sites.data, None, EvaluateConfig(precision="fp32", resamples=100), HOW)
    data = open_artifact(sites.data)
    crops = Crops(data, "test")
    batch = load_pose_batch(crops, np.arange(len(crops)))
    with torch.inference_mode():
        maps = shgae.open_model(tmp_path / "shared")(to_images(batch.crops, batch.valid, data.facts["mean_rgb"]))
    highest = maps.flatten(3).argmax(-1)
    cells = torch.stack([highest % 32, highest // 32], -1)
    found = torch.from_numpy(result.predictions[0].cells)
    assert (found == cells[:, 2]).float().mean() > 0.99  # another memory layout may turn a near tie
    assert (found == cells[:, 0]).float().mean() < 0.9


@pytest.mark.parametrize(
    "part", ["autoencoder", "head", *(pytest.param(part, marks=pytest.mark.slow) for part in ("all", "decoder"))]
)
def test_a_shared_autoencoder_is_fine_tuned_and_goes_on_after_an_interruption(
    sites: Sites, tmp_path: Path, part: str
) -> None:
    from shgae.errors import Interrupted

    graft.run(sites.baseline, [sites.pooled], tmp_path / "shared", HOW, (0, 1, 2))
    config = replace(TINY_FINETUNE, trainable=part)
    whole = finetune.run(tmp_path / "shared", sites.data, tmp_path / "whole", config, HOW)
    with pytest.raises(Interrupted):
        finetune.run(tmp_path / "shared", sites.data, tmp_path / "out", config, Execution(stop=StopAfter(2)))
    resumed = finetune.run(tmp_path / "shared", sites.data, tmp_path / "out", config, Execution(resume=True))
    assert resumed.artifact.id == whole.artifact.id
    before, after = (shgae.open_model(tmp_path / name).hourglass(1).graft for name in ("shared", "out"))
    moved = [not torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True)]
    assert all(moved) == any(moved) == (part in ("all", "autoencoder"))


def test_the_bottleneck_of_a_later_stack_has_passed_the_autoencoders_before_it() -> None:
    code = build_autoencoder(AutoencoderSpec(8, 4))
    model = build_hourglass(HourglassSpec(3, 128, "newell", 3, width=8)).eval()
    images = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        plain = model.bottlenecks(images, range(3))
        grafting.graft(model, code, 1)
        grafted = model.bottlenecks(images, range(3))
    assert [torch.equal(a, b) for a, b in zip(plain, grafted, strict=True)] == [True, True, False]
