"""PCK and FVU against the number of principal components that pass the bottleneck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from shgae.analysis import replacements
from shgae.analysis.effects import UNTOUCHED, BySkips, ReplacementEffects, fvu_intervals
from shgae.analysis.inputs import training_rows
from shgae.analysis.pca import Components, components_of
from shgae.analysis.rate.curve import EqualRank, FvuSums, curve, dense_ranks, equal_fvu, equal_pck, fvu_grid
from shgae.analysis.rate.report import GivenPoint, RatePoint, RateReport, needed_of, taken_out_of
from shgae.analysis.replacements import Projection
from shgae.analysis.splicer import Passes, Splicer
from shgae.arrays import Floats, Floats32, Ints
from shgae.artifacts.crops import Crops
from shgae.artifacts.reconstructions import GivenReconstruction
from shgae.artifacts.store import Artifact
from shgae.data.datasets import Rows
from shgae.metrics.reconstruction import FidelitySums
from shgae.metrics.statistics import Interval
from shgae.models.zoo import LoadedAutoencoder
from shgae.option_lists import component_numbers
from shgae.recipes import RateConfig


def ranks(text: str, size: int) -> tuple[int, ...]:
    """Numbers of components, rising, each once, cut to the size of the bottleneck; 0 is always among them."""
    return tuple(sorted({min(number, size) for number in component_numbers(text)}))


@dataclass(frozen=True, eq=False)
class RateCurve:
    """One curve at work."""

    splicer: Splicer
    code: LoadedAutoencoder | None
    """The autoencoder that is a point on the curve."""
    crops: Crops
    """Of the split that is scored."""
    data: Artifact
    activations: Artifact
    ks: tuple[int, ...]
    """Ranks to try."""
    config: RateConfig
    given: Mapping[str, GivenReconstruction]

    def report(self) -> RateReport:
        """Runs the network and computes the curve; raises :class:`Refused` for numbers that are not finite."""
        splicer, site = self.splicer, self.splicer.site
        rows = training_rows(self.activations, site, self.config.limit)
        mean = rows.mean()
        components = components_of(mean, rows.read, len(rows), splicer.execution)
        ks, code, rank = self.ks, self.code, components.rank
        names = [*(["ae"] if code else []), *self.given]
        seen = _Seen(components, mean, names)
        projection = Projection(components, splicer.device)
        passes = self._passes(projection, ks, seen)
        photos, seed = self.crops.photos, self.config.seed
        sides = passes.effects(seed)
        equal = self._equal(names, sides, ks, rank)
        if dense := dense_ranks(ks, [found for one in equal.values() for found in one.values()]):
            passes.join(self._passes(projection, dense, seen, again=True))
            sides = passes.effects(seed)
            ks = tuple(sorted({*ks, *dense}))
            equal = self._equal(names, sides, ks, rank)
        rates, intervals = seen.rates(), seen.intervals(photos, seed)

        def point(name: str, n_components: int, fvu: float | None) -> RatePoint:
            return RatePoint(n_components, fvu, intervals[name], *(side.effect(name) for side in sides.values()))

        points = tuple(point(str(k), k, None if rates is None else float(rates[k])) for k in ks)
        mine = point("ae", code.spec.code_size, seen.fvu("ae")) if code else None
        fewest = {name: seen.equal_fvu(name, rank, photos, seed) for name in equal}
        return RateReport(
            model=site.loaded.artifact.id,
            data=self.data.id,
            activations=self.activations.id,
            split=self.config.split,
            persons=len(self.crops),
            photos=len(np.unique(self.crops.photos)),
            stack=site.stack,
            tuned=site.is_tuned,
            trained_on=len(rows),
            rank=rank,
            points=points,
            untouched=BySkips(*(side.effect(UNTOUCHED) for side in sides.values())),
            autoencoder=mine,
            equal_fvu=fewest.get("ae"),
            equal_pck=equal.get("ae", {}),
            taken_out=taken_out_of(mine, site.is_tuned, sides["skips_on"].photos),
            needed=needed_of(points, rank, sides["skips_on"].photos) if mine is None else None,
            given={
                name: GivenPoint(
                    one.sha256,
                    seen.fvu(name),
                    intervals[name],
                    sides["skips_on"].effect(name),
                    sides["skips_off"].effect(name),
                    fewest.get(name),
                    equal.get(name, {}),
                )
                for name, one in self.given.items()
            },
        )

    def _equal(
        self, names: Sequence[str], sides: Mapping[str, ReplacementEffects], ks: tuple[int, ...], rank: int
    ) -> dict[str, dict[str, EqualRank]]:
        """Of each name, skips on and skips off; of nothing in a tuned trunk, where there is no curve."""
        if self.splicer.site.is_tuned:
            return {}
        return {name: {way: equal_pck(side, ks, name, rank) for way, side in sides.items()} for name in names}

    def _passes(self, projection: Projection, ks: tuple[int, ...], seen: _Seen, again: bool = False) -> Passes:
        """One way down a batch; a way up for each rank, and the first time for the autoencoder, for what was given and
        for the bottleneck as it is."""
        others = [] if again else [UNTOUCHED, *seen.names]

        def instead(x: Tensor, rows: Rows) -> Iterator[tuple[str, Tensor]]:
            if not again:
                yield from self._others(x, rows, seen)
            yield from self._projected(x, projection, ks, seen, again)

        what = "more components" if again else "components"
        return self.splicer.passes(self.crops, what, [*others, *map(str, ks)], instead)

    def _others(self, x: Tensor, rows: Rows, seen: _Seen) -> Iterator[tuple[str, Tensor]]:
        yield UNTOUCHED, x
        instead = {"ae": self.splicer.through(self.code.module)} if self.code is not None else {}
        instead |= {name: replacements.given(one.read) for name, one in self.given.items()}
        for name, replace in instead.items():
            rebuilt = replace(x, rows)
            seen.add_rebuilt(name, x.float().cpu().numpy(), rebuilt.float().cpu().numpy())
            yield name, rebuilt

    @staticmethod
    def _projected(
        x: Tensor, projection: Projection, ks: tuple[int, ...], seen: _Seen, again: bool
    ) -> Iterator[tuple[str, Tensor]]:
        coefficients = projection.coefficients(x)
        seen.keep(coefficients.cpu().numpy(), ks)
        if not again:
            seen.add(x.float().cpu().numpy(), coefficients.cpu().numpy())
        flat, held = projection.begin(x), 0
        for k in ks:
            flat, held = projection.extend(flat, coefficients, held, k), k
            yield str(k), flat.view(x.shape)


class _Seen:
    """Sums over the evaluated bottlenecks: of every rank at once, and of the autoencoder and what was given."""

    def __init__(self, components: Components, mean: Floats, names: Sequence[str]) -> None:
        self._mean, self.names = mean, tuple(names)
        self._squares, self._spread = np.zeros(len(components.variances)), 0.0
        self._excess = np.zeros(len(components.variances) + 1)
        self._grid = fvu_grid(components.rank)
        self._left, self._spreads = [np.zeros((0, len(self._grid)))], [np.zeros(0)]
        self._held: dict[int, list[Floats]] = {}
        self._rebuilt = {name: FidelitySums(mean) for name in names}

    def add_rebuilt(self, name: str, x: Floats32, rebuilt: Floats32) -> None:
        """Counts what one of ``names`` gives for a batch (n, C, 4, 4)."""
        self._rebuilt[name].add(x, rebuilt)

    def fvu(self, name: str) -> float | None:
        """Of one of ``names``; None if no bottleneck differs from the mean."""
        return self._rebuilt[name].result().fvu

    def keep(self, coefficients: Floats32, ks: tuple[int, ...]) -> None:
        """Remembers what each of these ranks holds of each person of a batch, coefficients (n, D)."""
        held = np.pad(np.square(coefficients, dtype=np.float64).cumsum(1), ((0, 0), (1, 0)))
        for k in ks:
            self._held.setdefault(k, []).append(held[:, k])

    def add(self, x: Floats32, coefficients: Floats32) -> None:
        """Counts a batch: bottlenecks (n, C, 4, 4) and their coefficients (n, D)."""
        squares = np.square(coefficients, dtype=np.float64)
        self._squares += squares.sum(0)
        self._spread += float(np.square(x - self._mean).sum())
        self._spreads.append(np.square(x - self._mean).sum((1, 2, 3)))
        left = self._spreads[-1][:, None] - np.pad(squares.cumsum(1), ((0, 0), (1, 0)))
        self._excess += np.maximum(-left, 0).sum(0)
        self._left.append(np.maximum(left[:, self._grid], 0))

    def rates(self) -> Floats | None:
        """(D + 1,) FVU of rank 0 .. D; None if no bottleneck differs from the mean."""
        return curve(self._squares, self._spread, self._excess) if self._spread else None

    def intervals(self, photo_id: Ints, seed: int) -> dict[str, Interval | None]:
        """The FVU of every rank that was kept, by its number, and of ``names``, with its interval over photos (N,)."""
        spread = np.concatenate(self._spreads)
        errors = {str(k): np.maximum(spread - np.concatenate(held), 0) for k, held in self._held.items()}
        errors |= {name: one.by_person()[0] for name, one in self._rebuilt.items()}
        return fvu_intervals(errors, spread, photo_id, seed)

    def equal_fvu(self, name: str, rank: int, photo_id: Ints, seed: int) -> EqualRank | None:
        """The rank with the FVU of one of ``names``; photos (N,). None if no bottleneck differs from the mean."""
        rates, mine = self.rates(), self.fvu(name)
        if rates is None or mine is None:
            return None
        left, spread = (np.concatenate(one) for one in (self._left, self._spreads))
        sums = FvuSums(self._grid, left, self._rebuilt[name].by_person()[0], spread, photo_id)
        return equal_fvu(rates, mine, rank, sums, seed)
