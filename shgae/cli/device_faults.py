"""What torch says when a device cannot go on, in words that help; torch tells most of it by text alone."""

from __future__ import annotations

import os

from shgae.errors import PeerLost, Refused, ShgaeError

_RESUMED = "the same command when other programs have left it more (another --batch-size would be another run)"
_FAULTS: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (
        # The last three: a GPU so full that its libraries cannot begin.
        (
            *("out of memory", "can't allocate memory"),
            *("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED"),
        ),
        *("memory", "there is not enough of it", "a smaller --batch-size"),
    ),
    (
        ("devices are busy or unavailable", "device(s) is/are busy"),
        *("device", "the GPU is busy: another program has it for itself", "nvidia-smi, another GPU, or --device cpu"),
    ),
    (
        ("no kernel image is available",),
        *("device", "this torch was not built for this GPU", "shgae doctor, or --device cpu"),
    ),
    (
        ("driver version is insufficient", "driver on your system is too old", "no CUDA-capable device is detected"),
        *("device", "the GPU's driver does not fit this torch", "a newer driver, or --device cpu"),
    ),
    (
        ("uncorrectable ECC error", "fallen off the bus"),
        *("device", "the GPU's hardware reports a fault", "nvidia-smi, another GPU, or --device cpu"),
    ),
    (
        ("CUDNN_STATUS_NOT_SUPPORTED", "CUDNN_STATUS_ARCH_MISMATCH", "Got unsupported ScalarType"),
        *("device", "it cannot compute in this number format", "--precision fp32"),
    ),
)
_OF_PROCESSES = ("DistBackendError", "DistNetworkError", "DistStoreError")


def device_fault(error: BaseException, command: str, *, resumed: bool, has_batches: bool = True) -> ShgaeError | None:
    """The end that an error of torch's stands for; None for any other error.

    Args:
        error: as it was raised.
        command: the first word of the command line.
        resumed: whether a run is continued, of which no option may be changed.
        has_batches: whether the command has --batch-size.
    """
    where, text = f"shgae {command}", str(error)
    if isinstance(error, MemoryError):
        text = "out of memory"
    elif not isinstance(error, RuntimeError):
        return None
    if type(error).__name__ in _OF_PROCESSES or ("NCCL" in text and os.environ.get("WORLD_SIZE", "1") != "1"):
        from shgae.training.collectives import cause

        return PeerLost("another process", where, f"it is gone ({cause(error)})", "the same command, with --resume")
    if type(error).__name__ == "OutOfMemoryError":
        text = "out of memory"
    for needles, what, why, fix in _FAULTS:
        if any(needle in text for needle in needles):
            if what == "memory":
                fix = _RESUMED if resumed else fix if has_batches else "fewer people, or a machine with more memory"
            return Refused(what, where, why, fix)
    return None
