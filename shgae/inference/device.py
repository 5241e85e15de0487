"""Where and in which number format tensors are computed: decided once, from what the machine really has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from shgae.errors import Refused
from shgae.execution import Deterministic
from shgae.recipes import Precision


def resolve_device(name: str) -> torch.device:
    """``auto`` takes the first GPU, else the CPU.

    Raises:
        Refused: an unknown device, or a GPU that this machine or this torch does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise Refused("value", "--device", f"{name} is no device", "--device auto, cpu, cuda or cuda:0") from error
    if device.type not in ("cpu", "cuda"):
        raise Refused("value", "--device", f"{name} is not supported", "--device auto, cpu, cuda or cuda:0")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        why = f"there is no {name} (GPUs that torch sees: {torch.cuda.device_count()})"
        raise Refused("value", "--device", why, "shgae doctor, or --device cpu")
    return device


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 natively; elsewhere it is emulated and slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    abilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(abilities.get("amx_bf16") or abilities.get("avx512_bf16"))


def resolve_precision(precision: Precision, device: torch.device) -> Precision:
    """``auto`` becomes bf16 where the hardware multiplies it natively, fp32 elsewhere; fp32 is never TF32."""
    _forbid_tf32()
    if precision != "auto":
        return precision
    return "bf16" if multiplies_bf16(device) else "fp32"


def describe(device: torch.device) -> str:
    """The device in words, with what may change the last bits of a result: the GPU, or the number of threads."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"cpu (threads: {torch.get_num_threads()})"


@contextmanager
def determinism(mode: Deterministic) -> Iterator[None]:
    """Allows torch only algorithms that give the same bits each time; ``off`` leaves it as it is.

    On CPUs the algorithms that shgae uses are of that kind anyway; on GPUs some are not.

    Raises:
        Refused: with ``error``, an algorithm has no such form; torch's name of it is said.
    """
    if mode == "off":
        yield
        return
    # cuBLAS reads it when it begins: with less memory than this its sums may be ordered by chance.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, cudnn.benchmark = cudnn.benchmark, False
    torch.use_deterministic_algorithms(True, warn_only=mode == "warn")
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise Refused("algorithm", "--deterministic error", str(error).partition(", but")[0], "warn or off") from error
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.benchmark = benchmark


def _forbid_tf32() -> None:
    # On GPUs torch lets float32 convolutions round to TF32 by default.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The forward pass in that precision; weights, loss and optimizer stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
