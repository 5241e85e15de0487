"""The room that a training asks for is what its weights and its optimizer's numbers take."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from shgae.artifacts.checkpoint import CHECKPOINT, MODEL
from shgae.errors import Interrupted
from shgae.execution import Execution, ProcessGroup, Progress
from shgae.training import drafts
from shgae.training.drafts import check_training_space, training_draft, training_size
from shgae.training.loop import fit
from shgae.training.optim import OPTIMIZER_NUMBERS, build_optimizer
from tests.builders.line import CONFIG, Fitting, drafted, network, trained


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """What an optimizer really keeps, without its counts of steps."""
    tensors = [one for state in optimizer.state.values() for one in state.values() if isinstance(one, torch.Tensor)]
    return sum(tensor.nbytes for tensor in tensors if tensor.ndim)


@pytest.mark.parametrize("name", OPTIMIZER_NUMBERS)
def test_it_is_the_weights_thrice_and_an_optimizers_numbers_twice(name: Any) -> None:
    model = network()
    model[0].requires_grad_(requires_grad=False)  # type: ignore[index]
    optimizer = build_optimizer(model, dataclasses.replace(CONFIG, optimizer=name))
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    assert state_bytes(optimizer) > 0
    assert training_size(model, name) == 3 * weights + 2 * state_bytes(optimizer)


def test_the_files_of_a_training_take_that_much(tmp_path: Path) -> None:
    wide = nn.Sequential(nn.Linear(3, 4000), nn.Linear(4000, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.builders.line.network", lambda: wide)
        trained(tmp_path / "run", Execution(), config=dataclasses.replace(CONFIG, epochs=1))
    files = [(tmp_path / "run" / name).stat().st_size for name in (MODEL, CHECKPOINT, CHECKPOINT)]
    assert sum(files) == pytest.approx(training_size(wide, CONFIG.optimizer), rel=0.03)


class Second(ProcessGroup):
    rank, size = 1, 2


def test_what_lies_there_already_is_taken_off_and_only_the_first_process_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, int]] = []
    monkeypatch.setattr(drafts, "check_space", lambda target, size, *_: asked.append((target, size)))
    with drafted(tmp_path / "run", Execution()) as draft:
        free = training_size(network(), CONFIG.optimizer) - draft.size()
        check_training_space(draft, network(), CONFIG, Progress())
        draft.file("half").write_bytes(bytes(100))
        check_training_space(draft, network(), CONFIG, Progress())
        monkeypatch.setattr(draft, "world", Second())
        check_training_space(draft, network(), CONFIG, Progress())
        draft.file("half").unlink()
    assert asked == [(tmp_path / "run", free), (tmp_path / "run", free - 100)]


class Stopped(Fitting):
    """Hears a signal in validation."""

    def validate(self, model: nn.Module, execution: Execution) -> dict[str, float]:  # noqa: ARG002
        execution.stop.signal_number = signal.SIGTERM
        execution.stop.raise_if_set("validation", "the same command with --resume")
        raise AssertionError


def test_a_signal_that_is_heard_in_validation_tells_the_folder_that_is_gone_on_with(tmp_path: Path) -> None:
    execution = Execution()
    asked = (tmp_path / "run", "hourglass", CONFIG, {}, network(), execution, torch.device("cpu"))
    with pytest.raises(Interrupted) as caught, training_draft(*asked) as draft:
        fit(network(), Stopped(), CONFIG, draft, execution)
    assert caught.value.where == str(tmp_path / "run.partial")
    assert (tmp_path / "run.partial" / CHECKPOINT).is_file()


def test_where_nothing_was_kept_an_interruption_stays_as_it_was_told(tmp_path: Path) -> None:
    execution = Execution()
    asked = (tmp_path / "run", "hourglass", CONFIG, {}, network(), execution, torch.device("cpu"))
    with pytest.raises(Interrupted, match="nothing was written"), training_draft(*asked):
        execution.stop.signal_number = signal.SIGTERM
        execution.stop.raise_if_set("an input", "the same command again", saved=False)
    assert not (tmp_path / "run.partial").exists()
