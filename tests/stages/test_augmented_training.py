"""A training on changed crops or with dropout: the same bits however it is run; those of a plain one without change."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data.augmentation import augmentation_of
from shgae.errors import Interrupted
from shgae.execution import Execution, StopFlag
from shgae.experiments.resume import verify
from shgae.experiments.resume.trial import Trial
from shgae.experiments.study import run
from shgae.inference.batches import Inference
from shgae.recipe_parts import PARTS
from shgae.recipes import FinetuneConfig, HeatmapConfig, StudyConfig, TrainConfig, as_json
from shgae.skeleton import Skeleton
from shgae.stages import finetune, train
from shgae.training.objectives import PoseObjective
from tests.builders.chain import Chain
from tests.builders.processes import together
from tests.builders.tiny import REGULAR, TINY, TINY_FINETUNE

CHANCE = ("augment", "dropout", "weight_decay")
STRONG = dataclasses.replace(TINY, augment="strong")


def here(trial: Trial, output: Path, *, steps: int | None, resume: bool, stop: StopFlag) -> bool:  # noqa: ARG001
    """Trains in this very process, which is quicker than a new one."""
    try:
        trial.train(output, steps=steps, resume=resume)
    except Interrupted:
        return False
    return True


@pytest.fixture(scope="module")
def strong(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    output = tmp_path_factory.mktemp("augmented") / "strong"
    train.run(tiny_data, output, STRONG, Execution(workers=0))
    return output


def test_without_strength_it_is_the_plain_training(chain: Chain, tmp_path: Path) -> None:
    nothing = dataclasses.replace(TINY, augment="strong", **dict.fromkeys(PARTS, 0.0))
    made = train.run(chain.data, tmp_path / "run", nothing, Execution()).artifact
    assert made.id == open_artifact(chain.baseline).id


def test_the_manifest_says_every_part(strong: Path) -> None:
    config = open_artifact(strong).manifest.config
    assert {key: config[key] for key in ("augment", "rotation", "translation", "half_body")} == {
        **{"augment": "strong", "rotation": 45.0, "translation": 0.1, "half_body": 0.3}
    }
    for plain in (TrainConfig(), FinetuneConfig(), StudyConfig()):
        assert not {*CHANCE, *PARTS} & as_json(plain).keys()


@pytest.mark.parametrize("config", [STRONG, REGULAR], ids=["augmented", "regularised"])
def test_stopped_after_every_step_it_ends_with_the_same_bits(
    tiny_data: Path, tmp_path: Path, config: TrainConfig
) -> None:
    train.run(tiny_data, tmp_path / "run", config, Execution(workers=0))
    found = verify.run(tmp_path / "run", 4, Execution(workers=0), here)
    assert found.fault() is None
    assert {key: found.trial.config[key] for key in CHANCE} == {key: getattr(config, key) for key in CHANCE}
    assert found.interruptions >= 4


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_that_read_ahead_change_no_bit(strong: Path, tiny_data: Path, tmp_path: Path, workers: int) -> None:
    made = train.run(tiny_data, tmp_path / "run", STRONG, Execution(workers=workers)).artifact
    assert made.id == open_artifact(strong).id


@pytest.mark.parametrize("config", [STRONG, REGULAR], ids=["augmented", "regularised"])
def test_two_processes_make_what_one_makes(tiny_data: Path, tmp_path: Path, config: TrainConfig) -> None:
    config = dataclasses.replace(config, micro_batches=2, epochs=1)
    one = train.run(tiny_data, tmp_path / "one", config, Execution(workers=0)).artifact
    found = together(
        2, lambda world: train.run(tiny_data, tmp_path / "two", config, Execution(world=world, workers=0)).artifact.id
    )
    assert found == [one.id, one.id]


def test_fine_tuning_is_changed_too(chain: Chain, tmp_path: Path) -> None:
    config = dataclasses.replace(TINY_FINETUNE, augment="newell")
    made = finetune.run(chain.grafted, chain.data, tmp_path / "run", config, Execution()).artifact
    assert made.manifest.config["rotation"] == 30.0
    assert made.id != open_artifact(chain.finetuned).id


def test_the_loss_is_the_mean_over_the_joints_that_are_left(tiny_data: Path) -> None:
    artifact = open_artifact(tiny_data, "data")
    crops, skeleton = Crops(artifact, "train"), Skeleton.from_json(artifact.facts["skeleton"])
    config = dataclasses.replace(STRONG, translation=0.5)
    objective = PoseObjective(
        *(crops, crops, HeatmapConfig(), Inference(torch.device("cpu"), "fp32", 4, artifact.facts["mean_rgb"])),
        augmentation=augmentation_of(config, skeleton, 128, tiny_data),
        seed=1,
    )
    rows = np.arange(len(crops))
    weights = []
    for epoch in range(3):
        left = int((objective.load(rows, epoch).visibility > 0).sum())
        assert objective.weight(rows, epoch) == left * 32 * 32
        weights.append(left)
    assert len(set(weights)) == 3
    assert max(weights) < np.count_nonzero(crops.people.visibility)


def test_a_study_fine_tunes_on_changed_crops_and_knows_its_own_arms_again(chain: Chain, tmp_path: Path) -> None:
    config = StudyConfig(
        arms="none", seeds=1, epochs=1, batch_size=4, precision="fp32", sigma_visible=1.5, augment="newell"
    )
    first = run.run(chain.baseline, chain.data, tmp_path / "study", config, Execution(workers=0))
    assert open_artifact(tmp_path / "study/seed-0/arm-none/finetuned").manifest.config["rotation"] == 30.0
    assert first.made
    again = run.run(chain.baseline, chain.data, tmp_path / "study", config, Execution(workers=0))
    assert not again.made
