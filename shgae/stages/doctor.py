"""``shgae doctor``: what this machine offers, and whether a training step and a file work on it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shgae.artifacts.hashing import hash_file
from shgae.artifacts.manifest import package_versions
from shgae.artifacts.scratch import scratch
from shgae.artifacts.tensors import load_tensors, save_tensors
from shgae.errors import Refused, ShgaeError
from shgae.execution import processors
from shgae.inference.device import UNTESTED, autocast, best_precision, multiplies_bf16, resolve_device
from shgae.inference.torch_settings import settled
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass
from shgae.recipes import FitConfig
from shgae.training.loss_scale import first_position, unscale
from shgae.training.optim import build_optimizer

_EXTRAS = ("onnx", "onnxscript", "onnxruntime", "tensorboard", "h5py")


@dataclass(frozen=True)
class DoctorResult:
    """A machine, for a person or an issue report."""

    machine: Mapping[str, Any]
    """Versions, processor, memory, disk, devices, extras."""
    checks: Mapping[str, str]
    """What was tried: ``ok ...``, or ``failed: ...``."""

    def to_json(self) -> dict[str, Any]:
        return {"usable": self.fault() is None, "machine": dict(self.machine), "checks": dict(self.checks)}

    def fault(self) -> Refused | None:
        """Why shgae cannot work here, if it cannot."""
        failed = {name: text for name, text in self.checks.items() if not text.startswith("ok")}
        if not failed:
            return None
        return Refused("machine", ", ".join(failed), next(iter(failed.values())), "mend that, then shgae doctor again")


def run(folder: Path = Path()) -> DoctorResult:
    """Looks around, then tries a training step on each device and a file in a temporary folder.

    Args:
        folder: its free disk space is told.
    """
    checks = {"a tensor file": _tried(_write_and_read)}
    for device in _devices():
        checks[f"a training step on {device}"] = _tried(partial(_train, device))
    return DoctorResult(_machine(folder), checks)


def _machine(folder: Path) -> dict[str, Any]:
    disk = shutil.disk_usage(folder)
    return {
        "versions": package_versions(),
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "processor": _processor(),
        "processors": processors(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "disk_free_gb": round(disk.free / 1e9, 1),
        "devices": [_device(device) for device in _devices()],
        "auto": _auto(),
        "extras": {name: importlib.util.find_spec(name) is not None for name in _EXTRAS},
    }


def _devices() -> list[torch.device]:
    others = [torch.device(kind) for kind, is_there in UNTESTED.items() if is_there()]
    return [torch.device("cpu"), *(torch.device("cuda", i) for i in range(torch.cuda.device_count())), *others]


def _auto() -> dict[str, str]:
    """What --device auto and --precision auto take, and why."""
    try:
        device = resolve_device("auto")
    except Refused as refused:
        return {"device": "none", "why": refused.why}
    precision, why = best_precision(device)
    if device.type == "cpu":
        built = torch.version.cuda or torch.version.hip
        seen = "torch sees no GPU" if built else "this torch was built for CPUs"
        why = f"{seen}; {why}"
    return {"device": str(device), "precision": precision, "why": why}


def _device(device: torch.device) -> dict[str, Any]:
    name, memory = _processor(), None
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        name, memory = properties.name, round(properties.total_memory / 1e9, 1)
    native = multiplies_bf16(device)
    return {"device": str(device), "name": name, "memory_gb": memory, "native_bf16": native}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _tried(check: Callable[[], str]) -> str:
    begun = time.perf_counter()
    try:
        said = check()
    except (ShgaeError, OSError, RuntimeError, ValueError) as error:
        return f"failed: {' '.join(str(error).split())[:200]}"
    return f"ok, {said} in {time.perf_counter() - begun:.2f} s"


def _write_and_read() -> str:
    array = np.random.default_rng(0).standard_normal((64, 256, 4, 4)).astype(np.float32)
    with scratch("doctor") as folder:
        path = folder / "array.safetensors"
        save_tensors(path, {"array": array})
        before = hash_file(path)
        if not np.array_equal(load_tensors(path)["array"], array) or hash_file(path) != before:
            raise ValueError("what was read is not what was written")
    return f"{array.nbytes / 1e6:.0f} MB written, synced, read back and hashed"


@settled()
def _train(device: torch.device) -> str:
    precision, _ = best_precision(device)
    scale = first_position(precision).scale
    model = build_hourglass(HourglassSpec(keypoints=3, crop_size=128, residual="newell", width=32)).to(device)
    optimizer = build_optimizer(model, FitConfig(optimizer="adam"))
    images = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)).to(device)
    with autocast(device, precision):
        loss = model(images).float().square().mean()
    (loss * scale).backward()
    unscale(model, scale)
    optimizer.step()
    if not torch.isfinite(loss.detach()):
        raise ValueError(f"the loss is {float(loss.detach())}")
    return f"a small hourglass in {precision}"
