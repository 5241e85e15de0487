"""What one device does with all of COCO, from a part of it: ``python -m tests.benchmarks.gpu`` on a machine with a GPU.

Prints a JSON object a line (``--output`` writes them too): is it right (maps against the CPU's, stop and resume), the
three targets with everything in them (reading, validation, saving, hashes), then where the time goes, then what might
make it faster. Each part runs in a process of its own with a limit, all of them within eight minutes; for what is late
there is no time left. Torch, NumPy and shgae suffice, and no network.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from shgae.artifacts.activations import Activations
from shgae.artifacts.checkpoint import CHECKPOINT, MODEL
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.data.datasets import in_chunks, load_pose_batch, pinned
from shgae.data.prefetch import prefetch
from shgae.errors import Interrupted
from shgae.execution import Execution, Progress
from shgae.inference.batches import Inference
from shgae.inference.device import describe
from shgae.inference.torch_settings import determinism, without_tf32
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_hourglass, state_arrays
from shgae.recipes import RECIPES, ExtractConfig, FitConfig, Precision
from shgae.skeleton import COCO_PERSON
from shgae.stages import extract, pretrain_ae
from shgae.training.loop import fit
from shgae.training.objectives import ReconstructionObjective, resident
from tests.benchmarks.gpu_trial import MEAN, Trial, network, pose_objective, prepared
from tests.builders.line import StopAfter

COCO = 124_040
"""People of the study's training split."""
WITHIN = 480.0
"""Seconds that all parts have together."""
KINDS: Mapping[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
EXECUTION = Execution(workers=4)
COMPILE, GRAPHS = replace(EXECUTION, compile=True), replace(EXECUTION, cuda_graphs=True)


def kernel(trial: Trial, folder: Path) -> dict[str, Any]:
    """One large convolution by itself."""
    del folder
    return {"precision": trial.precision, "gflop_per_second": round(peak(trial.where, KINDS[trial.precision]))}


def people(trial: Trial, folder: Path) -> dict[str, Any]:
    """What the others work on."""
    prepared(trial, folder)
    return {"people": trial.people}


def operations(run: Callable[[], torch.Tensor], *, trained: bool) -> float:
    """10^9 operations (2 a multiply-add) of a pass, and of its backward pass."""
    with FlopCounterMode(display=False) as counter:
        out = run()
        if trained:
            out.sum().backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops()) / 1e9


@without_tf32()
def peak(device: torch.device, kind: torch.dtype) -> float:
    """10^9 operations a second of one large convolution on a device, in a number format."""
    side = 256 if device.type == "cuda" else 64
    x = torch.randn((8, 256, side, side), device=device).to(kind, memory_format=torch.channels_last)
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


class Clock(Progress):
    """Remembers when each epoch ended: validated and saved."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def record(self, row: Mapping[str, Any], *, of: int, best: bool) -> None:
        """See :class:`~shgae.execution.Progress`."""
        self.ends.append(time.perf_counter())


def fitted(model: Any, objective: Any, config: FitConfig, run: Path, how: Execution) -> float:
    """A training of so many epochs; seconds a sample of its last epoch, all in."""
    clock = Clock()
    with new_artifact(run, kind="hourglass", config={}, parents={}, execution=how, resumable=True) as made:
        fit(model, objective, config, made, replace(how, progress=clock))
    for option in ("compiled", "cuda_graphs"):
        if (became := str(made.provenance.get(option, ""))).startswith("no"):
            raise RuntimeError(f"{option}: {became}")  # the time would be that of a training without it
    _wait(next(model.parameters()).device)
    return (clock.ends[-1] - clock.ends[-2]) / objective.samples if len(clock.ends) > 1 else 0.0


def finetuning(
    trial: Trial,
    folder: Path,
    *,
    keeps: bool = False,
    how: Execution = EXECUTION,
    precision: str = "",
    search: bool = False,
) -> dict[str, Any]:
    """The second epoch of fine-tuning; the first warms up."""
    torch.backends.cudnn.benchmark = search
    chosen: Any = precision or trial.precision
    config = replace(RECIPES["original"].finetune, epochs=2, batch_size=trial.batch_size, precision=chosen)
    model = network(trial)
    place = Path(tempfile.mkdtemp(dir=folder)) / "run"
    objective = pose_objective(trial, folder, chosen, resident=keeps)
    seconds = fitted(model, objective, config, place, how)
    with torch.device("meta"):
        image = torch.zeros(2, 3, trial.crop_size, trial.crop_size)
        gflop = operations(lambda: network(replace(trial, device="meta"))(image), trained=True) / 2
    return {
        "precision": chosen,
        **_times(seconds),
        "share_of_peak": round(gflop / seconds / peak(trial.where, KINDS[chosen]), 3),
    }


def correctness(trial: Trial, folder: Path) -> dict[str, Any]:
    """Float32 maps against the CPU's, and stop and resume bit for bit, for each optimizer."""
    images = torch.rand(2, 3, trial.crop_size, trial.crop_size, generator=torch.Generator().manual_seed(0)) - 0.5
    maps = []
    for device in ("cpu", trial.device):
        one = Inference(torch.device(device), "fp32", 2, MEAN)
        maps.append(one.infer(network(replace(trial, device=device)).eval(), images.to(device)).cpu())
    found: dict[str, Any] = {
        "maps_differ_by": float((maps[0] - maps[1]).abs().max()),
        "maps_up_to": float(maps[0].max()),
    }
    small = replace(trial, width=32)
    for optimizer in ("rmsprop", "adam", "sgd"):
        config = FitConfig(epochs=1, batch_size=4, precision=trial.precision, optimizer=optimizer)  # type: ignore[arg-type]
        runs = [folder / f"{optimizer}-{name}" for name in ("whole", "torn")]
        objective = pose_objective(trial, folder, trial.precision)
        objective = dataclasses.replace(
            objective, train=Crops(open_artifact(folder / "data", verify=False), "train", 24)
        )
        with determinism("warn"):
            fitted(network(small), objective, config, runs[0], Execution())
            try:
                fitted(network(small), objective, config, runs[1], Execution(stop=StopAfter(3)))
            except Interrupted:
                fitted(network(small), objective, config, runs[1], Execution(resume=True))
        bits = [[load_tensors(Path(f"{run}.partial") / name) for name in (MODEL, CHECKPOINT)] for run in runs]
        found[f"{optimizer}_resumes_exactly"] = str(bits[0]) == str(bits[1]) and all(
            a[k].tobytes() == b[k].tobytes() for a, b in zip(*bits, strict=True) for k in a
        )
    return found


