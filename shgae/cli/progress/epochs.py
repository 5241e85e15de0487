"""What is shown of an epoch: its numbers under their names, in units for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = {"train_loss": "train loss", "val_loss": "val loss", "val_pck": "val PCK %", "val_fvu": "FVU"}
"""Of what a history holds, for people; PCK in per cent."""
SCORES = ("val_pck", "val_fvu")
"""Those by which the best epoch is found."""
SCALES = {"val_pck": 100.0}


def epoch_line(row: Mapping[str, Any], of: int, best: bool) -> str:
    """A history row on one line."""
    shown = {name: SCALES.get(name, 1.0) * value for name, value in row.items() if name != "epoch"}
    numbers = "  ".join(f"{NAMES.get(name, name.replace('_', ' '))} {value:.4g}" for name, value in shown.items())
    return f"epoch {row['epoch']}/{of}  {numbers}{'  best' if best else ''}"
