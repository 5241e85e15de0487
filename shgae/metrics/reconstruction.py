"""How well an autoencoder gives back what it was given: one pass, float64 sums, divided once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Reconstruction:
    """What one pass over tensors x, their reconstructions and their codes says."""

    mse: float
    """Mean squared error over all numbers."""
    fvu: float | None
    """Fraction of variance unexplained, sum |x - reconstruction|^2 / sum |x - mean|^2 with the training mean: 0 is
    perfect, 1 no better than always answering the training mean. None if every x is that mean."""
    relu_floor: float | None
    """The least FVU within reach of a decoder that ends in a ReLU: sum min(x, 0)^2 / sum |x - mean|^2."""
    dead_units: int
    """Numbers of the code that were above 0 for nobody."""
    code_size: int
    """Numbers in the code."""


class ReconstructionSums:
    """Running sums of :class:`Reconstruction`, over batches of any size."""

    def __init__(self, mean: Array) -> None:
        """Begins with the training mean (C, H, W) of x."""
        self._mean = mean.astype(np.float64)
        self._numbers = 0
        self._error = self._deviation = self._negative = 0.0
        self._alive: npt.NDArray[np.bool_] | None = None

    def add(self, x: Array, xhat: Array, code: Array) -> None:
        """Counts a batch: x and its reconstruction (n, C, H, W), and the code (n, code_size).

        Raises:
            ValueError: a shape differs from that of x or of the mean.
        """
        if x.shape != xhat.shape or x.shape[1:] != self._mean.shape:
            raise ValueError(f"x {x.shape}, reconstruction {xhat.shape}, mean {self._mean.shape}")
        wide = x.astype(np.float64)
        self._numbers += wide.size
        self._error += _square_sum(wide - xhat)
        self._deviation += _square_sum(wide - self._mean)
        self._negative += _square_sum(np.minimum(wide, 0))
        alive = np.asarray((code > 0).any(0))
        self._alive = alive if self._alive is None else self._alive | alive

    def result(self) -> Reconstruction:
        """The measures of everything added; raises ValueError if that is nothing."""
        if self._alive is None:
            raise ValueError("nothing was added")
        return Reconstruction(
            mse=self._error / self._numbers,
            fvu=self._share(self._error),
            relu_floor=self._share(self._negative),
            dead_units=int((~self._alive).sum()),
            code_size=len(self._alive),
        )

    def _share(self, total: float) -> float | None:
        return total / self._deviation if self._deviation else None


def _square_sum(values: npt.NDArray[np.float64]) -> float:
    return float(np.vdot(values, values))
