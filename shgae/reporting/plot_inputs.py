"""What ``shgae plot`` draws from: the histories of trainings and the reports of what was measured."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shgae.analysis.latent.report import ANALYSIS_REPORT
from shgae.analysis.rate.report import RATE_REPORT
from shgae.artifacts import strict_json
from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.folders import report_of, unfinished
from shgae.artifacts.input_file import read_input, whole
from shgae.artifacts.manifest import PLAN, REPORT
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.typed_json import Schema
from shgae.errors import Refused
from shgae.evaluation.report import EVALUATION
from shgae.evaluation.study_report import STUDY, read_study
from shgae.plots.curves import Rows, is_number, score_of
from shgae.reporting.names import folder_of, shortest_ends

TRAINED = ("hourglass", "autoencoder")
_TYPED: Mapping[str, Schema[Any]] = {
    "rate": RATE_REPORT,
    "analysis": ANALYSIS_REPORT,
    "evaluation": EVALUATION,
    "study": STUDY,
}
_MOST_HISTORY = 2**29
"""Bytes of a history; a row has some 300."""
_FIX = "a history of a training"
_NEEDED = ("epoch", "lr", "train_loss", "val_loss")


@dataclass
class PlotInputs:
    """Everything that was read."""

    histories: dict[str, Rows] = field(default_factory=dict)
    """Of trainings, by name: a row an epoch, at least one."""
    reports: list[tuple[str, str, Any]] = field(default_factory=list)
    """Kind, name and content."""
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    """The complete ones, by name."""
    unfinished: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was read of trainings that have no manifest yet, and so can be no parents."""


def read_inputs(paths: Sequence[Path]) -> PlotInputs:
    """Reads histories and reports; only the files that are drawn are hashed again.

    Raises:
        Refused: an input is given twice, holds nothing to draw, or was changed.
    """
    found = PlotInputs()
    # Of a study's folder its report is meant, of an artefact that is not there yet what it will be.
    places = [begun[0] if (begun := unfinished(path)) else report_of(path) for path in paths]
    real = [os.path.realpath(path) for path in places]
    twice = [path for i, path in enumerate(places) if real[i] in real[:i]]
    if twice:
        raise Refused("input", twice[0], "given twice", "each once")
    halves = [unfinished(path) for path in places]
    complete = [None if one else open_artifact(path, verify=False) for path, one in zip(places, halves, strict=True)]
    folders = [folder_of(one) if one else Path(path) for one, path in zip(complete, real, strict=True)]
    for name, artifact, half in zip(shortest_ends(folders), complete, halves, strict=True):
        if artifact:
            _read_complete(found, artifact, name)
        elif half:
            _read_unfinished(found, *half, name)
    return found


def _read_complete(found: PlotInputs, artifact: Artifact, name: str) -> None:
    kind = artifact.manifest.kind
    if kind in TRAINED and HISTORY not in artifact.manifest.files:
        raise Refused(kind, artifact.path, "it was not trained by shgae, so it has no history", "a run of a training")
    if kind not in (*TRAINED, *_TYPED):
        wanted = "trainings, rates, analyses, evaluations and studies"
        raise Refused("input", artifact.path, f"there is nothing to draw in {kind}", wanted)
    file = HISTORY if kind in TRAINED else REPORT
    artifact = open_artifact(artifact.path, kind, only=(file, PLAN))
    found.artifacts[name] = artifact
    if kind in TRAINED:
        with artifact.open(file) as history:
            content = whole(history, "history", _FIX, _MOST_HISTORY)
        found.histories[name] = _rows(content, artifact.path)
        return
    report: Any = read_study(artifact) if kind == "study" else _TYPED[kind].read(artifact.open(file))
    if kind == "analysis" and report.spectrum is None:
        raise Refused(kind, artifact.path, "it was made without a spectrum", "shgae analyze with its activations")
    found.reports.append((kind, name, report))


def _read_unfinished(found: PlotInputs, folder: Path, intent: Mapping[str, Any], name: str) -> None:
    if intent.get("kind") not in TRAINED:
        raise Refused("run", folder, "it is unfinished, and no training", "finish it first")
    path = folder / HISTORY
    # A training that is at work may be in the middle of its last line.
    complete = read_input(path, "history", _FIX, _MOST_HISTORY).rpartition(b"\n")[0] if path.exists() else b""
    if not complete:
        raise Refused("run", folder, "no epoch of it is complete yet", "wait for its first epoch")
    rows = found.histories[name] = _rows(complete, folder)
    why = "it has no manifest yet, so it is not a parent: a resumed or finished run is another"
    found.unfinished[name] = {
        "epochs": len(rows),
        "history_sha256": hashlib.sha256(complete + b"\n").hexdigest(),
        "note": why,
    }


def _rows(content: bytes, where: Path) -> list[dict[str, Any]]:
    try:
        rows = [strict_json.parse(line, constant=float) for line in content.splitlines()]
    except strict_json.JsonFault as fault:
        raise _torn(where, str(fault)) from fault
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise _torn(where, "no rows")
    for key in (*_NEEDED, score_of(rows).key):
        if not all(is_number(row.get(key)) for row in rows):
            raise _torn(where, f"{key} is not a number in every row")
    if not all(type(row["epoch"]) is int and row["epoch"] > 0 for row in rows):
        raise _torn(where, "epochs are not counted from 1")
    return rows


def _torn(where: Path, why: str) -> Refused:
    return Refused("history", where / HISTORY, f"not as a training writes it ({why})", "a run of shgae")
