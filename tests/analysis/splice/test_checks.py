"""The checks pass where a splice is exact, and fail where it is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from shgae.analysis.splice.checks import check
from shgae.models.grafting import graft
from shgae.models.hourglass import StackedHourglass
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass, state_arrays

SPEC = HourglassSpec(keypoints=3, crop_size=128, residual="newell", width=8, stacks=2)
CODE = AutoencoderSpec(width=8, code_size=3)


def images() -> Tensor:
    return torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)) - 0.5


def network() -> StackedHourglass:
    return build_hourglass(SPEC).eval()


@pytest.mark.parametrize("stack", [0, 1])
@pytest.mark.parametrize("grafted", [False, True])
def test_every_property_holds_for_a_real_network_and_leaves_it_as_it_was(stack: int, grafted: bool) -> None:
    model, code = network(), build_autoencoder(CODE).eval()
    if grafted:
        graft(model, code, stack)
    before, slot = state_arrays(model), model.hourglass(stack).graft
    found = check(model, stack, images(), code)
    assert len(found) == 5
    assert all(one.passed for one in found)
    assert [one.max_abs_diff for one in found if "error" not in one.what] == [0.0] * 4
    assert model.hourglass(stack).graft is slot
    after = state_arrays(model)
    assert all((after[name] == array).all() for name, array in before.items())


def failed(model: StackedHourglass, code: nn.Module) -> list[str]:
    return [one.what for one in check(model, -1, images(), code) if not one.passed]


def test_a_network_in_training_mode_does_not_repeat_itself() -> None:
    model = network()
    model.stem.add_module("drop", nn.Dropout())
    forward = model.stem.forward
    model.stem.forward = lambda x: model.stem.drop(forward(x))
    model.stem.drop.train()
    assert "two passes are equal" in failed(model, build_autoencoder(CODE).eval())


def test_a_forward_that_skips_the_slot_is_found_out() -> None:
    model, code = network(), build_autoencoder(CODE).eval()
    graft(model, code)
    hourglass = model.hourglass()
    plain = hourglass.forward

    def forward(x: Tensor) -> object:
        kept, hourglass.graft = hourglass.graft, nn.Identity()
        try:
            return plain(x)
        finally:
            hourglass.graft = kept

    hourglass.forward = forward
    assert "descend, then ascend = forward" in failed(model, code)


def test_an_autoencoder_that_answers_differently_each_time_is_no_error_term() -> None:
    class Noisy(type(build_autoencoder(CODE))):
        def encode(self, bottleneck: Tensor) -> Tensor:
            return super().encode(bottleneck)

        def forward(self, bottleneck: Tensor) -> Tensor:
            return bottleneck * torch.nan

    code = Noisy(width=8, code_size=3, output="identity").eval()
    assert "autoencoder + its error = the bottleneck as it is" in failed(network(), code)
