"""One stack of a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shgae.artifacts.compatibility import find_stacks, is_tuned
from shgae.models.autoencoder import Autoencoder
from shgae.models.zoo import LoadedAutoencoder, LoadedHourglass, load_hourglass
from shgae.recipes import OneStack


@dataclass(frozen=True)
class Site:
    """One stack of a network."""

    loaded: LoadedHourglass
    stack: int
    """Counted from 0."""

    @property
    def own(self) -> Autoencoder | None:
        """The autoencoder grafted there."""
        graft = self.loaded.module.hourglass(self.stack).graft
        return graft if isinstance(graft, Autoencoder) else None

    def asked_about(self, given: LoadedAutoencoder | None) -> LoadedAutoencoder | None:
        """The autoencoder that an analysis is about: the one grafted there, or else the given one."""
        own, spec = self.own, self.loaded.spec.autoencoder(self.stack)
        return given if own is None or spec is None else LoadedAutoencoder(own, spec, self.loaded.artifact)

    @property
    def is_tuned(self) -> bool:
        """Whether an autoencoder and its trunk were trained on together."""
        return self.own is not None and is_tuned(self.loaded.artifact)


def open_site(model: Path, stack: OneStack) -> Site:
    """Opens a network at one stack ("last", or its number); raises :class:`Refused` if it has no such stack."""
    loaded = load_hourglass(model)
    has = loaded.spec.stacks
    (index,) = find_stacks(stack, range(has), model, f"--stack {has - 1}")
    return Site(loaded, index)
