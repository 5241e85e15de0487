"""Where a training stands from epoch to epoch, and whether a position that was read back can be believed.

Best epoch, best score and the plateau rule follow from the history, so a checkpoint that says otherwise is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from shgae.artifacts.checkpoint import Position
from shgae.recipes import FitConfig
from shgae.training.loss_scale import FIRST_SCALE, GROWS_AFTER
from shgae.training.optim import PLATEAU_FACTOR, PLATEAU_PATIENCE

_BY_HISTORY = ("epoch", "best_epoch", "best_score", "lr_factor", "stale_epochs")
_MOST: Mapping[str, float] = {"val_pck": 1.0} | dict.fromkeys(
    ("lr", "train_loss", "val_loss", "val_fvu", "seconds"), math.inf
)
"""What numbers of a history row reach at most, by name; the least is 0."""


def after_epoch(at: Position, score: float) -> Position:
    """The position after an epoch that was validated with this score."""
    better = at.best_score is None or score > at.best_score
    stale = 0 if better else at.stale_epochs + 1
    strikes = stale >= PLATEAU_PATIENCE and at.lr_factor == 1.0
    return Position(
        epoch=at.epoch + 1,
        best_epoch=at.epoch + 1 if better else at.best_epoch,
        best_score=score if better else at.best_score,
        lr_factor=PLATEAU_FACTOR if strikes else at.lr_factor,
        stale_epochs=stale,
        scale=at.scale,
        grown=at.grown,
    )


def history_fault(rows: Sequence[Mapping[str, Any]], samples: int) -> str | None:
    """What a training on so many samples never writes in its history, in words; None for a sound one."""
    for number, row in enumerate(rows, 1):
        if row.get("epoch") != number or row.get("samples") != samples:
            return f"row {number} of its history is not of epoch {number} with {samples:,} samples"
        for name, value in row.items():
            is_fit = type(value) in (int, float) and math.isfinite(value)
            if not is_fit or (name in _MOST and not 0 <= value <= _MOST[name]):
                return f"{name} of epoch {number} in its history is out of range"
    return None


def position_fault(at: Position, scores: Sequence[float], config: FitConfig, samples: int) -> str | None:
    """What in a checkpoint's position this training cannot have, in words; None for a sound one.

    ``scores`` are those of the epochs that it counts, by the history; ``samples`` of an epoch."""
    steps, scales = -(-samples // config.batch_size), config.precision == "fp16"
    expected = Position()
    for score in scores:
        expected = after_epoch(expected, score)
    done = at.epoch * steps + at.step
    most = FIRST_SCALE * 2.0 ** min(done // GROWS_AFTER, 1000) if scales else 1.0
    sound = {name: getattr(at, name) == getattr(expected, name) for name in _BY_HISTORY}
    sound["epoch"] = sound["epoch"] and at.epoch <= config.epochs
    sound |= {
        "step": at.step <= steps,
        "samples": at.samples == min(at.step * config.batch_size, samples),
        "loss_sum": at.loss_sum >= 0 and (at.step > 0 or at.loss_sum == 0),
        "seconds": at.step > 0 or at.seconds == 0,
        "scale": at.scale <= most,
        "grown": at.grown < GROWS_AFTER and at.grown <= done if scales else at.grown == 0,
    }
    return next(
        (f"its checkpoint says {getattr(at, name)} of {name}" for name, fits in sound.items() if not fits), None
    )
