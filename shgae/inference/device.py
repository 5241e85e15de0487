"""Where and in which number format tensors are computed: decided once, from what the machine really has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, get_args

import torch

from shgae.artifacts.folders import interrupted
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.inference.torch_settings import without_tf32
from shgae.recipes import ExtractConfig, FitConfig, Precision, PredictConfig, ScoredConfig

ConfigT = TypeVar("ConfigT", bound=ExtractConfig | FitConfig | PredictConfig | ScoredConfig)

UNTESTED: Mapping[str, Callable[[], bool]] = {"mps": torch.backends.mps.is_available, "xpu": torch.xpu.is_available}
"""Kinds of GPU that are taken if asked for, and that nobody has tried, Apple's and Intel's: whether there is one."""
BEYOND_FP16 = "--precision fp32 (fp16 ends at 65,504, and activations of the original residual can be far beyond)"
"""The fix where numbers of fp16 are not finite."""
_AMD_BF16 = ("gfx908", "gfx90a", "gfx94", "gfx95", "gfx11", "gfx12")
"""AMD's architectures that multiply bf16: CDNA, and RDNA from 3 on."""
_HALVES: Mapping[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_device(name: str) -> torch.device:
    """The device of a name that :class:`~shgae.execution.Execution` takes.

    ``auto`` is the first NVIDIA or AMD GPU, else the CPU; a GPU gets its number, so equal ones compare equal.

    Raises:
        Refused: a GPU that this machine does not have or this torch was not built for.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type in UNTESTED and not UNTESTED[device.type]():
        raise Refused("value", "--device", f"torch sees no {device.type} here", "shgae doctor, or --device cpu")
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)
        _check_gpu(device)
    return device


def _check_gpu(device: torch.device) -> None:
    fix = "shgae doctor, or --device cpu"
    if device.index >= torch.cuda.device_count():
        why = f"there is no {device} (GPUs that torch sees: {torch.cuda.device_count()})"
        raise Refused("value", "--device", why, fix)
    capability, built = torch.cuda.get_device_capability(device), torch.cuda.get_arch_list()
    if not runs_on(capability, built):
        number = ".".join(map(str, capability))
        why = f"this torch was built for {', '.join(built)}, not for {device} (compute capability {number})"
        raise Refused("value", "--device", why, fix)


def runs_on(capability: tuple[int, int], built: Sequence[str]) -> bool:
    """Whether a torch runs on a GPU of this compute capability.

    Args:
        capability: major and minor, as (8, 6).
        built: what ``torch.cuda.get_arch_list()`` says: machine code as sm_80, which later minors of its major run
            too, intermediate code as compute_90, which all later GPUs run, or either with a letter: a for one GPU
            alone, f for its major. Other names (ROCm's) are not judged.
    """
    for name in built:
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", name)
        if not found:
            return True
        kind, letter, target = found[1], found[4], (int(found[2]), int(found[3]))
        is_older = target < capability and (target[0] == capability[0] or (kind == "compute" and not letter))
        if target == capability or (is_older and letter != "a"):
            return True
    return not built


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 natively; elsewhere it is emulated and slower than float32."""
    if device.type == "cuda" and torch.version.hip:  # AMD's, of which a capability is another number
        return torch.cuda.get_device_properties(device).gcnArchName.startswith(_AMD_BF16)
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type != "cpu":
        return False
    abilities = torch.cpu.get_capabilities()
    return bool(abilities.get("amx_bf16") or abilities.get("avx512_bf16"))


def best_precision(device: torch.device) -> tuple[Precision, str]:
    """What ``--precision auto`` takes on a device, and why, in words."""
    if device.type in UNTESTED:
        return "fp32", f"shgae was never tried on {device.type}"
    if multiplies_bf16(device):
        return "bf16", "the hardware multiplies bf16 natively"
    if device.type == "cuda" and not torch.version.hip and torch.cuda.get_device_capability(device)[0] == 7:
        if "GTX 16" in torch.cuda.get_device_name(device):  # of 7.5 too, without tensor cores (pytorch issue 58123)
            return "fp32", "this GPU has no tensor cores, and its fp16 convolutions may give NaN"
        return "fp16", "this GPU has tensor cores for fp16 and not for bf16"
    return "fp32", "the hardware multiplies neither bf16 nor fp16 natively"


def resolve_precision(precision: Precision, device: torch.device) -> Precision:
    """``auto`` becomes :func:`best_precision`.

    Raises:
        Refused: bf16 on a GPU that cannot multiply it.
    """
    if precision == "auto":
        return best_precision(device)[0]
    if precision == "bf16" and device.type == "cuda" and not multiplies_bf16(device):
        first = "" if torch.version.hip else " (from compute capability 8.0 on)"
        why = f"{describe(device)} does not multiply bf16 natively{first}"
        raise Refused("value", "--precision", why, "--precision fp16 or fp32")
    return precision


def keep_precision(precision: Precision, begun: object, device: torch.device, progress: Progress) -> Precision:
    """``auto`` becomes the precision in which a run or a study was begun, if the device computes in it; a note says so
    where it would be another one here."""
    if precision != "auto" or begun not in get_args(Precision) or begun == best_precision(device)[0]:
        return precision
    kept: Precision = begun  # type: ignore[assignment]
    with suppress(Refused):
        resolve_precision(kept, device)
        progress.note(f"note: going on in {kept}, in which it was begun; --precision auto is another one here")
        return kept
    return precision


def describe(device: torch.device) -> str:
    """The device in words, with what may change the last bits of a result: the GPU, or the number of threads."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"cpu (threads: {torch.get_num_threads()})" if device.type == "cpu" else str(device)


def sound_model(precision: Precision) -> str:
    """The fix where a network gives numbers that are not finite."""
    return BEYOND_FP16 if precision == "fp16" else "a model that did not diverge in training"


def announce(device: torch.device, precision: Precision, progress: Progress) -> None:
    """Says where and in which number format the work begins: a GPU that torch does not see is missed at once."""
    progress.note(f"computing in {precision} on {describe(device)}")
    if device.type in UNTESTED:
        progress.note(f"note: shgae was never tried on {device.type}; compare some numbers with those of --device cpu")


def placed(
    config: ConfigT, execution: Execution, *, output: Path | None = None, quiet: bool = False
) -> tuple[torch.device, ConfigT]:
    """The device that was asked for, and the options with their precision resolved; :func:`announce` says so.

    ``output`` is what is resumed: see :func:`keep_precision`.

    Raises:
        Refused: see :func:`resolve_device` and :func:`resolve_precision`.
    """
    device, precision = resolve_device(execution.device), config.precision
    if output and execution.resume:
        begun = interrupted(output, force=True) or {}
        precision = keep_precision(precision, begun.get("precision"), device, execution.progress)
    config = replace(config, precision=resolve_precision(precision, device))
    if not quiet:
        announce(device, config.precision, execution.progress)
    return device, config


def fetch(tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Begins to copy a tensor to the CPU; what is returned waits for it and gives it.

    A GPU works in the order in which it is asked: a copy that is asked for after the next batch waits for that one too
    (torch.cuda.Stream: "operations within a stream are executed in the order they are created").
    """
    if not tensor.is_cuda:
        return tensor.cpu
    there = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)
    arrived = torch.cuda.current_stream(tensor.device).record_event()

    def read() -> torch.Tensor:
        arrived.synchronize()
        return there

    return read


@contextmanager
def autocast(device: torch.device, precision: Precision) -> Iterator[None]:
    """The forward pass in that precision; weights, loss and optimizer stay float32, which is never TF32."""
    with without_tf32(), torch.autocast(device.type, _HALVES.get(precision), enabled=precision in _HALVES):
        yield
