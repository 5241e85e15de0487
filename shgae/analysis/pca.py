"""Principal components of bottleneck tensors, from one pass over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from shgae.arrays import Array, Floats, Floats32
from shgae.execution import Execution

if TYPE_CHECKING:
    from shgae.data.datasets import Rows

ROUNDING = 1e-8
"""A share of the variance up to this is 0 but for rounding."""


@dataclass(frozen=True)
class Components:
    """The principal components of rows of D numbers."""

    mean: Floats
    """(D,) that was taken off before."""
    variances: Floats
    """(D,) along each component, the largest first, never below 0."""
    directions: Floats32
    """(D, D): a row a component, of length 1."""
    rank: int
    """How many of them the rows determine: N rows around their mean span N - 1 directions, the others are arbitrary."""

    @classmethod
    def of_covariance(cls, mean: Floats, covariance: Floats, rows: int, *, lower: bool = False) -> Components:
        """Those of so many rows, by the covariance around their mean.

        Args:
            mean: (D,) float64.
            covariance: (D, D) float64, of which one triangle is read; it is overwritten.
            rows: that it was computed from, N.
            lower: which triangle.
        """
        variances, vectors = scipy.linalg.eigh(
            covariance, lower=lower, driver="evd", overwrite_a=True, check_finite=False
        )
        order = slice(None, None, -1)
        directions = vectors.T[order].astype(np.float32)
        return cls(mean, np.maximum(variances[order], 0), directions, min(rows - 1, len(variances)))

    def count_for(self, share: float) -> int:
        """How many components hold at least this share (0 to 1) of the variance; 0 where nothing varies."""
        if not self.variances.any():
            return 0
        held = np.cumsum(self.variances) / self.variances.sum()
        return int(np.searchsorted(held, share * (1 - 1e-12))) + 1

    @property
    def varying(self) -> int:
        """How many of the D numbers vary by more than rounding leaves of the whole variance."""
        spread = self.variances.astype(np.float32) @ np.square(self.directions)
        return int((spread > ROUNDING * self.variances.sum()).sum())

    @property
    def effective_dimension(self) -> float:
        """Participation ratio (sum of variances)^2 / sum of their squares: D if all are equal, 1 if one has all, 0
        where nothing varies."""
        squares = np.square(self.variances).sum()
        return float(self.variances.sum() ** 2 / squares) if squares else 0.0


class CovarianceSums:
    """Running sums of products of centred rows; memory is D x D float64, whatever the number of rows."""

    def __init__(self, mean: Array) -> None:
        """Begins with the mean of the rows, of any shape of D numbers."""
        self._mean = mean.astype(np.float64).ravel()
        size = self._mean.size
        self._rows = 0
        # The upper triangle only, as BLAS's symmetric product fills it: half the arithmetic.
        self._products = np.zeros((size, size), order="F")

    def add(self, rows: Array) -> None:
        """Counts a block (n, ...) of rows; its products are float32, their sums float64."""
        if len(rows):
            centred = rows.reshape(len(rows), -1).astype(np.float32) - self._mean.astype(np.float32)
            self._products += scipy.linalg.blas.ssyrk(1.0, centred.T)
            self._rows += len(rows)

    def components(self) -> Components:
        """The principal components of everything added (variances divided by the number of rows), which it uses up.

        Raises:
            ValueError: nothing was added.
        """
        if not self._rows:
            raise ValueError("nothing was added")
        self._products /= self._rows
        return Components.of_covariance(self._mean, self._products, self._rows)


def components_of(
    mean: Floats,
    read: Callable[[Rows], Floats32],
    rows: int,
    execution: Execution,
    *,
    where: object = "principal components",
    at_once: int = 2048,
) -> Components:
    """Principal components of so many rows around their mean (C, 4, 4), in one pass; takes D x D float64 thrice.

    Last bits depend on how many rows are summed at once; ``where`` is named by an interruption.
    """
    from shgae.data.datasets import in_chunks  # brings torch, which a finished report does without

    sums = CovarianceSums(mean)
    execution.progress.start("principal components", rows, "people")
    for part in in_chunks(np.arange(rows), at_once):
        execution.stop.raise_if_set(where, "the same command again", saved=False)
        sums.add(read(part))
        execution.progress.advance(len(part))
    components = sums.components()
    execution.progress.finish()
    return components
