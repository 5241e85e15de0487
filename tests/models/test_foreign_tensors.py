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
