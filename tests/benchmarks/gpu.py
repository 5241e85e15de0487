"""What one device does with all of COCO, from a part of it: ``python -m tests.benchmarks.gpu`` on a machine with a GPU.

Prints a JSON object a line: what, seconds for 124,040 people, target, share of the measured bf16 peak. It measures
shgae as it is, and beside it what might make fine-tuning faster on a GPU, of which shgae has only what wins:
cuDNN's search for the fastest algorithm, torch.compile with and without CUDA graphs, crops that lie on the GPU.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from shgae.artifacts.activations import Activations
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import open_artifact
from shgae.data.datasets import PoseBatch, Rows, load_pose_batch
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import autocast, describe, resolve_device, resolve_precision
from shgae.models.hourglass import StackedHourglass
from shgae.models.zoo import AutoencoderSpec, HourglassSpec, build_hourglass, state_arrays
from shgae.recipes import RECIPES, ExtractConfig, HeatmapConfig, PrepareConfig
from shgae.skeleton import COCO_PERSON
from shgae.stages import extract, prepare, pretrain_ae
from shgae.training.loop import fit
from shgae.training.objectives import PoseObjective, ReconstructionObjective
from tests.benchmarks.test_data_speed import coco

COCO = 124_040
"""People of the study's training split."""
MEAN = (0.4, 0.4, 0.4)


@dataclass(frozen=True)
class Trial:
    """What is measured, and on how much."""

    device: torch.device
    people: int = 2048
    width: int = 256
    crop_size: Literal[256, 128] = 256
    batch_size: int = 16
    """In training."""
    extracted: int = 128
    """People in one forward pass of an extraction."""

    @property
    def spec(self) -> HourglassSpec:
        """The network."""
        return HourglassSpec(keypoints=len(COCO_PERSON), width=self.width, crop_size=self.crop_size)


@dataclass(frozen=True)
class Resident(PoseObjective):
    """All crops lie on the device."""

    @functools.cached_property
    def _all(self) -> PoseBatch:
        return load_pose_batch(self.train, np.arange(len(self.train))).to(self.inference.device)

    def load(self, rows: Rows, epoch: int) -> PoseBatch:
        """See :class:`PoseObjective`."""
        here, there = torch.from_numpy(rows), torch.from_numpy(rows).to(self.inference.device)
        crops, xy_crop, visibility = (one[there] for one in (self._all.crops, self._all.xy_crop, self._all.visibility))
        return PoseBatch(rows, crops, self._all.valid[here], xy_crop, visibility)


def peak(device: torch.device) -> float:
    """10^9 bf16 operations a second of one large convolution on a device."""
    side = 256 if device.type == "cuda" else 64
    x = torch.randn((8, 256, side, side), device=device).to(torch.bfloat16, memory_format=torch.channels_last)
    convolution = torch.nn.Conv2d(256, 256, 3, padding=1).to(x)
    convolution.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    taken = []
    with torch.inference_mode():
        for _ in range(8):
            begun = time.perf_counter()
            convolution(x)
            _wait(device)
            taken.append(time.perf_counter() - begun)
    return 2 * 9 * 256 * 256 * 8 * side * side / statistics.median(taken[2:]) / 1e9


def operations(run: Callable[[], torch.Tensor], *, trained: bool) -> float:
    """10^9 operations (2 a multiply-add) of a pass, and of its backward pass."""
    with FlopCounterMode(display=False) as counter:
        out = run()
        if trained:
            out.sum().backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops()) / 1e9


def finetuning(trial: Trial, data: Path, folder: Path, *, resident: bool = False, mode: str | None = None) -> float:
    """Seconds a person of the second epoch of fine-tuning as the study did it, steps alone; the first warms up.

    Args:
        trial: where and on what.
        data: prepared.
        folder: to work in.
        resident: whether all crops lie on the device.
        mode: of torch.compile; None does without.
    """
    prepared = open_artifact(data, "data", verify=False)
    config = replace(RECIPES["original"].finetune, epochs=2, batch_size=trial.batch_size)
    precision = resolve_precision(config.precision, trial.device)
    inference = Inference(trial.device, precision, trial.batch_size, MEAN)
    build = Resident if resident else PoseObjective
    heatmap = HeatmapConfig(peak=config.peak, sigma_visible=config.sigma_visible, unlabelled=config.unlabelled)
    objective = build(Crops(prepared, "train"), Crops(prepared, "val", 16), heatmap, inference)
    model = network(trial)
    if mode is not None:
        model.compile(mode=mode)
    run = Path(tempfile.mkdtemp(dir=folder)) / "run"
    with new_artifact(run, kind="hourglass", config={}, parents={}, execution=Execution()) as made:
        row = fit(model, objective, replace(config, precision=precision), made, Execution(workers=4)).history[-1]
    return float(row["seconds"] / row["samples"])


