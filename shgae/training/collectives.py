"""The two things that processes do with a tensor together; both end in one line when a process is gone."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.distributed as dist

from shgae.errors import PeerLost, shortened


def add(tensor: torch.Tensor) -> None:
    """Makes a tensor, in place, the sum of all processes' tensors of that shape; raises :class:`PeerLost`."""
    _or_lost(lambda: dist.all_reduce(tensor))


def take_from_first(tensor: torch.Tensor) -> None:
    """Makes a tensor, in place, that of the first process; raises :class:`PeerLost`."""
    _or_lost(lambda: dist.broadcast(tensor, 0))


def _or_lost(collective: Callable[[], object]) -> None:
    try:
        collective()
    except RuntimeError as error:  # torch has many kinds of it: a connection reset, a timeout, an abort
        raise PeerLost("another process", f"process {dist.get_rank()}", f"it is gone ({cause(error)})", _FIX) from error


def cause(error: BaseException) -> str:
    """What torch says of a failed collective, in at most 200 characters; of NCCL's many lines the last error."""
    return shortened(" ".join(str(error).split()).rpartition("Last error: ")[2], 200)


_FIX = "the same command, with --resume where it has one"
