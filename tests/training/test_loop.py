"""Resumed equals uninterrupted, twice is twice the same, and the best epoch is kept."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from shgae.artifacts.checkpoint import CHECKPOINT, HISTORY, MODEL, load_checkpoint, save_checkpoint
from shgae.artifacts.pieces import Pieces
from shgae.artifacts.tables import read_rows
from shgae.artifacts.tensors import load_tensors
from shgae.errors import Diverged, Interrupted, Refused
from shgae.execution import Execution, Progress
from shgae.training import loop
from tests.builders.line import CONFIG, STEPS, Fitting, StopAfter, content, drafted, history, trained


def test_training_twice_gives_equal_weights(tmp_path: Path) -> None:
    trained(tmp_path / "a", Execution(workers=0))
    trained(tmp_path / "b", Execution(workers=3))
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert history(tmp_path / "a") == history(tmp_path / "b")


@pytest.mark.parametrize("wanted", [True, False])
def test_cudnn_searches_while_a_training_that_wants_it_lasts(
    tmp_path: Path, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()

    class Looking(Progress):
        def advance(self, amount: int = 1, facts: str = "") -> None:
            del amount, facts
            seen.add(torch.backends.cudnn.benchmark)

    monkeypatch.setattr(loop, "searches", lambda *_: wanted)
    trained(tmp_path / "run", Execution(progress=Looking()))
    assert seen == {wanted}
    assert not torch.backends.cudnn.benchmark


@pytest.mark.parametrize("step", range(1, STEPS))
def test_resumed_after_any_step_equals_uninterrupted(tmp_path: Path, step: int) -> None:
    trained(tmp_path / "whole", Execution())
    with pytest.raises(Interrupted) as ended:
        trained(tmp_path / "torn", Execution(stop=StopAfter(step)))
    assert ended.value.exit_code == 143
    assert not (tmp_path / "torn").exists()
    trained(tmp_path / "torn", Execution(resume=True, workers=0))
    assert content(tmp_path / "torn") == content(tmp_path / "whole")
    assert history(tmp_path / "torn") == history(tmp_path / "whole")


def test_resuming_before_the_first_checkpoint_starts_anew(tmp_path: Path) -> None:
    trained(tmp_path / "whole", Execution())
    with pytest.raises(RuntimeError), drafted(tmp_path / "torn", Execution()):
        raise RuntimeError
    trained(tmp_path / "torn", Execution(resume=True))
    assert content(tmp_path / "torn") == content(tmp_path / "whole")


@pytest.mark.parametrize("past", ['{"epoch": 2, "lr": 1}\n', '{"epoch": 2}\n{"epoch": 3}\n'])
def test_lines_of_the_history_past_the_checkpoint_are_cut(tmp_path: Path, past: str) -> None:
    trained(tmp_path / "whole", Execution())
    with pytest.raises(Interrupted):
        trained(tmp_path / "torn", Execution(stop=StopAfter(5)))
    table = tmp_path / "torn.partial" / HISTORY
    log_and_write(table, table.read_bytes() + past.encode())
    trained(tmp_path / "torn", Execution(resume=True))
    assert content(tmp_path / "torn") == content(tmp_path / "whole")
    assert history(tmp_path / "torn") == history(tmp_path / "whole")


@pytest.mark.parametrize("save", range(6))
def test_ended_before_any_save_it_goes_on_to_the_same_history(
    tmp_path: Path, save: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first save of an epoch its steps are done; before the second, its row is written."""
    trained(tmp_path / "whole", Execution())
    saves = []

    def dying(path: Path, tensors: Any, position: Any, expect: Any) -> None:
        saves.append(position)
        if len(saves) == save + 1:
            raise KeyboardInterrupt
        save_checkpoint(path, tensors, position, expect)

    monkeypatch.setattr(loop, "save_checkpoint", dying)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "torn", Execution())
    trained(tmp_path / "torn", Execution(resume=True))
    assert content(tmp_path / "torn") == content(tmp_path / "whole")
    assert history(tmp_path / "torn") == history(tmp_path / "whole")


