"""``shgae analyze``: activations, a model, its data, an autoencoder -> what the bottleneck holds, and where the pose
lives."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shgae.analysis.latent.inputs import choose_parts, open_inputs
from shgae.analysis.latent.measure import Found, find
from shgae.analysis.latent.network import Unit, Walk
from shgae.analysis.latent.text import sentences
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact
from shgae.artifacts.tensors import write_bytes
from shgae.execution import Execution
from shgae.inference.device import describe, resolve_device, resolve_precision
from shgae.recipes import AnalyzeConfig, as_json
from shgae.reporting import latent
from shgae.reporting.latent_figures import Figured, Pictures
from shgae.reporting.table import pages

REPORT = "report.json"


@dataclass(frozen=True)
class AnalyzeResult:
    """A finished analysis."""

    report: dict[str, Any]
    """``spectrum``, ``code_spectrum``, ``clusters``, ``walks``, ``skips``, ``atlas`` (None where left out),
    ``left_out`` (why, by part), ``says`` (sentences) and ``figures`` (file, title and alt)."""
    artifact: Artifact

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return self.report | self.artifact.to_json()


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
    with new_artifact(
        output,
        kind="analysis",
        config=as_json(config),
        parents=opened.parents,
        execution=execution,
        device=describe(device),
    ) as draft:
        found = find(opened, parts, config, device, execution)
        figures = Pictures(opened, draft).draw(found, config)
        report = _report(found, left_out, figures)
        draft.write_json(REPORT, report)
        tables = latent.analysis_tables(report)
        for name, content in pages(tables, *report["says"]).items():
            write_bytes(draft.file(name), content)
        facts = {"parts": parts, "says": " ".join(report["says"])}
        volatile = [one.file for one in figures] + [one.vector for one in figures if one.vector]
        artifact = draft.commit(facts, volatile=volatile)
    return AnalyzeResult(report, artifact)


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
        "says": list(sentences(found)),
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
