"""Every part of a latent analysis that the inputs allow, one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from shgae.analysis.latent.clusters import Clusters
from shgae.analysis.latent.inputs import Inputs
from shgae.analysis.latent.network import Network, Traversal, Unit
from shgae.analysis.latent.report import (
    AnalysisReport,
    Condition,
    Drawn,
    Traversals,
    Traversed,
    units_of,
)
from shgae.analysis.latent.space import LatentSpace, find_clusters, leading, read_latent
from shgae.analysis.latent.spectrum import Spectrum, spectrum_of
from shgae.analysis.splicer import Splicer
from shgae.artifacts.crops import Crops
from shgae.execution import Execution
from shgae.recipes import AnalyzeConfig


@dataclass
class Found:
    """What the parts found; a part that was left out stays empty."""

    split: str = ""
    """The split that PCK was measured on; empty where it was not."""
    persons: int = 0
    """People of the split on whom skips were switched off."""
    spectrum: Spectrum | None = None
    code_spectrum: Spectrum | None = None
    clusters: Clusters | None = None
    direction_clusters: Clusters | None = None
    traversals: dict[str, list[Traversal]] = field(default_factory=dict)
    """``bottleneck`` and ``code``."""
    rest: int = 0
    """Training people; their mean stack input and skips decoded the traversals."""
    skips: list[Condition] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    unit_people: int = 0
    unit_photos: int = 0
    """People on whom the units were tried."""
    latent: LatentSpace | None = None


def find(
    inputs: Inputs, parts: Sequence[str], config: AnalyzeConfig, device: torch.device, execution: Execution
) -> Found:
    """Does some of :data:`~shgae.option_lists.PARTS` that the inputs allow; the config has split and number format
    resolved.

    Raises:
        Refused: too few people, or numbers that are not finite.
        Interrupted: a signal came.
    """
    found = Found()
    if inputs.rows is not None and {"spectrum", "clusters", "traversals", "code-units"} & set(parts):
        found.latent = read_latent(inputs.rows, inputs.code, inputs.code_path, device, execution)
    if found.latent and "spectrum" in parts:
        found.spectrum = spectrum_of(found.latent.bottleneck.components, found.latent.people)
        if found.latent.code:
            found.code_spectrum = spectrum_of(found.latent.code.components, found.latent.people)
    if found.latent and "clusters" in parts:
        found.clusters, found.direction_clusters = find_clusters(
            found.latent, config.clusters, config.seed, execution.progress
        )
    if {"traversals", "skips", "code-units"} & set(parts):
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
    latent = found.latent
    network = Network(Splicer(inputs.site, device, config.precision, config.batch_size, execution))
    rest = network.rest(Crops(inputs.data, "train", config.limit))
    found.rest = rest.people
    if latent and "traversals" in parts:
        spaces = {"bottleneck": (latent.bottleneck, None), "code": (latent.code, inputs.code)}
        for space, (scattered, code) in spaces.items():
            if scattered is not None:
                which = leading(scattered.components, config.traversals)
                found.traversals[space] = network.traverse(rest, scattered, which, code)
    if {"skips", "code-units"} & set(parts):
        crops = Crops(inputs.data, config.split, config.limit)
        found.split, found.persons = config.split, len(crops)
        if "skips" in parts:
            mean = inputs.rows.mean() if inputs.rows else rest.descent.bottleneck[0].cpu().double().numpy()
            found.skips = network.levels(crops, mean, config.seed)
        if "code-units" in parts and latent and latent.codes is not None and inputs.code is not None:
            some = Crops(inputs.data, config.split, min(config.unit_people, len(crops)))
            found.unit_people, found.unit_photos = len(some), len(np.unique(some.photos))
            found.units = network.units(some, inputs.code, latent.codes, rest, config.seed)


def report_of(found: Found, left_out: Mapping[str, str], figures: Sequence[Drawn]) -> AnalysisReport:
    """What was found, without the maps."""
    traversals, units = None, [unit.measured for unit in found.units]
    if found.traversals:
        spaces = {name: tuple(map(_traversed, some)) for name, some in found.traversals.items()}
        traversals = Traversals(found.rest, spaces.get("bottleneck", ()), spaces.get("code", ()))
    return AnalysisReport(
        split=found.split or None,
        persons=found.persons,
        spectrum=found.spectrum,
        code_spectrum=found.code_spectrum,
        clusters=found.clusters,
        direction_clusters=found.direction_clusters,
        traversals=traversals,
        skips=tuple(found.skips),
        code_units=units_of(units, found.unit_people, found.unit_photos) if units else None,
        left_out=left_out,
        figures=tuple(figures),
    )


def _traversed(one: Traversal) -> Traversed:
    rounded = {side: np.round(decoded.xy_crop.astype(np.float64), 2).tolist() for side, decoded in one.decoded.items()}
    joints = {side: tuple(tuple((x, y) for x, y in step) for step in steps) for side, steps in rounded.items()}
    return Traversed(one.component, one.deviation, one.share, one.moved, joints, tuple(one.nearest.tolist()))
