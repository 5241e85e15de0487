"""From maps to places: the arg-max is :func:`shgae.data.heatmaps.decode`; this adds quarter, DARK and the flip test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from shgae.data import heatmaps
from shgae.data.datasets import PoseBatch, to_images
from shgae.execution import Progress
from shgae.inference.batches import Inference
from shgae.models.zoo import LoadedHourglass
from shgae.recipes import Decode, DecodeConfig, HeatmapConfig
from shgae.skeleton import Skeleton

ARGMAX = "highest cell of the last stack's map, its middle"
_WORDS: Mapping[Decode, str] = {
    "argmax": ARGMAX,
    "quarter": "highest cell of the last stack's map, a quarter of a cell towards the higher neighbour on either axis",
    "dark": "DARK: a Newton step from the highest cell on the logarithm of the last stack's map, blurred",
}
_FLIPPED = "; the map is the mean of the crop's and of its mirror image's"


def decoding_words(config: DecodeConfig) -> str:
    return _WORDS[config.decode] + (_FLIPPED if config.flip_test else "")


def note_unpaired(skeleton: Skeleton, model: Path, progress: Progress) -> None:
    """Says so where a flip test cannot swap any joints, or leaves some in place that should perhaps have a partner."""
    if not skeleton.flip_pairs:
        why = "has a mirror partner; --flip-test mirrors without swapping any"
        progress.note(f"note: no joint of {model} {why}")
    elif said := skeleton.mirror_note():
        progress.note(said)


def target_sigma(facts: Mapping[str, Any]) -> float:
    """Standard deviation, in cells, of the targets that a network was trained on, by its facts; 2 where none is known.

    It is that of a visible joint.
    """
    return HeatmapConfig(**facts.get("heatmap", {})).sigma_visible


def perfect_height(loaded: LoadedHourglass) -> float:
    """How high the map of a visible joint is that a network was trained to give; 1 where nobody knows."""
    facts = loaded.artifact.facts.get("heatmap")
    if not facts:
        return 1.0
    middle = torch.full((1, 1, 2), loaded.crop_size / 2)
    maps = heatmaps.encode(middle, torch.tensor([[2]]), HeatmapConfig(**facts), loaded.crop_size)
    return float(maps.max())


def places_of(
    model: LoadedHourglass, batch: PoseBatch, maps: torch.Tensor, inference: Inference, how: DecodeConfig
) -> torch.Tensor:
    """Where maps (N, K, H, W) of a batch have their joints: (N, K, 2) cells."""
    if how.flip_test:
        images = to_images(batch.crops, batch.valid, inference.mean_rgb)
        maps = inference.with_mirror(model.module, images, maps, model.skeleton.flip_pairs, model.cell_rule)
    places = heatmaps.refined(maps, heatmaps.decode(maps).cells, how.decode, target_sigma(model.artifact.facts))
    if how.flip_test:
        places[..., 0] -= heatmaps.flip_lag(model.cell_rule) / heatmaps.STRIDE
    return places
