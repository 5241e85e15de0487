"""Several processes do what one does: gloo, over loopback, on small networks."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shgae.artifacts.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import read_rows
from shgae.errors import Interrupted
from shgae.execution import Execution, ProcessGroup, StopFlag
from shgae.recipes import EvaluateConfig, FitConfig
from shgae.stages import evaluate, extract, pretrain_ae, train
from shgae.training import distributed, loop
from tests.builders.blobs import CONFIG, Blobs, outputs, trained
from tests.builders.line import StopAfter, content
from tests.builders.processes import together, written_by
from tests.builders.tiny import TINY, TINY_AE, TINY_EXTRACT

TOLERANCE = 1e-5
"""Between the outputs of networks that one process and several have trained without micro-batches."""


def alone(target: Path, config: FitConfig = CONFIG) -> Path:
    trained(target, Execution(), config)
    return target


def by(size: int, target: Path, config: FitConfig = CONFIG, goal: Blobs | None = None, **how: Any) -> Path:
    """A training by so many processes."""
    found = together(size, lambda world: trained(target, Execution(world=world, **how), config, goal))
    assert found == [None] * size
    return target


def gap(one: Path, other: Path) -> float:
    return float((outputs(one) - outputs(other)).abs().max())


def in_micro_batches(count: int) -> FitConfig:
    return dataclasses.replace(CONFIG, micro_batches=count)


def test_two_processes_equal_one_that_takes_two_micro_batches_bit_for_bit(tmp_path: Path) -> None:
    one = alone(tmp_path / "one", in_micro_batches(2))
    two = by(2, tmp_path / "two", in_micro_batches(2))
    assert content(two) == content(one)
    assert open_artifact(two).id == open_artifact(one).id
    assert [row["train_loss"] for row in read_rows(two / "history.jsonl")] == [
        row["train_loss"] for row in read_rows(one / "history.jsonl")
    ]
    provenance = [open_artifact(run).manifest.provenance["processes"] for run in (one, two)]
    assert provenance == [1, 2]
    assert gap(one, alone(tmp_path / "whole")) > 100 * TOLERANCE, "micro-batches must be normalised by themselves"


@pytest.mark.parametrize("size", [2, 4])
def test_processes_that_normalise_together_equal_one(tmp_path: Path, size: int) -> None:
    assert gap(by(size, tmp_path / "several"), alone(tmp_path / "one")) <= TOLERANCE


def test_more_processes_than_two_add_the_same_micro_batches(tmp_path: Path) -> None:
    one = alone(tmp_path / "one", in_micro_batches(4))
    assert gap(by(4, tmp_path / "four", in_micro_batches(4)), one) <= TOLERANCE
    assert gap(by(2, tmp_path / "two", in_micro_batches(4)), one) <= TOLERANCE


class LocalNormaliser(Blobs):
    """A mistake: the loss of a process's rows is divided by their own weight."""

    def loss(self, model: Any, batch: Any, weight: int) -> torch.Tensor:
        return super().loss(model, batch, int(batch[2].sum()) * 16) / 2


@pytest.mark.parametrize("mistake", ["local normaliser", "plain batch norm"])
def test_either_mistake_of_many_a_trainer_would_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    if mistake == "plain batch norm":
        monkeypatch.setattr(distributed, "synchronise", lambda _model: None)
    config = dataclasses.replace(CONFIG, batch_size=37)  # no step is too small to be shared out
    goal = LocalNormaliser() if mistake == "local normaliser" else None
    assert gap(by(2, tmp_path / "two", config, goal), alone(tmp_path / "one", config)) > 100 * TOLERANCE


def test_a_signal_to_one_stops_all_at_the_same_step_and_they_resume_exactly(tmp_path: Path) -> None:
    whole = by(2, tmp_path / "whole", in_micro_batches(2))
    for step in (1, 19):
        run = tmp_path / f"torn-{step}"

        def stopped(world: ProcessGroup, run: Path = run, step: int = step) -> None:
            stop = StopAfter(step) if world.rank == 1 else StopFlag()
            trained(run, Execution(world=world, stop=stop), in_micro_batches(2))

        assert [(end.kind, end.exit_code) for end in together(2, stopped)] == [("Interrupted", 143)] * 2
        at = load_checkpoint(tmp_path / f"torn-{step}.partial" / CHECKPOINT)[1]
        assert at.epoch * 4 + at.step == step
        by(2, run, in_micro_batches(2), resume=True)
        assert content(run) == content(whole)


def test_nobody_leaves_before_it_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(*what: Any) -> None:
        time.sleep(1)
        save_checkpoint(*what)

    monkeypatch.setattr(loop, "save_checkpoint", slowly)

    def leaving(world: ProcessGroup) -> bool:
        with pytest.raises(Interrupted):
            trained(tmp_path / "run", Execution(world=world, stop=StopAfter(2)))
        return (tmp_path / "run.partial" / CHECKPOINT).is_file()

    assert together(2, leaving) == [True, True]


