"""Checkpoints around a small network, and what the importer's child makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from shgae.models import foreign
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder, state_arrays

CODE = AutoencoderSpec(width=8, code_size=5, output="relu")
AUTOENCODER = CHECKPOINT_FORMATS[1]


def network(seed: int = 4) -> dict[str, torch.Tensor]:
    weights = state_arrays(build_autoencoder(CODE, seed=seed))
    return {AUTOENCODER.name(name): torch.tensor(array) for name, array in weights.items()}


def read(value: Any, folder: Path, *, is_old: bool = False) -> tuple[dict[str, torch.Tensor], str]:
    """What the importer's child makes of a checkpoint."""
    torch.save(value, folder / "x.pth", _use_new_zipfile_serialization=not is_old)
    tensors, note, _ = foreign.find_network(foreign._load((folder / "x.pth").open("rb")))
    return foreign.as_weights(tensors), note


def is_network(found: dict[str, torch.Tensor], seed: int = 4) -> bool:
    wanted = network(seed)
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)
