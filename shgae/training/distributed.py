"""Several processes do one stage together: gloo between CPUs, NCCL between GPUs.

Their number is not part of the method. Data order stays a function of (seed, epoch); the rows of a step, and the
batches of a split that is only looked at, are shared out without padding, and what was counted is added up.
"""

from __future__ import annotations

import datetime
import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import nn

from shgae.data.datasets import Rows
from shgae.errors import PeerLost, Refused, shortened
from shgae.execution import RENDEZVOUS, Number, ProcessGroup, StopFlag, T
from shgae.inference.device import resolve_device
from shgae.recipes import FitConfig
from shgae.training import collectives
from shgae.training.batch_norm import synchronise

MOST_PROCESSES = 65_536
PATIENCE = datetime.timedelta(minutes=30)
"""A process may wait so long for another one (that hashes a large input, say). One that dies is noticed at once."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def split_micro_batches(rows: Rows, micro_batches: int, world: ProcessGroup) -> list[Rows]:
    """This process's micro-batches (m,) of a step's rows (n,).

    The rows become ``micro_batches`` (or one a process) consecutive micro-batches with sizes that differ by at most
    one; each process takes its consecutive share of them. Of all processes together each row comes once. Empty ones are
    left out, unless all processes normalise together: then they must all take part.
    """
    parts = np.array_split(rows, max(micro_batches, world.size))
    each = len(parts) // world.size
    mine = parts[world.rank * each : (world.rank + 1) * each]
    return mine if micro_batches == 1 else [part for part in mine if len(part)]


def prepare(model: nn.Module, config: FitConfig, world: ProcessGroup) -> None:
    """Makes a model ready to be trained by these processes.

    Raises:
        Refused: the batch has too few samples for so many micro-batches or processes, or they do not share out evenly.
    """
    if config.micro_batches > config.batch_size:
        why = f"{config.micro_batches} micro-batches of a step of {config.batch_size} samples"
        raise Refused("option", "--micro-batches", why, f"--micro-batches {config.batch_size} or less")
    if world.size > config.batch_size:
        why = f"{world.size} processes for a step of {config.batch_size} samples"
        raise Refused("option", "--batch-size", why, f"--batch-size {world.size} or more")
    if config.micro_batches > 1 and config.micro_batches % world.size:
        why = f"{config.micro_batches} micro-batches cannot be shared out evenly to {world.size} processes"
        raise Refused("option", "--micro-batches", why, f"--micro-batches 1 or {world.size}")
    if world.size > 1 and config.micro_batches == 1:
        synchronise(model)
    world.broadcast_model(model)


class Processes(ProcessGroup):
    """This process among the others; see :class:`~shgae.execution.ProcessGroup`."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size

    def broadcast(self, value: T) -> T:
        said = json.dumps(value).encode() if self.is_main else b""
        length = torch.tensor([len(said)])
        collectives.take_from_first(length)
        text = torch.zeros(int(length), dtype=torch.uint8)
        if self.is_main:
            text = torch.frombuffer(bytearray(said), dtype=torch.uint8)
        collectives.take_from_first(text)
        told: T = json.loads(text.numpy().tobytes())
        return told

    def merge_disjoint(self, array: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """See :class:`~shgae.execution.ProcessGroup`; bytes are added, so that not even the sign of a zero is lost."""
        joined = np.ascontiguousarray(array).copy()
        collectives.add(torch.from_numpy(joined.reshape(-1).view(np.uint8)))
        return joined

    def all_reduce_gradients(self, model: nn.Module, losses: Sequence[torch.Tensor]) -> torch.Tensor:
        """See :class:`~shgae.execution.ProcessGroup`; a process without rows adds zeros."""
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        for parameter in learning:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in learning if parameter.grad is not None]
        loss = sum(losses[1:], losses[0]) if losses else gradients[0].new_zeros(())
        flat = torch.cat([loss.reshape(1), *(gradient.reshape(-1) for gradient in gradients)])
        collectives.add(flat)
        sums = flat.split([1, *(gradient.numel() for gradient in gradients)])  # type: ignore[no-untyped-call]
        for gradient, total in zip(gradients, sums[1:], strict=True):
            gradient.copy_(total.view(gradient.shape))
        return flat[0]

    def broadcast_model(self, model: nn.Module) -> None:
        for tensor in model.state_dict().values():
            dense = tensor.contiguous()
            collectives.take_from_first(dense)
            tensor.copy_(dense)

    def any_stopped(self, stop: StopFlag) -> bool:
        mine = stop.signal_number if stop else None
        asked = torch.tensor([int(mine == number) for number in _SIGNALS])
        collectives.add(asked)
        if asked.any():
            stop.signal_number = _SIGNALS[int(asked.argmax())]
        return bool(asked.any())


@contextmanager
def joined(device: str) -> Iterator[tuple[ProcessGroup, str]]:
    """Meets the other processes that the environment tells of, and leaves them at the end of a block that went well.

    Args:
        device: as ``--device`` names it; "auto" and "cuda" become this process's own GPU where there are any.

    Yields:
        the world of this process, and its device.

    Raises:
        Refused: the environment does not say which process this is, or the device is one that they cannot share.
        PeerLost: the others did not come.
    """
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local = int(os.environ.get("LOCAL_RANK", rank))
        if not 0 <= rank < size <= MOST_PROCESSES or not 0 <= local < MOST_PROCESSES:
            raise ValueError(f"process {rank} of {size}")
    except (KeyError, ValueError) as error:
        why = f"RANK and WORLD_SIZE do not say which process this is ({shortened(str(error))})"
        raise Refused("environment", "WORLD_SIZE", why, "--nproc, or torchrun") from error
    if device in ("auto", "cuda") and torch.cuda.is_available():
        # Slurm may show each process its own GPU only; our launcher shows all of them to all.
        device = f"cuda:{local if RENDEZVOUS in os.environ else local % torch.cuda.device_count()}"
    elif size > 1 and device not in ("auto", "cpu", "cuda"):
        why = f"{device} is one device, for {size} processes"
        raise Refused("option", "--device", why, "--device cuda (each process takes a GPU of its own), or --nproc 1")
    resolved = resolve_device(device)
    if resolved.type == "cuda":
        torch.cuda.set_device(resolved)
    with meeting(rank, size, "cpu:gloo,cuda:nccl" if resolved.type == "cuda" else "gloo") as world:
        yield world, device


@contextmanager
def meeting(rank: int, size: int, backend: str = "gloo", file: str | None = None) -> Iterator[ProcessGroup]:
    """A process group of torch, for the time of a block; ``file`` is where its processes find each other."""
    file = file or os.environ.get(RENDEZVOUS)
    where = Path(file).absolute().as_uri() if file else "env://"
    try:
        dist.init_process_group(backend, where, rank=rank, world_size=size, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        why = f"they cannot be met ({collectives.cause(error)})"
        raise PeerLost("the other processes", f"process {rank}", why, "") from error
    yield Processes(rank, size)
    # Not after an error: the others may be gone, and saying goodbye would wait for them.
    dist.destroy_process_group()
