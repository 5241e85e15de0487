"""Room on the disk for a training's weights and checkpoints."""

from __future__ import annotations

from torch import nn

from shgae.artifacts.disk_space import check_space
from shgae.artifacts.draft import Draft
from shgae.execution import Progress
from shgae.recipes import FitConfig
from shgae.training.optim import OPTIMIZER_NUMBERS


def training_size(model: nn.Module, optimizer: str) -> int:
    """The most bytes that a training has on disk: its best weights, and a checkpoint next to the one it replaces."""
    state = sum(tensor.nbytes for tensor in model.state_dict().values())
    learning = sum(parameter.nbytes for parameter in model.parameters() if parameter.requires_grad)
    return int(state + 2 * (state + OPTIMIZER_NUMBERS[optimizer] * learning))


def check_training_space(draft: Draft, model: nn.Module, config: FitConfig, progress: Progress) -> None:
    """:func:`check_space` for a training that writes into a draft; of several processes the first one looks."""
    if draft.world.is_main:
        size = training_size(model, config.optimizer) - draft.size()
        check_space(draft.target, size, "weights and checkpoints", progress, "another disk")
