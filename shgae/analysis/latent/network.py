"""The part of an analysis that runs the network: traversals, skips off level by level, units of the code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shgae.analysis.effects import UNTOUCHED, BySkips, ReplacementEffects, Tally
from shgae.analysis.latent import space
from shgae.analysis.latent.report import BOTTLENECKS, STEPS, Bottleneck, CodeUnit, Condition
from shgae.analysis.latent.space import Scattered
from shgae.analysis.splicer import Passes, Splicer
from shgae.arrays import Floats, Floats32, Ints
from shgae.artifacts.crops import Crops
from shgae.data import heatmaps
from shgae.metrics import pck
from shgae.metrics.reconstruction import density, is_active, is_varying
from shgae.models.autoencoder import SIDE, Autoencoder, ConvAutoencoder
from shgae.models.hourglass import StackState

RESTING = 256
"""Training people; their mean skips decode a traversal."""
SIGMAS = (-2.0, 0.0, 2.0)
"""Standard deviations at which a unit is decoded."""


@dataclass(frozen=True, eq=False)
class Rest:
    """The network around a bottleneck that nobody in particular gave: means over training people."""

    descent: StackState
    """Of one person: stack input, bottleneck and skips are means."""
    people: int


@dataclass(frozen=True, eq=False)
class DecodedPose:
    """What maps say."""

    xy_crop: Floats32
    """(n, K, 2) the highest cells, in pixels of the crop."""
    height: Floats32
    """(n, K) how high they are."""
    heat: Floats32
    """(n, H, W) the highest map at each cell."""


@dataclass(frozen=True, eq=False)
class Traversal:
    """One component, decoded at :data:`~shgae.analysis.latent.report.STEPS`."""

    component: int
    """Counted from 1."""
    deviation: float
    """sqrt(eigenvalue)."""
    share: float
    """Of the variance, 0 to 1."""
    decoded: Mapping[str, DecodedPose]
    """``skips_on`` (those of the mean person) and ``skips_off``."""
    nearest: Ints
    """(steps,) training rows of the people nearest to each place."""

    @property
    def moved(self) -> BySkips[float]:
        """How far decoded joints are apart between c = -2 and +2: mean over joints, as a share of the crop's side."""
        first, last = (STEPS.index(c) for c in (-2.0, 2.0))

        def share(one: DecodedPose) -> float:
            apart = np.linalg.norm(one.xy_crop[last] - one.xy_crop[first], axis=-1)
            return float(apart.mean() / (heatmaps.STRIDE * one.heat.shape[-1]))

        return BySkips(share(self.decoded["skips_on"]), share(self.decoded["skips_off"]))


@dataclass(frozen=True, eq=False)
class Unit:
    """One unit of the code, and what it draws."""

    measured: CodeUnit
    decoded: DecodedPose | None
    """At mean and plus or minus 2 deviations, the other units at their means; None for a unit that never varies."""


