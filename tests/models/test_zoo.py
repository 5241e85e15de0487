"""Builders, weights in and out of modules, and opening artefacts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import shgae
from shgae.artifacts.draft import new_artifact
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.hourglass import StackedHourglass
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import (
    build_autoencoder,
    build_hourglass,
    load_autoencoder,
    load_hourglass,
    load_state,
    misfit,
    state_arrays,
    tensor_shapes,
)
from shgae.skeleton import Skeleton

SKELETON = Skeleton.from_names(["nose", "left_hand", "right_hand"])


def count(spec: HourglassSpec | AutoencoderSpec) -> int:
    module: nn.Module = build_hourglass(spec) if isinstance(spec, HourglassSpec) else build_autoencoder(spec)
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [(HourglassSpec(keypoints=17), 14_526_053), (AutoencoderSpec(width=256, code_size=50), 1_578_994)],
)
def test_the_studys_networks_have_the_studys_number_of_parameters(
    spec: HourglassSpec | AutoencoderSpec, parameters: int
) -> None:
    assert count(spec) == parameters


def test_both_crop_sizes_share_everything_but_one_level(small_spec: HourglassSpec) -> None:
    small = tensor_shapes(HourglassSpec(3, 128, width=8))
    large = tensor_shapes(HourglassSpec(3, 256, width=8))
    more = {name.split(".")[3:5][0] + name.split(".")[4] for name in large.keys() - small.keys()}
    assert small.keys() < large.keys()
    assert more == {"skips3", "downs3", "ups2"}


@pytest.mark.parametrize("build", [build_hourglass, build_autoencoder])
def test_equal_seeds_give_equal_weights_and_torchs_own_numbers_stay(
    build: Callable[..., nn.Module], small_spec: HourglassSpec, small_code: AutoencoderSpec
) -> None:
    spec = small_spec.with_graft(small_code) if build is build_hourglass else small_code
    before = torch.random.get_rng_state()
    one, same, other = (state_arrays(build(spec, seed=seed)) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all((one[name] == same[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


def test_threads_that_build_at_once_get_the_weights_of_their_seeds(small_spec: HourglassSpec) -> None:
    seeds, before = [0, 1, 2, 3] * 5, torch.random.get_rng_state()
    alone = [state_arrays(build_hourglass(small_spec, seed)) for seed in range(4)]
    with ThreadPoolExecutor(4) as threads:
        built = list(threads.map(lambda seed: state_arrays(build_hourglass(small_spec, seed)), seeds))
    assert all(
        (found[name] == alone[seed][name]).all() for seed, found in zip(seeds, built, strict=True) for name in found
    )
    assert torch.equal(torch.random.get_rng_state(), before)


def test_weights_with_more_than_one_axis_are_glorot_normal() -> None:
    model = build_hourglass(HourglassSpec(3, 128, width=64))
    weight = model.hourglass().skips[0].shortcut.weight
    assert weight.std().item() == pytest.approx((2 / (2 * 64 * 9)) ** 0.5, rel=0.02)
    assert model.hourglass().skips[0].bn1.weight.unique().tolist() == [1.0]


def test_state_arrays_are_copies(model: StackedHourglass) -> None:
    arrays = state_arrays(model)
    for array in arrays.values():
        array[...] = 0
    assert all(parameter.any() for name, parameter in model.named_parameters() if name.endswith("conv1.weight"))


def test_loading_a_state_keeps_the_parameters_that_an_optimizer_holds(
    model: StackedHourglass, small_spec: HourglassSpec
) -> None:
    held = list(model.parameters())
    other = state_arrays(build_hourglass(small_spec, seed=9))
    load_state(model, other, "here")
    assert all(a is b for a, b in zip(held, model.parameters(), strict=True))
    assert all((array == other[name]).all() for name, array in state_arrays(model).items())


def test_a_state_that_does_not_fit_is_refused_with_its_tensors_by_name(model: StackedHourglass) -> None:
    arrays = state_arrays(model)
    arrays["extra"] = arrays.pop("stem.conv.bias")
    arrays["stem.bn.bias"] = np.zeros(9, np.float32)
    with pytest.raises(Refused) as refused:
        load_state(model, arrays, "w.safetensors")
    line = refused.value.line()
    assert "w.safetensors" in line
    assert "1 missing: stem.conv.bias" in line
    assert "1 unexpected: extra" in line
    assert "1 misshapen: stem.bn.bias [9] instead of [8]" in line


def test_long_lists_of_tensors_end_in_a_number() -> None:
    assert misfit({f"t{i}": () for i in range(9)}, {}) == "9 missing: t0, t1, t2, t3 and 5 more"
    assert misfit({"a": (2,)}, {"a": (2,)}) == ""


def hourglass_artifact(path: Path, spec: HourglassSpec, weights: nn.Module, facts: dict[str, Any]) -> Path:
    all_facts = {
        "spec": spec.to_json(),
        "skeleton": SKELETON.to_json(),
        "mean_rgb": [0.4, 0.5, 0.6],
        "crop_size": spec.crop_size,
        **facts,
    }
    with new_artifact(path, kind="hourglass", config={}, parents={}, execution=Execution()) as made:
        made.write_tensors("model.safetensors", state_arrays(weights))
        made.commit(facts=all_facts)
    return path


@pytest.fixture
def saved(tmp_path: Path, small_spec: HourglassSpec, small_code: AutoencoderSpec) -> tuple[Path, StackedHourglass]:
    spec = small_spec.with_graft(small_code)
    model = build_hourglass(spec, seed=6)
    model(torch.rand(2, 3, 128, 128))  # In train mode: the running statistics move.
    return hourglass_artifact(tmp_path / "m", spec, model, {}), model.eval()


def test_a_saved_hourglass_opens_with_all_that_it_was_trained_with(
    saved: tuple[Path, StackedHourglass], images: Tensor, small_code: AutoencoderSpec
) -> None:
    path, model = saved
    before = torch.random.get_rng_state()
    loaded = load_hourglass(path)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(loaded.module(images), model(images))
    assert not loaded.module.training
    assert loaded.spec.grafts == (small_code,)
    assert loaded.skeleton == SKELETON
    assert loaded.mean_rgb == (0.4, 0.5, 0.6)
    assert loaded.crop_size == 128
    assert loaded.artifact.path == path


def test_open_model_gives_the_module(saved: tuple[Path, StackedHourglass], images: Tensor) -> None:
    path, model = saved
    assert torch.equal(shgae.open_model(str(path))(images), model(images))


def test_a_saved_autoencoder_opens(tmp_path: Path, small_code: AutoencoderSpec) -> None:
    model = build_autoencoder(small_code, seed=2)
    with new_artifact(tmp_path / "ae", kind="autoencoder", config={}, parents={}, execution=Execution()) as made:
        made.write_tensors("model.safetensors", state_arrays(model))
        made.commit(facts={"spec": small_code.to_json()})
    loaded = load_autoencoder(tmp_path / "ae")
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(loaded.module.decode(loaded.module.encode(x)), model(x))
    assert loaded.spec == small_code
    with pytest.raises(Refused, match="wanted an hourglass|wanted an hourglass"):
        load_hourglass(tmp_path / "ae")


def test_changed_weights_are_refused_whoever_asks(saved: tuple[Path, StackedHourglass]) -> None:
    weights = saved[0] / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(Refused, match="changed"):
        load_hourglass(saved[0])
    with pytest.raises(Refused, match="changed"):
        load_hourglass(saved[0], verify=False)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"crop_size": 256}, "crop size disagree"),
        ({"skeleton": Skeleton.from_names(["a", "b"]).to_json()}, "skeleton"),
        ({"skeleton": None}, "fact skeleton"),
        ({"mean_rgb": [0.4, 0.5]}, "fact mean_rgb"),
        ({"mean_rgb": [0.4, 0.5, 104.0]}, "mean_rgb"),
        ({"spec": {"width": 8}}, "does not consist of"),
        ({"spec": HourglassSpec(3, 128, width=12).to_json()}, "misshapen"),
        ({"spec": HourglassSpec(3, 128, "newell", width=8).to_json()}, "unexpected"),
    ],
)
def test_an_artefact_whose_parts_do_not_fit_is_refused_naming_its_path(
    tmp_path: Path, small_spec: HourglassSpec, facts: dict[str, Any], why: str
) -> None:
    path = hourglass_artifact(tmp_path / "m", small_spec, build_hourglass(small_spec), facts)
    with pytest.raises(Refused, match=why) as refused:
        load_hourglass(path)
    assert str(path) in refused.value.line()
