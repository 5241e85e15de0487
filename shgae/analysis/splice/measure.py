"""One replacement of the bottleneck after another: what the maps lose, with skips on and off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from shgae.analysis import replacements
from shgae.analysis.effects import UNTOUCHED, fvu_intervals
from shgae.analysis.inputs import before_tuning, training_rows
from shgae.analysis.pca import Components, components_of
from shgae.analysis.replacements import Projection, Replacement
from shgae.analysis.site import Site
from shgae.analysis.splice.checks import check
from shgae.analysis.splice.code_health import code_health
from shgae.analysis.splice.report import Check, Replaced, SpliceReport, side_of
from shgae.analysis.splicer import Splicer
from shgae.arrays import Floats, Floats32
from shgae.artifacts.crops import Crops
from shgae.artifacts.reconstructions import GivenReconstruction
from shgae.artifacts.store import Artifact
from shgae.data.datasets import Rows, in_chunks, load_pose_batch
from shgae.execution import Progress
from shgae.metrics.reconstruction import FidelitySums
from shgae.models.autoencoder import Autoencoder
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import LoadedAutoencoder, build_autoencoder
from shgae.recipes import SpliceConfig
from shgae.wording import counted_people

_COMPONENTS = 50
"""Principal components of the replacement where there is no autoencoder."""
_CHECKED = 8
"""People on whom exactness is checked."""


class Codes(NamedTuple):
    """The autoencoders to try."""

    modules: dict[str, Autoencoder]
    """By the name of the replacement."""
    spec: AutoencoderSpec | None
    """Of the one that is asked about; None without any."""


def codes_to_try(site: Site, given: LoadedAutoencoder | None, progress: Progress) -> Codes:
    """The autoencoders of a splice: the site's own and the one from before it was tuned, or else the given one
    (``--ae``), which is the one from before where the site has its own."""
    asked = site.asked_about(given)
    if asked is None:
        spec = site.loaded.spec
        grafted = [str(stack) for stack in range(spec.stacks) if spec.autoencoder(stack)]
        which = f"--stack {' or '.join(grafted)}" if grafted else "--ae"
        progress.note(f"note: stack {site.stack} carries no autoencoder; with {which} there is one to compare")
        return Codes({}, None)
    codes = {"ae": asked.module}
    if asked is not given and given is not None:
        codes["old-ae"] = given.module
    elif site.is_tuned and given is None and (before := before_tuning(site, progress)):
        codes["old-ae"] = before
    return Codes(codes, asked.spec)


@dataclass(frozen=True, eq=False)
class Splice:
    """One splice at work."""

    splicer: Splicer
    codes: Codes
    crops: Crops
    """Of the split that is scored."""
    data: Artifact
    activations: Artifact | None
    config: SpliceConfig
    given: Mapping[str, GivenReconstruction]

    def report(self) -> SpliceReport:
        """Runs the network and scores every replacement; raises :class:`Refused` for numbers that are not finite."""
        splicer, site = self.splicer, self.splicer.site
        mean, components, training = self._training()
        crops, codes = self.crops, self.codes.modules
        varies = bool(components.variances.any())
        bottlenecks = splicer.bottlenecks(crops, f"bottlenecks of {self.config.split}")
        offered = self._offered(mean, components, bottlenecks)

        def instead(x: Tensor, rows: Rows) -> Iterator[tuple[str, Tensor]]:
            return ((name, replace(x, rows)) for name, (replace, _) in offered.items())

        passes = splicer.passes(crops, "replacements", offered, instead)
        compared = passes.effects(self.config.seed).values()
        sides = [side_of(side, list(offered), site.is_tuned, tuple(self.given)) for side in compared]
        distances = {name: self._distance(replace, bottlenecks, mean) for name, (replace, _) in offered.items()}
        errors = {name: one.by_person()[0] for name, one in distances.items()}
        spread = distances[UNTOUCHED].by_person()[1]
        intervals = fvu_intervals(errors, spread, crops.photos, self.config.seed)
        hashes = {name: one.sha256 for name, one in self.given.items()}
        replaced = tuple(
            Replaced(name, meaning, distances[name].result(), intervals[name], hashes.get(name))
            for name, (_, meaning) in offered.items()
        )
        return SpliceReport(
            model=site.loaded.artifact.id,
            data=self.data.id,
            split=self.config.split,
            persons=len(crops),
            photos=len(np.unique(crops.photos)),
            stack=site.stack,
            tuned=site.is_tuned,
            training=training,
            bottleneck_effective_dimension=components.effective_dimension if varies else None,
            bottleneck_components_95=components.count_for(0.95) if varies else None,
            replacements=replaced,
            skips_on=sides[0],
            skips_off=sides[1],
            code=code_health(splicer.codes(codes["ae"], bottlenecks)) if "ae" in codes else None,
            checks=self._checks(),
        )

    def _training(self) -> tuple[Floats, Components, str]:
        """The training mean (C, 4, 4), the principal components, and their owner in words."""
        if self.activations is not None:
            rows = training_rows(self.activations, self.splicer.site, self.config.limit)
            mean, read, people = rows.mean(), rows.read, len(rows)
            whose = f" of {self.activations.path} ({self.activations.short_id})"
        else:
            tensors = self.splicer.bottlenecks(Crops(self.data, "train", self.config.limit), "bottlenecks of train")
            mean, read, people = tensors.mean(0, dtype=np.float64), lambda rows: tensors[rows], len(tensors)
            whose = ", in a pass of its own"
        components = components_of(mean, read, people, self.splicer.execution)
        return mean, components, f"{counted_people(people, 'training')}{whose}"

    def _offered(
        self, mean: Floats, components: Components, bottlenecks: Floats32
    ) -> dict[str, tuple[Replacement, str]]:
        """Every replacement by name, and what it is."""
        splicer, site, seed = self.splicer, self.splicer.site, self.config.seed
        untouched = "the bottleneck as it is"
        if site.own is not None:
            untouched += ": the autoencoder taken out" + (" of the tuned trunk" if site.is_tuned else "")
        offered: dict[str, tuple[Replacement, str]] = {UNTOUCHED: (replacements.identity, untouched)}
        meanings = {"ae": "the autoencoder", "old-ae": "the autoencoder from before fine-tuning, in the tuned trunk"}
        for name, code in self.codes.modules.items():
            offered[name] = (splicer.through(code), meanings[name])
        for name, one in self.given.items():
            offered[name] = (replacements.given(one.read), f"given in {one.path.name}")
        spec = self.codes.spec
        count = min(spec.code_size if spec else _COMPONENTS, components.rank)
        projected = replacements.rank(Projection(components, splicer.device), count)
        offered[f"pca-{count}"] = (projected, f"the first {count} principal components of the training bottlenecks")
        if spec is not None:
            untrained = build_autoencoder(spec, seed=seed)
            offered["random-ae"] = (splicer.through(untrained), "an autoencoder of that shape, untrained")
        if len(bottlenecks) > 1:
            offered["shuffle"] = (replacements.another(bottlenecks, seed), "another person's bottleneck")
        offered["mean"] = (replacements.constant(mean), "the training mean, for everybody")
        offered["zero"] = (replacements.zero, "zeros")
        return offered

    def _distance(self, replace: Replacement, bottlenecks: Floats32, mean: Floats) -> FidelitySums:
        sums = FidelitySums(mean)
        for rows in in_chunks(np.arange(len(bottlenecks)), self.config.batch_size):
            with torch.inference_mode():
                instead = replace(torch.from_numpy(bottlenecks[rows]).to(self.splicer.device), rows)
            sums.add(bottlenecks[rows], instead.float().cpu().numpy())
        return sums

    def _checks(self) -> tuple[Check, ...]:
        splicer = self.splicer
        spec = self.codes.spec or AutoencoderSpec(width=splicer.site.loaded.spec.width)
        tried = self.codes.modules.get("ae") or build_autoencoder(spec, seed=self.config.seed)
        rows = np.arange(min(_CHECKED, len(self.crops)))
        images = splicer.images(load_pose_batch(self.crops, rows).to(splicer.device))
        return check(splicer.module, splicer.site.stack, images, tried.to(splicer.device).eval())
