"""--cuda-graphs: the same training from recorded passes, or, where that cannot be, the same training and one line.

CUDA graphs are replaced by a stand-in with their habits: passes before the recording move the statistics of batch
normalisation, a replay reads the tensor that was there at the recording, and other shapes do not fit.
"""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from shgae.artifacts.store import open_artifact
from shgae.errors import Interrupted
from shgae.execution import Execution, ProcessGroup
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass
from shgae.stages import finetune, pretrain_ae, train
from shgae.training import recording
from shgae.training.recording import Recorded, described, recorded
from tests.builders.chain import Chain, Notes
from tests.builders.line import CONFIG, StopAfter, content, trained
from tests.builders.tiny import TINY, TINY_AE, TINY_FINETUNE

ROWS = frozenset((4,))
"""Of whole batches."""
RECORD = Execution(cuda_graphs=True)


class Graphs:
    """The stand-in, and what it was asked for."""

    def __init__(self, spoiled: Callable[[torch.Tensor], torch.Tensor] = lambda out: out) -> None:
        self.recorded, self.replays, self._spoiled = 0, 0, spoiled

    def __call__(self, passes: nn.Module, args: tuple[torch.Tensor], *, allow_unused_input: bool) -> nn.Module:
        assert passes.training and allow_unused_input
        assert not torch.is_autocast_enabled("cpu") or not torch.is_autocast_cache_enabled()
        (there,), plain = args, passes.forward
        for _ in range(3):
            plain(there)
        self.recorded += 1

        def replay(x: torch.Tensor) -> torch.Tensor:
            assert x.shape == there.shape
            self.replays += 1
            return self._spoiled(plain(there.copy_(x)))

        passes.forward = replay  # type: ignore[method-assign]
        return passes


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Graphs:
    return use(Graphs(), monkeypatch)


def use(graphs: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(recording, "DEVICES", ("cpu",))
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", graphs)
    return graphs


def test_recorded_trainings_keep_every_bit(chain: Chain, tmp_path: Path, graphs: Graphs) -> None:
    train.run(chain.data, tmp_path / "baseline", TINY, RECORD)
    finetune.run(chain.grafted, chain.data, tmp_path / "finetuned", TINY_FINETUNE, RECORD)
    pretrain_ae.run(chain.activations, tmp_path / "autoencoder", TINY_AE, RECORD)
    assert graphs.recorded == 3 and graphs.replays > 3
    for name in ("baseline", "finetuned", "autoencoder"):
        artifact = open_artifact(tmp_path / name)
        assert artifact.manifest.provenance["cuda_graphs"] == "recorded"
        assert artifact.id == open_artifact(getattr(chain, name)).id


def test_half_precision_keeps_every_bit(tmp_path: Path, chain: Chain, graphs: Graphs) -> None:
    """Casts of the weights are not kept from before the recording."""
    config = dataclasses.replace(TINY, precision="bf16")
    runs = [
        train.run(chain.data, tmp_path / how, config, Execution(cuda_graphs=how == "new")) for how in ("new", "old")
    ]
    assert runs[0].artifact.id == runs[1].artifact.id
    assert graphs.recorded == 1


def test_a_recorded_training_resumes_with_the_same_bits(tmp_path: Path, graphs: Graphs) -> None:
    trained(tmp_path / "whole", Execution())
    with pytest.raises(Interrupted):
        trained(tmp_path / "torn", dataclasses.replace(RECORD, stop=StopAfter(3)))
    trained(tmp_path / "torn", dataclasses.replace(RECORD, resume=True))
    assert content(tmp_path / "torn") == content(tmp_path / "whole")


def test_without_it_a_manifest_says_nothing_of_it(chain: Chain) -> None:
    assert "cuda_graphs" not in open_artifact(chain.baseline).manifest.provenance


def test_a_whole_batch_is_recorded_though_a_short_one_comes_first(graphs: Graphs) -> None:
    model = nn.Linear(3, 2)
    network = Recorded(model, Execution(), ROWS)
    for rows in (2, 4, 4, 1):
        torch.testing.assert_close(network(torch.ones(rows, 3)), model(torch.ones(rows, 3)))
    assert (graphs.recorded, graphs.replays) == (1, 3)  # one replay is the comparison


def test_a_training_that_is_resumed_at_a_short_batch_records_the_whole_ones(tmp_path: Path, graphs: Graphs) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path / "torn", dataclasses.replace(RECORD, stop=StopAfter(2)))
    before = graphs.replays
    trained(tmp_path / "torn", dataclasses.replace(RECORD, resume=True))
    trained(tmp_path / "whole", Execution())
    assert content(tmp_path / "torn") == content(tmp_path / "whole")
    assert graphs.replays - before > 2


def failing(*_: Any, **__: Any) -> Any:
    raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore lines")


