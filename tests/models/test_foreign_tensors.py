"""Tensors of a checkpoint as numbers of a network: converted where that changes nothing, else refused by their name."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from shgae.errors import Refused
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS
from shgae.models.foreign import read_foreign, translate
from shgae.models.foreign_tensors import AmbiguousNetwork, NotPlain, as_weights, find_network
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_autoencoder, build_hourglass, state_arrays

pytestmark = pytest.mark.usefixtures("reads_here")

CODE = AutoencoderSpec(width=8, code_size=5, output="relu")
NEWELL = HourglassSpec(keypoints=3, residual="newell", width=8, bottleneck=2, head="newell")
AUTOENCODER, BEARPAW = CHECKPOINT_FORMATS[1], CHECKPOINT_FORMATS[3]
COUNTER, VARIANCE = "bn1.num_batches_tracked", "bn1.running_var"


def autoencoder() -> dict[str, torch.Tensor]:
    weights = state_arrays(build_autoencoder(CODE, seed=4))
    return {AUTOENCODER.name(name): torch.tensor(array) for name, array in weights.items()}


def hourglass() -> dict[str, torch.Tensor]:
    weights = state_arrays(build_hourglass(NEWELL, seed=4))
    return {BEARPAW.name(name): torch.tensor(array) for name, array in weights.items()}


def test_two_tensors_of_one_name_are_refused_and_not_chosen_from() -> None:
    network, other = autoencoder(), {f"model.{name}": value.clone() for name, value in autoencoder().items()}
    for loaded in ({"model": network, **other}, {**other, "model": network}, {0: network, "0": autoencoder()}):
        with pytest.raises(AmbiguousNetwork, match="two tensors called (0|model).encoder"):
            find_network(loaded)
    assert find_network({"model": network, "again": {"model": network}})[0] == network


@pytest.mark.parametrize(
    ("count", "kept"),
    [
        (torch.tensor(75_000), 75_000),
        (torch.tensor(75_000.0).half(), 0),  # 65,504 is its largest number
        (torch.tensor(300.0), 300),
        (torch.tensor([7]), 7),
        (torch.tensor(7, dtype=torch.int16), 7),
    ],
)
def test_a_count_of_batches_is_taken_in_any_format(count: torch.Tensor, kept: int) -> None:
    found = as_weights({**hourglass(), COUNTER: count})[COUNTER]
    assert (found.dtype, found.shape, int(found)) == (torch.int64, (), kept)


@pytest.mark.parametrize(
    ("name", "spoil", "why", "fix"),
    [
        (VARIANCE, lambda one: one - 2, "holds a variance below 0", "not damaged"),
        ("conv1.weight", lambda one: one * torch.nan, "not finite", "before its training diverged"),
        ("conv1.weight", lambda one: one.to("meta"), "a shape and no numbers", "state_dict"),
        (COUNTER, lambda one: one.to("meta"), "a shape and no numbers", "state_dict"),
        ("conv1.weight", lambda one: one.to_sparse(), "not a plain tensor", "state_dict"),
        ("conv1.weight", lambda one: one.to(torch.int8), "holds int8", "state_dict"),
    ],
)
def test_numbers_that_no_network_has_are_refused_with_a_fix_that_fits(
    name: str, spoil: Callable[[torch.Tensor], torch.Tensor], why: str, fix: str
) -> None:
    weights = hourglass()
    with pytest.raises(NotPlain, match=f"{name} .*{why}") as refused:
        as_weights({**weights, name: spoil(weights[name])}, size=1 << 30)
    assert fix in refused.value.fix


def test_the_fix_reaches_the_user(tmp_path: Path) -> None:
    torch.save({"encoder_linear.0.weight": torch.tensor([torch.inf])}, tmp_path / "x.pth")
    with pytest.raises(Refused, match="not finite"):
        read_foreign(tmp_path / "x.pth")


def test_tensors_too_many_are_not_called_a_checkpoint_that_lacks_some() -> None:
    arrays = {name: tensor.numpy() for name, tensor in autoencoder().items()}
    with pytest.raises(Refused, match="1 unexpected: odd"):
        translate({**arrays, "odd": np.zeros(1)}, "x.pth")
    arrays.pop("encoder.0.bias")
    with pytest.raises(Refused, match="1 missing: encoder.0.bias. Try: a whole checkpoint"):
        translate(arrays, "x.pth")


def saved(**arrays: Any) -> bytes:
    file = io.BytesIO()
    torch.save(arrays, file)
    return file.getvalue()


@pytest.mark.parametrize("name", ["x.pth", "x.SAFETENSORS", "x.safetensors", "x"])
def test_a_file_is_read_by_what_it_holds_and_not_by_its_name(tmp_path: Path, name: str) -> None:
    network = autoencoder()
    for content in (safetensors.torch.save(network), saved(**network)):
        (tmp_path / name).write_bytes(content)
        found = read_foreign(tmp_path / name).arrays
        assert all(np.array_equal(found[ours], network[AUTOENCODER.name(ours)].numpy()) for ours in found)


def numpys(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"\x1f\x8b\x08", "compressed"),
        (numpys(**{"encoder.0.weight": np.ones(3)}), "numpy's arrays"),
        (b"\x93NUMPY\1\0", "numpy's arrays"),
    ],
)
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_what_people_take_for_weights_is_called_by_its_name(
    tmp_path: Path, content: bytes, words: str, name: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Refused, match=words):
        read_foreign(tmp_path / name)


@pytest.mark.parametrize(
    "beside",
    [{"epoch": torch.tensor(3)}, {"optimizer": {"state": {0: {"step": torch.ones(2)}}}}, {"ema": "a network"}],
    ids=["number", "optimizer", "network"],
)
@pytest.mark.parametrize("key", ["", "state_dict", "net.backbone"])
def test_what_lies_next_to_a_bare_network_is_set_aside(beside: dict[str, Any], key: str) -> None:
    network = autoencoder()
    beside = {name: autoencoder() if value == "a network" else value for name, value in beside.items()}
    loaded: Any = {**network, **beside}
    found = find_network({key: loaded} if key else loaded)
    assert found.tensors == network
    assert "optimizer" in beside or next(iter(beside)) in found.note


def test_a_layer_of_a_bare_network_that_its_family_lacks_is_not_set_aside() -> None:
    for odd in ("attention", "attention.weight"):
        assert odd in find_network({**autoencoder(), odd: torch.ones(2)}).tensors


def test_a_network_in_mappings_of_mappings_is_whole() -> None:
    nested: dict[str, Any] = {}
    network = autoencoder()
    for name, tensor in network.items():
        place, *parts, last = [nested, *name.split(".")]
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = tensor
    for found in (find_network(nested).tensors, find_network({"net": nested}).tensors):
        assert found.keys() == network.keys() and all(found[name] is network[name] for name in network)


@pytest.mark.parametrize("around", ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"])
@pytest.mark.parametrize("part", ["", "decoder.", "encoder.0."])
def test_what_torch_puts_around_a_module_is_not_part_of_a_name(around: str, part: str) -> None:
    network = autoencoder()
    names = {name: name.replace(part, f"{part}{around}.", 1) if name.startswith(part) else name for name in network}
    wrapped = {names[name]: tensor for name, tensor in network.items()}
    assert wrapped.keys() != network.keys()
    assert find_network({"module": wrapped}).tensors == network
    with pytest.raises(AmbiguousNetwork, match="two tensors called"):
        find_network({**{name: tensor.clone() for name, tensor in network.items()}, **wrapped})


def test_of_two_networks_under_names_that_mean_the_network_neither_is_taken() -> None:
    one, other = autoencoder(), {name: tensor + 1 for name, tensor in autoencoder().items()}
    for first, second in (("model", "net"), ("weights", "params"), ("state_dict", "model")):
        with pytest.raises(AmbiguousNetwork, match=f"2 networks .({first}, {second}|{second}, {first})"):
            find_network({first: one, second: other})
    assert [find_network({"model": one, name: other}).chosen for name in ("ema", "epoch")] == ["model", "model"]
    assert find_network({"model": one, "epoch": 3}).chosen == ""
    assert [find_network({**one, **more}).chosen for more in ({"ema": other}, {"epoch": 3})] == ["top level", ""]


def test_an_error_names_the_same_tensors_in_each_run(tmp_path: Path) -> None:
    network = autoencoder()
    safetensors.torch.save_file(
        {f"{name}.odd": tensor for name, tensor in hourglass().items()} | network, tmp_path / "x.safetensors"
    )
    lines = set()
    for _ in range(4):
        with pytest.raises(Refused) as refused:
            read_foreign(tmp_path / "x.safetensors")
        lines.add(refused.value.line())
    assert len(lines) == 1


def test_a_tensor_of_any_name_reaches_the_process_that_asked(tmp_path: Path) -> None:
    torch.save({**autoencoder(), "__metadata__": torch.zeros(3)}, tmp_path / "x.pth")
    with pytest.raises(Refused, match="1 unexpected: __metadata__"):
        read_foreign(tmp_path / "x.pth")
    torch.save({**autoencoder(), "\ud800.x": torch.zeros(3)}, tmp_path / "x.pth")
    with pytest.raises(Refused, match="not a checkpoint of tensors"):
        read_foreign(tmp_path / "x.pth")
