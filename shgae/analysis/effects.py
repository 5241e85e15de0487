"""What replacements of the bottleneck cost a network's maps.

Everything is kept by person and summed by photo, so that each difference has an interval over photos, and divided
once, at the end: a ratio of means, never a mean of ratios.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from shgae.arrays import Bools, Floats, Ints
from shgae.config import Share
from shgae.metrics import pck
from shgae.metrics.bootstrap import PairedBootstrap
from shgae.metrics.pck import ByGroup
from shgae.metrics.statistics import RESAMPLES, Interval, PhotoEstimate

if TYPE_CHECKING:
    from torch import Tensor

    from shgae.data.datasets import Rows

T = TypeVar("T")
Measure = Literal["pck", "loss", "maps"]
MEASURES: tuple[Measure, ...] = ("pck", "loss", "maps")
"""PCK of all labelled joints; mean squared error against the target maps; squared distance from the untouched maps."""
_COLUMNS = {"pck": 0, "v1": 1, "v2": 2, "loss": 3, "maps": 4}
CLEAR = 2.0
"""Standard errors that a cost needs before a share of it means anything."""


class Undefined(StrEnum):
    """Why a share of a baseline's cost is not defined."""

    TOO_FEW = "too_few"
    """Nobody has a joint that counts, or all who have are in one photo."""
    NO_COST = "no_cost"
    """The baseline costs under :data:`CLEAR` standard errors, or the interval of its cost holds 0."""
    BASELINE_BETTER = "baseline_better"
    """The baseline does clearly better than the bottleneck itself."""


UNTOUCHED = "id"
"""The name of the bottleneck as it is."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What the maps of N people are scored against."""

    cells: Ints
    """(N, K, 2) true cells x, y."""
    visibility: npt.NDArray[np.integer[Any]]
    """(N, K) v = 0, 1, 2; 0 also for a joint outside the crop."""
    photo_id: Ints
    """(N,) people of one photo are not independent witnesses."""
    size: int
    """Rows and columns of a map."""


class Tally:
    """What one replacement did to the maps of N people of K joints."""

    def __init__(self, people: int, joints: int) -> None:
        self.cells = np.zeros((people, joints, 2), np.int64)
        """(N, K, 2) highest cell of each map."""
        self.error = np.zeros(people)
        """(N,) squared error against the target maps, summed over the cells that the loss counts."""
        self.counted = np.zeros(people)
        """(N,) how many cells those are."""
        self.distance = np.zeros(people)
        """(N,) squared distance from the untouched maps, summed over all cells of all joints."""

    def add(self, rows: Rows, maps: Tensor, untouched: Tensor, targets: Tensor, counts: Bools) -> None:
        """Counts a batch.

        Args:
            rows: (n,) of these people.
            maps: (n, K, H, W) with the replacement.
            untouched: (n, K, H, W) with the bottleneck as it is.
            targets: (n, K, H, W) what the loss compares with.
            counts: (n, K) the joints that the loss counts.

        Raises:
            ValueError: a map holds NaN.
        """
        from shgae.data import heatmaps  # brings torch, which a finished report does without

        wide = maps.float()
        self.cells[rows] = heatmaps.decode(wide).cells.cpu().numpy()
        squares = (wide - targets).square().sum((-2, -1)).cpu().double().numpy()
        self.error[rows] = (squares * counts).sum(1)
        self.counted[rows] = counts.sum(1) * maps.shape[-1] * maps.shape[-2]
        away = (wide - untouched.float()).square().sum((-2, -1)).cpu().double()
        self.distance[rows] = away.sum(1).numpy()


@dataclass(frozen=True)
class BySkips(Generic[T]):
    """The same thing with the stack's skips all on, and all off."""

    skips_on: T
    skips_off: T


@dataclass(frozen=True)
class Effect:
    """A network with one replacement."""

    pck: ByGroup[Share | None]
    """The original study's, in [0, 1]."""
    pck_lost: Interval | None
    """PCK of the untouched bottleneck minus this one's, all labelled joints."""
    loss: float | None
    """Mean squared error of the last stack's maps, as in training."""
    distance: float
    """Mean over people of the squared distance from the untouched maps, summed over cells and joints."""
    moved_median: float
    """How far the highest cell of a map moved, in cells: median over all joints of all people, labelled or not."""
    moved_p95: float
    """Its 95th percentile."""
    moved_share: Share
    """Share of maps with a highest cell moved by more than PCK's radius, a 20th of the map's side (3.2 of 64 cells)."""


@dataclass(frozen=True)
class Recovered:
    """How much of what a baseline costs a replacement recovers: (replaced - baseline) / (untouched - baseline)."""

    replacement: str
    baseline: str
    measure: Measure
    share: Interval | None
    """1 is as good as untouched, 0 no better than the baseline; None if undefined."""
    undefined: Undefined | None
    """Why it is."""
    untouched: float | None
    replaced: float | None
    without: float | None
    """The raw triple: the measure untouched, with the replacement, and with the baseline."""


