"""Another set of joints: what has a name in common keeps its channel, the rest starts anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from shgae.models.hourglass import StackedHourglass
from shgae.models.joints import with_joints
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_hourglass, state_arrays

CODE = AutoencoderSpec(width=8, code_size=5)
SPEC = HourglassSpec(3, 128, "newell", 2, 8, (CODE, 0))


def trained(spec: HourglassSpec) -> StackedHourglass:
    """A network whose every tensor differs from what a new one has."""
    model = build_hourglass(spec, seed=1).eval()
    with torch.no_grad():
        for number, (name, tensor) in enumerate(model.state_dict().items()):
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=torch.Generator().manual_seed(number))
                tensor += 0.1 + noise if name.endswith("var") else 0.3 * (noise - 0.5)
    return model


@pytest.mark.parametrize("head", ["original", "newell"])
def test_maps_of_old_joints_stay_when_joints_are_added_and_reordered(
    head: Literal["original", "newell"], images: Tensor
) -> None:
    model = trained(replace(SPEC, head=head))
    grown, spec = with_joints(model, replace(SPEC, head=head), (2, None, 0, 1, None), seed=7)
    assert spec.keypoints == 5
    with torch.no_grad():
        before, after = model(images), grown.eval()(images)
    torch.testing.assert_close(after[:, :, [2, 3, 0]], before, rtol=1e-4, atol=1e-5)
    assert after[:, :, 1].std() > 0  # a new joint's map is no constant: its channel can learn


def test_without_mixing_layers_a_joint_that_goes_changes_no_other_in_its_stack(images: Tensor) -> None:
    spec = replace(SPEC, head="newell", stacks=1, grafts=(CODE,))
    model = trained(spec)
    fewer, _ = with_joints(model, spec, (2, 0), seed=7)
    with torch.no_grad():
        torch.testing.assert_close(fewer.eval()(images), model(images)[:, :, [2, 0]], rtol=1e-5, atol=1e-6)


def test_new_joints_start_from_the_seed_and_everything_else_is_carried_over() -> None:
    model = trained(SPEC)
    before = state_arrays(model)
    one, other = (state_arrays(with_joints(model, SPEC, (None, None), seed=seed)[0]) for seed in (1, 2))
    differ = {name for name in one if not np.array_equal(one[name], other[name])}
    assert differ == {f"stacks.{stack}.head.maps.{layer}" for stack in (0, 1) for layer in DRAWN}
    assert not one["stacks.0.merge.maps.weight"].any()
    np.testing.assert_array_equal(one["stacks.1.head.maps.1.running_var"], [1, 1])
    about_joints = {name for name in one if ".head.maps." in name or ".merge.maps." in name}
    for name in one.keys() - about_joints:
        np.testing.assert_array_equal(one[name], before[name])
    np.testing.assert_array_equal(one["stacks.0.merge.maps.bias"], before["stacks.0.merge.maps.bias"])


DRAWN = ("0.weight", "0.bias", "3.weight", "3.bias")


def test_the_model_that_it_comes_from_is_left_alone(images: Tensor) -> None:
    model = trained(SPEC)
    before = state_arrays(model)
    made, _ = with_joints(model, SPEC, (0, 1, None), seed=0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
    for name, array in state_arrays(model).items():
        np.testing.assert_array_equal(array, before[name])


@settings(max_examples=15)
@given(
    sources=st.lists(st.none() | st.integers(0, 2), min_size=1, max_size=6),
    head=st.sampled_from(["original", "newell"]),
)
def test_each_channel_comes_from_the_joint_that_was_named(
    sources: list[int | None], head: Literal["original", "newell"]
) -> None:
    spec = HourglassSpec(3, 128, "newell", 1, 8, head=head)
    model = trained(spec)
    made = with_joints(model, spec, sources, seed=0)[0]
    last = "stacks.0.head.maps.0" if head == "original" else "stacks.0.head.maps"
    old, new = state_arrays(model), state_arrays(made)
    for joint, source in enumerate(sources):
        if source is not None:
            np.testing.assert_array_equal(new[f"{last}.weight"][joint], old[f"{last}.weight"][source])
            np.testing.assert_array_equal(new[f"{last}.bias"][joint], old[f"{last}.bias"][source])
