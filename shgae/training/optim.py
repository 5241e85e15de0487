"""Optimizers and learning rates of the recipes, and an optimizer's state as named arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from shgae.arrays import Array
from shgae.errors import Refused
from shgae.recipe_parts import RegularisationConfig
from shgae.recipes import FitConfig

PLATEAU_PATIENCE = 5
PLATEAU_FACTOR = 0.2
HALVE_EVERY = 25
WARM_UP_SHARE = 0.03
COSINE_END = 0.01
OPTIMIZER_NUMBERS: Mapping[str, int] = {"rmsprop": 1, "sgd": 1, "adam": 2}
"""How many numbers an optimizer keeps of each weight."""
_STEP = "step"
_SQUARES = (_STEP, "square_avg", "exp_avg_sq")
"""What is never below 0."""
_KEPT: Mapping[type[torch.optim.Optimizer], tuple[str, ...]] = {
    torch.optim.RMSprop: (_STEP, "square_avg"),
    torch.optim.SGD: ("momentum_buffer",),
    torch.optim.Adam: (_STEP, "exp_avg", "exp_avg_sq"),
    torch.optim.AdamW: (_STEP, "exp_avg", "exp_avg_sq"),
}
"""What an optimizer keeps of each parameter: as many numbers as that has, and the count of steps."""


def build_optimizer(model: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
    """The optimizer of a recipe over all parameters that want a gradient.

    Weight decay is decoupled from the gradient whatever the update rule (Loshchilov and Hutter 2019, 1711.05101).
    """
    decay = config.weight_decay if isinstance(config, RegularisationConfig) else 0.0
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    weights, others = ([one for one in parameters if (one.ndim > 1) == wanted] for wanted in (True, False))
    if config.optimizer == "adam" and decay:
        groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=config.lr, fused=True)
    if config.optimizer == "adam":
        # One pass over the weights in place of ten. Its rounding differs from that of the ten, by a last bit of a
        # weight.
        return torch.optim.Adam(parameters, lr=config.lr, fused=True)
    optimizer: torch.optim.Optimizer
    if config.optimizer == "rmsprop":
        optimizer = torch.optim.RMSprop(parameters, lr=config.lr, alpha=0.99)
    else:
        optimizer = torch.optim.SGD(parameters, lr=config.lr, momentum=0.9, fused=True)
    if decay:
        # torch's own weight decay of these two goes through the gradient, and so through its scale.
        optimizer.register_step_pre_hook(lambda chosen, *_: _shrink(weights, 1 - chosen.param_groups[0]["lr"] * decay))
    return optimizer


def _shrink(weights: Sequence[nn.Parameter], share: float) -> None:
    with torch.no_grad():
        torch._foreach_mul_(list(weights), share)


def learning_rate(config: FitConfig, *, epoch: int, step: int, steps: int, plateau_factor: float) -> float:
    """The learning rate of a step.

    Args:
        config: lr, schedule and epochs of the run.
        epoch: complete epochs.
        step: steps done in this epoch, of ``steps``.
        plateau_factor: 1, or 0.2 once the plateau rule has struck (see :data:`PLATEAU_PATIENCE`).
    """
    if config.schedule == "plateau":
        return config.lr * plateau_factor
    if config.schedule == "halve":
        return config.lr * 0.5 ** (epoch // HALVE_EVERY)
    done = (epoch + step / steps) / config.epochs
    if done < WARM_UP_SHARE:
        return config.lr * max(done / WARM_UP_SHARE, COSINE_END)
    fall = (done - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)
    return config.lr * (COSINE_END + (1 - COSINE_END) * 0.5 * (1 + math.cos(math.pi * fall)))


def optimizer_arrays(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Array]:
    """The optimizer's state as ``PARAMETER.KEY`` -> array."""
    arrays: dict[str, Array] = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            if value is not None:
                arrays[f"{name}.{key}"] = torch.as_tensor(value).detach().cpu().numpy()
    return arrays


def load_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, arrays: Mapping[str, Array]) -> None:
    """Restores :func:`optimizer_arrays`, onto each parameter's device and memory layout.

    Raises:
        Refused: an array belongs to no parameter, has another shape, or is none that this optimizer keeps.
    """
    parameters = dict(model.named_parameters())
    steps_on_device = any(group.get("fused") or group.get("capturable") for group in optimizer.param_groups)
    kept = _KEPT[type(optimizer)]
    for full_name, array in arrays.items():
        name, _, key = full_name.rpartition(".")
        parameter = parameters.get(name)
        value = torch.from_numpy(np.array(array))
        if parameter is None or value.shape != (parameter.shape if key != _STEP else ()):
            raise Refused("optimizer state", full_name, "fits no weight of this model", "--force to start again")
        lacks = any(f"{name}.{other}" not in arrays for other in kept)
        if key not in kept or lacks or value.dtype != torch.float32 or (key in _SQUARES and (value < 0).any()):
            raise Refused("optimizer state", full_name, "it is none of this optimizer", "--force to start again")
        # A fresh tensor of the parameter's layout: the update then runs as if never interrupted.
        if value.ndim:
            value = torch.empty_like(parameter).copy_(value)
        elif steps_on_device:  # as a fresh state has it: one kernel then reads it with the weights
            value = value.to(parameter.device)
        optimizer.state[parameter][key] = value