class ReplacementEffects:
    """Several replacements of one network on the same people with equal skips, over resamples of their photos."""

    def __init__(
        self, tallies: Mapping[str, Tally], truth: Truth, *, resamples: int = RESAMPLES, seed: int = 0
    ) -> None:
        """Resamples the photos; ``tallies`` by the replacement's name, :data:`UNTOUCHED` among them."""
        self._tallies, self._truth = tallies, truth
        self._place = {name: place for place, name in enumerate(tallies)}
        above, below = (np.stack(each, axis=1) for each in zip(*map(self._parts, tallies.values()), strict=True))
        self._paired = PairedBootstrap(above, below, truth.photo_id, resamples=resamples, seed=seed)

    def _parts(self, tally: Tally) -> tuple[Floats, Floats]:
        """(N, 5) numerators and denominators of each measure, see :data:`_COLUMNS`."""
        truth = self._truth
        shares, has = pck.person_shares(pck.hits(tally.cells, truth.cells, truth.size), truth.visibility)
        above = np.column_stack([shares, tally.error, tally.distance])
        return above, np.column_stack([has, tally.counted, np.ones(len(has))])

    def _at(self, name: str, measure: Measure) -> tuple[int, int]:
        return self._place[name], _COLUMNS[measure]

    def value(self, name: str, measure: Measure) -> float | None:
        """A measure of one replacement on the people as they are; None where nobody counts."""
        return self._paired.value(self._at(name, measure))

    @property
    def photos(self) -> int:
        """Photos of people with a joint that counts."""
        return self._paired.photos_of(self._at(UNTOUCHED, "pck"))

    def estimate(self, name: str, other: str, measure: Measure = "pck") -> PhotoEstimate | None:
        """:meth:`difference` before its interval is taken."""
        return self._paired.estimate(self._at(other, measure), self._at(name, measure))

    def difference(self, name: str, other: str, measure: Measure = "pck") -> Interval | None:
        """A measure of one minus that of the other, on the same resamples; None where too few people count."""
        return self._paired.difference(self._at(other, measure), self._at(name, measure))

    def effect(self, name: str) -> Effect:
        """What this replacement did."""
        tally, truth = self._tallies[name], self._truth
        moved = np.sqrt(np.square(tally.cells - self._tallies[UNTOUCHED].cells).sum(-1)).ravel()
        counts = pck.count(tally.cells, truth.cells, truth.visibility, truth.size)
        return Effect(
            pck=counts.pck(),
            pck_lost=self.difference(UNTOUCHED, name),
            loss=self.value(name, "loss"),
            distance=float(tally.distance.mean()),
            moved_median=float(np.median(moved)),
            moved_p95=float(np.quantile(moved, 0.95)),
            moved_share=float((moved > pck.radius(truth.size)).mean()),
        )

    def recovered(self, name: str, baseline: str, measure: Measure) -> Recovered:
        """The share of the baseline's cost that a replacement recovers.

        It is undefined where the cost is not clear (:func:`no_cost`): skips go round the bottleneck, so it may
        be no more than noise, or the baseline may even do better.
        """
        names = (UNTOUCHED, name, baseline)
        triple = tuple(self.value(one, measure) for one in names)
        cost = self.difference(UNTOUCHED, baseline, measure)
        why, share = Undefined.TOO_FEW if cost is None else no_cost(cost, measure), None
        if why is None:
            places = (self._at(one, measure) for one in names)
            share = self._paired.combined(lambda whole, part, low: (part - low) / (whole - low), *places)
        if share is None:
            return Recovered(name, baseline, measure, None, why or Undefined.TOO_FEW, *triple)
        gained = self.estimate(name, baseline, measure)
        if gained is not None:  # photos on which nothing is recovered say nothing of it
            share = replace(share, informative=gained.informative, evenness=gained.evenness)
        return Recovered(name, baseline, measure, share.interval(), None, *triple)


def fvu_intervals(
    errors: Mapping[str, Floats], spread: Floats, photo_id: Ints, seed: int
) -> dict[str, Interval | None]:
    """The FVU of each replacement of the same N people with its interval over photos.

    ``errors`` are squared errors (N,) by the replacement's name, ``spread`` (N,) squared distances from the training
    mean, ``photo_id`` (N,)."""
    above = np.stack([*errors.values()], axis=1)
    paired = PairedBootstrap(above, np.repeat(spread[:, None], len(errors), axis=1), photo_id, seed=seed)
    return {name: paired.interval((place,)) for place, name in enumerate(errors)}


def no_cost(difference: Interval, measure: Measure) -> Undefined | None:
    """Why no share of a baseline's cost is defined; None where the baseline clearly costs something.

    Clearly is by :data:`CLEAR` standard errors, and by the interval, which is wider over few photos. ``difference`` is
    the measure of the untouched bottleneck minus that of the baseline; PCK is better the higher, loss and distance the
    lower."""
    cost = difference.value if measure == "pck" else -difference.value
    if not difference.excludes_zero or abs(cost) < CLEAR * difference.standard_error:
        return Undefined.NO_COST
    return None if cost > 0 else Undefined.BASELINE_BETTER
