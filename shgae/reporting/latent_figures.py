"""The pictures of an analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from shgae.analysis.latent.clusters import Clusters, ClusterVerdict
from shgae.analysis.latent.inputs import Inputs
from shgae.analysis.latent.measure import Found
from shgae.analysis.latent.network import Traversal, Unit
from shgae.analysis.latent.report import STEPS, Condition, Drawn
from shgae.arrays import Floats32
from shgae.artifacts.command_line import stamp
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import Draft
from shgae.execution import Execution
from shgae.plots.clusters import mosaic_figure, silhouette_figure
from shgae.plots.code_units import Portrait, code_units_figure
from shgae.plots.heat_table import heat_table
from shgae.plots.poses import View
from shgae.plots.spectrum import spectrum_figure
from shgae.plots.style import SUFFIXES, save_figure
from shgae.plots.traversals import traversal_figure
from shgae.recipes import AnalyzeConfig
from shgae.skeleton import Skeleton
from shgae.wording import counted_people

UNITS_A_PAGE = 10
_SHOWN = 8
"""People of a cluster that are drawn."""


class LatentPictures:
    """Draws into a draft."""

    def __init__(self, inputs: Inputs, draft: Draft, execution: Execution) -> None:
        self._inputs, self._draft, self._progress = inputs, draft, execution.progress
        self._command = stamp(execution)
        self._figures: list[Drawn] = []
        self.files: list[str] = []
        """Every file that was written."""
        self._train: Crops | None = None

    def draw(self, found: Found, config: AnalyzeConfig) -> list[Drawn]:
        """Every picture of the parts that were done."""
        if self._inputs.same_people and self._inputs.data is not None:
            self._train = Crops(self._inputs.data, "train", config.limit)
        draw: list[Callable[[], None]] = []
        if found.spectrum:
            draw.append(partial(self._spectrum, found))
        if found.clusters:
            draw.append(partial(self._clusters, found.clusters, found.direction_clusters))
        for space, traversals in found.traversals.items():
            draw += [partial(self._traversal, space, one) for one in traversals]
        if found.skips:
            draw.append(partial(self._skips, found.skips, found.persons))
        if found.units:
            draw.append(partial(self._code_units, found))
        self._progress.start("figures", len(draw), "figures")
        for one in draw:
            one()
            self._progress.advance()
        self._progress.finish()
        return self._figures

    def _save(self, figure: Figure, name: str, title: str, alt: str, *, photos: bool) -> None:
        files = [f"{name}{suffix}" for suffix in ((".png",) if photos else SUFFIXES)]
        save_figure(figure, [self._draft.file(one) for one in files], self._command)
        self.files += files
        self._figures.append(Drawn(f"{name}.png", title, alt))

    def _members(self, rows: Sequence[int]) -> list[View]:
        if self._train is None:
            return []
        wanted = np.asarray(rows, np.int64)
        people, crops = self._train.people, self._train.filled(wanted)
        return [*map(View, crops, people.xy_crop[wanted], people.visibility[wanted])]

    def _spectrum(self, found: Found) -> None:
        assert found.spectrum is not None
        alt = "; ".join(
            f"{name}: 95 % of the variance in {one.components['95']} of {one.dimension} components"
            for name, one in (("bottleneck", found.spectrum), ("code", found.code_spectrum))
            if one
        )
        figure = spectrum_figure(found.spectrum, found.code_spectrum)
        self._save(figure, "spectrum", "Principal components", f"Falling curves of variance; {alt}.", photos=False)

    def _clusters(self, clusters: Clusters, directions: Clusters | None) -> None:
        best = clusters.best
        alt = f"Mean silhouette by number of clusters, highest {best.silhouette:.2f} at K = {best.k}."
        figure = silhouette_figure([clusters, *([directions] if directions else [])])
        self._save(figure, "silhouettes", "Clusters", alt, photos=False)
        if self._train is None:
            return
        groups = [
            (counted_people(one.people).replace(" ", "\n"), self._members(one.nearest[:_SHOWN]))
            for one in best.clusters
        ]
        shown = "" if clusters.verdict is ClusterVerdict.APART else "; cuts, no clusters shown"
        title = f"K = {best.k}, mean silhouette {best.silhouette:.2f}{shown}: people nearest to each centre"
        figure = mosaic_figure([one for one in groups if one[1]], self._skeleton(), title)
        alt = f"People nearest to the centres of {best.k} clusters, a row a cluster, after their mean picture."
        self._save(figure, "clusters", "Who is in the clusters", alt, photos=True)

    def _traversal(self, space: str, found: Traversal) -> None:
        rows = [(side.replace("_", "\n"), one) for side, one in found.decoded.items()]
        number = found.component
        title = f"{space}, component {number}: {100 * found.share:.1f} % of the variance, sd {found.deviation:.3g}"
        members = self._members(found.nearest.tolist()) or None
        figure = traversal_figure(rows, members, STEPS, self._skeleton(), title)
        on, off = 100 * found.moved.skips_on, 100 * found.moved.skips_off
        alt = (
            f"Decoded poses from -3 to +3 standard deviations along component {number} of the {space}; from -2 to "
            f"+2 joints move by {on:.1f} % of the crop with the mean person's skips, {off:.1f} % with skips off."
        )
        self._save(figure, f"traversal-{space}-{number}", f"Traversal: {title}", alt, photos=members is not None)

    def _skips(self, skips: Sequence[Condition], people: int) -> None:
        names = list(self._skeleton().names)
        values = np.array([[one.joints[name] for one in skips] for name in names], np.float64)  # None becomes NaN
        columns = [f"{one.skips}" + ("" if one.bottleneck == "as it is" else " + mean") for one in skips]
        figure = heat_table(
            values,
            [name.replace("_", " ") for name in names],
            columns,
            f"PCK of each joint, {counted_people(people)}; + mean: bottleneck replaced by the training mean",
        )
        worst = min(skips, key=lambda one: one.pck.all or 0.0)
        alt = f"PCK of every joint with skips on, off, and off level by level; lowest with {worst.skips}, bottleneck "
        self._save(figure, "skips", "PCK with skips on and off", f"{alt}{worst.bottleneck}.", photos=False)

    def _code_units(self, found: Found) -> None:
        assert found.latent is not None and found.latent.codes is not None
        drawn = sorted(
            (unit for unit in found.units if unit.decoded),
            key=lambda unit: -unit.measured.lost.value if unit.measured.lost else 0.0,
        )
        for page, start in enumerate(range(0, len(drawn), UNITS_A_PAGE), 1):
            some = drawn[start : start + UNITS_A_PAGE]
            portraits = [self._portrait(unit, found.latent.codes[:, unit.measured.unit]) for unit in some]
            title = f"Units of the code, tried on {counted_people(found.unit_people)} ({page})"
            figure = code_units_figure(portraits, self._skeleton(), title)
            alt = "A row a unit: histogram, poses at -2, 0, +2 standard deviations, people, loss by joint; units "
            names = ", ".join(str(unit.measured.unit) for unit in some)
            self._save(figure, f"code-units-{page}", title, f"{alt}{names}.", photos=True)

    def _portrait(self, unit: Unit, values: Floats32) -> Portrait:
        assert unit.decoded is not None
        measured = unit.measured
        lost = np.array([measured.joints[name] for name in self._skeleton().names], np.float64)  # None becomes NaN
        points = f"\ncosts {100 * measured.lost.value + 0.0:.1f} points" if measured.lost else ""
        name = f"unit {measured.unit}{points}\nactive for {100 * measured.density:.0f} %\nof training people"
        return Portrait(name, values, unit.decoded, self._members(measured.top_rows), lost)

    def _skeleton(self) -> Skeleton:
        if self._inputs.site is not None:
            return self._inputs.site.loaded.skeleton
        assert self._inputs.data is not None  # only pictures with people in them ask
        return Skeleton.from_json(self._inputs.data.facts["skeleton"])
