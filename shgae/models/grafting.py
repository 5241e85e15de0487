"""The graft: an autoencoder in the slot between an hourglass's encoder and its decoder.

Only the slot's content changes. No weight of the hourglass is touched and no forward is written twice, so an identity
in the slot gives the plain network's maps bit for bit, and taking the autoencoder out gives the old network back.
"""

from __future__ import annotations

from torch import nn

from shgae.errors import Refused
from shgae.models.autoencoder import Autoencoder
from shgae.models.hourglass import StackedHourglass


def graft(model: StackedHourglass, autoencoder: Autoencoder, stack: int = -1) -> None:
    """Puts the autoencoder after the last bottleneck residual of one stack, in place.

    Raises:
        Refused: the stack has an autoencoder already, or there is no such stack.
    """
    hourglass = model.hourglass(stack)
    if not isinstance(hourglass.graft, nn.Identity):
        raise Refused("graft", "the hourglass", "it carries an autoencoder already", "a model without one")
    hourglass.graft = autoencoder


def share(model: StackedHourglass, *, of: int, stack: int) -> None:
    """Puts the very autoencoder of one stack (the same module, the same weights) into another one too, in place.

    Raises:
        Refused: there is none to share, or the other stack has one already, or there is no such stack.
    """
    autoencoder = model.hourglass(of).graft
    if not isinstance(autoencoder, Autoencoder):
        raise Refused("graft", f"stack {of} of the hourglass", "it carries no autoencoder", "a stack with one")
    graft(model, autoencoder, stack)


def remove(model: StackedHourglass, stack: int = -1) -> Autoencoder:
    """Takes the autoencoder of one stack out, in place, and returns it.

    Raises:
        Refused: there is none, or no such stack.
    """
    hourglass = model.hourglass(stack)
    autoencoder = hourglass.graft
    if not isinstance(autoencoder, Autoencoder):
        raise Refused("graft", "the hourglass", "it carries no autoencoder", "a grafted model")
    hourglass.graft = nn.Identity()
    return autoencoder
