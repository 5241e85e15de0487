"""Training people in the bottleneck and in the code: principal components, clusters, and where traversals go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from shgae.analysis.latent.clusters import Clusters, cluster, unit_length
from shgae.analysis.latent.report import STEPS
from shgae.analysis.pca import ROUNDING, Components, CovarianceSums, components_of
from shgae.analysis.splicer import encoded
from shgae.arrays import Floats, Floats32, Ints
from shgae.artifacts.activations import LARGEST, Activations, are_sound
from shgae.data.datasets import in_chunks
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.models.autoencoder import Autoencoder
from shgae.option_lists import cluster_range
from shgae.wording import counted_people

KEPT = 50
"""Coefficients of each person that are kept: clusters are sought in them, traversals need the first of them."""
NEAREST = 12
"""People of a cluster that are named, the nearest to its centre."""
_ROWS = 2048


@dataclass(frozen=True, eq=False)
class Scattered:
    """Where N people lie in a latent space of D dimensions, as far as traversals ask."""

    components: Components
    coefficients: Floats32
    """(N, m) along the first m components."""
    squares: Floats
    """(N,) squared distance from the mean."""


def places(components: Components, component: int) -> Floats32:
    """Where a traversal of one component, counted from 0, goes: (len(STEPS), D), the mean itself at c = 0."""
    deviation = np.sqrt(components.variances[component])
    line = np.asarray(STEPS)[:, None] * deviation * components.directions[component].astype(np.float64)
    found: Floats32 = (components.mean + line).astype(np.float32)
    return found


def nearest(scattered: Scattered, component: int) -> Ints:
    """The person nearest to each place of a traversal, in all D dimensions: (len(STEPS),) rows.

    |x - mean - t d|^2 = |x - mean|^2 - 2 t (x - mean) d + t^2, so the coefficient along d is enough.
    """
    t = np.asarray(STEPS) * np.sqrt(scattered.components.variances[component])
    along = scattered.coefficients[:, component].astype(np.float64)
    return np.array([int(np.argmin(scattered.squares - 2 * step * along)) for step in t])


@dataclass(frozen=True, eq=False)
class LatentSpace:
    """The training people in the bottleneck and in the code."""

    bottleneck: Scattered
    code: Scattered | None
    """None without an autoencoder."""
    codes: Floats32 | None
    """(N, code size)."""

    @property
    def people(self) -> int:
        """N."""
        return len(self.bottleneck.squares)


def read_latent(
    rows: Activations, code: Autoencoder | None, code_path: Path | None, device: torch.device, execution: Execution
) -> LatentSpace:
    """Two passes over the training bottlenecks: covariance, then coefficients and codes.

    Memory: D x D float64 thrice, and of each person :data:`KEPT` + 1 numbers and the code.

    Raises:
        Refused: there is just one person, or a code is not finite, or too large for sums of squares.
        Interrupted: a signal came.
    """
    if len(rows) < 2:
        raise Refused("activations", "train", "one person has no spectrum", "more people")
    components = components_of(rows.mean(), rows.read, len(rows), execution)
    coefficients = np.empty((len(rows), min(KEPT, len(components.variances))), np.float32)
    squares = np.empty(len(rows))
    codes = []
    if code is not None:
        code.to(device).eval()
    execution.progress.start("coefficients and codes" if code else "coefficients", len(rows), "people")
    for part in in_chunks(np.arange(len(rows)), _ROWS):
        execution.stop.raise_if_set("analysis", "the same command again", saved=False)
        tensors = rows.read(part)
        coefficients[part], squares[part] = _along(components, tensors)
        codes += [] if code is None else [encoded(code, tensors, device)]
        execution.progress.advance(len(part))
    execution.progress.finish()
    bottleneck = Scattered(components, coefficients, squares)
    if not codes:
        return LatentSpace(bottleneck, None, None)
    whole = np.concatenate(codes)
    if not are_sound(whole):
        why = f"a code of it holds numbers that are not finite, or beyond {LARGEST:g}"
        raise Refused("autoencoder", code_path, why, "an autoencoder that did not diverge in training")
    return LatentSpace(bottleneck, _scattered(whole), whole)


def _scattered(codes: Floats32) -> Scattered:
    sums = CovarianceSums(codes.mean(0, dtype=np.float64))
    sums.add(codes)
    components = sums.components()
    return Scattered(components, *_along(components, codes))


def _along(components: Components, rows: Floats32) -> tuple[Floats32, Floats]:
    centred = rows.reshape(len(rows), -1) - components.mean.astype(np.float32)
    return centred @ components.directions[:KEPT].T, np.einsum("nd,nd->n", centred, centred, dtype=np.float64)


def find_clusters(
    latent: LatentSpace, ks: str, seed: int, progress: Progress
) -> tuple[Clusters | None, Clusters | None]:
    """K-means by the code where there is one, else by the leading coefficients, and by the same at unit length; None
    where fewer people differ than clusters are sought.

    Raises:
        Refused: there are too few people.
    """
    each = cluster_numbers(ks, latent.people)
    rows, space = latent.bottleneck.coefficients, f"the first {latent.bottleneck.coefficients.shape[1]} components"
    if latent.codes is not None:
        rows, space = latent.codes, f"the code's {latent.codes.shape[1]} dimensions"
    find = partial(cluster, rows, each, nearest=NEAREST, seed=seed, progress=progress)
    return find(space), find(f"{space} at unit length", view=unit_length)


def cluster_numbers(text: str, people: int) -> range:
    """The numbers of clusters that a text like ``2-10`` asks for, of so many people.

    Raises:
        Refused: there are too few people.
    """
    numbers = cluster_range(text)
    if people <= numbers[0]:
        fix = "more people, or --parts without clusters" if numbers[0] == 2 else "--clusters 2-10"
        raise Refused("value", "--clusters", f"{counted_people(people)}, too few for {numbers[0]} clusters", fix)
    return numbers


def leading(components: Components, wanted: int) -> range:
    """Numbers of the components to traverse: those that the people determine, of more variance than rounding leaves."""
    some = int((components.variances > ROUNDING * components.variances.sum()).sum())
    return range(min(wanted, components.rank, KEPT, some))
