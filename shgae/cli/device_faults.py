"""What torch and the system say when they cannot go on, in words that help; most of it is told by text alone."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection

from shgae.errors import PeerLost, Refused, ShgaeError

_LEAST = 600 << 20
"""Bytes of address space: torch's libraries alone are larger."""
_BATCHES, _WORKERS = "--batch-size", "--workers"
_LARGER_LIMIT = "a larger limit (ulimit -v)"
_RESUMED = "the same command when other programs have left it more"
_FAULTS: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (
        # A limit on address space (ulimit -v) shows when a library is loaded, or when oneDNN asks for room. Next, a GPU
        # so full that its libraries cannot begin; last, one on which cuDNN has no room for any algorithm.
        (
            *("out of memory", "can't allocate memory", "annot allocate memory", "failed to map segment"),
            *("bad_alloc", "bad allocation", "could not create a memory", "could not create a primitive"),
            *("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED"),
            *("unable to find an engine", "Unable to find a valid cuDNN algorithm", "No valid execution plans"),
        ),
        *("memory", "there is not enough of it", ""),
    ),
    (
        ("can't start new thread", "pthread_create", "Resource temporarily unavailable", "Thread creation failed"),
        *("threads", "the system allows no more of them", "a larger limit (ulimit -u, ulimit -v)"),
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
        (
            *("driver version is insufficient", "driver on your system is too old"),
            *("no CUDA-capable device is detected", "No CUDA GPUs are available", "SUBLIBRARY_LOADING_FAILED"),
        ),
        *("device", "the GPU's driver does not fit this torch", "a newer driver, or --device cpu"),
    ),
    (
        (
            *("uncorrectable ECC error", "fallen off the bus", "CUDA unknown error", "launch timed out"),
            *("unspecified launch failure", "CUDNN_STATUS_EXECUTION_FAILED", "CUDNN_STATUS_INTERNAL_ERROR"),
        ),
        *("device", "the GPU or its driver reports a fault", "nvidia-smi, another GPU, or --device cpu"),
    ),
    (
        ("CUDNN_STATUS_NOT_SUPPORTED", "CUDNN_STATUS_ARCH_MISMATCH", "Got unsupported ScalarType"),
        *("device", "it cannot compute in this number format", "--precision fp32"),
    ),
)
_SYSTEM = {errno.ENOMEM: "out of memory", errno.EAGAIN: "Resource temporarily unavailable"}
"""What a file has nothing to do with, though it is an OSError."""
_OF_PROCESSES = ("DistBackendError", "DistNetworkError", "DistStoreError")


def device_fault(
    error: BaseException, command: str, *, resumed: bool, options: Collection[str] = (_BATCHES, _WORKERS)
) -> ShgaeError | None:
    """The end that an error of torch's or of the system's stands for; None for any other error.

    No option of a run that is ``resumed`` may be changed; only ``options``, those of the command, are advised.
    """
    where, text = f"shgae {command}", str(error)
    if isinstance(error, MemoryError):
        text = "out of memory"
    elif isinstance(error, OSError) and error.errno is not None:
        text = _SYSTEM.get(error.errno, "")
    elif not isinstance(error, RuntimeError | ImportError | OSError | SystemError):
        return None
    if type(error).__name__ in _OF_PROCESSES or ("NCCL" in text and os.environ.get("WORLD_SIZE", "1") != "1"):
        from shgae.training.collectives import cause

        return PeerLost("another process", where, f"it is gone ({cause(error)})", "the same command, with --resume")
    if type(error).__name__ == "OutOfMemoryError":
        text = "out of memory"
    for needles, what, why, fix in _FAULTS:
        if any(needle in text for needle in needles):
            if what == "memory":
                fix = _for_memory(resumed, _BATCHES in options)
            elif what == "threads" and _WORKERS in options:
                fix = f"fewer {_WORKERS}, or {fix}"
            return Refused(what, where, why, fix)
    return None


def _for_memory(resumed: bool, has_batches: bool) -> str:
    fixes = [] if _address_space() is None else [_LARGER_LIMIT]
    if resumed:
        same = f"{_RESUMED} (another {_BATCHES} would be another run)" if has_batches else _RESUMED
        return " or ".join([*fixes, same])
    return " or ".join([f"a smaller {_BATCHES}" if has_batches else "a machine with more memory", *fixes])


def check_address_space() -> None:
    """Raises :class:`Refused` where there is too little of it to load the libraries: OpenBLAS would try for ever."""
    limit = _address_space()
    if limit is not None and limit < _LEAST:
        why = f"a limit of {limit // 1024:,} kB, to load the libraries takes {_LEAST // 1024:,} kB"
        raise Refused("memory", "ulimit -v", why, "ulimit -v unlimited, or a larger limit")


def _address_space() -> int | None:
    """Bytes that this process may address; None where there is no limit."""
    try:
        import resource
    except ImportError:  # Windows has none
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit
