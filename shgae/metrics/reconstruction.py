"""How well an autoencoder reconstructs: one pass, float64 sums, divided once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shgae.arrays import Array, Bools, Floats
from shgae.errors import Inconsistent


@dataclass(frozen=True)
class Reconstruction:
    """Errors of reconstructions of tensors x, and dead units of their codes, from one pass."""

    mse: float
    """Mean squared error over all numbers."""
    fvu: float | None
    """Fraction of variance unexplained, sum |x - reconstruction|^2 / sum |x - mean|^2 with the training mean: 0 is
    perfect, 1 no better than always answering the training mean. None if every x is that mean."""
    relu_floor: float | None
    """The least FVU of a decoder that ends in a ReLU: :func:`relu_error` / sum |x - mean|^2."""
    dead_units: int
    """Units of the code that are 0 for everybody, see :func:`is_alive`."""
    code_size: int
    """Numbers in the code."""


class ReconstructionSums:
    """Running sums of :class:`Reconstruction`, over batches of any size."""

    def __init__(self, mean: Array) -> None:
        """Begins with the training mean (C, H, W) of x."""
        self._mean = mean.astype(np.float64)
        self._numbers = 0
        self._error = self._deviation = self._negative = 0.0
        self._alive: Bools | None = None

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
        self._negative += relu_error(wide)
        alive = is_alive(code)
        self._alive = alive if self._alive is None else self._alive | alive

    def result(self) -> Reconstruction:
        """The measures of everything added; raises ValueError if that is nothing."""
        if self._alive is None:
            raise ValueError("nothing was added")
        return Reconstruction(
            mse=self._error / self._numbers,
            fvu=_ratio(self._error, self._deviation),
            relu_floor=_ratio(self._negative, self._deviation),
            dead_units=int((~self._alive).sum()),
            code_size=len(self._alive),
        )


def is_active(codes: Array) -> Bools:
    """Which codes are not 0, of any shape."""
    return np.asarray(codes != 0)


def is_alive(codes: Array) -> Bools:
    """(units,) which units of codes (N, units) are active for at least one person; the others are dead."""
    return np.asarray(is_active(codes).any(0))


def is_varying(codes: Array) -> Bools:
    """(units,) which units of codes (N, units) do not have one value for everybody; dead ones have."""
    return np.asarray(codes.max(0) != codes.min(0))


def density(codes: Array) -> Floats:
    """(units,) of each unit of codes (N, units) the share of people, 0 to 1, for whom it is active."""
    return np.asarray(is_active(codes).mean(0))


def relu_error(x: Floats) -> float:
    """The squared error that no decoder ending in a ReLU can avoid: sum min(x, 0)^2."""
    return _square_sum(np.minimum(x, 0))


def _square_sum(values: Floats) -> float:
    return float(np.vdot(values, values))


@dataclass(frozen=True)
class Fidelity:
    """Errors of replacements x' of tensors x of N people, in detail, from one pass.

    "The spread" is sum |x - mean|^2 over everything, with the training mean. Every number that would divide by 0 is
    None.
    """

    fvu: float | None
    """Fraction of variance unexplained, sum |x - x'|^2 / the spread; see :class:`Reconstruction`."""
    fvu_uncentred: float | None
    """sum |x - x'|^2 / sum |x|^2: the same against zeros in the mean's place."""
    fvu_offset_free: float | None
    """sum |(x - x') - mean of (x - x')|^2 / the spread: FVU if a constant offset were forgiven."""
    relu_floor: float | None
    """The least FVU of what is never negative: :func:`relu_error` / the spread."""
    l2_ratio: float | None
    """Mean over people of |x'| / |x|."""
    relative_bias: float | None
    """mean |x'|^2 / mean <x, x'>: below 1, x' is too short (Rajamanoharan et al. 2024, section 3.2)."""
    cosine: float | None
    """Mean over people of the cosine between x and x'."""
    error_by_channel: tuple[float, ...] | None
    """(C,) what each channel adds to the FVU: sums to it."""
    spread_by_channel: tuple[float, ...] | None
    """(C,) each channel's share of the spread: sums to 1; error / spread is the FVU inside the channel."""
    error_by_position: tuple[float, ...] | None
    """(H x W,) row by row, as ``error_by_channel``."""
    spread_by_position: tuple[float, ...] | None
    """(H x W,) as ``spread_by_channel``."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` where errors and spreads are of other channels or positions."""
        pairs = (
            (self.error_by_channel, self.spread_by_channel),
            (self.error_by_position, self.spread_by_position),
        )
        if any(len(error or ()) != len(spread or ()) for error, spread in pairs):
            raise Inconsistent("errors and spreads of other channels or positions")