def extraction(trial: Trial, folder: Path) -> dict[str, Any]:
    """The second extraction, with every check, hash and shard."""
    facts = {"mean_rgb": list(MEAN), "category_id": 1, "crop_policy": "pad", "margin": 0.1}
    facts |= {"crop_size": trial.crop_size, "spec": trial.spec.to_json(), "skeleton": COCO_PERSON.to_json()}
    with new_artifact(folder / "model", kind="hourglass", config={}, parents={}, execution=Execution()) as made:
        made.write_tensors(MODEL, state_arrays(build_hourglass(trial.spec)))
        made.commit(facts)
    how, config = Execution(device=trial.device, workers=4, force=True), ExtractConfig(batch_size=trial.extracted)
    for _ in range(2):
        begun = time.perf_counter()
        done = extract.run(folder / "model", folder / "data", folder / "activations", config, how)
        taken = time.perf_counter() - begun
    return {"precision": trial.precision, **_times(taken / sum(done.splits.values()))}


def autoencoder(trial: Trial, folder: Path, *, how: Execution = EXECUTION) -> dict[str, Any]:
    """The second epoch of pre-training as the study did it, with as many threads as its noise needs."""
    stored = open_artifact(folder / "activations", "activations", verify=False)
    config = replace(RECIPES["original"].pretrain_ae, epochs=2, precision=trial.precision)
    train, val = (Activations(stored, split) for split in ("train", "val"))
    there = resident(train, trial.where)
    objective = ReconstructionObjective(train, val, config, trial.where, trial.precision, there)
    model = pretrain_ae.new(AutoencoderSpec(width=trial.width, output=config.decoder_output), config, trial.where)
    place = Path(tempfile.mkdtemp(dir=folder)) / "ae"
    return {"precision": trial.precision, **_times(fitted(model, objective, config, place, replace(how, workers=8)))}


def loader(trial: Trial, folder: Path) -> dict[str, Any]:
    """Reading and pinning alone."""
    crops, begun = Crops(open_artifact(folder / "data", "data", verify=False), "train"), time.perf_counter()
    chunks = in_chunks(np.random.default_rng(0).permutation(len(crops)), trial.batch_size)
    for _ in prefetch(chunks, lambda rows: pinned(load_pose_batch(crops, rows), trial.where), 4):
        pass
    return _times((time.perf_counter() - begun) / len(crops))