def test_what_one_process_began_two_can_finish(tmp_path: Path) -> None:
    for config, most in ((CONFIG, TOLERANCE), (in_micro_batches(2), 0.0)):
        run = tmp_path / f"torn-{config.micro_batches}"
        with pytest.raises(Interrupted):
            trained(run, Execution(stop=StopAfter(7)), config)
        by(2, run, config, resume=True)
        assert gap(run, alone(tmp_path / f"whole-{config.micro_batches}", config)) <= most


def test_one_that_fails_ends_them_all_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    class Unreadable(Blobs):
        def load(self, rows: Any, epoch: int) -> Any:
            if epoch == 2 and self.rank == 1:
                raise OSError(5, "Input/output error", "crops")
            return super().load(rows, epoch)

    def failing(world: ProcessGroup) -> None:
        goal = Unreadable()
        goal.rank = world.rank  # type: ignore[attr-defined]
        trained(tmp_path / "run", Execution(world=world), goal=goal)

    begun = time.monotonic()
    ends = together(2, failing)
    assert time.monotonic() - begun < 30
    assert [end.kind for end in ends] == ["PeerLost", "OSError"]
    assert ends[0].exit_code == 5
    assert load_checkpoint(tmp_path / "run.partial" / CHECKPOINT)[1].epoch == 2


def test_a_loss_that_is_no_number_in_one_ends_all_and_names_the_step(tmp_path: Path) -> None:
    class Poisoned(Blobs):
        def load(self, rows: Any, epoch: int) -> Any:
            x, y, counted = super().load(rows, epoch)
            return x * (float("nan") if epoch == 1 and 36 in rows else 1.0), y, counted

    ends = together(2, lambda world: trained(tmp_path / "run", Execution(world=world), goal=Poisoned()))
    assert ends[0] == ends[1]
    assert (ends[0].kind, ends[0].exit_code) == ("Diverged", 4)
    assert "epoch 2" in ends[0].said
    assert load_checkpoint(tmp_path / "run.partial" / CHECKPOINT)[1].epoch == 1


def test_what_each_filled_comes_together_bit_for_bit() -> None:
    whole = np.array([0.0, -0.0, np.nan, np.inf, -1e-45, 7.0, -3.5], np.float32)

    def fill(world: ProcessGroup) -> Any:
        mine = np.zeros_like(whole)
        mine[world.rank :: world.size] = whole[world.rank :: world.size]
        stop = StopFlag()
        stop.signal_number = 2 if world.rank == 1 else None
        said = world.broadcast({"n": [1, None, "ü"]} if world.is_main else None)
        return world.merge_disjoint(mine).tobytes(), said, world.any_stopped(stop), stop.signal_number

    assert together(3, fill) == [(whole.tobytes(), {"n": [1, None, "ü"]}, True, 2)] * 3


def test_a_whole_chain_by_several_is_that_of_one_and_only_the_first_writes(tmp_path: Path, tiny_data: Path) -> None:
    config = dataclasses.replace(TINY, micro_batches=2, epochs=1)
    ae = dataclasses.replace(TINY_AE, micro_batches=2)

    def chain(root: Path, execution: Execution) -> dict[str, Any]:
        root.mkdir(exist_ok=True)
        run, activations = root / "run", root / "activations"
        made = {
            "train": train.run(tiny_data, run, config, execution).artifact.id,
            "extract": extract.run(run, tiny_data, activations, TINY_EXTRACT, execution).artifact.id,
            "pretrain-ae": pretrain_ae.run(activations, root / "ae", ae, execution).artifact.id,
        }
        how = EvaluateConfig(batch_size=3, precision="fp32", resamples=100)
        scored = evaluate.run([run], tiny_data, root / "evaluation", how, execution)
        assert scored.artifact is not None
        return made | {"evaluate": scored.artifact.id, "report": scored.to_json()["models"]}

    def watched(world: ProcessGroup) -> Any:
        found: dict[str, Any] = {}
        execution = Execution(world=world, workers=1)
        return written_by(lambda: found.update(chain(tmp_path / "two", execution))), found

    one = chain(tmp_path / "one", Execution(workers=1))
    (first, by_first), (second, by_second) = together(2, watched)
    assert by_first == by_second == one
    assert any(name.endswith("manifest.json.tmp") or "manifest" in name for name in first), "the watch must see writes"
    assert second == [str(tmp_path / "two")], "but for the folder that the test itself makes"


def test_people_are_counted_once_by_more_processes_than_two(tmp_path: Path, tiny_data: Path) -> None:
    run = tmp_path / "run"
    train.run(tiny_data, run, dataclasses.replace(TINY, epochs=1), Execution())
    how = EvaluateConfig(batch_size=2, precision="fp32", resamples=100, split="val")

    def scored(world: ProcessGroup) -> Any:
        execution = Execution(world=world, workers=0)
        found = evaluate.run([run], tiny_data, None, how, execution)
        predicted = found.predictions[0]
        shards = extract.run(run, tiny_data, tmp_path / f"a{world.size}", TINY_EXTRACT, execution).artifact
        return found.report, predicted.cells.tobytes(), predicted.xy_photo.tobytes(), shards.id

    one = scored(ProcessGroup())
    assert together(3, scored) == [one] * 3
