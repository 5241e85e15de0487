"""The wiring: encode, slot, decode; stacks; and the bottleneck without the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shgae.errors import Refused
from shgae.models.hourglass import Hourglass, StackedHourglass
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_hourglass


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


@pytest.fixture
def two_levels() -> Hourglass:
    return Hourglass(
        width=1, skips=[Times(2), Times(3)], downs=[Times(5), Times(7)], bottleneck=Times(11), ups=[Times(13)]
    )


def test_the_way_down_and_up_by_hand(two_levels: Hourglass) -> None:
    x = torch.rand(1, 1, 8, 8)
    half = F.max_pool2d(x, 2) * 5
    quarter = F.max_pool2d(half, 2) * 7
    double: Callable[[Tensor], Tensor] = nn.Upsample(scale_factor=2)
    assert torch.equal(two_levels(x)[0], double((double(quarter * 11) + half * 3) * 13) + x * 2)


def test_the_slot_lies_between_encode_and_decode(two_levels: Hourglass) -> None:
    x = torch.rand(1, 1, 8, 8)
    bottleneck, skips = two_levels.encode(x)
    two_levels.graft = Times(-1)
    features, entered = two_levels(x)
    assert torch.equal(features, two_levels.decode(-bottleneck, skips))
    assert torch.equal(entered, bottleneck)


def test_a_skip_of_none_is_switched_off(two_levels: Hourglass) -> None:
    bottleneck, skips = two_levels.encode(torch.rand(1, 1, 8, 8))
    off = two_levels.decode(bottleneck, [None, None])
    assert torch.equal(off, two_levels.decode(bottleneck, [torch.zeros_like(skip) for skip in skips]))
    assert not torch.equal(off, two_levels.decode(bottleneck, skips))


def test_skips_of_another_image_change_nothing_for_the_next_one(two_levels: Hourglass) -> None:
    one, other = torch.rand(2, 1, 1, 8, 8)
    before, _ = two_levels(one)
    two_levels.encode(other)
    assert torch.equal(two_levels(one)[0], before)


def test_too_few_skips_are_an_error(two_levels: Hourglass) -> None:
    with pytest.raises(ValueError):
        two_levels.decode(torch.rand(1, 1, 2, 2), [None])


@pytest.mark.parametrize("crop_size", [256, 128])
@pytest.mark.parametrize("residual", ["original", "newell"])
@pytest.mark.parametrize("stacks", [1, 2])
def test_maps_are_a_quarter_of_the_crop_and_the_bottleneck_is_4_by_4(
    crop_size: int, residual: str, stacks: int
) -> None:
    spec = HourglassSpec(3, crop_size, residual, stacks, width=8)  # type: ignore[arg-type]
    model = build_hourglass(spec).eval()
    images = torch.rand(2, 3, crop_size, crop_size)
    assert model(images).shape == (2, stacks, 3, crop_size // 4, crop_size // 4)
    assert model.bottleneck(images).shape == (2, 8, 4, 4)


@pytest.mark.parametrize("stack", [0, 1, 2, -1, -3])
def test_the_bottleneck_equals_what_a_hook_sees_in_the_full_forward(
    small_spec: HourglassSpec, images: Tensor, stack: int
) -> None:
    model = build_hourglass(replace(small_spec, stacks=3, grafts=()), seed=2).eval()
    seen: list[Tensor] = []
    hook = model.hourglass(stack).bottleneck.register_forward_hook(lambda *call: seen.append(call[2]))
    with torch.no_grad():
        model(images)
        hook.remove()
        assert torch.equal(model.bottleneck(images, stack), seen[0])


def test_the_bottlenecks_of_several_stacks_come_in_the_order_asked_for(
    small_spec: HourglassSpec, images: Tensor
) -> None:
    model = build_hourglass(replace(small_spec, stacks=3, grafts=()), seed=2).eval()
    with torch.no_grad():
        several = model.bottlenecks(images, (2, 0, -1))
        passes = list(model.passes(images))
        for stack, found in zip((2, 0, 2), several, strict=True):
            assert torch.equal(found, model.bottleneck(images, stack))
            assert torch.equal(found, passes[stack].bottleneck)
        assert torch.equal(model(images), torch.stack([output.maps for output in passes], dim=1))


def test_the_bottleneck_computes_no_skip_no_decoder_no_head_and_no_later_stack(
    small_spec: HourglassSpec, images: Tensor
) -> None:
    model = build_hourglass(replace(small_spec, stacks=2, grafts=())).eval()
    names = {module: name for name, module in model.named_modules()}
    called: list[str] = []
    for module in names:
        module.register_forward_hook(lambda *call: called.append(names[call[0]]))
    model.bottleneck(images, 0)
    allowed = ("stem", "stacks.0.hourglass.downs.", "stacks.0.hourglass.bottleneck")
    assert len(called) > 50
    assert [name for name in called if not name.startswith(allowed)] == []


def test_there_is_no_bottleneck_of_a_stack_that_does_not_exist(model: StackedHourglass, images: Tensor) -> None:
    for stack in (1, -2):
        for look in (model.bottleneck, model.descend):
            with pytest.raises(Refused, match=rf"stack {stack} in the network: it has 1 stack, .* stack=0"):
                look(images, stack)


@pytest.mark.parametrize("stack", [0, 1, -1])
def test_down_and_up_again_is_the_full_forward_with_any_graft(
    small_spec: HourglassSpec, images: Tensor, stack: int
) -> None:
    code = AutoencoderSpec(width=8, code_size=5)
    model = build_hourglass(replace(small_spec, stacks=2, grafts=(code, code)), seed=2).eval()
    with torch.no_grad():
        descent = model.descend(images, stack)
        assert torch.equal(descent.bottleneck, model.bottleneck(images, stack))
        grafted = model.hourglass(stack).graft(descent.bottleneck)
        assert torch.equal(model.ascend(descent, grafted), model(images)[:, -1])
        off = model.ascend(descent, grafted, skips=False)
        zeros = descent._replace(skips=tuple(torch.zeros_like(skip) for skip in descent.skips))
        assert torch.equal(off, model.ascend(zeros, grafted))
        assert not torch.equal(off, model.ascend(descent, grafted))


def test_an_earlier_stack_feeds_the_next_through_its_maps_and_features(
    small_spec: HourglassSpec, images: Tensor
) -> None:
    model = build_hourglass(replace(small_spec, stacks=2, grafts=())).eval()
    before = model(images)
    with torch.no_grad():
        model.stacks[0].merge.maps.bias += 1.0
    after = model(images)
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.equal(before[:, 1], after[:, 1])


def test_every_parameter_of_two_stacks_gets_a_gradient(small_spec: HourglassSpec, images: Tensor) -> None:
    model = build_hourglass(replace(small_spec, stacks=2, grafts=()))
    (model(images) ** 2).mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_an_image_gives_the_same_maps_alone_and_in_a_batch(model: StackedHourglass, images: Tensor) -> None:
    alone = torch.cat([model(image[None]) for image in images])
    assert torch.allclose(model(images), alone, atol=1e-5)
