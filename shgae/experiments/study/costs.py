"""What an arm's network costs at work: operations, counted, and time, measured."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data.datasets import PoseBatch, Rows, load_pose_batch, to_images
from shgae.evaluation.study_report import StudyCosts
from shgae.execution import Execution
from shgae.experiments.study.parts import Study
from shgae.inference.batches import Inference
from shgae.inference.device import describe, resolve_device
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import load_hourglass, outline
from shgae.option_lists import BASELINE
from shgae.recipes import Precision

_BATCH = 8
_MEASURED = 3
"""Times that a step is measured, after one that is not."""
_TURNS = 9
"""Times that each network of a study is measured, in turns with the others."""


@cache
def gflop(spec: HourglassSpec) -> float:
    """Billions of floating-point operations of one crop's forward pass: two of each multiplication with an addition, of
    convolutions and matrix products alone."""
    crop = torch.zeros(1, 3, spec.crop_size, spec.crop_size, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        outline(spec).eval()(crop)
    return float(counter.get_total_flops()) / 1e9


def measured(study: Study, execution: Execution) -> StudyCosts:
    """Times the networks of the baseline and of every arm, with the first seed, on crops of val that were read before.

    What else the machine does can only add to a time, so the smallest one counts, and what lasts meets all networks.
    """
    device = resolve_device(execution.device)
    crops = Crops(open_artifact(study.data, "data", verify=False), "val", study.config.limit)
    batch = load_pose_batch(crops, np.arange(min(_BATCH, len(crops))))
    networks = {BASELINE: study.model, **{arm: study.finetuned(arm, study.seeds[0]) for arm in study.arms}}
    passes = {}
    for name, path in networks.items():
        execution.stop.raise_if_set(study.output, "the same command again")
        passes[name] = _forward_pass(path, study.config.precision, device, batch)
        passes[name]()  # warms up
    least = dict.fromkeys(passes, math.inf)
    for _ in range(_TURNS):
        for name, forward_pass in passes.items():
            execution.stop.raise_if_set(study.output, "the same command again")
            least[name] = min(least[name], _seconds(forward_pass, device))
    found = {name: 1000 * seconds / len(batch.rows) for name, seconds in least.items()}
    return StudyCosts(describe(device), study.config.precision, len(batch.rows), found)


def _forward_pass(
    model: Path, precision: Precision, device: torch.device, batch: PoseBatch
) -> Callable[[], torch.Tensor]:
    loaded = load_hourglass(model, verify=False)
    module = loaded.module.eval().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = to_images(batch.crops.to(device), batch.valid, loaded.mean_rgb)
    return partial(Inference(device, precision, len(batch.rows), loaded.mean_rgb).infer, module, images)


def forward_time(
    model: Path, precision: Precision, device: torch.device, crops: Crops, rows: Rows, execution: Execution
) -> float:
    """Seconds of one crop in a forward pass of these rows (n,) through a network, reading them included."""
    loaded = load_hourglass(model, verify=False)
    module = loaded.module.eval().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    inference = Inference(device, precision, len(rows), loaded.mean_rgb)
    return timed(lambda: list(inference.over(module, crops, execution, [rows])), device) / len(rows)


def timed(step: Callable[[], object], device: torch.device) -> float:
    """Seconds of one step: the median of a few, after one that warms up."""
    return float(np.median([_seconds(step, device) for _ in range(1 + _MEASURED)][1:]))


def _seconds(step: Callable[[], object], device: torch.device) -> float:
    begun = time.perf_counter()
    step()
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
    return time.perf_counter() - begun
