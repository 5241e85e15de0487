"""A bottleneck tensor squeezed into a few numbers and back: the original study's autoencoder, and the linear one."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from shgae.errors import Refused

SIDE = 4
"""Rows and columns of the bottleneck."""


class Autoencoder(nn.Module):
    """What every autoencoder can do; ``width`` are the channels of its bottleneck."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def encode(self, bottleneck: Tensor) -> Tensor:
        """Bottleneck (N, C, 4, 4) -> code (N, code_size); raises :class:`Refused` for another size."""
        raise NotImplementedError

    def decode(self, code: Tensor) -> Tensor:
        """Code (N, code_size) -> bottleneck (N, C, 4, 4); raises :class:`Refused` for another size."""
        raise NotImplementedError

    def forward(self, bottleneck: Tensor) -> Tensor:
        """(N, C, 4, 4) -> (N, C, 4, 4): there and back."""
        return self.decode(self.encode(bottleneck))


class LinearAutoencoder(Autoencoder):
    """A linear layer to the code and one back, nothing else: with the right weights, a projection on principal
    components (then the code is signed, in their order)."""

    def __init__(self, *, width: int, code_size: int) -> None:
        super().__init__(width)
        self.to_code = nn.Linear(width * SIDE * SIDE, code_size)
        self.from_code = nn.Linear(code_size, width * SIDE * SIDE)

    def encode(self, bottleneck: Tensor) -> Tensor:
        _check_bottleneck(bottleneck, self.width)
        code: Tensor = self.to_code(bottleneck.flatten(1))
        return code

    def decode(self, code: Tensor) -> Tensor:
        _check_code(code, self.from_code)
        bottleneck: Tensor = self.from_code(code).unflatten(1, (self.width, SIDE, SIDE))
        return bottleneck


class ConvAutoencoder(Autoencoder):
    """The original study's: (N, C, 4, 4) -> a code of non-negative numbers -> (N, C, 4, 4).

    Down: conv3x3 C -> 3C/4 -> C/2 -> C/4, each with a ReLU; flatten; linear to the code; ReLU.
    Up: linear, ReLU, transposed conv3x3 C/4 -> C/2 -> 3C/4 -> C with ReLUs between. After the last one the original
    study has a ReLU too (``output="relu"``), though that cannot reach the negative half of its target.

    The training noise is not in here: the training objective adds it, so there is none at any other time.
    """

    def __init__(self, *, width: int, code_size: int, output: Literal["relu", "identity"]) -> None:
        super().__init__(width)
        wide, middle, narrow = 3 * width // 4, width // 2, width // 4
        self.encoder = nn.Sequential(
            nn.Conv2d(width, wide, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(wide, middle, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(middle, narrow, 3, padding=1),
            nn.ReLU(),
        )
        self.to_code = nn.Linear(narrow * SIDE * SIDE, code_size)
        self.from_code = nn.Linear(code_size, narrow * SIDE * SIDE)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(narrow, middle, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(middle, wide, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(wide, width, 3, padding=1),
            nn.ReLU() if output == "relu" else nn.Identity(),
        )

    def encode(self, bottleneck: Tensor) -> Tensor:
        _check_bottleneck(bottleneck, self.width)
        code: Tensor = self.to_code(self.encoder(bottleneck).flatten(1)).relu()
        return code

    def decode(self, code: Tensor) -> Tensor:
        _check_code(code, self.from_code)
        narrow = self.from_code(code).relu().unflatten(1, (-1, SIDE, SIDE))
        bottleneck: Tensor = self.decoder(narrow)
        return bottleneck


def _check_bottleneck(bottleneck: Tensor, width: int) -> None:
    if bottleneck.ndim != 4 or bottleneck.shape[1] != width:
        why = f"it is {tuple(bottleneck.shape)}, wanted (N, {width}, {SIDE}, {SIDE})"
        raise Refused("bottleneck", "the autoencoder", why, "bottlenecks of the network that it was trained on")
    rows, columns = bottleneck.shape[-2:]
    if (rows, columns) != (SIDE, SIDE):
        why = f"a bottleneck of {rows} x {columns} cells, the autoencoder takes {SIDE} x {SIDE}"
        raise Refused("images", "the network", why, "images of the model's crop size, which shgae info shows")


def _check_code(code: Tensor, layer: nn.Linear) -> None:
    if code.ndim != 2 or code.shape[1] != layer.in_features:
        why = f"it is {tuple(code.shape)}, wanted (N, {layer.in_features})"
        raise Refused("code", "the autoencoder", why, "codes that encode() gives")
