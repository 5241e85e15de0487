"""The bootstrap over photos: ratios of sums over people, and the same on photos drawn with replacement.

:mod:`shgae.metrics.statistics` makes intervals and verdicts of the resamples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from shgae.arrays import Array, Floats, Ints
from shgae.metrics.statistics import (
    CONFIDENCE,
    FEWEST_PHOTOS,
    RESAMPLES,
    ROUNDING,
    Interval,
    PhotoEstimate,
    effective_number,
    is_near_boundary,
    score_interval,
)

_CELLS_AT_ONCE = 4_000_000
"""Resamples are drawn in portions of about so many photos, which bounds the memory."""


def photo_sums(values: Array, photo_id: Ints) -> Floats:
    """Sums of people's values (N, ...) by photo: (P, ...) float64, photos in the order of their ids."""
    photos, place = np.unique(photo_id, return_inverse=True)
    sums = np.zeros((len(photos), *values.shape[1:]))
    np.add.at(sums, place, values)
    return sums


class PairedBootstrap:
    """Ratios of sums over people, and the same on resampled photos; all ratios share the resamples.

    A quantity is an index into the trailing axes of what it was made of, such as ``(model, group)``.
    """

    def __init__(
        self,
        above: Array,
        below: Array,
        photo_id: Ints,
        *,
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> None:
        """Sums by photo, and resamples the photos.

        Args:
            above: (N, ...) what each person adds to the numerator of each quantity.
            below: (N, ...) what each person adds to the denominator, 0 or more.
            photo_id: (N,) the photo of each person; people of one photo are resampled together.
            resamples: how often all P photos are drawn with replacement.
            seed: equal seeds and equal P draw the same photos, whatever the quantities.

        Raises:
            ValueError: the shapes do not fit.
        """
        if above.shape != below.shape or above.shape[:1] != photo_id.shape:
            raise ValueError(f"numerators {above.shape}, denominators {below.shape}, photos {photo_id.shape}")
        numerator, denominator = (photo_sums(values, photo_id) for values in (above, below))
        self.photos = len(numerator)
        """How many there are."""
        # (..., 2, P) and (..., resamples): an index into either is a quantity.
        self._sums: Floats = np.moveaxis(np.stack([numerator, denominator]), (0, 1), (-2, -1))
        self._photos_of = (denominator > 0).sum(0)
        self._values = _ratios(numerator.sum(0), denominator.sum(0))
        drawn = np.zeros((0, *above.shape[1:]))
        if self.photos >= FEWEST_PHOTOS:
            drawn = _resampled(numerator, denominator, resamples, seed)
        self._drawn: Floats = np.moveaxis(drawn, 0, -1)

    def value(self, quantity: tuple[int, ...]) -> float | None:
        """The ratio on the people as they are; None where there is nothing to divide by."""
        value = float(self._values[quantity])
        return value if np.isfinite(value) else None

    def resampled(self, quantity: tuple[int, ...]) -> Floats:
        """(resamples,) the ratio on each; NaN where there is nothing to divide by. Empty for fewer than two photos."""
        drawn: Floats = self._drawn[quantity]
        return drawn

    def has_interval(self, *quantities: tuple[int, ...]) -> bool:
        """Whether two photos at least have something to divide by, and half of the resamples, for each of these."""
        return all(
            self._photos_of[one] >= FEWEST_PHOTOS
            and 2 * int(np.isfinite(self.resampled(one)).sum()) >= self._drawn.shape[-1]
            for one in quantities
        )

    def photos_of(self, quantity: tuple[int, ...]) -> int:
        """How many photos have something to divide by."""
        return int(self._photos_of[quantity])

    def effective(self, quantity: tuple[int, ...]) -> float:
        """As how many photos of equal weight those with something to divide by count."""
        return effective_number(self._sums[quantity][1])

    def interval(self, quantity: tuple[int, ...]) -> Interval | None:
        """A ratio with its interval, which reaches below 0 only where a numerator does; None from too few photos."""
        found = self.combined(lambda one: one, quantity)
        if found is None:
            return None
        one = found.interval()
        return one if (self._sums[quantity][0] < 0).any() else dataclasses.replace(one, low=max(one.low, 0.0))

    def share(self, quantity: tuple[int, ...]) -> Interval | None:
        """A share of people (denominators 0 or 1), or of their joints, with its interval in [0, 1]; None from too few
        photos.

        Near 0 and 100 % it is a :func:`~shgae.metrics.statistics.score_interval`, and where it is the same on every
        photo: resamples do not vary then, and the people of a photo might be copies of each other, so it counts photos.
        """
        found = self.combined(lambda one: one, quantity)
        if found is None:
            return None
        one, error = found.interval(), found.standard_error
        photos = max(found.evenness * found.photos, FEWEST_PHOTOS)
        if error > ROUNDING and not is_near_boundary(found.value, photos):
            return Interval(one.value, max(one.low, 0.0), min(one.high, 1.0), one.standard_error)
        size = photos
        if error > ROUNDING:
            size = min(float(self._sums[quantity][1].sum()), found.value * (1 - found.value) / error**2)
        return Interval(found.value, *score_interval(found.value, size, photos, CONFIDENCE), one.standard_error)

    def estimate(self, first: tuple[int, ...], second: tuple[int, ...]) -> PhotoEstimate | None:
        """The second ratio minus the first, on the same resamples; None from too few photos."""
        found = self.combined(lambda one, other: other - one, first, second)
        if found is None:
            return None
        one, other = self._sums[first], self._sums[second]
        of_shares = all(bool((sums[0] >= 0).all()) and _are_shares(sums) for sums in (one, other))
        return _difference(found, np.abs(one - other).max(0), np.maximum(one[1], other[1]), of_shares)

    def gain(self, quantity: tuple[int, ...]) -> PhotoEstimate | None:
        """A ratio that is a difference by itself, its numerators differences of people; None from too few photos."""
        found, sums = self.combined(lambda one: one, quantity), self._sums[quantity]
        return found and _difference(found, sums[0], sums[1], _are_shares(sums))

    def difference(self, first: tuple[int, ...], second: tuple[int, ...]) -> Interval | None:
        """:meth:`estimate` with its interval."""
        found = self.estimate(first, second)
        return None if found is None else found.interval()

    def combined(self, function: Callable[..., Any], *quantities: tuple[int, ...]) -> PhotoEstimate | None:
        """A function of several ratios, each a number or an array (resamples,), on the same resamples; None from too
        few photos."""
        values = [self.value(one) for one in quantities]
        if None in values or not self.has_interval(*quantities):
            return None
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = function(*map(self.resampled, quantities))
        finite = drawn[np.isfinite(drawn)]
        if 2 * len(finite) < len(drawn):
            return None
        photos = min(map(self.photos_of, quantities))
        evenness = min(map(self.effective, quantities)) / photos
        return PhotoEstimate(float(function(*values)), finite, photos, photos, evenness=evenness)


def _are_shares(sums: Floats) -> bool:
    return bool((np.abs(sums[0]) <= sums[1] + ROUNDING).all())


def _difference(found: PhotoEstimate, by: Floats, weights: Floats, of_shares: bool) -> PhotoEstimate:
    """An estimate as one of a difference, ``by`` (P,) on each photo of ``weights`` (P,); what rounding leaves of none
    is 0."""
    differs = np.abs(by) > ROUNDING
    differ = int(differs.sum())
    if not differ:
        found = dataclasses.replace(found, value=0.0, drawn=np.zeros_like(found.drawn))
    evenness = effective_number(weights[differs]) / differ if differ else 1.0
    return dataclasses.replace(found, informative=differ, of_shares=of_shares, evenness=evenness)


def _ratios(numerator: Floats, denominator: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios: Floats = numerator / denominator
    return ratios


def _resampled(numerator: Floats, denominator: Floats, resamples: int, seed: int) -> Floats:
    """(resamples, ...) ratios of sums (P, ...) over photos drawn with replacement."""
    photos = len(numerator)
    rng = np.random.Generator(np.random.Philox(seed))
    both = np.concatenate([numerator.reshape(photos, -1), denominator.reshape(photos, -1)], axis=1)
    sums = np.empty((resamples, both.shape[1]))
    portion = max(1, _CELLS_AT_ONCE // photos)
    for start in range(0, resamples, portion):
        count = min(portion, resamples - start)
        drawn = rng.integers(0, photos, size=(count, photos), dtype=np.int32)
        drawn += (np.arange(count, dtype=np.int32) * photos)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=count * photos).reshape(count, photos)
        sums[start : start + count] = weights @ both
    above, below = np.split(sums, 2, axis=1)
    return _ratios(above, below).reshape(resamples, *numerator.shape[1:])
