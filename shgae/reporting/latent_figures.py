"""The pictures of an analysis."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from shgae.analysis.latent.clusters import Clusters
from shgae.analysis.latent.inputs import Inputs
from shgae.analysis.latent.network import Condition, Unit, Walk
from shgae.analysis.latent.traversals import STEPS
from shgae.artifacts.command import command_line, shown
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import Draft
from shgae.plots.clusters import Member, mosaic_figure, silhouette_figure
from shgae.plots.code_units import Portrait, atlas_figure
from shgae.plots.heat_table import heat_table
from shgae.plots.spectrum import spectrum_figure
from shgae.plots.style import save_figure
from shgae.plots.traversals import walk_figure
from shgae.recipes import AnalyzeConfig
from shgae.skeleton import Skeleton
from shgae.wording import counted_people

if TYPE_CHECKING:
    from shgae.analysis.latent.measure import Found

UNITS_A_PAGE = 10
_SHOWN = 8
"""People of a cluster that are drawn."""


@dataclass(frozen=True)
class Figured:
    """A picture that was written."""

    file: str
    vector: str
    """The same as SVG; empty where there are photos in it."""
    title: str
    alt: str
    """What is to be seen, in words."""


class Pictures:
    """Draws into a draft."""

    def __init__(self, inputs: Inputs, draft: Draft) -> None:
        self._inputs, self._draft = inputs, draft
        self._command = shown(command_line())
        self._figures: list[Figured] = []
        self._train: Crops | None = None

    def draw(self, found: Found, config: AnalyzeConfig) -> list[Figured]:
        """Every picture of the parts that were done."""
        if self._inputs.same_people and self._inputs.data is not None:
            self._train = Crops(self._inputs.data, "train", config.limit)
        if found.spectrum:
            self._spectrum(found)
        if found.clusters:
            self._clusters(found.clusters)
        for space, walks in found.walks.items():
            for walk in walks:
                self._walk(space, walk)
        if found.skips:
            self._skips(found.skips, found.persons)
        if found.atlas:
            self._atlas(found)
        return self._figures

    def _save(self, figure: Figure, name: str, title: str, alt: str, *, photos: bool) -> None:
        vector = "" if photos else f"{name}.svg"
        for file in filter(None, (f"{name}.png", vector)):
            save_figure(figure, self._draft.file(file), self._command)
        self._figures.append(Figured(f"{name}.png", vector, title, alt))

    def _members(self, rows: Sequence[int]) -> list[Member]:
        if self._train is None:
            return []
        wanted = np.asarray(rows, np.int64)
        people, crops = self._train.people, self._train.read(wanted)
        return [
            Member(crop, people.xy_crop[row], people.visibility[row]) for crop, row in zip(crops, wanted, strict=True)
        ]

    def _spectrum(self, found: Found) -> None:
        assert found.spectrum is not None
        spectra = {"bottleneck": found.spectrum} | ({"code": found.code_spectrum} if found.code_spectrum else {})
        alt = "; ".join(
            f"{name}: 95 % of the variance in {one.components['95']} of {one.numbers} components"
            for name, one in spectra.items()
            if one
        )
        figure = spectrum_figure({name: dataclasses.asdict(one) for name, one in spectra.items() if one})
        self._save(figure, "spectrum", "Principal components", f"Falling curves of variance; {alt}.", photos=False)

    def _clusters(self, clusters: Clusters) -> None:
        ks, heights = [one.k for one in clusters.tried], [one.silhouette for one in clusters.tried]
        best = clusters.best
        alt = f"Mean silhouette by number of clusters, highest {best.silhouette:.2f} at K = {best.k}."
        self._save(silhouette_figure(ks, heights, clusters.space), "silhouettes", "Clusters", alt, photos=False)
        groups = [
            (counted_people(one.people).replace(" ", "\n"), self._members(one.nearest[:_SHOWN]))
            for one in best.clusters
        ]
        if self._train is None or self._inputs.data is None:
            return
        title = f"K = {best.k}, mean silhouette {best.silhouette:.2f}: people nearest to each centre"
        figure = mosaic_figure([one for one in groups if one[1]], self._skeleton(), title)
        alt = f"People nearest to the centres of {best.k} clusters, a row a cluster, after their mean picture."
        self._save(figure, "clusters", "Who is in the clusters", alt, photos=True)

    def _walk(self, space: str, walk: Walk) -> None:
        rows = [(side.replace("_", "\n"), one.xy_crop, one.height, one.heat) for side, one in walk.decoded.items()]
        title = f"{space}, component {walk.number}: {100 * walk.share:.1f} % of the variance, sd {walk.deviation:.3g}"
        members = self._members(walk.nearest.tolist()) or None
        figure = walk_figure(rows, members, STEPS, self._skeleton(), title)
        on, off = (100 * walk.moved[side] for side in ("skips_on", "skips_off"))
        alt = (
            f"Decoded poses from -3 to +3 standard deviations along component {walk.number} of the {space}; from -2 to "
            f"+2 joints move by {on:.1f} % of the crop with the mean person's skips, {off:.1f} % with skips off."
        )
        self._save(figure, f"walk-{space}-{walk.number}", f"Walk: {title}", alt, photos=members is not None)

    def _skips(self, skips: Sequence[Condition], people: int) -> None:
        names = list(self._skeleton().names)
        values = np.array(
            [[np.nan if one.joints[name] is None else one.joints[name] for one in skips] for name in names]
        )
        columns = [f"{one.skips}" + ("" if one.bottleneck == "as it is" else " + mean") for one in skips]
        figure = heat_table(
            values.astype(np.float64),
            names,
            columns,
            f"PCK of each joint, {counted_people(people)}; + mean: with the training mean in the bottleneck's place",
            "%",
        )
        worst = min(skips, key=lambda one: one.pck["all"] or 0.0)
        alt = f"PCK of every joint with skips on, off, and off level by level; lowest with {worst.skips}, bottleneck "
        self._save(figure, "skips", "Where the pose lives", f"{alt}{worst.bottleneck}.", photos=False)

    def _atlas(self, found: Found) -> None:
        assert found.latent is not None and found.latent.codes is not None
        alive = sorted(
            (unit for unit in found.atlas if unit.decoded), key=lambda unit: -unit.lost.value if unit.lost else 0.0
        )
        for page, start in enumerate(range(0, len(alive), UNITS_A_PAGE), 1):
            some = alive[start : start + UNITS_A_PAGE]
            portraits = [self._portrait(unit, found.latent.codes[:, unit.number]) for unit in some]
            title = f"Units of the code by what PCK loses without them, on {counted_people(found.tried)} ({page})"
            figure = atlas_figure(portraits, self._skeleton(), title)
            alt = "A row a unit: histogram, poses at -2, 0, +2 standard deviations, people, loss by joint; units "
            names = ", ".join(str(unit.number) for unit in some)
            self._save(figure, f"atlas-{page}", title, f"{alt}{names}.", photos=True)

    def _portrait(self, unit: Unit, values: npt.NDArray[np.float32]) -> Portrait:
        assert unit.decoded is not None
        names = self._skeleton().names
        lost = np.array([np.nan if unit.joints[name] is None else unit.joints[name] for name in names], np.float64)
        points = f"\n{100 * unit.lost.value + 0.0:.1f} points" if unit.lost else ""
        name = f"unit {unit.number}{points}\n{100 * unit.density:.0f} % on"
        one = unit.decoded
        return Portrait(name, values, one.xy_crop, one.height, one.heat, self._members(unit.top), lost)

    def _skeleton(self) -> Skeleton:
        if self._inputs.site is not None:
            return self._inputs.site.loaded.skeleton
        assert self._inputs.data is not None  # only pictures with people in them ask
        return Skeleton.from_json(self._inputs.data.facts["skeleton"])
