"""Training a part of a network: the rest keeps its weights, and its batch normalisation its statistics."""

from __future__ import annotations

from typing import Literal, cast

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from shgae.errors import Refused
from shgae.models.autoencoder import Autoencoder
from shgae.models.hourglass import Stack, StackedHourglass

Part = Literal["all", "decoder", "autoencoder", "head"]


def train_only(model: StackedHourglass, part: Part) -> None:
    """Takes the gradient from every weight outside of a part, in place.

    ``decoder`` is what comes after the bottleneck and its autoencoder, of every stack: the way up, the head, the merge
    into the next stack. ``autoencoder`` are the autoencoders, ``head`` the heads.

    Raises:
        Refused: there is no autoencoder to train.
    """
    if part == "all":
        return
    model.requires_grad_(False)
    stacks = [cast(Stack, stack) for stack in model.stacks]
    if part == "autoencoder" and not any(isinstance(stack.hourglass.graft, Autoencoder) for stack in stacks):
        raise Refused("--trainable autoencoder", "the model", "it carries no autoencoder", "a grafted model")
    for stack in stacks:
        for module in _modules(stack, part):
            module.requires_grad_(True)


def _modules(stack: Stack, part: Part) -> list[nn.Module]:
    if part == "autoencoder":
        return [stack.hourglass.graft]
    if part == "head":
        return [stack.head]
    return [stack.hourglass.ups, stack.head, *([stack.merge] if stack.merge else [])]


def train_mode(model: nn.Module) -> None:
    """Train mode, but for batch normalisations without a gradient: they keep using and keep their statistics."""
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not any(weight.requires_grad for weight in module.parameters()):
            module.eval()