@pytest.mark.parametrize("name", [HISTORY, MODEL])
def test_a_run_that_lost_its_history_or_its_best_model_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(8)))
    if name == HISTORY:
        log_and_write(tmp_path / "run.partial" / name, b'{"epoch": 1}\n')
    else:
        (tmp_path / "run.partial" / name).unlink()
    with pytest.raises(Refused, match="epoch 3"):
        trained(tmp_path / "run", Execution(resume=True))


def log_and_write(path: Path, content: bytes) -> None:
    """As the run itself writes a file."""
    Pieces(path.parent).expect(path.name, content)
    path.write_bytes(content)


@pytest.mark.parametrize("name", [CHECKPOINT, HISTORY, MODEL])
def test_a_run_of_which_one_bit_has_flipped_is_not_gone_on_from(tmp_path: Path, name: str) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(8)))
    path = tmp_path / "run.partial" / name
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Refused, match=f"{name} was changed"):
        trained(tmp_path / "run", Execution(resume=True))


@pytest.mark.parametrize(
    "change",
    [
        *({"epoch": 10**9}, {"epoch": 1}, {"step": 10**9}, {"samples": 1}, {"loss_sum": -1.0}),
        *({"best_score": 1e308}, {"best_score": 2.0}, {"best_score": None}, {"best_epoch": 1}, {"stale_epochs": 1}),
        *({"lr_factor": 0.7}, {"lr_factor": 0.2}, {"scale": 2.0}, {"grown": 1}),
        *({"step": 0, "samples": 0}, {"step": 0, "samples": 0, "loss_sum": 0.0, "seconds": 1.0}),
    ],
    ids=str,
)
def test_a_position_that_this_training_cannot_have_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(8)))
    path = tmp_path / "run.partial" / CHECKPOINT
    tensors, position = load_checkpoint(path)
    assert (position.epoch, position.best_epoch) == (2, 2), "the changes are changes"
    save_checkpoint(path, tensors, dataclasses.replace(position, **change))
    Pieces(path.parent).expect(CHECKPOINT, path.read_bytes())
    with pytest.raises(Refused):
        trained(tmp_path / "run", Execution(resume=True))


@pytest.mark.parametrize(
    "change",
    [
        *({"epoch": 3}, {"samples": 9}, {"samples": "10"}, {"lr": -1}, {"train_loss": "0"}, {"seconds": -1}),
        *({"val_loss": -1}, {"val_loss": None}, {"val_loss": 1e308}, {"other": float("inf")}),
    ],
    ids=str,
)
def test_a_history_that_this_training_does_not_write_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(8)))
    table = tmp_path / "run.partial" / HISTORY
    first, second = read_rows(table)
    content = "".join(f"{json.dumps(row)}\n" for row in (first, second | change))
    log_and_write(table, content.encode())
    with pytest.raises(Refused):
        trained(tmp_path / "run", Execution(resume=True))


def test_weights_move_after_a_resume(tmp_path: Path) -> None:
    """The study's resume trained nothing: its optimizer no longer owned the weights."""
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(4)))
    before = load_tensors(tmp_path / "run.partial" / CHECKPOINT)
    trained(tmp_path / "run", Execution(resume=True))
    after = load_tensors(tmp_path / "run" / CHECKPOINT)
    assert all(not np.array_equal(before[name], after[name]) for name in after if name.endswith("weight"))


def test_validation_that_gives_no_number_is_a_divergence(tmp_path: Path) -> None:
    class Blind(Fitting):
        def validate(self, model: nn.Module, execution: Execution) -> dict[str, float]:
            return {"val_loss": float("nan")}

    with pytest.raises(Diverged, match="in validation .* is nan") as caught:
        trained(tmp_path / "run", Execution(), Blind())
    assert caught.value.where == "epoch 1, step 3", "the last one"


