"""Is a splice what it claims to be? Properties that hold exactly, tried on a real batch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from shgae.analysis.splice.report import Check
from shgae.models import grafting
from shgae.models.autoencoder import Autoencoder
from shgae.models.hourglass import StackedHourglass
from shgae.models.zoo import state_arrays

TOLERANCE = 1e-3
"""Of the highest map value: what float32 may lose in x' + (x - x') on its way through the decoder."""


class _Copy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


class _WithError(nn.Module):
    """x' + (x - x'), which is x."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, x: Tensor) -> Tensor:
        rebuilt: Tensor = self.autoencoder(x)
        return rebuilt + (x - rebuilt)


def check(model: StackedHourglass, stack: int, images: Tensor, autoencoder: Autoencoder | None) -> tuple[Check, ...]:
    """Tries one stack of a network, grafted there or not, in eval mode on images (N, 3, H, W) on its device, in
    float32; leaves it as it was. Without an autoencoder, to be put in and taken out, the properties that need it are
    left out."""
    with torch.inference_mode():
        own = model.hourglass(stack).graft
        descent = model.descend(images, stack)
        whole = model(images)[:, -1]
        found = [
            _same("descend, then ascend = forward", whole, model.ascend(descent, own(descent.bottleneck))),
            _same("two passes are equal", whole, model(images)[:, -1]),
        ]
        untouched = model.ascend(descent, descent.bottleneck)
        with _slot(model, stack, _Copy()):
            found.append(_same("a copy in the slot = the bottleneck as it is", untouched, model(images)[:, -1]))
        if autoencoder is not None:
            with _slot(model, stack, _WithError(autoencoder)):
                maps = model(images)[:, -1]
            found.append(_same("autoencoder + its error = the bottleneck as it is", untouched, maps, TOLERANCE))
            found.append(_in_and_out(model, stack, autoencoder))
        return tuple(found)


def _same(what: str, one: Tensor, other: Tensor, tolerance: float = 0.0) -> Check:
    max_abs_diff = (one - other).abs().max().item()
    return Check(what, max_abs_diff <= tolerance * one.abs().max().item(), max_abs_diff)


def _in_and_out(model: StackedHourglass, stack: int, autoencoder: Autoencoder) -> Check:
    with _slot(model, stack, nn.Identity()):
        before = _hash(model)
        grafting.graft(model, autoencoder, stack)
        is_in = _hash(model) != before
        is_out = grafting.remove(model, stack) is autoencoder and _hash(model) == before
    passed = is_in and is_out
    return Check("graft, then remove, leaves the weights as they were", passed, 0.0 if passed else 1.0)


@contextmanager
def _slot(model: StackedHourglass, stack: int, content: nn.Module) -> Iterator[None]:
    hourglass = model.hourglass(stack)
    before, hourglass.graft = hourglass.graft, content
    try:
        yield
    finally:
        hourglass.graft = before


def _hash(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(state_arrays(model).items()):
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()
