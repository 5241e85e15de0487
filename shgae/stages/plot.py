"""``shgae plot``: artefacts of any kind -> their figures, as PNG, SVG and PDF."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from shgae.artifacts.command_line import stamp
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact
from shgae.config import some, within
from shgae.errors import Refused
from shgae.execution import EPOCH, Execution
from shgae.plots import curves
from shgae.plots.rates import rate_curve
from shgae.plots.spectrum import spectrum_figure
from shgae.plots.style import SUFFIXES, Looks, looks_of, save_figure
from shgae.reporting import study
from shgae.reporting.evaluation_figures import evaluation_figures
from shgae.reporting.plot_inputs import PlotInputs, read_inputs

Draw = Callable[[], Figure]


@dataclass(frozen=True)
class PlotResult:
    artifact: Artifact

    def to_json(self) -> dict[str, Any]:
        return self.artifact.to_json() | dict(self.artifact.facts) | {"files": sorted(self.artifact.manifest.files)}


def run(inputs: Sequence[Path], output: Path, execution: Execution, from_epoch: int | None = None) -> PlotResult:
    """Draws everything that the inputs hold, runs of one kind over each other.

    Args:
        inputs: trainings (finished, or ``NAME.partial`` while they run), rates, analyses, evaluations and studies.
        output: the folder to make.
        execution: progress, force.
        from_epoch: the epoch that the second column of the curves begins with; None takes the last two thirds of the
            longest training of each figure, and no second column where that has fewer than six epochs.

    Raises:
        Refused: an input is none of these, holds nothing to draw, or no training reached the first epoch.
    """
    if from_epoch is not None:
        within(EPOCH, "from_epoch", from_epoch)
    some("inputs", inputs)
    read = read_inputs(inputs)
    begins = _begins(read.histories, from_epoch)
    looks = _looks(read)
    figures = {**_of_histories(read.histories, begins, looks), **_of_reports(read, looks)}
    parents = {f"run {name}": artifact for name, artifact in read.artifacts.items()}
    config = {"from_epoch": from_epoch}
    with new_artifact(
        output, kind="figures", config=config, parents=parents, execution=execution, inputs=inputs
    ) as draft:
        files = [f"{name}{suffix}" for name in figures for suffix in SUFFIXES]
        execution.progress.start("figures", len(files), "files")
        for name, draw in figures.items():
            save_figure(draw(), [draft.file(f"{name}{suffix}") for suffix in SUFFIXES], stamp(execution))
            execution.progress.advance(len(SUFFIXES))
            execution.stop.raise_if_set(output, "the same command", saved=False)
        execution.progress.finish()
        facts = {"figures": list(figures), "from_epoch": begins, "unfinished": read.unfinished}
        artifact = draft.commit(facts, volatile=files)
    return PlotResult(artifact)


def _begins(histories: curves.Runs, first: int | None) -> dict[str, int | None]:
    """The epoch that the second column begins with, by figure; None where there is no second column."""
    last = {
        score.name: max(rows[-1]["epoch"] for rows in histories.values() if curves.score_of(rows) == score)
        for score in {curves.score_of(rows) for rows in histories.values()}
    }
    if first is None:
        return {name: curves.second_column(longest) for name, longest in sorted(last.items())}
    if not histories:
        raise Refused("option", "--from-epoch", "none of these is a training", "leave --from-epoch out")
    if first > max(last.values()):
        why = f"no training has an epoch {first}, the last is {max(last.values())}"
        raise Refused("value", "--from-epoch", why, "a smaller --from-epoch")
    return {name: first if 1 < first <= longest else None for name, longest in sorted(last.items())}


def _looks(read: PlotInputs) -> Looks:
    """The same of a name in every figure, whether it is that of a training or of a model that was evaluated."""
    evaluated = [row.name for kind, _, report in read.reports if kind == "evaluation" for row in report.models]
    return looks_of([*read.histories, *evaluated])


def _of_histories(histories: curves.Runs, begins: Mapping[str, int | None], looks: Looks) -> dict[str, Draw]:
    found: dict[str, Draw] = {}
    for score, begin in begins.items():
        runs = {name: rows for name, rows in histories.items() if curves.score_of(rows).name == score}
        found[f"curves-{score.lower()}"] = partial(curves.study_curves, runs, begin, looks)
    if histories:
        found["learning-rate"] = partial(curves.learning_rates, histories, looks)
    return found


def _of_reports(read: PlotInputs, looks: Looks) -> dict[str, Draw]:
    count = Counter(kind for kind, _, _ in read.reports)
    found: dict[str, Draw] = {}
    for kind, name, report in read.reports:
        suffix = "" if count[kind] == 1 else f"-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}"
        drawn = _of_report(kind, report, looks)
        endings = itertools.chain([suffix], (f"{suffix}-{number}" for number in itertools.count(2)))
        end = next(end for end in endings if found.keys().isdisjoint(f"{stem}{end}" for stem in drawn))
        found |= {f"{stem}{end}": draw for stem, draw in drawn.items()}
    return found


def _of_report(kind: str, report: Any, looks: Looks) -> Mapping[str, Draw]:
    if kind == "evaluation":
        return evaluation_figures(report, looks)
    if kind == "rate":
        return {"rate": partial(rate_curve, report)}
    if kind == "analysis":
        return {"spectrum": partial(spectrum_figure, report.spectrum, report.code_spectrum)}
    sizes = {"code-sizes": partial(study.sizes_figure, report, report.code_sizes)} if report.code_sizes else {}
    return {"differences": partial(study.forest, report), **sizes}
