"""What the measurements on a GPU work on: people made of noise, and the study's network and fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from shgae.artifacts.crops import Crops, CropWriter, PeopleTable
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import open_artifact
from shgae.data.datasets import PoseBatch, Rows, load_pose_batch
from shgae.execution import Execution
from shgae.inference.batches import Inference
from shgae.inference.device import resolve_device, resolve_precision
from shgae.models.hourglass import StackedHourglass
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import build_hourglass
from shgae.recipes import RECIPES, HeatmapConfig, Precision
from shgae.skeleton import COCO_PERSON
from shgae.training.objectives import PoseObjective

MEAN = (0.4, 0.4, 0.4)


@dataclass(frozen=True)
class Trial:
    """What is measured, and on how much."""

    device: str
    people: int = 4096
    width: int = 256
    crop_size: Literal[256, 128] = 256
    batch_size: int = 16
    """In training."""
    extracted: int = 128
    """People in one forward pass of an extraction."""

    @property
    def where(self) -> torch.device:
        """The device."""
        return resolve_device(self.device)

    @property
    def precision(self) -> Precision:
        """What auto takes there."""
        return resolve_precision("auto", self.where)

    @property
    def spec(self) -> HourglassSpec:
        """The network."""
        return HourglassSpec(keypoints=len(COCO_PERSON), width=self.width, crop_size=self.crop_size)


def prepared(trial: Trial, folder: Path) -> None:
    """People whose photos are noise, a twentieth of them for validation, as ``folder/data``."""
    rng = np.random.default_rng(0)
    facts = {"skeleton": COCO_PERSON.to_json(), "category_id": 1, "mean_rgb": list(MEAN), "crop_size": trial.crop_size}
    splits = {"train": trial.people, "val": max(trial.people // 20, 8)}
    facts |= {"crop_policy": "pad", "margin": 0.1, "splits": splits}
    with new_artifact(folder / "data", kind="data", config={}, parents={}, execution=Execution()) as made:
        for split, people in splits.items():
            writer = CropWriter(made, split, trial.crop_size, people)
            some = rng.integers(0, 256, (16, trial.crop_size, trial.crop_size, 3), dtype=np.uint8)
            for person in range(people):
                writer.add(some[person % len(some)])
            number = np.arange(people)
            whole = np.array([0, 0, trial.crop_size, trial.crop_size])
            writer.finish(
                PeopleTable(
                    xy_crop=rng.uniform(0, trial.crop_size, (people, len(COCO_PERSON), 2)).astype(np.float32),
                    visibility=np.full((people, len(COCO_PERSON)), 2, np.uint8),
                    annotation_id=number,
                    photo_id=number,
                    square=np.zeros((people, 3)) + trial.crop_size,
                    box=np.zeros((people, 4)) + trial.crop_size,
                    photo_size=np.full((people, 2), 640),
                    valid=np.tile(whole, (people, 1)),
                )
            )
        made.commit(facts)


def network(trial: Trial) -> StackedHourglass:
    """Random weights, laid out as the stages do it."""
    model: StackedHourglass = build_hourglass(trial.spec).to(device=trial.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


@dataclass(frozen=True)
class Resident(PoseObjective):
    """All crops lie on the device, loaded before the first step."""

    kept: dict[str, PoseBatch] = field(default_factory=dict)

    def load(self, rows: Rows, epoch: int) -> PoseBatch:
        """See :class:`PoseObjective`."""
        if not self.kept:
            self.kept["all"] = load_pose_batch(self.train, np.arange(len(self.train))).to(self.inference.device)
        whole, here = self.kept["all"], torch.from_numpy(rows)
        there = here.to(self.inference.device)
        return PoseBatch(rows, whole.crops[there], whole.valid[here], whole.xy_crop[there], whole.visibility[there])


def pose_objective(trial: Trial, folder: Path, precision: Precision, *, resident: bool = False) -> PoseObjective:
    """Fine-tuning as the study did it."""
    data = open_artifact(folder / "data", "data", verify=False)
    config = RECIPES["original"].finetune
    heatmap = HeatmapConfig(peak=config.peak, sigma_visible=config.sigma_visible, unlabelled=config.unlabelled)
    build = Resident if resident else PoseObjective
    inference = Inference(trial.where, precision, trial.batch_size, MEAN)
    objective = build(Crops(data, "train"), Crops(data, "val"), heatmap, inference)
    if resident:
        objective.load(np.arange(1), 0)
    return objective
