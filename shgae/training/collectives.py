"""The two things that processes do with a tensor together; both end in one line when a process is gone."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.distributed as dist

from shgae.errors import PeerLost


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
        why = " ".join(str(error).split())[:200]
        raise PeerLost("another process", f"process {dist.get_rank()}", f"it is gone ({why})", _FIX) from error


_FIX = "the same command, with --resume where it has one"
