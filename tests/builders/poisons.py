"""Values that no training survives, and the step that meets one."""

from __future__ import annotations

import pytest

from shgae.recipes import FitConfig
from shgae.training.seeding import epoch_order

POISONS = pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30], ids=str)


def step_of(row: int, epoch: int, samples: int, config: FitConfig) -> tuple[int, list[int]]:
    """The step of an epoch, counted from 1, that meets a sample, and everybody who is in its batch."""
    order = epoch_order(samples, epoch=epoch, seed=config.seed, shuffle=config.shuffle).tolist()
    step = order.index(row) // config.batch_size
    return step + 1, order[step * config.batch_size :][: config.batch_size]
