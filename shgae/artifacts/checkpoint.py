"""The state of a training in one file, replaced whole: weights, optimizer, and where it stands.

One safetensors file holds the tensors, ``model.NAME`` and ``optimizer.PARAMETER.KEY``, and a JSON note with the rest;
since it is one file, a crash cannot leave weights of one step with the optimizer of another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from shgae.arrays import Array
from shgae.artifacts.durable import write_bytes
from shgae.artifacts.tensors import load_tensors, read_note, tensors_bytes
from shgae.errors import Refused

CHECKPOINT = "checkpoint.safetensors"
MODEL = "model.safetensors"
HISTORY = "history.jsonl"


@dataclass(frozen=True)
class Position:
    """Where a training stands; everything else (order, noise, learning rate) follows from it and the config."""

    epoch: int = 0
    """Epochs that are complete."""
    step: int = 0
    """Steps done in the epoch that is not complete."""
    loss_sum: float = 0.0
    """Sum of the losses of these steps, each weighted by its samples."""
    samples: int = 0
    """Samples in these steps."""
    seconds: float = 0.0
    """Time spent in these steps."""
    best_epoch: int = 0
    """The epoch, counted from 1, of the best validation score; 0 before the first."""
    best_score: float | None = None
    """Best validation score so far."""
    lr_factor: float = 1.0
    """What the plateau rule has made of the learning rate."""
    stale_epochs: int = 0
    """Epochs since the best score, for the plateau rule."""
    scale: float = 1.0
    """What the loss is multiplied by before the backward pass, a power of two; 1 but for fp16."""
    grown: int = 0
    """Steps taken since the scale last changed."""


_LATER = ("scale", "grown")
"""Came later: left out at their defaults, so a checkpoint that does not need them is the file it always was."""


def save_checkpoint(
    path: Path, tensors: Mapping[str, Array], position: Position, expect: Callable[[bytes], None] | None = None
) -> None:
    """Replaces the checkpoint, whole or not at all; ``expect`` is given its content before."""
    note = asdict(position)
    for name in _LATER:
        if note[name] == getattr(Position, name):
            del note[name]
    content = tensors_bytes(tensors, note)
    if expect is not None:
        expect(content)
    write_bytes(path, content)


def load_checkpoint(path: Path) -> tuple[dict[str, Array], Position]:
    """Reads a checkpoint.

    Raises:
        Refused: no such file, torn, or not a checkpoint.
    """
    position = read_position(path)
    return load_tensors(path), position


def section(tensors: Mapping[str, Array], beginning: str) -> dict[str, Array]:
    """The tensors with names that begin so, ``model.`` or ``optimizer.``, by the rest of their names."""
    return {name.removeprefix(beginning): one for name, one in tensors.items() if name.startswith(beginning)}


def read_position(path: Path) -> Position:
    """Where the training of a checkpoint stands, without its tensors; raises like :func:`load_checkpoint`."""
    note: dict[str, Any] = read_note(path)
    if note.keys() | set(_LATER) != {field.name for field in fields(Position)}:
        raise Refused("checkpoint", path, "no position of a training in it", "--force to start again")
    position = Position(**note)
    if not _makes_sense(position):
        why = "its note tells no position that a training can have"
        raise Refused("checkpoint", path, why, "--force to start again")
    return position


def _makes_sense(at: Position) -> bool:
    counts = (at.epoch, at.step, at.samples, at.best_epoch, at.stale_epochs, at.grown)
    numbers = (at.loss_sum, at.seconds, at.lr_factor, at.scale, 0.0 if at.best_score is None else at.best_score)
    if not all(type(count) is int and 0 <= count < 2**53 for count in counts):
        return False
    if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
        return False
    is_scale = 1 <= at.scale <= 2.0**127 and math.frexp(at.scale)[0] == 0.5  # a power of two
    return is_scale and 0 < at.lr_factor <= 1 and at.seconds >= 0 and max(at.best_epoch, at.stale_epochs) <= at.epoch