def network(trial: Trial) -> StackedHourglass:
    """Random weights, laid out as the stages do it."""
    model: StackedHourglass = build_hourglass(trial.spec).to(device=trial.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def extraction(trial: Trial, data: Path, folder: Path) -> tuple[float, Path]:
    """Seconds a person of the second extraction, with every check, hash and shard; and the activations."""
    model = folder / "model"
    facts = {"mean_rgb": list(MEAN), "category_id": 1, "crop_policy": "pad", "margin": 0.1}
    facts |= {"crop_size": trial.crop_size, "spec": trial.spec.to_json(), "skeleton": COCO_PERSON.to_json()}
    with new_artifact(model, kind="hourglass", config={}, parents={}, execution=Execution()) as made:
        made.write_tensors("model.safetensors", state_arrays(build_hourglass(trial.spec)))
        made.commit(facts)
    execution = Execution(device=str(trial.device), workers=4, force=True)
    for _ in range(2):
        begun = time.perf_counter()
        done = extract.run(model, data, folder / "activations", ExtractConfig(batch_size=trial.extracted), execution)
        taken = time.perf_counter() - begun
    return taken / sum(done.splits.values()), folder / "activations"


def autoencoder_epoch(trial: Trial, activations: Path, folder: Path) -> float:
    """Seconds a row of the second epoch of pre-training as the study did it, steps alone."""
    stored = open_artifact(activations, "activations", verify=False)
    config = replace(RECIPES["original"].pretrain_ae, epochs=2)
    config = replace(config, precision=resolve_precision(config.precision, trial.device))
    train, val = (Activations(stored, split) for split in ("train", "val"))
    objective = ReconstructionObjective(train, val, config, trial.device, config.precision)
    model = pretrain_ae.new(AutoencoderSpec(width=trial.width, output=config.decoder_output), config, trial.device)
    with new_artifact(folder, kind="autoencoder", config={}, parents={}, execution=Execution()) as made:
        row = fit(model, objective, config, made, Execution(workers=4)).history[-1]
    return float(row["seconds"] / row["samples"])


def rows(trial: Trial, folder: Path) -> Iterator[dict[str, Any]]:
    """Everything, one thing after another; what fails says why."""
    source = coco(folder, trial.people)
    data = folder / "data"
    prepare.run({"train": source, "val": source}, data, PrepareConfig(crop_size=trial.crop_size), Execution(workers=8))
    at_most, model, image = peak(trial.device), network(trial), torch.zeros(1, 3, trial.crop_size, trial.crop_size)
    image = image.to(trial.device)
    with autocast(trial.device, resolve_precision("auto", trial.device)):
        step = operations(lambda: model(image.repeat(2, 1, 1, 1)), trained=True) / 2
        encoder = operations(lambda: model.bottleneck(image), trained=False)
    yield {"device": describe(trial.device), "torch": torch.__version__, "bf16_gflop_per_second": round(at_most)}

    def row(
        what: str, seconds: Callable[[], float], gflop: float | None, target: float | None = None
    ) -> dict[str, Any]:
        try:
            taken = seconds()
        except Exception as error:  # of a variant that this machine cannot do
            return {"what": what, "failed": traceback.format_exception_only(error)[-1].strip()}
        share = None if gflop is None else round(gflop / taken / at_most, 3)
        return {"what": what, "seconds_for_coco": round(COCO * taken, 1), "target": target, "share_of_peak": share}

    tuned = functools.partial(finetuning, trial, data, folder)
    yield row("fine-tuning epoch", tuned, step, 60)
    for mode in ("default", "max-autotune-no-cudagraphs", "reduce-overhead"):
        yield row(f"fine-tuning epoch, torch.compile {mode}", functools.partial(tuned, mode=mode), step)
    yield row("fine-tuning epoch, crops resident", functools.partial(tuned, resident=True), step)
    with _cudnn_search():
        yield row("fine-tuning epoch, cudnn.benchmark", tuned, step)
    yield row("extraction", lambda: extraction(trial, data, folder)[0], encoder, 20)
    yield row("autoencoder epoch", lambda: autoencoder_epoch(trial, folder / "activations", folder / "ae"), None)


@contextmanager
def _cudnn_search() -> Iterator[None]:
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = False


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--people", type=int, default=Trial.people)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Trial(resolve_device(given.device), given.people), Path(folder)):
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
