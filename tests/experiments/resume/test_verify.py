"""Resumed after every step, every training ends with the same bits; and a bit that differs is named."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import shgae
from shgae.artifacts.checkpoint import CHECKPOINT, HISTORY, MODEL, load_checkpoint, save_checkpoint
from shgae.artifacts.pieces import Pieces
from shgae.artifacts.store import open_artifact
from shgae.artifacts.tables import read_rows, write_rows
from shgae.artifacts.tensors import load_tensors, save_tensors
from shgae.cli.app import main
from shgae.errors import Interrupted, Refused
from shgae.execution import Execution, StopFlag
from shgae.experiments.resume import verify
from shgae.experiments.resume.trial import Trial, in_new_process, trial_of
from shgae.recipes import Precision
from tests.builders.chain import Chain
from tests.promises import Kept

PARTS = ["best weights", "last weights", "optimizer", "position", "history"]
TRAINED = ("baseline", "autoencoder", "finetuned")
NEAR = Execution(workers=0)


def here(trial: Trial, output: Path, *, steps: int | None, resume: bool, stop: StopFlag) -> bool:
    """Trains in this very process, which is quicker than a new one."""
    try:
        trial.train(output, steps=steps, resume=resume)
    except Interrupted as end:
        assert end.exit_code == 143
        assert steps is not None
        return False
    return True


def path_of(chain: Chain, name: str) -> Path:
    path: Path = getattr(chain, name)
    return path


@pytest.mark.parametrize("name", TRAINED)
def test_a_training_stopped_after_every_step_equals_one_in_one_go(chain: Chain, name: str) -> None:
    found = verify.run(path_of(chain, name), 4, NEAR, here)
    assert found.fault() is None
    assert [one.part for one in found.comparisons] == PARTS
    assert all(one.compared > 0 for one in found.comparisons)
    assert found.interruptions >= 4
    assert found.trial.config["limit"] % found.trial.config["batch_size"], "the last step of an epoch is a small one"


def stretched(chain: Chain, name: str, precision: Precision, epochs: int = 3) -> Trial:
    """A whole tiny training of three epochs."""
    trial = trial_of(path_of(chain, name), 9, NEAR)
    return dataclasses.replace(trial, config=trial.config | {"epochs": epochs, "precision": precision, "limit": 10})


def predictions(run: Path) -> torch.Tensor:
    """What the best model makes of a fixed input."""
    numbers = np.random.default_rng(0)
    if open_artifact(run).manifest.kind == "hourglass":
        images = torch.from_numpy(numbers.uniform(-0.4, 0.6, (2, 3, 128, 128)).astype(np.float32))
        with torch.no_grad():
            return shgae.open_model(run)(images)  # type: ignore[no-any-return]
    x = torch.from_numpy(numbers.standard_normal((2, 16, 4, 4)).astype(np.float32))
    with torch.no_grad():
        autoencoder = shgae.open_autoencoder(run)
        return autoencoder.decode(autoencoder.encode(x))


@pytest.mark.torture
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", TRAINED)
def test_stopped_after_any_step_of_three_epochs(
    chain: Chain, tmp_path: Path, name: str, precision: Precision, kept: Kept
) -> None:
    trial = stretched(chain, name, precision)
    here(trial, tmp_path / "whole", steps=None, resume=False, stop=StopFlag())
    whole, wanted = open_artifact(tmp_path / "whole"), predictions(tmp_path / "whole")
    for steps in range(1, 10):
        target = tmp_path / f"stop-{steps}"
        assert not here(trial, target, steps=steps, resume=False, stop=StopFlag())
        resumed = dataclasses.replace(trial, workers=steps % 3 * 2)
        assert here(resumed, target, steps=None, resume=True, stop=StopFlag())
        assert all(one.different == () for one in verify.compare(tmp_path / "whole", target))
        assert open_artifact(target).id == whole.id
        assert torch.equal(predictions(target), wanted)
    kept("A training stopped after any step and resumed ends with the same bits", 9, "steps")


@pytest.mark.parametrize(("name", "precision"), [*zip(TRAINED, ("bf16", "fp32", "bf16"), strict=True)])
def test_with_any_number_of_reading_threads(chain: Chain, tmp_path: Path, name: str, precision: Precision) -> None:
    trial = stretched(chain, name, precision, epochs=2)
    here(dataclasses.replace(trial, workers=3), tmp_path / "whole", steps=None, resume=False, stop=StopFlag())
    stops = 0
    while not here(
        dataclasses.replace(trial, workers=(0, 2, 4)[stops % 3]),
        tmp_path / "torn",
        steps=1,
        resume=stops > 0,
        stop=StopFlag(),
    ):
        stops += 1
    assert stops == 6
    assert open_artifact(tmp_path / "torn").id == open_artifact(tmp_path / "whole").id
    assert all(one.different == () for one in verify.compare(tmp_path / "whole", tmp_path / "torn"))
    assert torch.equal(predictions(tmp_path / "torn"), predictions(tmp_path / "whole"))


def flip(path: Path, name: str) -> None:
    tensors, position = load_checkpoint(path)
    tensors = {key: array.copy() for key, array in tensors.items()}
    tensors[name].reshape(-1).view(np.uint8)[0] ^= 1
    save_checkpoint(path, tensors, position)


def spoil(run: Path, part: str) -> str:
    """Changes one thing of a run, and says how it is called."""
    if part == "best weights":
        tensors = {key: array.copy() for key, array in load_tensors(run / MODEL).items()}
        name = sorted(tensors)[3]
        tensors[name].reshape(-1).view(np.uint8)[0] ^= 1
        save_tensors(run / MODEL, tensors, None)
        return name
    if part == "history":
        rows = [row | {"train_loss": row["train_loss"] * (1 + 1e-15)} for row in read_rows(run / HISTORY)]
        write_rows(run / HISTORY, rows)
        return "epoch 1"
    tensors, position = load_checkpoint(run / CHECKPOINT)
    if part == "position":
        save_checkpoint(run / CHECKPOINT, tensors, dataclasses.replace(position, loss_sum=position.loss_sum + 1e-9))
        return "loss_sum"
    kind = "model." if part == "last weights" else "optimizer."
    name = next(name for name in sorted(tensors) if name.startswith(kind))
    flip(run / CHECKPOINT, name)
    return name.removeprefix(kind)


@pytest.mark.parametrize("part", PARTS)
def test_what_differs_is_named(chain: Chain, part: str) -> None:
    spoiled = []

    def launch(trial: Trial, output: Path, *, steps: int | None, resume: bool, stop: StopFlag) -> bool:
        done = here(trial, output, steps=steps, resume=resume, stop=stop)
        if done and steps:
            spoiled.append(spoil(output, part))
        return done

    found = verify.run(chain.autoencoder, 1, NEAR, launch)
    assert [one.part for one in found.comparisons if one.different] == [part]
    fault = found.fault()
    assert fault
    assert fault.exit_code == 2
    assert f"{part}: {spoiled[0]} (" in fault.line()
    assert found.to_json()["exact"] is False


def test_a_state_that_was_changed_between_two_steps_is_seen_in_the_end(chain: Chain) -> None:
    def launch(trial: Trial, output: Path, *, steps: int | None, resume: bool, stop: StopFlag) -> bool:
        if resume and (checkpoint := output.with_name(f"{output.name}.partial") / CHECKPOINT).is_file():
            flip(checkpoint, next(name for name in load_checkpoint(checkpoint)[0] if name.endswith("exp_avg")))
            Pieces(checkpoint.parent).expect(CHECKPOINT, checkpoint.read_bytes())  # as if it had been written so
        return here(trial, output, steps=steps, resume=resume, stop=stop)

    assert verify.run(chain.autoencoder, 3, NEAR, launch).fault() is not None


def test_it_works_on_an_interrupted_training_and_touches_nothing(chain: Chain, tmp_path: Path) -> None:
    trial = trial_of(chain.finetuned, 6, NEAR)
    assert not here(trial, tmp_path / "run", steps=1, resume=False, stop=StopFlag())
    partial = tmp_path / "run.partial"
    before = {path: path.read_bytes() for path in partial.rglob("*") if path.is_file()}
    for path in (tmp_path / "run", partial):
        found = verify.run(path, 2, NEAR, here)
        assert (found.trial.command, found.fault()) == ("finetune", None)
    assert {path: path.read_bytes() for path in partial.rglob("*") if path.is_file()} == before


def test_a_new_process_goes_on_to_the_same_bits_from_where_this_one_stopped(chain: Chain) -> None:
    def launch(trial: Trial, output: Path, *, steps: int | None, resume: bool, stop: StopFlag) -> bool:
        launched.append(resume)
        where = in_new_process if resume else here
        return where(trial, output, steps=steps, resume=resume, stop=stop)

    launched: list[bool] = []
    assert verify.run(chain.autoencoder, 1, NEAR, launch).fault() is None
    assert launched == [False, False, True]


@pytest.mark.slow
def test_in_new_processes_by_command_line_with_nothing_left_behind(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert main(["verify-resume", str(chain.autoencoder), "--steps", "1", "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert (out["command"], out["interruptions"], out["exact"]) == ("pretrain-ae", 1, True)
    assert [one["part"] for one in out["comparisons"]] == PARTS
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_trained_is_refused(chain: Chain, tmp_path: Path) -> None:
    for path in (chain.grafted, chain.data, chain.activations, tmp_path / "nothing"):
        with pytest.raises(Refused):
            verify.run(path, 2, NEAR, here)
    with pytest.raises(Refused, match="this shgae"):
        verify.run(chain.grafted, 2, NEAR, here)


def test_a_training_whose_parents_are_gone_is_refused(chain: Chain, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(chain.baseline, tmp_path / "far" / "away")
    with pytest.raises(Refused, match="its data [0-9a-f]{12} is not in "):
        verify.run(tmp_path / "far" / "away", 2, NEAR, here)


def test_what_a_new_process_refuses_is_said_as_here(chain: Chain, tmp_path: Path) -> None:
    trial = dataclasses.replace(trial_of(chain.autoencoder, 1, NEAR), inputs=[str(tmp_path / "gone")])
    with pytest.raises(Refused, match="wanted activations"):
        in_new_process(trial, tmp_path / "run", steps=None, resume=False, stop=StopFlag())


def test_a_signal_ends_the_process_and_says_that_nothing_is_kept(chain: Chain, tmp_path: Path) -> None:
    stop = StopFlag()
    stop.signal_number = 15
    with pytest.raises(Interrupted, match="nothing was written"):
        in_new_process(trial_of(chain.autoencoder, 1, NEAR), tmp_path / "run", steps=None, resume=False, stop=stop)
