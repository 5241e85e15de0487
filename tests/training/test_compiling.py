"""--compile: the same training with compiled passes, or, where that cannot be, the same training and one line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.backends.common import aot_autograd

from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tensors import load_tensors
from shgae.errors import Interrupted
from shgae.execution import Execution
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass
from shgae.recipes import FinetuneConfig, FitConfig, TrainConfig
from shgae.stages import finetune, pretrain_ae, train
from shgae.training import compiling
from shgae.training.compiling import Compiled, compiled, described, searches, whole_rows
from shgae.training.freezing import train_mode, train_only
from tests.builders.chain import Chain, Notes
from tests.builders.line import CONFIG, StopAfter, content, trained
from tests.builders.tiny import TINY, TINY_AE, TINY_FINETUNE

ROWS = frozenset((4,))
"""Of whole batches."""
COMPILE = Execution(compile=True)


@pytest.fixture(params=["eager", "aot_eager"])
def traced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All of it but the machine code: the network is traced as one graph, and its graph runs as torch runs it."""
    torch.compiler.reset()
    monkeypatch.setattr(compiling, "BACKEND", request.param)
    return str(request.param)


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.compiler.reset()

    def broken(_graph: Any, _inputs: Any) -> Any:
        raise RuntimeError("no working C++ compiler found in ['clang++', 'g++']\nmore lines")

    monkeypatch.setattr(compiling, "BACKEND", broken)


def saying() -> tuple[Notes, Execution]:
    notes = Notes()
    return notes, dataclasses.replace(COMPILE, progress=notes)


def test_the_trainings_are_traced_as_one_graph_and_keep_their_bits(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graph is run with torch's own kernels, in the same order."""
    torch.compiler.reset()
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    finetune.run(chain.grafted, chain.data, tmp_path / "finetuned", TINY_FINETUNE, COMPILE)
    pretrain_ae.run(chain.activations, tmp_path / "autoencoder", TINY_AE, COMPILE)
    for name in ("finetuned", "autoencoder"):
        artifact = open_artifact(tmp_path / name)
        assert artifact.manifest.provenance["compiled"] == "torch.compile, eager"
        assert artifact.id == open_artifact(getattr(chain, name)).id


def slopes(network: nn.Module, model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    model.zero_grad(set_to_none=True)
    network(x).float().square().mean().backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])


@pytest.mark.parametrize("kind", [pytest.param("grafted", marks=pytest.mark.slow), "autoencoder"])
def test_a_backward_pass_that_was_made_ahead_has_the_same_gradient(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    torch.compiler.reset()
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")
    code = AutoencoderSpec(width=8, code_size=3)
    if kind == "autoencoder":
        model: nn.Module = build_autoencoder(code)
        x = torch.randn(4, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    else:
        hourglass = build_hourglass(
            HourglassSpec(keypoints=3, crop_size=128, residual="newell", width=8, grafts=(code,))
        )
        train_only(hourglass, "decoder")
        model, x = hourglass, torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    train_mode(model)
    network = compiled(model, CONFIG, COMPILE, ROWS)
    now, usual = slopes(network, model, x), slopes(model, model, x)
    assert isinstance(network, Compiled) and network.fault is None
    assert float((now - usual).norm()) <= 1e-4 * float(usual.norm())


def test_without_it_a_manifest_says_nothing_of_it(chain: Chain) -> None:
    assert "compiled" not in open_artifact(chain.baseline).manifest.provenance
    assert compiled(nn.Linear(1, 1), CONFIG, Execution(), ROWS).__class__ is nn.Linear


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_compiled_training_resumes_with_the_same_bits(tmp_path: Path, traced: str, step: int) -> None:
    trained(tmp_path / "whole", COMPILE)
    with pytest.raises(Interrupted):
        trained(tmp_path / "torn", dataclasses.replace(COMPILE, stop=StopAfter(step)))
    torch.compiler.reset()  # a new process
    trained(tmp_path / "torn", dataclasses.replace(COMPILE, resume=True))
    assert content(tmp_path / "torn") == content(tmp_path / "whole")
    assert "resumed_otherwise" not in open_artifact(tmp_path / "torn").manifest.provenance


def test_going_on_with_it_or_without_is_told_and_recorded(tmp_path: Path, traced: str) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(2)))
    notes, how = saying()
    trained(tmp_path / "run", dataclasses.replace(how, resume=True))
    assert any("(compile: on here, off there)" in note for note in notes.said)
    assert open_artifact(tmp_path / "run").manifest.provenance["resumed_otherwise"] == ["compile: off, then on"]


def test_without_a_compiler_the_training_is_the_usual_one_and_one_line_says_so(
    tmp_path: Path, no_compiler: None
) -> None:
    notes, how = saying()
    trained(tmp_path / "run", how)
    trained(tmp_path / "usual", Execution())
    said = [note for note in notes.said if "has no effect" in note]
    assert len(said) == 1
    assert "no working C++ compiler found" in said[0] and "\n" not in said[0]
    assert content(tmp_path / "run") == content(tmp_path / "usual")
    assert open_artifact(tmp_path / "run").id == open_artifact(tmp_path / "usual").id
    said_in_manifest = open_artifact(tmp_path / "run").manifest.provenance["compiled"]
    assert said_in_manifest.startswith("no: ") and "no working C++ compiler" in said_in_manifest


