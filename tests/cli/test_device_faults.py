"""What torch and the system lack is told with a way out; what is neither's fault is left alone."""

from __future__ import annotations

import errno
import re
import sys
from types import SimpleNamespace

import pytest

from shgae.cli import device_faults
from shgae.cli.device_faults import check_address_space, device_fault
from shgae.errors import PeerLost, Refused

MEGABYTE = 1 << 20


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


class DistBackendError(RuntimeError):
    """Named as torch's."""


class DistNetworkError(RuntimeError):
    """Named as torch's."""


class DistStoreError(RuntimeError):
    """Named as torch's."""


def limit_to(monkeypatch: pytest.MonkeyPatch, size: int | None) -> None:
    """Bytes of address space that the system allows; None for all."""
    limit = -1 if size is None else size
    fake = SimpleNamespace(RLIMIT_AS=9, RLIM_INFINITY=-1, getrlimit={9: (limit, -1)}.__getitem__)
    monkeypatch.setitem(sys.modules, "resource", fake)


@pytest.fixture(autouse=True)
def no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_to(monkeypatch, None)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError(), "memory in shgae train: .* Try: a smaller --batch-size"),
        (RuntimeError("can't start new thread"), "threads in shgae train: .* Try: fewer --workers"),
        (RuntimeError("could not create a primitive"), "memory in shgae train"),
        (RuntimeError("std::bad_alloc"), "memory in shgae train"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "memory in shgae train"),
        (OSError(12, "Cannot allocate memory"), "memory in shgae train"),
        (BlockingIOError(11, "Resource temporarily unavailable"), "threads in shgae train"),
    ],
)
def test_what_the_system_lacks_is_named(error: BaseException, says: str) -> None:
    found = device_fault(error, "train", resumed=False)
    assert found is not None
    assert found.exit_code == 2
    assert re.search(says, found.line())


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize("options", [("--batch-size", "--workers"), ("--output",)])
def test_an_option_is_advised_only_where_the_command_has_it(resumed: bool, options: tuple[str, ...]) -> None:
    for error in (MemoryError(), RuntimeError("can't start new thread")):
        found = device_fault(error, "demo", resumed=resumed, options=options)
        assert found is not None
        advised = {one for one in ("--batch-size", "--workers") if one in found.fix}
        assert advised <= set(options)


def test_a_disk_without_room_is_no_lack_of_memory() -> None:
    assert device_fault(OSError(28, "No space left on device"), "train", resumed=False) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[enforce fail] . DefaultCPUAllocator: can't allocate memory: you tried", "memory"),
        ("Cannot allocate memory", "memory"),
        ("bad allocation", "memory"),
        ("could not create a memory object", "memory"),
        ("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED", "memory"),
        ("CUDA error: out of memory", "memory"),
        ("pthread_create failed", "threads"),
        ("libgomp: Thread creation failed: Resource temporarily unavailable", "threads"),
        ("CUDA error: all CUDA-capable devices are busy or unavailable", "device"),
        ("CUDA error: device(s) is/are busy", "device"),
        ("no kernel image is available for execution", "device"),
        ("CUDA driver version is insufficient for CUDA runtime version", "device"),
        ("no CUDA-capable device is detected", "device"),
        ("GPU has fallen off the bus", "device"),
        ("cuDNN error: CUDNN_STATUS_ARCH_MISMATCH", "device"),
        ("Got unsupported ScalarType BFloat16", "device"),
        ("GET was unable to find an engine to execute this computation", "memory"),
        ("Unable to find a valid cuDNN algorithm to run convolution", "memory"),
        ("cuDNN Frontend error: [cudnn_frontend] Error: No valid execution plans built.", "memory"),
        ("CUDA unknown error - this may be due to an incorrectly set up environment", "device"),
        ("No CUDA GPUs are available", "device"),
        ("CUDA error: the launch timed out and was terminated", "device"),
        ("CUDA error: unspecified launch failure", "device"),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "device"),
        ("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR", "device"),
        ("cuDNN error: CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED", "device"),
    ],
)
def test_an_error_of_torch_is_known_by_its_text(text: str, what: str) -> None:
    for error in (RuntimeError(text), ImportError(text), SystemError(text), OSError(text)):
        found = device_fault(error, "train", resumed=False)
        assert isinstance(found, Refused)
        assert (found.what, found.where) == (what, "shgae train")
    assert device_fault(ValueError(text), "train", resumed=False) is None, "torch raises no such one"


