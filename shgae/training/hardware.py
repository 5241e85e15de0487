"""Where and in which number format tensors are computed: decided once, from what the machine really has."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from shgae.errors import Refused
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
        raise Refused("--device", name, "no such kind of device", "auto, cpu, cuda or cuda:0") from error
    if device.type not in ("cpu", "cuda"):
        raise Refused("--device", name, "not supported", "auto, cpu, cuda or cuda:0")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        why = f"this machine offers torch {torch.cuda.device_count()} GPUs"
        raise Refused("--device", name, why, "shgae doctor, or --device cpu")
    return device


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 natively; elsewhere it is emulated and slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    abilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(abilities.get("amx_bf16") or abilities.get("avx512_bf16"))


def resolve_precision(precision: Precision, device: torch.device) -> Precision:
    """``auto`` becomes bf16 where the hardware multiplies it natively, fp32 elsewhere."""
    if precision != "auto":
        return precision
    return "bf16" if multiplies_bf16(device) else "fp32"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The forward pass in that precision; weights, loss and optimizer stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
