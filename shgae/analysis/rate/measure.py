"""PCK and FVU against the number of principal components that pass the bottleneck."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shgae.analysis.inputs import training_rows
from shgae.analysis.pca import Components, components_of
from shgae.analysis.rate.curve import EqualRank, FvuSums, curve, dense_ranks, equal_fvu, equal_pck, fvu_grid
from shgae.analysis.rate.report import RatePoint, RateReport, needed_of, taken_out_of
from shgae.analysis.splice.effects import UNTOUCHED, SideBySide
from shgae.analysis.splice.network import Passes, Site, Splicer, target_config
from shgae.analysis.splice.replacements import Projection
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import Artifact
from shgae.data.datasets import PoseBatch
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.metrics.reconstruction import FidelitySums
from shgae.metrics.statistics import Interval, PairedBootstrap
from shgae.models.autoencoder import Autoencoder
from shgae.models.hourglass import StackState
from shgae.models.zoo import AutoencoderSpec, LoadedAutoencoder
from shgae.recipes import RateConfig


class RatedCode(NamedTuple):
    module: Autoencoder
    spec: AutoencoderSpec


def ranks(text: str, size: int) -> tuple[int, ...]:
    """Numbers of components, rising, each once, cut to the size of the bottleneck; 0 is always among them.

    Raises:
        Refused: one is not a whole number.
    """
    words = [word.strip() for word in text.split(",")]
    wrong = next((word for word in words if not (word.isascii() and word.isdecimal() and len(word) < 10)), None)
    if wrong is not None:
        raise Refused("value", "--components", f"{wrong!r:.40} is not a whole number", "--components 0,1,10,100")
    return tuple(sorted({0, *(min(int(word), size) for word in words)}))


def rated_code(site: Site, given: LoadedAutoencoder | None) -> RatedCode | None:
    spec = site.loaded.spec.autoencoder(site.stack)
    if site.own is None or spec is None:
        return RatedCode(given.module, given.spec) if given else None
    if given is not None:
        why = "the model carries an autoencoder of its own at this stack"
        raise Refused("option", "--ae", why, "leave --ae out, or a model without one")
    return RatedCode(site.own, spec)


class RateCurve:
    """One curve at work."""

    def __init__(
        self,
        site: Site,
        code: RatedCode | None,
        sources: tuple[Artifact, Artifact],
        ks: tuple[int, ...],
        config: RateConfig,
        device: torch.device,
        execution: Execution,
    ) -> None:
        self._site, self._code, self._ks, self._config = site, code, ks, config
        self._prepared, self._source = sources
        self._execution, self._device = execution, device
        self._crops = Crops(self._prepared, config.split, config.limit)
        self._splicer = Splicer(site, device, config.precision, config.batch_size)
        self._heatmap = target_config(site, execution.progress)

    def report(self) -> RateReport:
        """Does everything."""
        rows = training_rows(self._source, self._site, self._config.limit)
        mean = rows.mean()
        components = components_of(mean, rows.read, len(rows), self._execution)
        ks, code, rank = self._ks, self._code, components.rank
        seen = _Seen(components, mean)
        projection = Projection(components, self._device)
        passes = self._passes(projection, ks, seen)
        sides = self._compared(passes)
        equal = dict[str, EqualRank]()
        if code is not None and not self._site.is_tuned:
            equal = {name: equal_pck(side, ks, "ae", rank) for name, side in sides.items()}
            if dense := dense_ranks(ks, equal.values()):
                sides = self._compared(passes, self._passes(projection, dense, seen, again=True))
                ks = tuple(sorted({*ks, *dense}))
                equal = {name: equal_pck(side, ks, "ae", rank) for name, side in sides.items()}
        rates = seen.rates()
        intervals = seen.intervals(self._crops.photos, self._config.seed)
        fvu = {str(k): None if rates is None else float(rates[k]) for k in ks}
        points = tuple(_point(str(k), k, fvu[str(k)], intervals[str(k)], sides) for k in ks)
        mine = None
        if code is not None:
            mine = _point("ae", code.spec.code_size, seen.code.result().fvu, intervals["ae"], sides)
        fewest = None
        if equal and mine is not None and mine.fvu is not None and rates is not None:
            fewest = equal_fvu(rates, mine.fvu, rank, seen.sums(self._crops.photos), self._config.seed)
        return RateReport(
            model=self._site.loaded.artifact.id,
            data=self._prepared.id,
            activations=self._source.id,
            split=self._config.split,
            persons=len(self._crops),
            photos=len(np.unique(self._crops.photos)),
            stack=self._site.stack,
            tuned=self._site.is_tuned,
            trained_on=len(rows),
            rank=rank,
            points=points,
            untouched={name: side.effect(UNTOUCHED) for name, side in sides.items()},
            autoencoder=mine,
            equal_fvu=fewest,
            equal_pck=equal,
            taken_out=taken_out_of(mine, self._site.is_tuned, sides["skips_on"].photos),
            needed=needed_of(points, rank, sides["skips_on"].photos) if mine is None else None,
        )

    def _compared(self, first: Passes, *more: Passes) -> dict[str, SideBySide]:
        """Skips on and skips off, over all that passed."""
        truth, seed = first.truth, self._config.seed
        on = {name: tally for passes in (first, *more) for name, tally in passes.on.items()}
        off = {name: tally for passes in (first, *more) for name, tally in passes.off.items()}
        return {"skips_on": SideBySide(on, truth, seed=seed), "skips_off": SideBySide(off, truth, seed=seed)}

    def _passes(self, projection: Projection, ks: tuple[int, ...], seen: _Seen, again: bool = False) -> Passes:
        """One way down a batch; a way up for each rank, and the first time for the autoencoder and for the bottleneck
        as it is."""
        others = [] if again else [UNTOUCHED, *(["ae"] if self._code else [])]
        passes = Passes(self._splicer, self._crops, self._heatmap, [*others, *map(str, ks)])
        self._execution.progress.start("more ranks" if again else "ranks", len(self._crops), "people")
        for batch in self._splicer.batches(self._crops, self._execution):
            descent = self._splicer.descend(batch)
            with torch.inference_mode():
                instead = self._projected(descent, projection, ks, seen, again)
                before = iter(()) if again else self._others(batch, descent, seen)
                passes.add(batch, descent, itertools.chain(before, instead))
        self._execution.progress.finish()
        return passes

    def _others(self, batch: PoseBatch, descent: StackState, seen: _Seen) -> Iterator[tuple[str, Tensor]]:
        x = descent.bottleneck
        yield UNTOUCHED, x
        if self._code is not None:
            rebuilt = self._splicer.through(self._code.module)(x, batch.rows)
            seen.add_code(x.float().cpu().numpy(), rebuilt.float().cpu().numpy())
            yield "ae", rebuilt

    @staticmethod
    def _projected(
        descent: StackState, projection: Projection, ks: tuple[int, ...], seen: _Seen, again: bool
    ) -> Iterator[tuple[str, Tensor]]:
        x = descent.bottleneck
        coefficients = projection.coefficients(x)
        seen.keep(coefficients.cpu().numpy(), ks)
        if not again:
            seen.add(x.float().cpu().numpy(), coefficients.cpu().numpy())
        flat, held = projection.begin(x), 0
        for k in ks:
            flat, held = projection.extend(flat, coefficients, held, k), k
            yield str(k), flat.view(x.shape)


class _Seen:
    """Sums over the evaluated bottlenecks: of every rank at once, and of the autoencoder."""

    def __init__(self, components: Components, mean: npt.NDArray[np.float64]) -> None:
        self._mean = mean
        self._squares, self._spread = np.zeros(len(components.variances)), 0.0
        self._grid = fvu_grid(components.rank)
        self._left, self._spreads = ([np.zeros((0, *shape))] for shape in ((len(self._grid),), ()))
        self._held: dict[int, list[npt.NDArray[np.float64]]] = {}
        self.code = FidelitySums(mean)
        self.is_coded = False

    def add_code(self, x: npt.NDArray[np.float32], rebuilt: npt.NDArray[np.float32]) -> None:
        """Counts what the autoencoder gives for a batch (n, C, 4, 4)."""
        self.is_coded = True
        self.code.add(x, rebuilt)

    def keep(self, coefficients: npt.NDArray[np.float32], ks: tuple[int, ...]) -> None:
        """Remembers what each of these ranks holds of each person of a batch, coefficients (n, D)."""
        held = np.pad(np.square(coefficients, dtype=np.float64).cumsum(1), ((0, 0), (1, 0)))
        for k in ks:
            self._held.setdefault(k, []).append(held[:, k])

    def add(self, x: npt.NDArray[np.float32], coefficients: npt.NDArray[np.float32]) -> None:
        """Counts a batch: bottlenecks (n, C, 4, 4) and their coefficients (n, D)."""
        squares = np.square(coefficients, dtype=np.float64)
        self._squares += squares.sum(0)
        self._spread += float(np.square(x - self._mean).sum())
        self._spreads.append(_squares(x - self._mean))
        held = np.pad(squares.cumsum(1), ((0, 0), (1, 0)))[:, self._grid]
        self._left.append(np.maximum(self._spreads[-1][:, None] - held, 0))

    def rates(self) -> npt.NDArray[np.float64] | None:
        """FVU of rank 0 .. D; None if no bottleneck differs from the mean."""
        return curve(self._squares, self._spread) if self._spread else None

    def intervals(self, photo_id: npt.NDArray[np.int64], seed: int) -> dict[str, Interval | None]:
        """The FVU of every rank, by its number, and of the autoencoder, ``ae``, with its interval over photos."""
        spread = np.concatenate(self._spreads)
        errors = {str(k): np.maximum(spread - np.concatenate(held), 0) for k, held in self._held.items()}
        if self.is_coded:
            errors["ae"] = self.code.by_person()[0]
        above = np.stack([*errors.values()], axis=1)
        paired = PairedBootstrap(above, np.repeat(spread[:, None], len(errors), axis=1), photo_id, seed=seed)
        return {name: paired.interval((place,)) for place, name in enumerate(errors)}

    def sums(self, photo_id: npt.NDArray[np.int64]) -> FvuSums:
        """What the interval of the equal-FVU rank is made of."""
        left, spread = (np.concatenate(one) for one in (self._left, self._spreads))
        return FvuSums(self._grid, left, self.code.by_person()[0], spread, photo_id)


def _squares(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = np.square(rows).sum((1, 2, 3))
    return found


def _point(
    name: str, n_components: int, fvu: float | None, interval: Interval | None, sides: Mapping[str, SideBySide]
) -> RatePoint:
    return RatePoint(n_components, fvu, interval, sides["skips_on"].effect(name), sides["skips_off"].effect(name))
