"""Replacements of the bottleneck on the way up.

A replacement is a function of bottlenecks x (n, C, 4, 4) and the rows (n,) of their people in the split; it returns
(n, C, 4, 4) on the same device.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from shgae.analysis.pca import Components
from shgae.arrays import Array, Floats32
from shgae.data.datasets import Rows

Replacement = Callable[[Tensor, Rows], Tensor]


def identity(x: Tensor, _: Rows) -> Tensor:
    """x (n, C, 4, 4) itself."""
    return x


def zero(x: Tensor, _: Rows) -> Tensor:
    """Zeros of the shape (n, C, 4, 4) and number format of x."""
    return torch.zeros_like(x)


def constant(mean: Array) -> Replacement:
    """The same (C, 4, 4), as float32, for everybody: the training mean."""
    one = torch.from_numpy(mean.astype(np.float32))

    def replace(x: Tensor, _: Rows) -> Tensor:
        return one.to(x.device).expand_as(x)

    return replace


def another(bottlenecks: Floats32, seed: int) -> Replacement:
    """Another person's: the bottlenecks (N, C, 4, 4) of the whole split, dealt out again, so that nobody gets their
    own and everybody's goes to somebody.

    Raises:
        ValueError: there is nobody else.
    """
    donor = derangement(len(bottlenecks), seed)

    def replace(x: Tensor, rows: Rows) -> Tensor:
        return torch.from_numpy(bottlenecks[donor[rows]]).to(x.device)

    return replace


def given(read: Callable[[Rows], Floats32]) -> Replacement:
    """What another program put in its place: ``read`` gives it, (n, C, 4, 4), of rows of the split."""

    def replace(x: Tensor, rows: Rows) -> Tensor:
        # Laid out as what an autoencoder of the network gives, so that sums over it have equal last bits.
        return torch.from_numpy(read(rows)).to(x.device).contiguous(memory_format=torch.channels_last)

    return replace


def derangement(count: int, seed: int) -> Rows:
    """A permutation (count,) of 0 .. count - 1 that leaves nothing in place: one random circle through all.

    Raises:
        ValueError: fewer than two.
    """
    if count < 2:
        raise ValueError("one cannot change places with nobody")
    circle = np.random.Generator(np.random.Philox(seed)).permutation(count)
    donor = np.empty(count, np.int64)
    donor[circle] = np.roll(circle, 1)
    return donor


class Projection:
    """Projections on the first k principal components, of growing k, each made from the one before."""

    def __init__(self, components: Components, device: torch.device) -> None:
        self._mean = torch.from_numpy(components.mean).float().to(device)
        self._directions = torch.from_numpy(components.directions).to(device)

    def coefficients(self, x: Tensor) -> Tensor:
        """x (n, C, 4, 4) -> (n, D) float32 along each component, D = 16 C."""
        return (x.flatten(1).float() - self._mean) @ self._directions.T

    def begin(self, x: Tensor) -> Tensor:
        """Rank 0, the mean for everybody: (n, D) float32."""
        return self._mean.expand(len(x), -1).clone()

    def extend(self, rebuilt: Tensor, coefficients: Tensor, held: int, wanted: int) -> Tensor:
        """From rank ``held`` to rank ``wanted``: (n, D) -> (n, D), by the components in between."""
        return rebuilt + coefficients[:, held:wanted] @ self._directions[held:wanted]


def rank(projection: Projection, count: int) -> Replacement:
    """x (n, C, 4, 4) projected on the first ``count`` components around the mean, as a linear autoencoder does."""

    def replace(x: Tensor, _: Rows) -> Tensor:
        return projection.extend(projection.begin(x), projection.coefficients(x), 0, count).view(x.shape)

    return replace
