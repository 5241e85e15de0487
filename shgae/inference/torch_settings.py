"""Settings of torch, most of them one for the whole process: TF32, deterministic algorithms, cuDNN's search.

A computation holds what it needs. Threads may compute at once: the first saves the settings, the strictest wish holds
for all of them, and the last puts the settings back.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from shgae.errors import Refused
from shgae.execution import Deterministic

Value = TypeVar("Value")
_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_BACKENDS: Any = torch.backends
_OPERATIONS = (
    *(_BACKENDS.cudnn.conv, _BACKENDS.cudnn.rnn, _BACKENDS.cuda.matmul),
    *(_BACKENDS.mkldnn.conv, _BACKENDS.mkldnn.rnn, _BACKENDS.mkldnn.matmul),
)


class _Setting:
    """One of them, and who holds it."""

    def __init__(self, kind: type[_Float32 | _Algorithms]) -> None:
        self._kind, self._lock, self._wishes = kind, threading.Lock(), list[str]()

    @contextmanager
    def held(self, wish: str) -> Iterator[None]:
        """Within it the wish holds, or a stricter one."""
        with self._lock:
            if not self._wishes:
                self._before = self._now = self._kind.read()
            self._turn([*self._wishes, wish])
        try:
            yield
        finally:
            with self._lock:
                self._wishes.remove(wish)
                self._turn(self._wishes)

    def _turn(self, wishes: list[str]) -> None:
        state = self._before.wanted(wishes) if wishes else self._before
        if state != self._now:  # else another thread, under way, would see it change and change back
            state.write()
        self._now, self._wishes = state, wishes


class _Float32(NamedTuple):
    """How float32 may be rounded, in torch's two ways to say it; None where the older way contradicts the newer."""

    usual: torch.dtype
    """Of a tensor that is made without a number format."""
    convolutions: bool | None
    products: str | None
    operations: tuple[str, ...]

    @classmethod
    def read(cls) -> _Float32:
        convolutions = _unless_mixed(lambda: torch.backends.cudnn.allow_tf32)
        products = _unless_mixed(torch.get_float32_matmul_precision)
        return cls(torch.get_default_dtype(), convolutions, products, tuple(one.fp32_precision for one in _OPERATIONS))

    def write(self) -> None:
        torch.set_default_dtype(self.usual)
        if self.convolutions is not None:
            torch.backends.cudnn.allow_tf32 = self.convolutions
        if self.products is not None:
            torch.set_float32_matmul_precision(self.products)
        # Last, for the older way sets these too.
        for one, precision in zip(_OPERATIONS, self.operations, strict=True):
            one.fp32_precision = precision

    def wanted(self, _wishes: Sequence[str]) -> _Float32:
        return _Float32(torch.float32, False, "highest", ("ieee",) * len(_OPERATIONS))


def _unless_mixed(read: Callable[[], Value]) -> Value | None:
    try:
        return read()
    except RuntimeError:  # torch refuses to say
        return None


_FLOAT32 = _Setting(_Float32)


@contextmanager
def without_tf32() -> Iterator[None]:
    """Within it tensors are float32 by default, never TF32, to which torch lets convolutions on GPUs round."""
    with _FLOAT32.held("exact"):
        yield


@contextmanager
def settled() -> Iterator[None]:
    """Around a command: :func:`without_tf32`, and no setting of the program that calls it, such as a default device,
    autocast, switched off gradients or numpy's errors, holds within it."""
    on_cpu = nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu")
    errors = np.errstate(all="warn", under="ignore")
    with without_tf32(), on_cpu, torch.inference_mode(False), torch.enable_grad(), _outside_of_autocast(), errors:
        yield


@contextmanager
def _outside_of_autocast() -> Iterator[None]:
    """Not by ``torch.autocast(enabled=False)``: around another one it keeps the casts of weights that were made within
    that, and the next step of a training would take them for its own."""
    enabled = [kind for kind in ("cpu", "cuda", "mps", "xpu") if torch.is_autocast_enabled(kind)]
    depth = torch.autocast_increment_nesting() - 1
    for _ in range(depth + 1):
        torch.autocast_decrement_nesting()
    for kind in enabled:
        torch.set_autocast_enabled(kind, False)
    torch.clear_autocast_cache()
    try:
        yield
    finally:
        for _ in range(depth):
            torch.autocast_increment_nesting()
        for kind in enabled:
            torch.set_autocast_enabled(kind, True)


class _Algorithms(NamedTuple):
    """Which algorithms torch may take."""

    deterministic: bool
    warn_only: bool
    searches: bool
    workspace: str | None
    """cuBLAS reads it when it begins: with less memory than ours its sums may be ordered by chance."""

    @classmethod
    def read(cls) -> _Algorithms:
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        searches, workspace = torch.backends.cudnn.benchmark, os.environ.get(_WORKSPACE)
        return cls(torch.are_deterministic_algorithms_enabled(), warn_only, searches, workspace)

    def write(self) -> None:
        if self.workspace is None:
            os.environ.pop(_WORKSPACE, None)
        else:
            os.environ[_WORKSPACE] = self.workspace
        torch.backends.cudnn.benchmark = self.searches
        torch.use_deterministic_algorithms(self.deterministic, warn_only=self.warn_only)

    def wanted(self, wishes: Sequence[str]) -> _Algorithms:
        if set(wishes) == {"search"}:
            return self._replace(searches=True)
        return _Algorithms(True, "error" not in wishes, searches=False, workspace=self.workspace or ":4096:8")


_ALGORITHMS = _Setting(_Algorithms)


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
    with _ALGORITHMS.held(mode):
        try:
            yield
        except RuntimeError as error:
            if "deterministic" not in str(error):
                raise
            why = str(error).partition(", but")[0]
            raise Refused("algorithm", "--deterministic error", why, "warn or off") from error


@contextmanager
def searching() -> Iterator[None]:
    """Lets cuDNN try its algorithms, where no thread wants :func:`determinism`; they may differ in bits from run to
    run."""
    with _ALGORITHMS.held("search"):
        yield
