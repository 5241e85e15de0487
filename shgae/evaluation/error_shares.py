"""Kinds of errors of models on the same people: counts, shares, intervals, and differences between models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shgae.arrays import Ints
from shgae.metrics.bootstrap import PairedBootstrap
from shgae.metrics.error_kinds import KINDS, ByKind, indicators, kinds, sigmas_of
from shgae.metrics.people import People, Points
from shgae.metrics.pose_scores import about_areas
from shgae.metrics.statistics import Interval
from shgae.skeleton import Skeleton


@dataclass(frozen=True)
class ErrorRule:
    """How kinds of errors were told; see :mod:`shgae.metrics.error_kinds`."""

    similarity: str
    """In words: with which sigmas and areas."""
    left_out: tuple[str, ...]
    """Joints without a sigma, which do not count."""


@dataclass(frozen=True)
class ErrorShares:
    """Of some joints, how many are of each kind."""

    labels: int
    """Joints that count."""
    counts: ByKind[int]
    shares: ByKind[float | None]
    """0 to 1 of the labels; None without any."""


@dataclass(frozen=True)
class ErrorTable:
    """The kinds of errors of one predictor."""

    all: ErrorShares
    intervals: ByKind[Interval | None] | None
    """Of the shares of all joints, over photos; None for what is not a model."""
    joints: Mapping[str, ErrorShares]


def error_rule(people: People) -> ErrorRule | None:
    """With what the kinds of these people's joints are told; None where no joint has a sigma."""
    has = np.isfinite(sigmas_of(people))
    if not has.any():
        return None
    whose = "COCO's sigma of the joint's name" if people.sigmas is None else "the given sigmas"
    left_out = tuple(name for name, there in zip(people.joints, has.tolist(), strict=True) if not there)
    return ErrorRule(f"{whose}; {about_areas(people)}", left_out)


class ErrorKinds:
    """The kinds of errors of several predictors, the first of which are models and resampled."""

    def __init__(
        self,
        points: Sequence[Points],
        people: People,
        skeleton: Skeleton,
        photo_id: Ints,
        *,
        models: int,
        resamples: int,
        seed: int,
    ) -> None:
        """Tells every joint's kind, and resamples photos (N,) for the first so many predictors."""
        self._joints = people.joints
        self._found = [kinds(one, people, skeleton.flip_pairs) for one in points]
        above, below = zip(*(indicators(one) for one in self._found[:models]), strict=True)
        kept = below[0].any(1)  # a photo without a joint would only be drawn in vain
        of_kind, counted = (np.stack(part, axis=1)[kept] for part in (above, below))
        self._paired = PairedBootstrap(of_kind, counted, photo_id[kept], resamples=resamples, seed=seed)
        self._models = models

    def table(self, place: int) -> ErrorTable:
        """Of one predictor, by its place."""
        found = self._found[place]
        joints = {name: _shares(found[:, k]) for k, name in enumerate(self._joints)}
        intervals = None
        if place < self._models:
            intervals = ByKind(*(self._paired.share((place, kind)) for kind in range(len(KINDS))))
        return ErrorTable(_shares(found), intervals, joints)

    def difference(self, first: int, second: int) -> ByKind[Interval | None]:
        """Shares of the second model minus those of the first, of all joints."""
        return ByKind(*(self._paired.difference((first, kind), (second, kind)) for kind in range(len(KINDS))))


def _shares(found: Ints) -> ErrorShares:
    counts = [int((found == kind).sum()) for kind in range(len(KINDS))]
    labels = sum(counts)
    return ErrorShares(labels, ByKind(*counts), ByKind(*(count / labels if labels else None for count in counts)))
