"""The people on whom models do best and worst, and on whom one does better or worse than another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from shgae.arrays import Bools, Floats
from shgae.metrics import pck
from shgae.metrics.people import People

if TYPE_CHECKING:
    from shgae.evaluation.predictions import Predictions


@dataclass(frozen=True)
class ScoredPeople:
    """One model or two on the N people of a split."""

    predictions: Sequence[Predictions]
    people: People

    @cached_property
    def labelled(self) -> Bools:
        """(N, K) which joints count: those with a label inside the crop, as in the PCK of ``evaluate``."""
        return self.people.cell_visibility > 0

    @cached_property
    def hits(self) -> tuple[Bools, ...]:
        """(N, K) of each model, which of them it found."""
        people = self.people
        return tuple(
            pck.hits(one.cells, people.cells, people.map_size) & self.labelled & one.joints_found
            for one in self.predictions
        )

    @cached_property
    def shares(self) -> Floats:
        """(models, N) PCK of each person, 0 to 1; NaN where nothing is labelled."""
        counts = self.labelled.sum(1)
        found = np.stack([hits.sum(1) for hits in self.hits])
        return np.where(counts > 0, found / np.maximum(counts, 1), np.nan)

    @cached_property
    def error(self) -> Floats:
        """(N,) distance of predicted from true cells, in cells: mean over models and labelled joints."""
        off = np.stack([np.linalg.norm(one.cells - self.people.cells, axis=-1) for one in self.predictions]).mean(0)
        sums = np.where(self.labelled, off, 0).sum(1)
        return np.asarray(sums / np.maximum(self.labelled.sum(1), 1), np.float64)


@dataclass(frozen=True)
class Extremes:
    """Rows of people with a labelled joint, the most extreme ones first."""

    best: list[int]
    """All of them by their mean PCK, the highest first."""
    worst: list[int]
    """All of them, the lowest first."""
    gained: list[int]
    """Of two models, those of whom the second finds more; empty of one."""
    lost: list[int]
    """Likewise, those of whom it finds less."""

    @property
    def unchanged(self) -> int:
        """How many did neither."""
        return len(self.best) - len(self.gained) - len(self.lost)


def extremes(scored: ScoredPeople) -> Extremes:
    """Ranks people; of equal ones those with more labelled joints come first, then (best, worst) the clearer case."""
    counts, mean = scored.labelled.sum(1), scored.shares.mean(0)
    there = [int(row) for row in np.flatnonzero(counts)]
    best = sorted(there, key=lambda row: (-mean[row], -counts[row], scored.error[row], row))
    worst = sorted(there, key=lambda row: (mean[row], -counts[row], -scored.error[row], row))
    if len(scored.shares) < 2:
        return Extremes(best, worst, [], [])
    change = scored.shares[1] - scored.shares[0]
    gained = sorted((row for row in there if change[row] > 0), key=lambda row: (-change[row], -counts[row], row))
    lost = sorted((row for row in there if change[row] < 0), key=lambda row: (change[row], -counts[row], row))
    return Extremes(best, worst, gained, lost)