def test_different_faults_of_a_device_have_different_ways_out() -> None:
    texts = ("device(s) is/are busy", "no kernel image is available", "driver on your system is too old")
    texts += ("uncorrectable ECC error", "CUDNN_STATUS_NOT_SUPPORTED")
    found = [device_fault(RuntimeError(text), "train", resumed=False) for text in texts]
    assert len({one.why for one in found if one}) == len(texts)
    assert [one.fix for one in found if one and "--precision" in one.fix] == ["--precision fp32"]
    assert all(one and "--batch-size" not in one.fix for one in found)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("illegal memory access"),
        RuntimeError(""),
        KeyError("out of memory"),
        KeyboardInterrupt(),
        OSError(),
    ],
)
def test_another_error_is_left_alone(error: BaseException) -> None:
    assert device_fault(error, "train", resumed=False) is None


def test_a_number_of_the_system_counts_more_than_a_name_of_a_file() -> None:
    named = OSError(errno.ENOENT, "No such file", "out of memory")
    assert device_fault(named, "train", resumed=False) is None
    full = OSError(errno.ENOMEM, "whatever", "a file")
    assert getattr(device_fault(full, "train", resumed=False), "what", None) == "memory"
    busy = OSError(errno.EAGAIN, "whatever")
    assert getattr(device_fault(busy, "train", resumed=False), "what", None) == "threads"


def test_torchs_own_class_of_a_full_gpu_is_known_whatever_it_says() -> None:
    found = device_fault(OutOfMemoryError("something else"), "train", resumed=False)
    assert found is not None and found.what == "memory"


@pytest.mark.parametrize("kind", [DistBackendError, DistNetworkError, DistStoreError])
def test_an_error_of_processes_says_that_another_one_is_gone_even_where_it_names_memory(kind: type[Exception]) -> None:
    found = device_fault(kind("many lines\nLast error:\nout of memory there"), "train", resumed=False)
    assert isinstance(found, PeerLost)
    assert "(out of memory there)" in found.why and found.exit_code == 5
    assert "--resume" in found.fix


@pytest.mark.parametrize(("size", "is_lost"), [(None, False), ("1", False), ("2", True)])
def test_nccl_speaks_of_another_process_only_where_there_are_several(
    monkeypatch: pytest.MonkeyPatch, size: str | None, is_lost: bool
) -> None:
    if size is None:
        monkeypatch.delenv("WORLD_SIZE", raising=False)
    else:
        monkeypatch.setenv("WORLD_SIZE", size)
    found = device_fault(RuntimeError("NCCL error: unhandled"), "train", resumed=False)
    assert isinstance(found, PeerLost) if is_lost else found is None
    assert getattr(device_fault(RuntimeError("out of memory"), "train", resumed=False), "what", "") == "memory"


@pytest.mark.parametrize("is_limited", [False, True])
@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize("options", [("--batch-size",), ("--workers",)])
def test_who_lacks_memory_is_told_what_can_be_changed(
    monkeypatch: pytest.MonkeyPatch, is_limited: bool, resumed: bool, options: tuple[str, ...]
) -> None:
    limit_to(monkeypatch, 10_000 * MEGABYTE if is_limited else None)
    found = device_fault(MemoryError(), "train", resumed=resumed, options=options)
    assert found is not None
    has_batches = options == ("--batch-size",)
    assert ("ulimit -v" in found.fix) == is_limited
    assert ("a smaller --batch-size" in found.fix) == (has_batches and not resumed)
    assert ("another --batch-size" in found.fix) == (has_batches and resumed)
    assert ("a machine" in found.fix) == (not has_batches and not resumed)
    assert ("the same command" in found.fix) == resumed
    assert found.fix.count(" or ") == is_limited


@pytest.mark.parametrize("options", [("--batch-size",), ("--workers",)])
def test_fewer_workers_are_advised_first_and_a_larger_limit_always(options: tuple[str, ...]) -> None:
    found = device_fault(RuntimeError("can't start new thread"), "train", resumed=True, options=options)
    assert found is not None and "ulimit -u" in found.fix
    assert found.fix.startswith("fewer --workers") == ("--workers" in options)


@pytest.mark.parametrize(("megabytes", "is_refused"), [(100, True), (599, True), (600, False), (5000, False)])
def test_an_address_space_too_small_for_the_libraries_is_refused(
    monkeypatch: pytest.MonkeyPatch, megabytes: int, is_refused: bool
) -> None:
    limit_to(monkeypatch, megabytes * MEGABYTE)
    if not is_refused:
        check_address_space()
        return
    with pytest.raises(Refused) as caught:
        check_address_space()
    assert f"{megabytes * 1024:,} kB" in caught.value.why and "614,400 kB" in caught.value.why


def test_a_limit_one_byte_too_low_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_to(monkeypatch, 600 * MEGABYTE - 1)
    with pytest.raises(Refused):
        check_address_space()


def test_without_a_limit_or_on_a_system_that_knows_none_the_libraries_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_address_space()
    monkeypatch.setitem(sys.modules, "resource", None)
    check_address_space()
    assert device_faults._address_space() is None
