"""The graft goes in and comes out, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shgae.errors import Refused
from shgae.models import grafting
from shgae.models.hourglass import StackedHourglass
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass, load_state, state_arrays, tensor_shapes


class Unchanged(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


def test_an_identity_graft_gives_the_plain_maps_bit_for_bit(model: StackedHourglass, images: Tensor) -> None:
    plain = model(images)
    model.hourglass().graft = Unchanged()
    assert torch.equal(model(images), plain)


def test_a_graft_changes_the_maps_and_not_the_bottleneck(
    model: StackedHourglass, small_code: AutoencoderSpec, images: Tensor
) -> None:
    plain, bottleneck = model(images), model.bottleneck(images)
    grafting.graft(model, build_autoencoder(small_code))
    assert not torch.equal(model(images), plain)
    assert torch.equal(model.bottleneck(images), bottleneck)


def test_removing_the_graft_gives_back_the_old_weights_and_maps(
    model: StackedHourglass, small_code: AutoencoderSpec, images: Tensor
) -> None:
    before, plain = state_arrays(model), model(images)
    autoencoder = build_autoencoder(small_code)
    grafting.graft(model, autoencoder)
    model(images)
    assert grafting.remove(model) is autoencoder
    after = state_arrays(model)
    assert after.keys() == before.keys()
    assert all((after[name] == array).all() for name, array in before.items())
    assert torch.equal(model(images), plain)


def test_a_grafted_model_equals_one_built_from_the_grafted_spec(
    small_spec: HourglassSpec, small_code: AutoencoderSpec
) -> None:
    by_hand = build_hourglass(small_spec)
    grafting.graft(by_hand, build_autoencoder(small_code))
    from_spec = build_hourglass(small_spec.with_graft(small_code))
    shapes = [{name: array.shape for name, array in state_arrays(model).items()} for model in (by_hand, from_spec)]
    assert shapes[0] == shapes[1]


def test_a_stack_of_two_can_be_grafted_alone(
    small_spec: HourglassSpec, small_code: AutoencoderSpec, images: Tensor
) -> None:
    model = build_hourglass(replace(small_spec, stacks=2, grafts=())).eval()
    plain = model(images)
    grafting.graft(model, build_autoencoder(small_code), stack=1)
    grafted = model(images)
    assert torch.equal(plain[:, 0], grafted[:, 0])
    assert not torch.equal(plain[:, 1], grafted[:, 1])


def test_two_stacks_share_one_autoencoder_and_its_gradients(
    small_spec: HourglassSpec, small_code: AutoencoderSpec, images: Tensor
) -> None:
    model = build_hourglass(replace(small_spec, stacks=2, grafts=(small_code, 0)))
    assert model.hourglass(0).graft is model.hourglass(1).graft
    twin = build_hourglass(replace(small_spec, stacks=2, grafts=(small_code, small_code)))
    assert len(list(twin.parameters())) == len(list(model.parameters())) + 16
    (model(images)[:, 1] ** 2).mean().backward()
    shared = model.hourglass(0).graft.to_code.weight.grad
    arrays = state_arrays(model)
    load_state(twin, {**arrays, **doubled(arrays)}, "here")
    (twin(images)[:, 1] ** 2).mean().backward()
    apart = [twin.hourglass(stack).graft.to_code.weight.grad for stack in (0, 1)]
    assert torch.allclose(shared, apart[0] + apart[1], rtol=1e-4, atol=1e-9)


def test_shared_weights_are_stored_once_and_come_back_shared(
    small_spec: HourglassSpec, small_code: AutoencoderSpec, images: Tensor
) -> None:
    spec = replace(small_spec, stacks=3, grafts=(None, small_code, 1))
    model = build_hourglass(spec, seed=3).eval()
    arrays = state_arrays(model)
    assert not [name for name in arrays if name.startswith("stacks.2.hourglass.graft.")]
    assert tensor_shapes(spec) == {name: array.shape for name, array in arrays.items()}
    again = build_hourglass(spec, seed=4).eval()
    load_state(again, arrays, "here")
    assert again.hourglass(1).graft is again.hourglass(2).graft
    assert torch.equal(again(images), model(images))


def test_sharing_what_is_not_there_is_refused(small_spec: HourglassSpec) -> None:
    model = build_hourglass(replace(small_spec, stacks=2, grafts=()))
    with pytest.raises(Refused, match="carries no autoencoder"):
        grafting.share(model, of=0, stack=1)


def doubled(arrays: dict[str, Any]) -> dict[str, Any]:
    """The first stack's autoencoder under the second's names."""
    first, second = "stacks.0.hourglass.graft.", "stacks.1.hourglass.graft."
    return {second + name.removeprefix(first): arrays[name] for name in arrays if name.startswith(first)}


def test_a_second_graft_is_refused(model: StackedHourglass, small_code: AutoencoderSpec) -> None:
    grafting.graft(model, build_autoencoder(small_code))
    with pytest.raises(Refused, match="already"):
        grafting.graft(model, build_autoencoder(small_code))


def test_taking_out_what_is_not_there_is_refused(model: StackedHourglass) -> None:
    with pytest.raises(Refused, match="no autoencoder"):
        grafting.remove(model)
