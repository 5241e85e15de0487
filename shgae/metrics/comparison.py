"""Models on the same people, by the study's PCK: how sure is each score, and each difference?

All of them are scored on the same draws of photos (:mod:`shgae.metrics.statistics`), so a difference has an interval of
its own, which is narrower than those of the two scores suggest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shgae.metrics import pck
from shgae.metrics.pck import GROUPS
from shgae.metrics.statistics import Interval, McNemar, bootstrap, interval, mcnemar, photo_sums
from shgae.wording import counted

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Visibility = npt.NDArray[np.integer[Any]]
DRAWS = 10_000
FEWEST_PHOTOS = 2
"""With fewer there is nothing to draw from, and no interval."""


@dataclass(frozen=True)
class Comparison:
    """The second of two models against the first, on the same people."""

    all: Interval | None
    """PCK of the second minus that of the first; None where nobody has a joint, or all who have are in one photo."""
    v1: Interval | None
    v2: Interval | None
    joints: tuple[McNemar, ...]
    """Of each joint, on how many people the two agree."""
    photos: int
    """Photos of people who have a joint."""

    def sentence(self, first: str, second: str) -> str:
        """What may be said of it."""
        if self.all is None:
            return f"{second} against {first}: too few photos to say anything"
        ends = (self.all.value, self.all.low, self.all.high)
        points, low, high = (round(100 * share, 1) + 0.0 for share in ends)  # never -0.0
        found = f"{second} against {first}: {points:+.1f} points of PCK, 95 % interval {low:+.1f} to {high:+.1f}"
        if self.all.excludes_zero:
            return f"{found}: {second} finds {'more' if self.all.value > 0 else 'fewer'} joints on such photos"
        if self.all.standard_error == 0:
            return f"{found}: they do not differ on any photo"
        least = f"{100 * self.all.smallest_to_show:.1f} points"
        photos = counted(self.photos, "photo")
        return f"{found}: no difference is shown; {photos} would show one of {least} four times in five"


class Resampled:
    """The study's PCK of M models on N people, and on photos drawn anew."""

    def __init__(
        self,
        hits: Sequence[Bools],
        visibility: Visibility,
        photo_id: Ints,
        *,
        draws: int = DRAWS,
        seed: int = 0,
    ) -> None:
        """Scores and draws.

        Args:
            hits: of each of M models (N, K) the joints found.
            visibility: (N, K) v = 0, 1, 2; 0 where a joint does not count.
            photo_id: (N,).
            draws: how often photos are drawn; equal draws and seeds give equal intervals.
            seed: of the draws.

        Raises:
            ValueError: hits have another shape.
        """
        if any(one.shape != visibility.shape for one in hits):
            raise ValueError(f"hits {[one.shape for one in hits]}, people {visibility.shape}")
        kept = (visibility > 0).any(1)  # a photo without a joint would only be drawn in vain
        shares, has = zip(*(pck.person_shares(one[kept], visibility[kept]) for one in hits), strict=True)
        columns = len(hits) * len(GROUPS)
        numerator = photo_sums(np.concatenate(shares, axis=1), photo_id[kept])
        denominator = photo_sums(np.concatenate(has, axis=1), photo_id[kept])
        self.photos = len(numerator)
        self.photos_of = tuple(int(count) for count in (denominator[:, : len(GROUPS)] > 0).sum(0))
        """Photos that have a joint of each group."""
        drawn = np.zeros((0, columns))
        if self.photos >= FEWEST_PHOTOS:
            drawn = bootstrap(numerator, denominator, draws=draws, seed=seed)
        self._drawn = drawn.reshape(-1, len(hits), len(GROUPS))
        sums, people = numerator.sum(0), denominator.sum(0)
        self._whole = np.divide(sums, people, out=np.full(columns, np.nan), where=people > 0).reshape(len(hits), -1)

    def interval(self, model: int, group: int) -> Interval | None:
        """A model's score of one of :data:`~shgae.metrics.pck.GROUPS`; None from fewer than two photos."""
        if self.photos_of[group] < FEWEST_PHOTOS:
            return None
        return interval(float(self._whole[model, group]), self._drawn[:, model, group])

    def difference(self, first: int, second: int, group: int) -> Interval | None:
        """Second minus first; None from fewer than two photos."""
        if self.photos_of[group] < FEWEST_PHOTOS:
            return None
        value = float(self._whole[second, group] - self._whole[first, group])
        return interval(value, self._drawn[:, second, group] - self._drawn[:, first, group])

    def compare(self, first: int, second: int, joints: tuple[McNemar, ...] = ()) -> Comparison:
        """All groups of two models."""
        whole, hidden, visible = (self.difference(first, second, group) for group in range(len(GROUPS)))
        return Comparison(whole, hidden, visible, joints, self.photos)


def compare(
    first: Bools, second: Bools, visibility: Visibility, photo_id: Ints, *, draws: int = DRAWS, seed: int = 0
) -> Comparison:
    """Compares two models by the joints (N, K) that each found; see :class:`Resampled` for the rest."""
    resampled = Resampled([first, second], visibility, photo_id, draws=draws, seed=seed)
    return resampled.compare(0, 1, by_joint(first, second, visibility))


def by_joint(first: Bools, second: Bools, visibility: Visibility) -> tuple[McNemar, ...]:
    """McNemar's test of each joint, on the people who have it labelled."""
    labelled = (visibility > 0).T
    return tuple(mcnemar(first[rows, k], second[rows, k]) for k, rows in enumerate(labelled))


def joint_intervals(
    hits: Sequence[Bools], visibility: Visibility, photo_id: Ints, *, draws: int = DRAWS, seed: int = 0
) -> list[list[Interval | None]]:
    """How sure is the share of people of whom a joint was found? Of each model, of each joint.

    None where fewer than two photos have the joint, or all who have it are alike: draws from them do not differ.

    Args:
        hits: of each of M models (N, K) the joints found.
        visibility: (N, K) v = 0, 1, 2; 0 where a joint does not count.
        photo_id: (N,).
        draws: how often photos are drawn; equal draws and seeds draw the same photos as :class:`Resampled`.
        seed: of the draws.
    """
    kept = (visibility > 0).any(1)
    labelled, photos = (visibility > 0)[kept], photo_id[kept]
    found = photo_sums(np.concatenate([one[kept] & labelled for one in hits], axis=1), photos)
    asked = photo_sums(np.concatenate([labelled] * len(hits), axis=1), photos)
    count = asked.sum(0)
    shares = np.divide(found.sum(0), count, out=np.zeros(len(count)), where=count > 0)
    told = ((asked > 0).sum(0) >= FEWEST_PHOTOS) & (shares > 0) & (shares < 1)
    columns: list[Interval | None] = [None] * len(count)
    if told.any():
        drawn = bootstrap(found[:, told], asked[:, told], draws=draws, seed=seed)
        for place, column in enumerate(np.flatnonzero(told)):
            columns[column] = interval(float(shares[column]), drawn[:, place])
    joints = visibility.shape[1]
    return [columns[model * joints : (model + 1) * joints] for model in range(len(hits))]


def interval_json(found: Interval | None, *, of_difference: bool = False) -> dict[str, float] | None:
    """The form of an interval in a report; a difference's has ``smallest_to_show`` too."""
    if found is None:
        return None
    return dataclasses.asdict(found) | ({"smallest_to_show": found.smallest_to_show} if of_difference else {})
