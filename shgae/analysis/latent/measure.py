"""Every part of a latent analysis that the inputs allow, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from shgae.analysis.latent.clusters import Clusters
from shgae.analysis.latent.inputs import Inputs
from shgae.analysis.latent.latent import Latent, find_clusters, leading, read_latent
from shgae.analysis.latent.network import Condition, Network, Unit, Walk
from shgae.analysis.latent.spectrum import Spectrum
from shgae.analysis.splice.network import Splicer, target_config
from shgae.artifacts.crops import Crops
from shgae.execution import Execution
from shgae.recipes import AnalyzeConfig


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


def find(
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
            mean = inputs.rows.mean() if inputs.rows else rest.descent.bottleneck[0].cpu().double().numpy()
            found.skips = network.levels(crops, heatmap, mean, names, config.seed)
        if "atlas" in parts and latent and latent.codes is not None and inputs.code is not None:
            some = Crops(inputs.data, config.split, min(config.tried, len(crops)))
            found.tried = len(some)
            found.atlas = network.units(some, heatmap, inputs.code, latent.codes, rest, names, config.seed)