def test_weights_that_blew_up_never_reach_the_checkpoint(tmp_path: Path) -> None:
    class Blowing(Fitting):
        """The last batch of an epoch moves a weight beyond all numbers: there is no next step to see it."""

        def loss(self, model: nn.Module, batch: Any, weight: int) -> torch.Tensor:
            return super().loss(model, batch, weight) * 0 + model[3].bias.sum() * (1e18 if len(batch[0]) == 2 else 0)  # type: ignore[index]

    config = dataclasses.replace(CONFIG, optimizer="sgd")
    object.__setattr__(config, "lr", 1e30)  # more than a config takes
    with pytest.raises(Diverged, match="a weight"):
        trained(tmp_path / "run", Execution(), Blowing(), config)
    assert not (tmp_path / "run.partial" / CHECKPOINT).exists()


def test_the_best_epoch_is_kept_not_the_last(tmp_path: Path) -> None:
    class Worsening(Fitting):
        scores = iter((0.1, 0.5, 0.2))

        def validate(self, model: nn.Module, execution: Execution) -> dict[str, float]:
            score = next(self.scores)
            self.weights = getattr(self, "weights", [])
            self.weights.append({k: v.clone() for k, v in model.state_dict().items()})
            return {"val_loss": -score}

    goal = Worsening()
    summary = trained(tmp_path / "run", Execution(), goal)
    assert (summary.best_epoch, summary.best["val_loss"]) == (2, -0.5)
    best = load_tensors(tmp_path / "run" / MODEL)
    for name, tensor in goal.weights[1].items():
        np.testing.assert_array_equal(best[name], tensor.numpy())


def test_the_plateau_rule_strikes_once_after_five_stale_epochs(tmp_path: Path) -> None:
    class Stale(Fitting):
        def validate(self, model: nn.Module, execution: Execution) -> dict[str, float]:
            return {"val_loss": 0.0}

    config = dataclasses.replace(CONFIG, epochs=14, schedule="plateau", lr=1e-3, optimizer="sgd")
    summary = trained(tmp_path / "run", Execution(), Stale(), config)
    rates = [row["lr"] for row in summary.history]
    assert rates == pytest.approx([1e-3] * 6 + [2e-4] * 8)


def test_a_resume_with_other_options_is_refused_and_names_them(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(2)))
    other = dataclasses.replace(CONFIG, lr=0.5)
    with pytest.raises(Refused, match=r"lr: 0\.5 here, 0\.01 there"):
        trained(tmp_path / "run", Execution(resume=True), config=other)


class Told(Progress):
    """A progress that remembers what it was told of a training."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def training(self, rows: Any, *, of: int, best_epoch: int) -> None:
        self.said.append(([row["epoch"] for row in rows], of, best_epoch))

    def record(self, row: Any, *, of: int, best: bool) -> None:
        self.said.append(row["epoch"])


def test_who_watches_is_told_what_an_earlier_run_did_and_tensorboard_has_each_epoch_once(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(5), tensorboard=True))
    told = Told()
    summary = trained(tmp_path / "run", Execution(resume=True, tensorboard=True, progress=told))
    (earlier, of, best), *recorded = told.said
    assert (earlier, of, recorded) == ([1], 3, [2, 3])
    assert best == 1
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = events.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    accumulator.Reload()
    losses = [(event.step, event.value) for event in accumulator.Scalars("val_loss")]
    assert losses == [(row["epoch"], pytest.approx(row["val_loss"], rel=1e-6)) for row in summary.history]


@pytest.mark.parametrize("wanted", [(True, False), (False, True)])
def test_a_resume_may_switch_tensorboard(tmp_path: Path, wanted: tuple[bool, bool]) -> None:
    trained(tmp_path / "whole", Execution())
    with pytest.raises(Interrupted):
        trained(tmp_path / "run", Execution(stop=StopAfter(5), tensorboard=wanted[0]))
    trained(tmp_path / "run", Execution(resume=True, tensorboard=wanted[1]))
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    assert (tmp_path / "run" / "tensorboard").exists() == wanted[1]
