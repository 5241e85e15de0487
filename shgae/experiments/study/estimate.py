"""How long a study will take: a few measured steps of every arm, times how many of them there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from shgae.artifacts.crops import Crops
from shgae.artifacts.store import open_artifact
from shgae.data.augmentation import augmentation_of
from shgae.execution import Execution
from shgae.experiments.part import Part
from shgae.experiments.study import arms
from shgae.experiments.study.costs import forward_time, timed
from shgae.experiments.study.parts import Study
from shgae.inference.batches import Inference
from shgae.inference.device import autocast, resolve_device
from shgae.inference.torch_settings import settled
from shgae.models import grafting
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder, load_hourglass
from shgae.recipes import AutoencoderConfig
from shgae.skeleton import Skeleton
from shgae.training.freezing import train_mode, train_only
from shgae.training.objectives import PoseObjective
from shgae.training.optim import build_optimizer

_EIGENVECTORS = 2.5e-10
"""Seconds to find the eigenvectors of a D x D matrix, over D ** 3: 17 for 4,096 on one core, as measured."""


@dataclass(frozen=True)
class StepCost:
    """One part of a study."""

    arm: str
    """The arm that it belongs to; "" where it serves several."""
    seed: str
    """``seed 0 (1 of 3)``; "" where it serves all."""
    what: str
    path: str
    there: bool
    """Whether it is there already, and costs nothing."""
    seconds: float


class Costs:
    """Measures each kind of step once."""

    def __init__(self, study: Study, execution: Execution) -> None:
        self._study, self._execution = study, execution
        self._device = resolve_device(execution.device)
        data = open_artifact(study.data, "data", verify=False)
        self._crops = {split: Crops(data, split, study.config.limit) for split in ("train", "val", study.split)}
        self._all = sum(min(count, study.config.limit or count) for count in data.facts["splits"].values())
        self._skeleton = Skeleton.from_json(data.facts["skeleton"])
        self._found: dict[str, float] = {}

    def of(self, part: Part, there: bool) -> StepCost:
        """The cost of a part; nothing where it is there."""
        return StepCost(part.arm, part.place, part.what, str(part.path), there, 0.0 if there else self._seconds(part))

    @settled()
    def _seconds(self, part: Part) -> float:
        study, people = self._study, len(self._crops["train"])
        if part.step == "finetune":
            validation = len(self._crops["val"]) * self._once("forward", self._forward)
            arm, config = part.arm, arms.finetuning(part.arm, study.config, 0)
            # Arms of the same network and options cost the same.
            kind = str((arms.spec_of(arm, study.config, study.width), config))
            steps = -(-people // study.config.batch_size)
            return study.config.epochs * (steps * self._once(kind, lambda: self._step(arm)) + validation)
        if part.step == "pretrain":
            config_ae = arms.pretraining(part.arm, study.config, 0, study.width)
            steps = -(-people // study.config.ae_batch_size)
            step = self._once(f"pretrain {config_ae.code_size}", lambda: self._pretraining_step(config_ae))
            return study.config.ae_epochs * steps * step
        if part.step == "linear":
            return float(_EIGENVECTORS * (study.width * 16) ** 3)
        scored = len(self._crops[study.split])
        # A curve passes the second half of the network twice for every size.
        passes = {"extract": self._all, "score": scored, "rate": scored * (1 + len(study.code_sizes))}
        return passes[part.step] * self._once("forward", self._forward) if part.step in passes else 0.0

    def _once(self, what: str, measure: Callable[[], float]) -> float:
        if what not in self._found:
            self._found[what] = measure()
        return self._found[what]

    def _step(self, arm: str) -> float:
        """Seconds of one step of fine-tuning."""
        study, loaded = self._study, load_hourglass(self._study.model, verify=False)
        module, config = loaded.module, arms.finetuning(arm, study.config, 0)
        if spec := arms.spec_of(arm, study.config, study.width):
            grafting.graft(module, build_autoencoder(spec), study.stack)
        train_only(module, arms.arm_of(arm).trainable)
        module.to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        inference = Inference(self._device, config.precision, config.batch_size, loaded.mean_rgb)
        augmentation = augmentation_of(config, self._skeleton, self._crops["train"].crop_size, study.data)
        objective = PoseObjective(self._crops["train"], self._crops["val"], config, inference, augmentation)
        optimizer = build_optimizer(module, config)
        train_mode(module)
        rows = np.arange(min(config.batch_size, objective.samples))
        batch, weight = objective.load(rows, 0), objective.weight(rows, 0)
        return self._timed(lambda: objective.loss(module, batch, weight), optimizer)

    def _pretraining_step(self, config: AutoencoderConfig) -> float:
        autoencoder = build_autoencoder(AutoencoderSpec.of(config, self._study.width)).to(self._device)
        optimizer = build_optimizer(autoencoder, config)
        batch = torch.randn(config.batch_size, self._study.width, 4, 4, device=self._device)

        def loss() -> torch.Tensor:
            with autocast(self._device, config.precision):
                decoded = autoencoder(batch)
            return torch.nn.functional.mse_loss(decoded.float(), batch)

        return self._timed(loss, optimizer)

    def _forward(self) -> float:
        """Seconds of one person in a forward pass."""
        study, crops = self._study, self._crops["val"]
        rows = np.arange(min(32, len(crops)))
        self._execution.stop.raise_if_set("the measurement", "the same command again", saved=False)
        return forward_time(study.model, study.config.precision, self._device, crops, rows, self._execution)

    def _timed(self, loss: Callable[[], torch.Tensor], optimizer: torch.optim.Optimizer) -> float:
        def step() -> None:
            self._execution.stop.raise_if_set("the measurement", "the same command again", saved=False)
            optimizer.zero_grad(set_to_none=True)
            loss().backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return timed(step, self._device)
