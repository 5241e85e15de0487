"""What folders and options are called where people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shgae.artifacts.store import Artifact
from shgae.config import from_stored
from shgae.recipes import AnalyzeConfig, EvaluateConfig, FinetuneConfig, RateConfig

RENAMED: Mapping[str, type] = {
    "hourglass": FinetuneConfig,
    "evaluation": EvaluateConfig,
    "rate": RateConfig,
    "analysis": AnalyzeConfig,
}
"""Kinds of artefacts with options that have had another name."""


def options_named(kind: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options in a manifest of that kind, by the names and values that the help has."""
    return from_stored(RENAMED[kind], config) if kind in RENAMED else config


def folder_of(artifact: Artifact) -> Path:
    """The folder that people know an artefact by, resolved: that of the study for the report in it."""
    folder = artifact.path.resolve()
    is_in_study = artifact.manifest.kind == "study" and folder.name == "report"
    return folder.parent if is_in_study else folder


def shortest_ends(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of absolute paths that tell them apart: ``baseline``, or ``seed-0/arm-e/finetuned``; equal
    paths stay equal."""
    parts = [path.parts[1:] or ("(root)",) for path in paths]
    names = []
    for mine in parts:
        others = [one for one in parts if one != mine]
        depth = 1
        while depth < len(mine) and any(other[-depth:] == mine[-depth:] for other in others):
            depth += 1
        names.append("/".join(mine[-depth:]))
    return names
