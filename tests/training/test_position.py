"""What an epoch makes of a position, and which positions are believed."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import pytest

from shgae.artifacts.checkpoint import Position
from shgae.recipes import FitConfig
from shgae.training.loss_scale import FIRST_SCALE, GROWS_AFTER
from shgae.training.position import after_epoch, history_fault, position_fault

FP16 = FitConfig(precision="fp16", epochs=1000, batch_size=4)
SAMPLES = 10
"""Three steps an epoch."""


def after(scores: list[float]) -> Position:
    """The position after epochs of these scores."""
    *_, last = accumulate(scores, after_epoch, initial=Position())
    return last


def test_the_first_of_equal_scores_is_the_best_and_counts_as_fresh() -> None:
    at = after([0.1, 0.4, 0.4, 0.2])
    assert (at.epoch, at.best_epoch, at.best_score, at.stale_epochs) == (4, 2, 0.4, 2)


def test_the_plateau_rule_strikes_after_five_stale_epochs_and_stays() -> None:
    scores = [0.3, *[0.1] * 5, 0.9]
    assert [after(scores[:count]).lr_factor for count in (5, 6, 7)] == [1.0, 0.2, 0.2]


@pytest.mark.parametrize("scores", [[], [0.5], [0.1, 0.4, 0.4, 0.2], [0.3, *[0.1] * 5, 0.9]])
def test_what_a_history_leads_to_is_believed(scores: list[float]) -> None:
    config = replace(FP16, precision="fp32")
    assert position_fault(after(scores), scores, config, SAMPLES) is None
    within = replace(after(scores), step=3, samples=10, loss_sum=0.5, seconds=2.0)
    assert position_fault(within, scores, config, SAMPLES) is None


@pytest.mark.parametrize(
    ("scale", "grown", "is_believed"),
    [
        (FIRST_SCALE, 1999, True),
        (FIRST_SCALE / 4, 0, True),
        (1.0, 5, True),
        (2 * FIRST_SCALE, 3, True),
        (4 * FIRST_SCALE, 0, False),
        (2.0**127, 0, False),
        (FIRST_SCALE, GROWS_AFTER, False),
    ],
)
def test_a_loss_scale_is_one_that_so_many_steps_can_reach(scale: float, grown: int, is_believed: bool) -> None:
    scores = [0.5] * 700
    at = replace(after(scores), scale=scale, grown=grown)
    assert (position_fault(at, scores, FP16, SAMPLES) is None) == is_believed


def test_a_loss_scale_has_not_grown_for_more_steps_than_were_done() -> None:
    at = Position(step=2, samples=8, loss_sum=0.1, scale=FIRST_SCALE)
    assert position_fault(replace(at, grown=2), [], FP16, SAMPLES) is None
    assert position_fault(replace(at, grown=3), [], FP16, SAMPLES) is not None


def test_a_history_is_believed_row_by_row() -> None:
    row = {"epoch": 1, "lr": 1e-3, "train_loss": 0.2, "val_loss": 0.1, "val_pck": 1.0, "seconds": 0, "samples": 10}
    assert history_fault([row], SAMPLES) is None
    assert history_fault([row, {**row, "epoch": 2, "val_pck": 1.01}], SAMPLES) is not None
    assert history_fault([row, row], SAMPLES) is not None
