"""``shgae analyze``: activations, a model, its data, an autoencoder -> what the bottleneck holds, and where the pose
lives."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shgae.analysis.clusters import Clusters, reading
from shgae.analysis.spectrum import Spectrum, suggestion
from shgae.artifacts.crops import Crops
from shgae.artifacts.store import Artifact, draft
from shgae.artifacts.tensors import write_bytes
from shgae.execution import Execution
from shgae.recipes import AnalyzeConfig, as_json
from shgae.stages import analyze_tables
from shgae.stages.analyze_inputs import Inputs, choose_parts, open_inputs
from shgae.stages.analyze_latent import Latent, find_clusters, leading, read_latent
from shgae.stages.analyze_network import Condition, Network, Unit, Walk
from shgae.stages.analyze_pictures import Figured, Pictures
from shgae.stages.grids import pages
from shgae.stages.result import made
from shgae.stages.splicing import Splicer, target_config
from shgae.training.hardware import describe, resolve_device, resolve_precision

REPORT = "report.json"


@dataclass
class Found:
    """What the parts found; a part that was left out stays empty."""

    split: str = ""
    """Whose PCK was measured; empty where none was."""
    persons: int = 0
    """People of the split on whom skips were switched off."""
    spectrum: Spectrum | None = None
    code_spectrum: Spectrum | None = None
    clusters: Clusters | None = None
    walks: dict[str, list[Walk]] = field(default_factory=dict)
    """``bottleneck`` and ``code``."""
    rest: int = 0
    """Training people whose mean trunk and skips the walks were decoded with."""
    skips: list[Condition] = field(default_factory=list)
    atlas: list[Unit] = field(default_factory=list)
    tried: int = 0
    """People on whom the units were tried."""
    latent: Latent | None = None


@dataclass(frozen=True)
class AnalyzeResult:
    """A finished analysis."""

    report: dict[str, Any]
    """``spectrum``, ``code_spectrum``, ``clusters``, ``walks``, ``skips``, ``atlas`` (None where left out),
    ``left_out`` (why, by part), ``says`` (sentences) and ``figures`` (file, title and alt)."""
    artifact: Artifact

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return self.report | made(self.artifact)


def run(inputs: Sequence[Path], output: Path, config: AnalyzeConfig, execution: Execution) -> AnalyzeResult:
    """Does every part that the inputs allow.

    Args:
        inputs: artefacts in any order, one of a kind: activations, a model (grafted or not), its prepared data, an
            autoencoder.
        output: the folder to make: ``report.json``, tables and pictures.
        config: parts, split, stack, clusters, walks, people.
        execution: device, threads, progress.

    Raises:
        Refused: the inputs do not belong together, or allow nothing that was asked for.
        Interrupted: a signal came; nothing is kept.
    """
    opened = open_inputs(inputs, config, execution)
    parts, left_out = choose_parts(config.parts, opened)
    device = resolve_device(execution.device)
    precision = resolve_precision(config.precision, device)
    config = dataclasses.replace(config, split=opened.split, precision=precision)
    with draft(
        output,
        kind="analysis",
        config=as_json(config),
        parents=opened.parents,
        execution=execution,
        device=describe(device),
    ) as draft_:
        found = _find(opened, parts, config, device, execution)
        figures = Pictures(opened, draft_).draw(found, config)
        report = _report(found, left_out, figures)
        draft_.write_json(REPORT, report)
        tables = analyze_tables.analysis_tables(report)
        for name, content in pages(tables, *report["says"]).items():
            write_bytes(draft_.file(name), content)
        facts = {"parts": parts, "says": " ".join(report["says"])}
        volatile = [one.file for one in figures] + [one.vector for one in figures if one.vector]
        artifact = draft_.commit(facts, volatile=volatile)
    return AnalyzeResult(report, artifact)


def _find(
    inputs: Inputs, parts: Sequence[str], config: AnalyzeConfig, device: torch.device, execution: Execution
) -> Found:
    found = Found()
    if inputs.rows is not None and {"spectrum", "clusters", "walks", "atlas"} & set(parts):
        found.latent = read_latent(inputs.rows, inputs.code, device, execution)
    if found.latent and "spectrum" in parts:
        found.spectrum, found.code_spectrum = found.latent.spectra()
    if found.latent and "clusters" in parts:
        found.clusters = find_clusters(found.latent, config.clusters, config.seed)
    if {"walks", "skips", "atlas"} & set(parts):
        _find_in_network(found, inputs, parts, config, device, execution)
    return found


def _find_in_network(
    found: Found,
    inputs: Inputs,
    parts: Sequence[str],
    config: AnalyzeConfig,
    device: torch.device,
    execution: Execution,
) -> None:
    assert inputs.site is not None and inputs.data is not None
    site, latent = inputs.site, found.latent
    splicer = Splicer(site, device, config.precision, config.batch_size)
    network, names = Network(splicer, site.own, execution), site.loaded.skeleton.names
    rest = network.rest(Crops(inputs.data, "train", config.limit))
    found.rest = rest.people
    if latent and "walks" in parts:
        spaces = {"bottleneck": (latent.bottleneck, None), "code": (latent.code, inputs.code)}
        for space, (scattered, code) in spaces.items():
            if scattered is not None:
                numbers = leading(scattered.components, config.walks)
                found.walks[space] = network.walk(rest, scattered, numbers, code)
    if {"skips", "atlas"} & set(parts):
        crops = Crops(inputs.data, config.split, config.limit)
        heatmap = target_config(site, execution.progress)
        found.split, found.persons = config.split, len(crops)
        if "skips" in parts:
            mean = inputs.rows.mean() if inputs.rows else rest.descent.bottleneck[0].double().cpu().numpy()
            found.skips = network.levels(crops, heatmap, mean, names, config.seed)
        if "atlas" in parts and latent and latent.codes is not None and inputs.code is not None:
            some = Crops(inputs.data, config.split, min(config.tried, len(crops)))
            found.tried = len(some)
            found.atlas = network.units(some, heatmap, inputs.code, latent.codes, rest, names, config.seed)


def _report(found: Found, left_out: dict[str, str], figures: Sequence[Figured]) -> dict[str, Any]:
    skips = [dataclasses.asdict(one) for one in found.skips]
    return {
        "split": found.split or None,
        "persons": found.persons,
        "spectrum": dataclasses.asdict(found.spectrum) if found.spectrum else None,
        "code_spectrum": dataclasses.asdict(found.code_spectrum) if found.code_spectrum else None,
        "clusters": dataclasses.asdict(found.clusters) if found.clusters else None,
        "walks": {"people": found.rest, **{space: _walks(walks) for space, walks in found.walks.items()}}
        if found.walks
        else None,
        "skips": skips or None,
        "atlas": {"people": found.tried, "units": [_unit(unit) for unit in found.atlas]} if found.atlas else None,
        "left_out": left_out,
        "says": list(_sentences(found)),
        "figures": [{"file": one.file, "title": one.title, "alt": one.alt} for one in figures],
    }


def _walks(walks: Sequence[Walk]) -> list[dict[str, Any]]:
    return [
        {
            "component": walk.number,
            "deviation": walk.deviation,
            "share": walk.share,
            "moved": {side: walk.moved[side] for side in walk.decoded},
            "joints": {side: np.round(one.xy_crop, 2).tolist() for side, one in walk.decoded.items()},
            "nearest_rows": walk.nearest.tolist(),
        }
        for walk in walks
    ]


def _unit(unit: Unit) -> dict[str, Any]:
    return {
        "unit": unit.number,
        "density": unit.density,
        "mean": unit.mean,
        "deviation": unit.deviation,
        "lost": dataclasses.asdict(unit.lost) if unit.lost else None,
        "joints": dict(unit.joints),
        "top_rows": list(unit.top),
    }


def _sentences(found: Found) -> list[str]:
    says = []
    if found.spectrum:
        says.append(suggestion(found.spectrum, "bottleneck"))
    if found.code_spectrum:
        says.append(suggestion(found.code_spectrum, "code"))
    if found.clusters:
        says.append(reading(found.clusters))
    for space, walks in found.walks.items():
        if walks:
            first = walks[0]
            on, off = (100 * first.moved[side] for side in ("skips_on", "skips_off"))
            says.append(
                f"From -2 to +2 standard deviations along the {space}'s first component ({100 * first.share:.0f} % of "
                f"its variance) the decoded joints move by {on:.1f} % of the crop's side on average with the skips of "
                f"the mean person, and by {off:.1f} % with skips off."
            )
    return says + analyze_tables.sentences(found.skips, found.atlas, found.tried)