class Network:
    """One network at work for an analysis."""

    def __init__(self, splicer: Splicer) -> None:
        self._splicer, self._execution, graft = splicer, splicer.execution, splicer.site.own
        self._names = splicer.site.loaded.skeleton.names
        self._grafted = None if graft is None else splicer.through(graft)

    def _through_graft(self, bottleneck: Tensor) -> Tensor:
        return bottleneck if self._grafted is None else self._grafted(bottleneck, np.arange(len(bottleneck)))

    def rest(self, train: Crops) -> Rest:
        """The mean stack input, bottleneck and skips of the first training people."""
        sums: list[Tensor] = []
        people = min(RESTING, len(train))
        self._execution.progress.start("mean person", people, "people")
        done = 0
        for batch in self._splicer.batches(train):
            descent = self._splicer.descend(batch)
            parts = [descent.stack_input, descent.bottleneck, *descent.skips]
            totals = [part[: people - done].float().sum(0, keepdim=True) for part in parts if part is not None]
            sums = [a + b for a, b in zip(sums, totals, strict=True)] if sums else totals
            done += len(batch.rows)
            if done >= people:
                break
        self._execution.progress.finish()
        stack_input, bottleneck, *skips = (total / people for total in sums)
        return Rest(StackState(self._splicer.stack, stack_input, bottleneck, tuple(skips)), people)

    def decode(self, rest: Rest, bottlenecks: Tensor, skips: bool) -> DecodedPose:
        """The last maps of bottlenecks (n, C, 4, 4) in a network at rest."""
        count, still = len(bottlenecks), rest.descent
        spread = [None if one is None else one.expand(count, -1, -1, -1) for one in still.skips]
        descent = StackState(still.stack, still.stack_input.expand(count, -1, -1, -1), bottlenecks, tuple(spread))
        maps = self._splicer.ascend(descent, bottlenecks, skips)
        found = heatmaps.decode(maps)
        xy = heatmaps.map_to_crop(found.cells, self._splicer.cell_rule).cpu().numpy()
        return DecodedPose(xy, found.score.cpu().numpy(), maps.amax(1).cpu().numpy())

    def traverse(self, rest: Rest, scattered: Scattered, which: range, code: Autoencoder | None) -> list[Traversal]:
        """Along each of these components; in the code's space if an autoencoder is given.

        A code that a ReLU made is never below 0, so what lies below is set to 0 before it is decoded.
        """
        found = []
        components = scattered.components
        total = float(components.variances.sum())
        for number in which:
            self._execution.stop.raise_if_set("traversals", "the same command again", saved=False)
            places = torch.from_numpy(space.places(components, number)).to(self._splicer.device)
            if code is None:
                bottlenecks = self._through_graft(places.view(len(places), -1, SIDE, SIDE))
            else:
                bottlenecks = decode_code(code, places)
            decoded = {
                side: self.decode(rest, bottlenecks, on) for side, on in (("skips_on", True), ("skips_off", False))
            }
            variance = float(components.variances[number])
            nearest = space.nearest(scattered, number)
            found.append(Traversal(number + 1, variance**0.5, variance / total, decoded, nearest))
        return found

    def levels(self, crops: Crops, mean: Floats, seed: int) -> list[Condition]:
        """PCK with skips on, off, and off at one level after another, around the bottleneck and around its mean
        over training people, (C, 4, 4) float64."""
        splicer, ways = self._splicer, dict[str, tuple[bool, ...]]()
        still = self._through_graft(torch.from_numpy(mean.astype(np.float32))[None].to(splicer.device))
        tallies: dict[tuple[Bottleneck, str], Tally] = {}
        passes = Passes(splicer, crops)
        for batch, descent in splicer.descents(crops, "skips"):
            ways = ways or _ways([skip.shape[-1] for skip in descent.skips if skip is not None])
            targets = passes.targets(batch)
            own = self._through_graft(descent.bottleneck)
            untouched = splicer.ascend(descent, own, True)
            for bottleneck, instead in zip(BOTTLENECKS, (own, still.expand_as(own)), strict=True):
                for way, on in ways.items():
                    skips = tuple(skip if is_on else None for skip, is_on in zip(descent.skips, on, strict=True))
                    maps = splicer.ascend(descent._replace(skips=skips), instead, True)
                    tally = tallies.setdefault((bottleneck, way), Tally(*crops.people.visibility.shape))
                    tally.add(batch.rows, maps, untouched, *targets)
        first = (BOTTLENECKS[0], "all on")
        labels = {pair: UNTOUCHED if pair == first else " / ".join(pair) for pair in tallies}
        side = ReplacementEffects({labels[pair]: tally for pair, tally in tallies.items()}, passes.truth, seed=seed)
        return [
            Condition(
                *pair,
                side.effect(labels[pair]).pck,
                self._by_joint(tallies[pair], passes),
                None if pair == first else side.difference(UNTOUCHED, labels[pair]),
            )
            for pair in tallies
        ]

    def units(self, crops: Crops, code: Autoencoder, codes: Floats32, rest: Rest, seed: int) -> list[Unit]:
        """Each unit of the code, in order: what PCK loses without it, who has most of it, what it draws with the mean
        person.

        ``codes`` (N, code size) float32 are those of the training people, not below 0 where a ReLU makes them."""
        mean, active = codes.mean(0, dtype=np.float64), density(codes)
        deviation = np.where(is_varying(codes), codes.std(0, dtype=np.float64), 0.0)
        varying = np.flatnonzero(is_varying(codes)).tolist()
        tallies, passes = self._without_each(crops, code, mean.astype(np.float32), varying)
        side = ReplacementEffects(tallies, passes.truth, seed=seed)
        whole = self._by_joint(tallies[UNTOUCHED], passes)
        units = []
        for number in range(codes.shape[1]):
            lost, joints, decoded = None, dict[str, float | None](), None
            if number in varying:
                lost = side.difference(UNTOUCHED, str(number))
                without = self._by_joint(tallies[str(number)], passes)
                joints = {name: None if own is None else own - (without[name] or 0) for name, own in whole.items()}
                places = np.tile(mean, (len(SIGMAS), 1))
                places[:, number] += np.asarray(SIGMAS) * deviation[number]
                tensor = torch.from_numpy(places.astype(np.float32)).to(self._splicer.device)
                decoded = self.decode(rest, decode_code(code, tensor), True)
            top = _highest(codes[:, number]) if number in varying else ()
            measured = CodeUnit(
                number, float(active[number]), float(mean[number]), float(deviation[number]), lost, joints, top
            )
            units.append(Unit(measured, decoded))
        return units

    def _without_each(
        self, crops: Crops, code: Autoencoder, mean: Floats32, varying: Sequence[int]
    ) -> tuple[dict[str, Tally], Passes]:
        splicer, passes = self._splicer, Passes(self._splicer, crops)
        shape = crops.people.visibility.shape
        tallies = {name: Tally(*shape) for name in (UNTOUCHED, *map(str, varying))}
        still = torch.from_numpy(mean).to(splicer.device)
        for batch, descent in splicer.descents(crops, "units of the code"):
            with torch.inference_mode():
                own = code.encode(descent.bottleneck.float())
                untouched = splicer.ascend(descent, code.decode(own), True)
                targets = passes.targets(batch)
                tallies[UNTOUCHED].add(batch.rows, untouched, untouched, *targets)
                for number in varying:
                    changed = own.clone()
                    changed[:, number] = still[number]
                    maps = splicer.ascend(descent, code.decode(changed), True)
                    tallies[str(number)].add(batch.rows, maps, untouched, *targets)
        return tallies, passes

    def _by_joint(self, tally: Tally, passes: Passes) -> dict[str, float | None]:
        truth = passes.truth
        joints = pck.count(tally.cells, truth.cells, truth.visibility, truth.size).joints(self._names)
        return {name: found.all for name, found in joints.items()}


def decode_code(code: Autoencoder, places: Tensor) -> Tensor:
    """Codes (n, size) -> bottlenecks (n, C, 4, 4); what a ReLU would never give, below 0, becomes 0 first."""
    with torch.inference_mode():
        possible = places.clamp(min=0) if isinstance(code, ConvAutoencoder) else places
        found: Tensor = code.decode(possible)
    return found


def _highest(values: Floats32) -> tuple[int, ...]:
    """Rows of up to four people with the highest values (N,) of a unit, of those for whom it is active."""
    rows = np.argsort(-values, kind="stable")[:4]
    return tuple(rows[is_active(values[rows])].tolist())


def _ways(sides: Sequence[int]) -> dict[str, tuple[bool, ...]]:
    levels = len(sides)
    each = {f"off at {side}": tuple(i != level for i in range(levels)) for level, side in enumerate(sides)}
    return {"all on": (True,) * levels, **each, "all off": (False,) * levels}