def test_where_only_the_backward_pass_cannot_be_compiled_the_training_goes_on_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.compiler.reset()

    def broken(_graph: Any, _inputs: Any) -> Any:
        raise RuntimeError("no room for the kernels of the backward pass")

    monkeypatch.setattr(compiling, "BACKEND", aot_autograd(fw_compiler=lambda graph, _: graph, bw_compiler=broken))
    notes, how = saying()
    trained(tmp_path / "run", how)
    trained(tmp_path / "usual", Execution())
    assert [note for note in notes.said if "no room for the kernels of the backward pass" in note]
    assert content(tmp_path / "run") == content(tmp_path / "usual")


class Moody(nn.Module):
    """What cannot be traced: its way depends on its numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(x)
        return x if x[0, 0].item() > 0 else -x


def test_a_network_that_cannot_be_traced_runs_as_it_is_and_counts_each_batch_once() -> None:
    notes, how = saying()
    network = compiled(Moody(), CONFIG, how, ROWS)
    x = torch.randn(4, 3)
    for _ in range(2):
        network(x)
    assert isinstance(network, Compiled) and network.fault
    assert int(network.model.norm.num_batches_tracked) == 2  # type: ignore[union-attr,operator,arg-type]
    assert sum("has no effect" in note for note in notes.said) == 1


def test_more_structures_are_compiled_than_torch_keeps_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the arms and code sizes of a study in one process; what runs a graph counts none."""
    torch.compiler.reset()
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    for size in range(1, 11):
        model = build_autoencoder(AutoencoderSpec(width=8, code_size=size))
        network = Compiled(model, graphs=False, execution=Execution(), rows=frozenset((2,)))
        network(torch.zeros(2, 8, 4, 4))
        assert network.fault is None, size


def test_whole_batches_are_compiled_though_a_short_one_comes_first(
    traced: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a training that is resumed at the last step of an epoch."""
    model, calls = nn.Linear(3, 2), list[int]()
    network = Compiled(model, graphs=False, execution=Execution(), rows=frozenset((5, 6)))
    monkeypatch.setattr(network._compiled, "forward", lambda x: (calls.append(len(x)), model(x))[1])
    for rows in (2, 6, 5, 5, 1):
        torch.testing.assert_close(network(torch.ones(rows, 3)), model(torch.ones(rows, 3)))
    assert calls == [6, 5, 5]


@pytest.mark.parametrize(
    ("batch_size", "micro_batches", "samples", "rows"),
    [(16, 1, 100, {16}), (16, 3, 100, {5, 6}), (16, 1, 10, {10}), (16, 4, 100, {4})],
)
def test_whole_are_batches_or_their_micro_batches(
    batch_size: int, micro_batches: int, samples: int, rows: set[int]
) -> None:
    assert whole_rows(FitConfig(batch_size=batch_size, micro_batches=micro_batches), samples) == rows


class _Two(Execution().world.__class__):  # type: ignore[misc]
    size = 2


@pytest.mark.parametrize("case", ["dropout", "processes"])
def test_what_changes_in_the_middle_is_not_compiled(case: str) -> None:
    notes, how = saying()
    config: TrainConfig | FinetuneConfig = dataclasses.replace(TINY, dropout=0.5 if case == "dropout" else 0.0)
    if case == "processes":
        how = dataclasses.replace(how, world=_Two())
    model = nn.Linear(1, 1)
    assert compiled(model, config, how, ROWS) is model
    assert len(notes.said) == 1 and "has no effect" in notes.said[0]
    assert described(model, config, how).startswith("no: ")
    cut = dataclasses.replace(TINY, micro_batches=2)
    assert isinstance(compiled(model, cut, dataclasses.replace(how, world=_Two()), ROWS), Compiled)


def test_on_a_gpu_graphs_are_recorded_and_cudnn_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in: weights that say they lie on a GPU."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(torch, "compile", lambda model, **how: (asked.append(how), model)[1])
    model = nn.Linear(1, 1)
    here = next(model.parameters())

    class There(torch.nn.Parameter):
        device = torch.device("cuda:0")  # type: ignore[assignment]

    model.weight = There(here.detach())
    for config, execution, mode, tries in (
        (CONFIG, COMPILE, "reduce-overhead", True),
        (dataclasses.replace(CONFIG, micro_batches=2), COMPILE, None, True),
        (CONFIG, dataclasses.replace(COMPILE, deterministic="warn"), "reduce-overhead", False),
    ):
        network = compiled(model, config, execution, ROWS)
        assert asked[-1].get("mode") == mode
        assert ("reduce-overhead" in described(network, config, execution)) == (mode is not None)
        assert ("cudnn.benchmark" in described(network, config, execution)) == tries
        assert searches(network, execution) == tries


@pytest.mark.slow
def test_with_machine_code_the_numbers_stay_close(chain: Chain, tmp_path: Path) -> None:
    torch.compiler.reset()
    notes, how = saying()
    # RMSprop's first steps go by signs, and rounding turns some round.
    config = dataclasses.replace(TINY, epochs=1, optimizer="sgd")
    train.run(chain.data, tmp_path / "baseline", config, how)
    train.run(chain.data, tmp_path / "usual", config, Execution())
    assert open_artifact(tmp_path / "baseline").manifest.provenance["compiled"] == "torch.compile, inductor", notes.said
    now, before = (load_tensors(tmp_path / name / MODEL) for name in ("baseline", "usual"))
    for key, tensor in before.items():
        np.testing.assert_allclose(now[key], tensor, rtol=1e-3, atol=1e-4, err_msg=key)