@pytest.mark.parametrize(
    ("stand_in", "why"),
    [
        (failing, "operation not permitted when stream is capturing"),
        (Graphs(lambda out: out * 1.1), "its replay gives other numbers"),
        (Graphs(lambda out: out * float("nan")), "its replay gives other numbers"),
    ],
)
def test_what_cannot_be_recorded_is_the_usual_training_and_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: Any, why: str
) -> None:
    use(stand_in, monkeypatch)
    notes = Notes()
    trained(tmp_path / "run", dataclasses.replace(RECORD, progress=notes))
    trained(tmp_path / "usual", Execution())
    assert content(tmp_path / "run") == content(tmp_path / "usual")
    (said,) = [note for note in notes.said if "--cuda-graphs has no effect" in note]
    assert why in said and "\n" not in said
    assert why in open_artifact(tmp_path / "run").manifest.provenance["cuda_graphs"]


def test_a_gradient_that_differs_is_noticed_though_the_output_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    use(Graphs(lambda out: out.detach() + 2 * (out - out.detach())), monkeypatch)
    network = Recorded(nn.Linear(3, 2), Execution(), ROWS)
    network(torch.ones(4, 3))
    assert network.fault and "replay" in network.fault


class Otherwise(nn.Module):
    """A graph whose convolutions another algorithm computes: the last bits are others."""

    def __init__(self, passes: nn.Module) -> None:
        super().__init__()
        self.passes = passes

    def forward(self, x: torch.Tensor) -> Any:
        with torch.backends.mkldnn.flags(enabled=False):
            return self.passes(x)


def hourglass(residual: Any = "newell") -> nn.Module:
    spec = HourglassSpec(keypoints=17, crop_size=128, residual=residual, width=16)
    return build_hourglass(spec).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]


def images(rows: int = 4) -> torch.Tensor:
    drawn = torch.rand(rows, 3, 128, 128, generator=torch.Generator().manual_seed(0)) - 0.5
    return drawn.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("residual", ["newell", "original"])
def test_a_graph_that_only_rounds_otherwise_is_taken(
    monkeypatch: pytest.MonkeyPatch, residual: Any, precision: torch.dtype
) -> None:
    use(lambda passes, _args, **_: Otherwise(passes), monkeypatch)
    network = Recorded(hourglass(residual), Execution(), ROWS)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision != torch.float32):
        network(images())
    assert network.fault is None


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_graph_without_a_gradient_is_not(monkeypatch: pytest.MonkeyPatch, precision: torch.dtype) -> None:
    use(Graphs(lambda out: out.detach() + 0 * out), monkeypatch)
    network = Recorded(hourglass(), Execution(), ROWS)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision != torch.float32):
        network(images())
    assert network.fault and "replay" in network.fault


def test_a_gradient_beyond_fp16_is_no_fault_of_the_graph(graphs: Graphs) -> None:
    model = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.Conv2d(1, 1, 1, bias=False)).half()
    with torch.no_grad():
        model[0].weight.fill_(1e-3)
        model[1].weight.fill_(6e4)
    network = Recorded(model, Execution(), ROWS)
    network(torch.ones(4, 3, 64, 64, dtype=torch.half))
    assert network.fault is None and graphs.replays == 2


def test_a_training_s_graph_goes_with_its_network(graphs: Graphs) -> None:
    del graphs  # only that there are some
    model = nn.Linear(3, 2)
    network, alive = Recorded(model, Execution(), ROWS), weakref.ref(model)
    network(torch.ones(4, 3))
    gc.collect()
    gc.disable()
    try:
        del network, model
        assert alive() is None
    finally:
        gc.enable()


class _Two(ProcessGroup):
    size = 2


@pytest.mark.parametrize(
    ("config", "execution", "why"),
    [
        (dataclasses.replace(TINY, dropout=0.5), RECORD, "--dropout"),
        (dataclasses.replace(TINY, micro_batches=2), RECORD, "--micro-batches"),
        (TINY, dataclasses.replace(RECORD, world=_Two()), "several processes"),
        (TINY, dataclasses.replace(RECORD, compile=True), "--compile"),
    ],
)
def test_where_a_step_is_not_one_piece_nothing_is_recorded(
    config: Any, execution: Execution, why: str, graphs: Graphs
) -> None:
    notes, model = Notes(), nn.Linear(1, 1)
    assert recorded(model, config, dataclasses.replace(execution, progress=notes), ROWS) is model
    assert why in notes.said[0] and why in described(model, config, execution)


def test_a_cpu_has_none() -> None:
    notes, model = Notes(), nn.Linear(1, 1)
    assert recorded(model, CONFIG, dataclasses.replace(RECORD, progress=notes), ROWS) is model
    (note,) = notes.said
    assert "--cuda-graphs" in note and note.endswith("cpu has none")
