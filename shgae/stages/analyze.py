"""``shgae analyze``: activations, a model, its data, an autoencoder -> what the bottleneck and the skips carry."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from shgae.analysis.latent.inputs import choose_parts, open_inputs
from shgae.analysis.latent.measure import find, report_of
from shgae.analysis.latent.report import ANALYSIS_REPORT, AnalysisReport
from shgae.analysis.latent.space import cluster_numbers
from shgae.analysis.latent.text import sentences
from shgae.analysis.result import AnalysisResult
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.manifest import REPORT
from shgae.config import some
from shgae.execution import Execution
from shgae.inference.device import describe, placed
from shgae.inference.torch_settings import settled
from shgae.recipes import AnalyzeConfig, as_json
from shgae.reporting.latent import analysis_tables
from shgae.reporting.latent_figures import LatentPictures
from shgae.reporting.table import write_pages


@settled()
def run(
    inputs: Sequence[Path], output: Path, config: AnalyzeConfig, execution: Execution
) -> AnalysisResult[AnalysisReport]:
    """Does every part that the inputs allow.

    Args:
        inputs: artefacts in any order, one of a kind: activations, a model (grafted or not), its prepared data, an
            autoencoder.
        output: the folder to make: ``report.json``, tables and pictures.
        config: parts, split, stack, clusters, traversals, people.
        execution: device, threads, progress.

    Raises:
        Refused: the inputs do not belong together, or allow nothing that was asked for.
        Interrupted: a signal came; nothing is kept.
    """
    some("inputs", inputs)
    opened = open_inputs(inputs, config, execution)
    parts, left_out = choose_parts(config.parts, opened, config.clusters)
    if "clusters" in parts and opened.rows is not None:
        cluster_numbers(config.clusters, len(opened.rows))  # raises before the passes over all bottlenecks
    device, config = placed(dataclasses.replace(config, split=opened.split), execution)
    with new_artifact(
        output,
        kind="analysis",
        config=as_json(config),
        parents=opened.parents,
        execution=execution,
        device=describe(device),
    ) as draft:
        found = find(opened, parts, config, device, execution)
        pictures = LatentPictures(opened, draft, execution)
        report = report_of(found, left_out, pictures.draw(found, config))
        draft.write_json(REPORT, ANALYSIS_REPORT.to_json(report))
        says = tuple(sentences(report))
        write_pages(draft, analysis_tables(report), *says)
        artifact = draft.commit({"parts": parts, "says": " ".join(says)}, volatile=pictures.files)
    return AnalysisResult(report, ANALYSIS_REPORT, says, artifact)
