"""PCK and FVU against the number of principal components that pass the bottleneck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shgae.analysis.inputs import training_rows
from shgae.analysis.pca import Components, components_of
from shgae.analysis.rate.curve import EqualRank, curve, equal_fvu, equal_pck
from shgae.analysis.rate.text import sentences
from shgae.analysis.splice.effects import UNTOUCHED, Effect, SideBySide
from shgae.analysis.splice.network import Passes, Site, Splicer, target_config
from shgae.analysis.splice.replacements import Projection
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import Artifact
from shgae.data.datasets import PoseBatch
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.metrics.reconstruction import FidelitySums
from shgae.models.autoencoder import Autoencoder
from shgae.models.hourglass import StackState
from shgae.models.zoo import AutoencoderSpec, LoadedAutoencoder
from shgae.recipes import RateConfig


@dataclass(frozen=True)
class RatePoint:
    """The network with something of limited capacity in the bottleneck's place."""

    numbers: int
    """How many pass: principal components, or the size of the code."""
    fvu: float | None
    """On the split, against the training mean; None if the bottlenecks do not vary."""
    skips_on: Effect
    skips_off: Effect


@dataclass(frozen=True)
class RateReport:
    """The curve."""

    model: str
    """Its id."""
    data: str
    activations: str
    split: str
    persons: int
    photos: int
    stack: int
    """Counted from 0."""
    tuned: bool
    """Whether the network was trained with its autoencoder inside: then ``untouched`` is the trunk with it taken out,
    the curve is of that trunk, and no number of components is equal to the autoencoder."""
    trained_on: int
    """Rows that the components were computed from."""
    determined: int
    """How many components these rows determine; what is called component beyond is an arbitrary direction."""
    points: tuple[RatePoint, ...]
    """By number of principal components; 0 is the training mean for everybody."""
    untouched: Mapping[str, Effect]
    """The bottleneck as it is, ``skips_on`` and ``skips_off``."""
    autoencoder: RatePoint | None
    equal_fvu: EqualRank | None
    """The fewest components that leave no more variance unexplained than the autoencoder; None without one, where
    nothing varies, and of a tuned graft."""
    equal_pck: Mapping[str, EqualRank]
    """The components that reach its PCK, ``skips_on`` and ``skips_off``; empty without one and of a tuned graft."""
    says: tuple[str, ...]
    """What it means, a sentence each."""


class RatedCode(NamedTuple):
    module: Autoencoder
    spec: AutoencoderSpec


def ranks(text: str, size: int) -> tuple[int, ...]:
    """Numbers of components, rising, each once, cut to the size of the bottleneck; 0 is always among them.

    Raises:
        Refused: one is no whole number.
    """
    words = [word.strip() for word in text.split(",")]
    wrong = next((word for word in words if not (word.isascii() and word.isdecimal() and len(word) < 10)), None)
    if wrong is not None:
        raise Refused("value", "--ks", f"{wrong!r:.40} is no whole number", "--ks 0,1,10,100")
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

    def report(self) -> RateReport:
        """Does everything."""
        rows = training_rows(self._source, self._site, self._config.limit)
        mean = rows.mean()
        components = components_of(mean, rows.read, len(rows), self._execution)
        crops, ks, code = self._crops, self._ks, self._code
        seen = _Seen(components, mean)
        passes = self._passes(Projection(components, self._device), seen)
        on, off = (SideBySide(side, passes.truth, seed=self._config.seed) for side in (passes.on, passes.off))
        rates, determined = seen.rates(), components.determined
        points = tuple(_point(str(k), k, None if rates is None else float(rates[k]), on, off) for k in ks)
        mine = None if code is None else _point("ae", code.spec.code_size, seen.code.result().fvu, on, off)
        fewest, equal = None, dict[str, EqualRank]()
        if mine is not None and not self._site.is_tuned:
            sides, size = {"skips_on": on, "skips_off": off}, len(components.variances)
            equal = {name: equal_pck(side, ks, "ae", determined, size) for name, side in sides.items()}
            if mine.fvu is not None and rates is not None:
                fewest = equal_fvu(rates, mine.fvu, determined)
        return RateReport(
            model=self._site.loaded.artifact.id,
            data=self._prepared.id,
            activations=self._source.id,
            split=self._config.split,
            persons=len(crops),
            photos=len(np.unique(crops.photos)),
            stack=self._site.stack,
            tuned=self._site.is_tuned,
            trained_on=len(rows),
            determined=determined,
            points=points,
            untouched={"skips_on": on.effect(UNTOUCHED), "skips_off": off.effect(UNTOUCHED)},
            autoencoder=mine,
            equal_fvu=fewest,
            equal_pck=equal,
            says=sentences(
                None if mine is None else mine.numbers, equal, fewest, on, [k for k in ks if k <= determined]
            ),
        )

    def _passes(self, projection: Projection, seen: _Seen) -> Passes:
        """One way down a batch; a way up for each rank, for the autoencoder, and for the bottleneck as it is."""
        names = [UNTOUCHED, *(["ae"] if self._code else []), *map(str, self._ks)]
        heatmap = target_config(self._site, self._execution.progress)
        passes = Passes(self._splicer, self._crops, heatmap, names)
        self._execution.progress.start("ranks", len(self._crops), "people")
        for batch in self._splicer.batches(self._crops, self._execution):
            descent = self._splicer.descend(batch)
            with torch.inference_mode():
                passes.add(batch, descent, self._instead(batch, descent, projection, seen))
        self._execution.progress.finish()
        return passes

    def _instead(
        self, batch: PoseBatch, descent: StackState, projection: Projection, seen: _Seen
    ) -> Iterator[tuple[str, Tensor]]:
        x = descent.bottleneck
        yield UNTOUCHED, x
        if self._code is not None:
            rebuilt = self._splicer.through(self._code.module)(x, batch.rows)
            seen.code.add(x.float().cpu().numpy(), rebuilt.float().cpu().numpy())
            yield "ae", rebuilt
        coefficients = projection.coefficients(x)
        seen.add(x.float().cpu().numpy(), coefficients.cpu().numpy())
        flat, held = projection.begin(x), 0
        for k in self._ks:
            flat, held = projection.extend(flat, coefficients, held, k), k
            yield str(k), flat.view(x.shape)


class _Seen:
    """Sums over the evaluated bottlenecks: of every rank at once, and of the autoencoder."""

    def __init__(self, components: Components, mean: npt.NDArray[np.float64]) -> None:
        self._mean = mean
        self._squares, self._spread = np.zeros(len(components.variances)), 0.0
        self.code = FidelitySums(mean)

    def add(self, x: npt.NDArray[np.float32], coefficients: npt.NDArray[np.float32]) -> None:
        """Counts a batch: bottlenecks (n, C, 4, 4) and their coefficients (n, D)."""
        self._squares += np.square(coefficients, dtype=np.float64).sum(0)
        self._spread += float(np.square(x - self._mean).sum())

    def rates(self) -> npt.NDArray[np.float64] | None:
        """FVU of rank 0 .. D; None if no bottleneck differs from the mean."""
        return curve(self._squares, self._spread) if self._spread else None


def _point(name: str, numbers: int, fvu: float | None, on: SideBySide, off: SideBySide) -> RatePoint:
    return RatePoint(numbers, fvu, on.effect(name), off.effect(name))
