"""What is frozen stays as it is, to the bit; what is not, moves."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from shgae.errors import Refused
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_hourglass, state_arrays
from shgae.training.freezing import Part, train_mode, train_only

SPEC = HourglassSpec(3, 128, "newell", 2, 8, (AutoencoderSpec(8, 5), None))
BELONGS = {
    "all": ("",),
    "decoder": (".hourglass.ups.", ".head.", ".merge."),
    "autoencoder": (".hourglass.graft.",),
    "head": (".head.",),
}


@pytest.mark.parametrize("part", get_args(Part))
def test_a_step_moves_the_part_and_nothing_else_not_even_statistics(part: Part) -> None:
    model = build_hourglass(SPEC, seed=1)
    train_only(model, part)
    before = state_arrays(model)
    optimizer = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=0.1)
    train_mode(model)
    model(torch.rand(4, 3, 128, 128)).square().mean().backward()
    optimizer.step()
    after = state_arrays(model)
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    learns = {name for name in before if any(piece in name for piece in BELONGS[part])}
    assert moved <= learns
    # A bias before a batch normalisation has no gradient but rounding.
    assert [name for name in learns - moved if not name.endswith("bias")] == []


@pytest.mark.parametrize("part", get_args(Part))
def test_frozen_batch_norms_normalise_as_in_evaluation(part: Part) -> None:
    model = build_hourglass(SPEC, seed=1)
    train_only(model, part)
    train_mode(model)
    norms = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}
    assert {name for name, norm in norms.items() if norm.training} == {
        name for name in norms if any(piece in f"{name}." for piece in BELONGS[part])
    }


def test_training_the_autoencoder_of_a_plain_model_is_refused() -> None:
    with pytest.raises(Refused, match="carries no autoencoder"):
        train_only(build_hourglass(HourglassSpec(3, 128, "newell", width=8)), "autoencoder")


def test_what_the_whole_model_learns_is_not_touched() -> None:
    model = build_hourglass(SPEC, seed=1)
    train_only(model, "all")
    assert all(weight.requires_grad for weight in model.parameters())
