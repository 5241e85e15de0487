"""``shgae rate``: a model, activations and prepared data -> PCK and FVU against the number of principal components."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from shgae.analysis.inputs import given_config, open_activations, open_code, open_given, open_split
from shgae.analysis.rate.measure import RateCurve, ranks
from shgae.analysis.rate.report import RATE_REPORT, RateReport
from shgae.analysis.rate.text import sentences
from shgae.analysis.result import AnalysisResult
from shgae.analysis.site import open_site
from shgae.analysis.splicer import Splicer
from shgae.artifacts.command_line import stamp
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.manifest import RATE, REPORT
from shgae.execution import Execution
from shgae.inference.device import describe, placed
from shgae.inference.torch_settings import settled
from shgae.models.autoencoder import SIDE
from shgae.plots.rates import rate_curve
from shgae.plots.style import save_figure
from shgae.recipes import RateConfig, as_json
from shgae.reporting.rate import rate_table
from shgae.reporting.table import write_pages


@settled()
def run(
    model: Path,
    activations: Path,
    data: Path,
    output: Path | None,
    config: RateConfig,
    execution: Execution,
    autoencoder: Path | None = None,
    given: Mapping[str, Path] | None = None,
) -> AnalysisResult[RateReport]:
    """Projects the bottleneck on ever more principal components and scores the maps; nothing is trained.

    Args:
        model: an hourglass artefact or run directory (then its best weights), grafted or not.
        activations: of this bottleneck; the components are those of their training split.
        data: prepared data of the model's joints and crop size.
        output: the folder to make, with ``report.json`` and ``rate.png``; None writes nothing.
        config: ranks, split, stack, batch size and number format.
        execution: device, threads, progress.
        autoencoder: the point on the curve, for a model that is not grafted.
        given: files of reconstructions by the name that reports give them, see
            :mod:`shgae.artifacts.reconstructions`.

    Raises:
        Refused: something does not belong to the model, a rank is not a whole number, or the data lacks the split.
        Interrupted: a signal came; nothing is kept.
    """
    site = open_site(model, config.stack)
    ks = ranks(config.components, site.loaded.spec.width * SIDE * SIDE)
    prepared, split = open_split(data, config.split, site, execution)
    source = open_activations(activations, site, prepared, execution)
    parents = {"model": site.loaded.artifact, "activations": source, "data": prepared}
    code = open_code(autoencoder, site, execution.progress) if autoencoder else None
    if code:
        parents["autoencoder"] = code.artifact
    theirs = open_given(given or {}, source, site, prepared, split, config.limit)
    device, config = placed(dataclasses.replace(config, split=split), execution)
    splicer = Splicer(site, device, config.precision, config.batch_size, execution)
    splicer.check_targets()
    crops = Crops(prepared, split, config.limit)
    rate = RateCurve(splicer, site.asked_about(code), crops, prepared, source, ks, config, theirs)
    if output is None:
        report = rate.report()
        return AnalysisResult(report, RATE_REPORT, tuple(sentences(report)), None)
    with new_artifact(
        output,
        kind="rate",
        config=as_json(config) | given_config(theirs),
        parents=parents,
        execution=execution,
        inputs=[one.path for one in theirs.values()],
        device=describe(device),
    ) as draft:
        report = rate.report()
        draft.write_json(REPORT, RATE_REPORT.to_json(report))
        says = tuple(sentences(report))
        write_pages(draft, [rate_table(report)], *says)
        save_figure(rate_curve(report), draft.file(RATE), stamp(execution))
        facts = {"split": split, "persons": report.persons, "stack": report.stack, "says": " ".join(says)}
        artifact = draft.commit(facts, volatile=(RATE,))
    return AnalysisResult(report, RATE_REPORT, says, artifact)
