"""``shgae splice``: a model and prepared data -> what replacements of the bottleneck cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from shgae.analysis.inputs import given_config, open_activations, open_code, open_given, open_split
from shgae.analysis.result import AnalysisResult
from shgae.analysis.site import open_site
from shgae.analysis.splice.measure import Splice, codes_to_try
from shgae.analysis.splice.report import SPLICE_REPORT, SpliceReport
from shgae.analysis.splice.text import sentences
from shgae.analysis.splicer import Splicer
from shgae.artifacts.crops import Crops
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.manifest import REPORT
from shgae.execution import Execution
from shgae.inference.device import describe, placed
from shgae.inference.torch_settings import settled
from shgae.recipes import SpliceConfig, as_json
from shgae.reporting.splice import code_lines, splice_tables
from shgae.reporting.table import write_pages


@settled()
def run(
    model: Path,
    data: Path,
    output: Path | None,
    config: SpliceConfig,
    execution: Execution,
    autoencoder: Path | None = None,
    activations: Path | None = None,
    given: Mapping[str, Path] | None = None,
) -> AnalysisResult[SpliceReport]:
    """Replaces the bottleneck in one way after another and scores the maps, with skips on and off.

    Args:
        model: an hourglass artefact or run directory (then its best weights), grafted or not.
        data: prepared data of the model's joints and crop size.
        output: the folder to make, with ``report.json``; None writes nothing.
        config: split, stack, batch size, number format and seed.
        execution: device, threads, progress.
        autoencoder: for a model without one, what to put in; for a grafted one, its autoencoder from before
            fine-tuning, where it does not lie where the lineage says.
        activations: of this bottleneck, for the training mean and the components; without, the training split passes
            through the network once, and its bottlenecks are held in memory (16 KB a person at width 256).
        given: files by name, see :mod:`shgae.artifacts.reconstructions`; they need ``activations``.

    Raises:
        Refused: something does not belong to the model, or the data lacks the split.
        Interrupted: a signal came; nothing is kept.
    """
    site = open_site(model, config.stack)
    also = () if activations else ("train/",)
    prepared, split = open_split(data, config.split, site, execution, *also)
    source = open_activations(activations, site, prepared, execution) if activations else None
    code = open_code(autoencoder, site, execution.progress, compared=True) if autoencoder else None
    parents = {"model": site.loaded.artifact, "data": prepared}
    parents |= {"activations": source} if source else {}
    parents |= {"autoencoder": code.artifact} if code else {}
    theirs = open_given(given or {}, source, site, prepared, split, config.limit)
    device, config = placed(dataclasses.replace(config, split=split), execution)
    codes = codes_to_try(site, code, execution.progress)
    splicer = Splicer(site, device, config.precision, config.batch_size, execution)
    splicer.check_targets()
    splice = Splice(splicer, codes, Crops(prepared, split, config.limit), prepared, source, config, theirs)
    if output is None:
        report = splice.report()
        return AnalysisResult(report, SPLICE_REPORT, tuple(sentences(report)), None)
    with new_artifact(
        output,
        kind="splice",
        config=as_json(config) | given_config(theirs),
        parents=parents,
        execution=execution,
        inputs=[one.path for one in theirs.values()],
        device=describe(device),
    ) as draft:
        report = splice.report()
        draft.write_json(REPORT, SPLICE_REPORT.to_json(report))
        says = tuple(sentences(report))
        write_pages(draft, splice_tables(report), code_lines(report), *says)
        facts = {"split": split, "persons": report.persons, "stack": report.stack, "says": " ".join(says)}
        artifact = draft.commit(facts)
    return AnalysisResult(report, SPLICE_REPORT, says, artifact)
