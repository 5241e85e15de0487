"""What only a GPU can show: ``pytest -m gpu`` (``make gpu``), about ten checks of correctness."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shgae.artifacts.activations import Activations
from shgae.artifacts.checkpoint import CHECKPOINT, MODEL, load_checkpoint
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.cli.app import main
from shgae.cli.device_faults import device_fault
from shgae.data.datasets import PoseBatch, pinned
from shgae.errors import Diverged, Interrupted
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.torch_settings import without_tf32
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass
from shgae.recipes import HeatmapConfig, Precision, TrainConfig
from shgae.stages import extract, pretrain_ae, train
from shgae.training.health import Measured, measure
from shgae.training.objectives import PoseObjective
from shgae.training.optim import build_optimizer
from tests.builders.line import StopAfter
from tests.builders.tiny import TINY, TINY_AE, TINY_EXTRACT

pytestmark = pytest.mark.gpu
GPU = os.environ.get("GPU_TESTS_ON", "cuda:0")
"""On a CPU the tests of this file may be rehearsed."""
STRICT = Execution(device=GPU, deterministic="warn")


@contextmanager
def no_waiting() -> Iterator[None]:
    """Within it, torch raises where the CPU would wait for the GPU."""
    if GPU == "cpu":
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def objective(data: Path, device: str, precision: Precision) -> PoseObjective:
    artifact = open_artifact(data, "data")
    inference = Inference(torch.device(device), precision, 4, artifact.facts["mean_rgb"])
    return PoseObjective(Crops(artifact, "train"), Crops(artifact, "val"), HeatmapConfig(), inference)


def network(device: str) -> Any:
    spec = HourglassSpec(keypoints=17, crop_size=128, residual="newell", width=64)
    return build_hourglass(spec).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


@without_tf32()
def step(data: Path, device: str, precision: Precision) -> tuple[float, np.ndarray]:
    """The loss of one step and its gradient, all weights in a row."""
    goal, model = objective(data, device, precision), network(device)
    rows = np.arange(4)
    loss = goal.loss(model, goal.load(rows, 0), goal.weight(rows, 0))
    loss.backward()
    return float(loss.detach()), torch.cat([p.grad.flatten() for p in model.parameters()]).cpu().numpy()


def same_bits(one: Path, other: Path) -> None:
    for name in (MODEL, CHECKPOINT):
        tensors = [load_tensors(run / name) for run in (one, other)]
        assert {k: v.tobytes() for k, v in tensors[0].items()} == {k: v.tobytes() for k, v in tensors[1].items()}
    assert load_checkpoint(one / CHECKPOINT)[1].scale == load_checkpoint(other / CHECKPOINT)[1].scale


def test_float32_maps_equal_the_cpus() -> None:
    images = torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(0)) - 0.5
    maps = []
    for device in ("cpu", GPU):
        inference = Inference(torch.device(device), "fp32", 4, (0.0, 0.0, 0.0))
        maps.append(inference.infer(network(device).eval(), images.to(device)).cpu())
    torch.testing.assert_close(maps[0], maps[1], rtol=1e-4, atol=1e-4)


def test_a_float32_step_has_the_loss_and_the_gradient_of_the_cpu(tiny_data: Path) -> None:
    (here, slope_here), (there, slope_there) = (step(tiny_data, device, "fp32") for device in ("cpu", GPU))
    assert there == pytest.approx(here, rel=1e-5)
    assert np.linalg.norm(slope_here - slope_there) <= 1e-4 * np.linalg.norm(slope_here)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_step_in_half_precision_comes_close(tiny_data: Path, precision: Precision) -> None:
    (wide, _), (half, _) = (step(tiny_data, GPU, one) for one in ("fp32", precision))  # type: ignore[arg-type]
    assert half == pytest.approx(wide, rel=0.05)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
def test_a_training_that_was_stopped_and_resumed_has_the_same_bits(
    tmp_path: Path, tiny_data: Path, optimizer: Any, precision: Precision
) -> None:
    config = dataclasses.replace(TINY, optimizer=optimizer, precision=precision)
    train.run(tiny_data, tmp_path / "whole", config, STRICT)
    with pytest.raises(Interrupted):
        train.run(tiny_data, tmp_path / "torn", config, dataclasses.replace(STRICT, stop=StopAfter(3)))
    train.run(tiny_data, tmp_path / "torn", config, dataclasses.replace(STRICT, resume=True))
    same_bits(tmp_path / "whole", tmp_path / "torn")


def test_the_chain_to_an_autoencoder_runs_and_resumes(tmp_path: Path, tiny_data: Path) -> None:
    model, here, there = tmp_path / "model", tmp_path / "here", tmp_path / "there"
    train.run(tiny_data, model, dataclasses.replace(TINY, epochs=1), STRICT)
    extract.run(model, tiny_data, here, TINY_EXTRACT, Execution(device="cpu"))
    extract.run(model, tiny_data, there, TINY_EXTRACT, STRICT)
    cpu, gpu = (Activations(open_artifact(path, "activations"), "train") for path in (here, there))
    rows = np.arange(len(cpu))
    np.testing.assert_allclose(cpu.read(rows), gpu.read(rows), rtol=1e-3, atol=1e-3)
    pretrain_ae.run(there, tmp_path / "whole", TINY_AE, STRICT)
    with pytest.raises(Interrupted):
        pretrain_ae.run(there, tmp_path / "torn", TINY_AE, dataclasses.replace(STRICT, stop=StopAfter(4)))
    pretrain_ae.run(there, tmp_path / "torn", TINY_AE, dataclasses.replace(STRICT, resume=True))
    same_bits(tmp_path / "whole", tmp_path / "torn")


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_recorded_passes_train_with_the_bits_of_plain_ones(
    tmp_path: Path, tiny_data: Path, precision: Precision
) -> None:
    if GPU == "cpu":
        pytest.skip("a CPU records nothing")
    config, how = dataclasses.replace(TINY, precision=precision), dataclasses.replace(STRICT, cuda_graphs=True)
    done = train.run(tiny_data, tmp_path / "recorded", config, how)
    assert done.artifact.manifest.provenance["cuda_graphs"] == "recorded"
    train.run(tiny_data, tmp_path / "plain", config, STRICT)
    same_bits(tmp_path / "recorded", tmp_path / "plain")
    extract.run(tmp_path / "plain", tiny_data, tmp_path / "activations", TINY_EXTRACT, STRICT)
    for name, one in (("code-recorded", how), ("code-plain", STRICT)):
        pretrain_ae.run(tmp_path / "activations", tmp_path / name, TINY_AE, one)
    same_bits(tmp_path / "code-recorded", tmp_path / "code-plain")


def test_bottlenecks_that_lie_on_the_gpu_train_the_same_autoencoder(
    tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train.run(tiny_data, tmp_path / "model", dataclasses.replace(TINY, epochs=1), STRICT)
    extract.run(tmp_path / "model", tiny_data, tmp_path / "activations", TINY_EXTRACT, STRICT)
    pretrain_ae.run(tmp_path / "activations", tmp_path / "there", TINY_AE, STRICT)
    monkeypatch.setattr(pretrain_ae, "resident", lambda *_: None)
    pretrain_ae.run(tmp_path / "activations", tmp_path / "sent", TINY_AE, STRICT)
    same_bits(tmp_path / "there", tmp_path / "sent")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "sgd"])
def test_a_step_waits_for_nothing(tiny_data: Path, optimizer: Any, precision: Precision) -> None:
    goal, model = objective(tiny_data, GPU, precision), network(GPU)
    learning = build_optimizer(model, dataclasses.replace(TINY, optimizer=optimizer))
    rows = np.arange(4)
    batch = pinned(goal.load(rows, 0), torch.device(GPU))

    @without_tf32()
    def whole() -> Measured:
        learning.zero_grad(set_to_none=True)
        loss = goal.loss(model, batch, goal.weight(rows, 0))
        loss.backward()
        found = measure(model, loss)
        learning.step()
        return found

    whole()  # the first one makes what is kept
    with no_waiting():
        found = whole()
    assert found.read().loss > 0


def test_a_poisoned_step_is_named_though_it_is_read_late(
    tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, steps = Inference.forward, []

    def poisoned(self: Inference, model: Any, batch: PoseBatch) -> torch.Tensor:
        steps.append(batch)
        return forward(self, model, batch) * (float("nan") if len(steps) == 3 else 1.0)

    monkeypatch.setattr(Inference, "forward", poisoned)
    with pytest.raises(Diverged, match="epoch 1, step 3 .*nan"):
        train.run(tiny_data, tmp_path / "run", TINY, Execution(device=GPU))


def test_a_gpu_that_is_too_small_is_said_to_be() -> None:
    with pytest.raises(RuntimeError) as full:
        torch.empty(1 << 50, dtype=torch.uint8, device=GPU)
    found = device_fault(full.value, "train", resumed=False)
    assert found is not None
    assert (found.what, found.exit_code) == ("memory", 2)


def test_doctor_trains_on_the_gpu_and_says_what_auto_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["machine"]["auto"]["device"] == GPU
    assert found["checks"][f"a training step on {GPU}"].startswith("ok, ")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_two_gpus_train_as_one_does_even_if_one_has_no_rows(
    tmp_path: Path, tiny_data: Path, capfd: pytest.CaptureFixture[str], precision: str
) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("one GPU only")
    rows = open_artifact(tiny_data, "data").facts["splits"]["train"]
    size = next(size for size in range(2, rows + 1) if rows % size == 1)  # the last step has one row
    config: TrainConfig = dataclasses.replace(TINY, epochs=1, batch_size=size)
    words = ["train", str(tiny_data), "--width", str(config.width), "--residual", "newell", "--epochs", "1"]
    words += ["--batch-size", str(size), "--precision", precision, "--device", "cuda"]
    losses = []
    for processes in ("1", "2"):
        run = tmp_path / processes
        assert main([*words, "--nproc", processes, "-o", str(run), "--json"]) == 0, capfd.readouterr().err
        losses.append(json.loads((run / "history.jsonl").read_text().splitlines()[0])["train_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3 if precision == "fp32" else 0.05)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_compiled_training_comes_close_and_resumes_with_the_same_bits(
    tmp_path: Path, tiny_data: Path, precision: Precision
) -> None:
    config, how = dataclasses.replace(TINY, precision=precision), dataclasses.replace(STRICT, compile=True)
    done = train.run(tiny_data, tmp_path / "whole", config, how)
    with pytest.raises(Interrupted):
        train.run(tiny_data, tmp_path / "torn", config, dataclasses.replace(how, stop=StopAfter(3)))
    train.run(tiny_data, tmp_path / "torn", config, dataclasses.replace(how, resume=True))
    same_bits(tmp_path / "whole", tmp_path / "torn")
    said = done.artifact.manifest.provenance["compiled"]
    assert said == "torch.compile, inductor" + ", reduce-overhead" * (GPU != "cpu")
    usual = train.run(tiny_data, tmp_path / "usual", config, STRICT)
    losses = [result.summary.history[0]["train_loss"] for result in (done, usual)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
