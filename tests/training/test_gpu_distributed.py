"""Several processes on GPUs, on CPUs: torch's own synchronised batch norm with stand-ins for its kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from shgae.errors import Refused
from shgae.execution import RENDEZVOUS, Execution
from shgae.training import distributed
from tests.builders.blobs import Blobs, outputs, trained
from tests.builders.gpu_batch_norm import pretend_gpu
from tests.builders.gpus import pretend_gpus
from tests.builders.processes import together


class InFormat(Blobs):
    """A forward pass in a number format."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def loss(self, model: Any, batch: Any, weight: int) -> torch.Tensor:
        with torch.autocast("cpu", self.dtype, enabled=self.dtype != torch.float32):
            maps = model(batch[0])
        return super().loss(lambda _: maps.float(), batch, weight)  # type: ignore[arg-type]


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05), (torch.float16, 0.01)])
def test_processes_that_normalise_together_on_gpus_equal_one_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, most: float
) -> None:
    """The last step of an epoch has one row: the second process has none."""
    trained(tmp_path / "one", Execution(), goal=InFormat(dtype))
    pretend_gpu(monkeypatch)
    ends = together(2, lambda world: trained(tmp_path / "two", Execution(world=world), goal=InFormat(dtype)))
    assert ends == [None, None]
    assert float((outputs(tmp_path / "two") - outputs(tmp_path / "one")).abs().max()) <= most


@contextmanager
def met(rank: int, size: int, backend: str) -> Iterator[tuple[int, int, str]]:
    yield rank, size, backend


@pytest.mark.parametrize(
    ("launched", "rank", "visible", "device", "taken"),
    [
        (True, 1, 2, "auto", "cuda:1"),
        (True, 1, 2, "cuda", "cuda:1"),
        (False, 3, 1, "auto", "cuda:0"),
        (False, 3, 2, "cuda", "cuda:1"),
        (True, 1, 2, "cpu", "cpu"),
    ],
)
def test_each_process_takes_a_gpu_of_its_own_and_of_those_that_it_sees(
    monkeypatch: pytest.MonkeyPatch, launched: bool, rank: int, visible: int, device: str, taken: str
) -> None:
    """Slurm may show each process its own GPU only, as number 0."""
    pretend_gpus(monkeypatch, visible)
    as_process(monkeypatch, rank, launched)
    with distributed.joined(device) as (world, found):
        assert found == taken
        assert world == (rank, 4, "gloo" if taken == "cpu" else "cpu:gloo,cuda:nccl")


@pytest.mark.parametrize(("device", "words"), [("cuda:1", "cuda:1 is one device, for 4"), ("cuda", "no cuda:2")])
def test_two_processes_never_share_a_gpu(monkeypatch: pytest.MonkeyPatch, device: str, words: str) -> None:
    pretend_gpus(monkeypatch, 2)
    as_process(monkeypatch, 2, launched=True)
    with pytest.raises(Refused, match=words), distributed.joined(device):
        pass


def as_process(monkeypatch: pytest.MonkeyPatch, rank: int, launched: bool) -> None:
    monkeypatch.setattr(distributed, "meeting", met)
    for name, value in {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 4}.items():
        monkeypatch.setenv(name, str(value))
    if launched:
        monkeypatch.setenv(RENDEZVOUS, "file")