class FidelitySums:
    """Running float64 sums of :class:`Fidelity`, over batches of any size."""

    def __init__(self, mean: Array) -> None:
        """Begins with the training mean (C, H, W) of x."""
        self._mean = mean.astype(np.float64)
        self._people = 0
        self._error, self._error2, self._spread2 = (np.zeros(mean.shape) for _ in range(3))
        self._negative = 0.0
        self._lengths: list[Array] = []
        self._by_person: list[Array] = []

    def add(self, x: Array, xhat: Array) -> None:
        """Counts a batch: x and its replacement (n, C, H, W).

        Raises:
            ValueError: a shape differs from that of x or of the mean.
        """
        if x.shape != xhat.shape or x.shape[1:] != self._mean.shape:
            raise ValueError(f"x {x.shape}, replacement {xhat.shape}, mean {self._mean.shape}")
        wide, own = x.astype(np.float64), xhat.astype(np.float64)
        error = wide - own
        self._people += len(x)
        self._error += error.sum(0)
        self._error2 += np.square(error).sum(0)
        spread = wide - self._mean
        self._spread2 += np.square(spread).sum(0)
        self._by_person.append(np.stack([np.einsum("nchw,nchw->n", one, one) for one in (error, spread)]))
        self._negative += relu_error(wide)
        products = [np.einsum("nchw,nchw->n", a, b) for a, b in ((wide, wide), (own, own), (wide, own))]
        self._lengths.append(np.stack(products))

    def by_person(self) -> Array:
        """(2, N) float64: the squared error of each person, and the squared distance from the training mean; the ratio
        of their sums is the FVU."""
        return np.concatenate(self._by_person, axis=1)

    def result(self) -> Fidelity:
        """The measures of everything added; raises ValueError if that is nothing."""
        if not self._people:
            raise ValueError("nothing was added")
        xx, yy, xy = np.concatenate(self._lengths, axis=1)
        spread, error = float(self._spread2.sum()), float(self._error2.sum())
        offset = _square_sum(self._error) / self._people

        def shares(sums: Array, axes: tuple[int, ...]) -> tuple[float, ...] | None:
            return tuple((sums.sum(axes).ravel() / spread).tolist()) if spread else None

        return Fidelity(
            fvu=_ratio(error, spread),
            fvu_uncentred=_ratio(error, float(xx.sum())),
            fvu_offset_free=_ratio(max(error - offset, 0.0), spread),
            relu_floor=_ratio(self._negative, spread),
            l2_ratio=_mean_ratio(np.sqrt(yy), np.sqrt(xx)),
            relative_bias=_ratio(float(yy.sum()), float(xy.sum())),
            cosine=_mean_ratio(xy, np.sqrt(xx * yy)),
            error_by_channel=shares(self._error2, (1, 2)),
            spread_by_channel=shares(self._spread2, (1, 2)),
            error_by_position=shares(self._error2, (0,)),
            spread_by_position=shares(self._spread2, (0,)),
        )


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def _mean_ratio(above: Array, below: Array) -> float | None:
    """Over the people for whom there is something to divide by."""
    has = below > 0
    return float((above[has] / below[has]).mean()) if has.any() else None