def launches(trial: Trial, folder: Path) -> dict[str, Any]:
    """Kernels of a fine-tuning step, and the share of its time in which the device does nothing."""
    objective, model, rows = pose_objective(trial, folder, trial.precision), network(trial), np.arange(trial.batch_size)
    batch = pinned(objective.load(rows, 0), trial.where)

    @without_tf32()
    def step() -> None:
        objective.loss(model, batch, objective.weight(rows, 0)).backward()  # type: ignore[no-untyped-call]

    for _ in range(3):
        step()
    _wait(trial.where)
    with torch.profiler.profile() as profile:
        begun = time.perf_counter()
        for _ in range(5):
            step()
        _wait(trial.where)
        taken = time.perf_counter() - begun
    kernels = [event for event in profile.events() if event.device_type == torch.autograd.DeviceType.CUDA]  # type: ignore[attr-defined]
    busy = sum(event.time_range.elapsed_us() for event in kernels) / 1e6
    return {"step_ms": round(200 * taken, 2), "kernels": len(kernels) // 5, "idle_share": round(1 - busy / taken, 3)}


def _times(seconds: float) -> dict[str, Any]:
    memory = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return {"seconds_for_coco": round(COCO * seconds, 2), "peak_memory_gb": round(memory / 1e9, 2)}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


Part = Callable[[Trial, Path], dict[str, Any]]
PARTS: Mapping[str, tuple[Part, float, float | None]] = {
    "people": (people, 60, None),
    "correctness": (correctness, 90, None),
    "a large convolution": (kernel, 30, None),
    "fine-tuning epoch": (finetuning, 120, 60),
    "extraction": (extraction, 90, 20),
    "autoencoder epoch": (autoencoder, 60, 2),
    "launches": (launches, 60, None),
    "loader alone": (loader, 30, None),
    "fine-tuning epoch, fp32": (functools.partial(finetuning, precision="fp32"), 120, None),
    "fine-tuning epoch, crops resident": (functools.partial(finetuning, keeps=True), 60, None),
    "fine-tuning epoch, cudnn.benchmark": (functools.partial(finetuning, search=True), 60, None),
    "fine-tuning epoch, --cuda-graphs": (functools.partial(finetuning, how=GRAPHS), 60, 60),
    "autoencoder epoch, --cuda-graphs": (functools.partial(autoencoder, how=GRAPHS), 40, 2),
    "fine-tuning epoch, --compile": (functools.partial(finetuning, how=COMPILE), 180, 60),
    "autoencoder epoch, --compile": (functools.partial(autoencoder, how=COMPILE), 90, 2),
}
"""What is measured, in this order: the work, its limit and its target in seconds."""


def measured(name: str, trial: Trial, folder: Path) -> dict[str, Any]:
    """One part, here; what fails says why."""
    part, _, target = PARTS[name]
    begun = time.perf_counter()
    try:
        found = part(trial, folder)
    except Exception as error:  # a machine may lack what a variant wants
        found = {"failed": traceback.format_exception_only(error)[-1].strip()[:300]}
    return {"what": name, "target": target, **found, "took": round(time.perf_counter() - begun, 1)}


def apart(name: str, trial: Trial, folder: Path, seconds: float) -> dict[str, Any]:
    """One part in a process of its own, which is ended after so many seconds."""
    given = ["--part", name, "--folder", str(folder), "--device", trial.device, "--people", str(trial.people)]
    command = [sys.executable, "-m", "tests.benchmarks.gpu", *given]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"what": name, "failed": f"not done in {seconds:.0f} s"}
    except (ValueError, IndexError):
        return {"what": name, "failed": done.stderr.strip()[-300:]}
    return found


def rows(trial: Trial, folder: Path, run: Callable[..., dict[str, Any]] = apart) -> Iterator[dict[str, Any]]:
    """The machine, then every part for which there is time left."""
    ends = time.monotonic() + WITHIN
    yield {"date": datetime.now(UTC).date().isoformat(), "device": describe(trial.where), "torch": torch.__version__}
    for name, (_, limit, _) in PARTS.items():
        left = ends - time.monotonic()
        yield run(name, trial, folder, min(limit, left)) if left > 5 else {"what": name, "left_out": "no time was left"}


def missing() -> str | None:
    """What stands in the way of a measurement, in words; None where there is a GPU."""
    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None and torch.version.hip is None:
        return f"torch {torch.__version__} is built for CPUs only. Try: a build for CUDA or ROCm in .venv"
    return f"torch {torch.__version__} sees none. Try: nvidia-smi (is there a GPU, does its driver fit?)"


def main(words: Sequence[str] | None = None) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--people", type=int, default=Trial.people)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--check", action="store_true", help="only look whether there is a GPU")
    given = parser.parse_args(words)
    if given.device.startswith("cuda") and (why := missing()):
        sys.stderr.write(f"error: GPU in this machine: {why}. Nothing was measured, and no page was changed.\n")
        return 2
    if given.check:
        return 0
    trial, said = Trial(given.device, given.people), []
    with tempfile.TemporaryDirectory() as folder:
        found = [measured(given.part, trial, given.folder)] if given.part else rows(trial, Path(folder))
        for row in found:
            said.append(json.dumps(row))
            sys.stdout.write(said[-1] + "\n")
            sys.stdout.flush()
            if given.output:
                given.output.write_text("\n".join(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
