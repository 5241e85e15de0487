"""A trial is the training itself, cut short so that it stays a training, and stopped after steps and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact
from shgae.config import from_stored
from shgae.errors import Refused
from shgae.execution import Execution, StopFlag
from shgae.experiments.resume import trial as trial_module
from shgae.experiments.resume.trial import STOPPED, StopAfter, Trial, trial_of
from shgae.recipes import AutoencoderConfig, FinetuneConfig, FitConfig, TrainConfig, as_json
from tests.builders.artefacts import make

HOW = Execution(device="cpu", workers=3, deterministic="warn")


def artefact(path: Path, kind: str, config: Any, parents: dict[str, Artifact], **facts: Any) -> Artifact:
    with new_artifact(path, kind=kind, config=config, parents=parents, execution=Execution()) as draft:
        draft.write_json("x.json", {})
        return draft.commit(facts)


def trainings(folder: Path, samples: int = 50) -> dict[str, Artifact]:
    """What each training leaves, without the training."""
    data = artefact(folder / "data", "data", {}, {}, splits={"train": samples})
    model = artefact(folder / "train", "hourglass", as_json(TrainConfig(batch_size=8)), {"data": data})
    activations = artefact(folder / "activations", "activations", {}, {}, splits={"train": samples})
    tuned = as_json(FinetuneConfig(batch_size=8, seed=4))
    return {
        "train": model,
        "finetune": artefact(folder / "finetune", "hourglass", tuned, {"model": model, "data": data}),
        "pretrain-ae": artefact(
            folder / "ae", "autoencoder", as_json(AutoencoderConfig(batch_size=8)), {"activations": activations}
        ),
    }


@pytest.mark.parametrize(
    ("command", "inputs"),
    [("train", ["data"]), ("finetune", ["train", "data"]), ("pretrain-ae", ["activations"])],
)
def test_a_training_is_known_by_its_parents_and_tried_with_its_own_options(
    tmp_path: Path, command: str, inputs: list[str]
) -> None:
    made = trainings(tmp_path)[command]
    found = trial_of(made.path, 4, HOW)
    assert found.command == command
    assert found.inputs == [str(tmp_path / name) for name in inputs]
    assert (found.device, found.workers, found.deterministic) == ("cpu", 3, "warn")
    kinds = {"train": TrainConfig, "finetune": FinetuneConfig, "pretrain-ae": AutoencoderConfig}
    kept = from_stored(kinds[command], made.manifest.config)
    changed = {key for key, value in kept.items() if found.config[key] != value}
    assert changed == {"epochs", "limit"}


@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 20), st.integers(1, 70) | st.none())
def test_it_is_as_short_as_asked_within_what_there_is(steps: int, samples: int, batch: int, limit: int | None) -> None:
    short = trial_module._shortened(FitConfig(batch_size=batch, limit=limit, epochs=99), samples, steps)
    assert short.limit is not None
    there = min(samples, limit or samples)
    assert 1 <= short.limit <= there
    an_epoch = -(-short.limit // batch)
    assert an_epoch * short.epochs >= steps, "as many steps as asked"
    assert an_epoch * (short.epochs - 1) < steps, "no epoch too many"
    if there >= -(-steps // 3) * batch:
        assert short.epochs <= 3, "no more epochs than three where people are enough"
        assert batch == 1 or short.limit % batch, "a small step at the end"


def test_what_was_not_trained_or_with_unknown_options_is_refused(tmp_path: Path) -> None:
    made = trainings(tmp_path)
    parents = {"model": made["train"], "autoencoder": made["pretrain-ae"]}
    grafted = artefact(tmp_path / "g", "hourglass", {"stacks": [0]}, parents)
    later = artefact(tmp_path / "l", "hourglass", {"epochs": 3, "not yet known": 1}, {"data": make(tmp_path / "d2")})
    untrained = artefact(tmp_path / "u", "hourglass", {"seed": 3}, {"data": make(tmp_path / "d3")})
    for one in (grafted, later, untrained):
        with pytest.raises(Refused) as caught:
            trial_of(one.path, 2, HOW)
        assert (caught.value.what, caught.value.where) == ("verify-resume", str(one.path))


def test_only_steps_of_training_are_counted() -> None:
    stop = StopFlag()
    progress = StopAfter(3, stop)
    progress.start("epoch 1 of 2", 2, "steps")
    progress.advance()
    progress.advance(8)
    progress.finish()
    for _ in range(2):  # between epochs, and while validating
        progress.advance()
        progress.start("validation", 5, "people")
    progress.advance(5)
    progress.finish()
    assert not stop
    progress.start("epoch 2 of 2", 2, "steps")
    progress.advance()
    assert bool(stop)
    assert stop.signal_number == STOPPED - 128


@pytest.mark.parametrize(("steps", "resume"), [(None, True), (2, False)])
def test_it_trains_by_the_function_of_the_command(
    monkeypatch: pytest.MonkeyPatch, steps: int | None, resume: bool
) -> None:
    calls: list[tuple[Any, ...]] = []
    kept = trial_module._TRAININGS["finetune"]
    monkeypatch.setitem(trial_module._TRAININGS, "finetune", kept._replace(run=lambda *given: calls.append(given)))  # type: ignore[arg-type]
    one = Trial("finetune", ["m", "d"], {"epochs": 2, "trainable": "head"}, "cpu", "error", 5)
    one.train(Path("out"), steps=steps, resume=resume)
    ((model, data, output, config, how),) = calls
    assert (model, data, output) == (Path("m"), Path("d"), Path("out"))
    assert config == FinetuneConfig(epochs=2, trainable="head")
    assert (how.device, how.deterministic, how.workers, how.resume) == ("cpu", "error", 5, resume)
    assert isinstance(how.progress, StopAfter) == (steps is not None)
