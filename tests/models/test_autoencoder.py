"""The autoencoder: its shapes, its ReLUs, and nothing random in it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shgae.errors import Refused
from shgae.models.specs import AutoencoderSpec
from shgae.models.zoo import build_autoencoder


def test_forward_is_decode_of_encode() -> None:
    model = build_autoencoder(AutoencoderSpec(width=16, code_size=7))
    x = torch.randn(3, 16, 4, 4)
    code = model.encode(x)
    assert code.shape == (3, 7)
    assert model.decode(code).shape == x.shape
    assert torch.equal(model(x), model.decode(code))


def test_a_code_is_never_negative_and_often_zero() -> None:
    code = build_autoencoder(AutoencoderSpec(width=16)).encode(torch.randn(20, 16, 4, 4))
    assert (code >= 0).all()
    assert (code == 0).any()


@pytest.mark.parametrize(("output", "reaches_below_zero"), [("identity", True), ("relu", False)])
def test_only_the_identity_output_reaches_below_zero(output: str, reaches_below_zero: bool) -> None:
    model = build_autoencoder(AutoencoderSpec(width=16, output=output))  # type: ignore[arg-type]
    assert bool((model(torch.randn(20, 16, 4, 4)) < 0).any()) is reaches_below_zero


def test_widths_go_down_by_quarters() -> None:
    model = build_autoencoder(AutoencoderSpec(width=16))
    convolutions = [layer for layer in model.encoder if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [12, 8, 4]


def test_training_mode_adds_no_noise() -> None:
    model = build_autoencoder(AutoencoderSpec(width=16)).train()
    x = torch.randn(3, 16, 4, 4)
    assert torch.equal(model(x), model(x))


def test_a_linear_autoencoder_with_orthonormal_weights_is_a_projection() -> None:
    model = build_autoencoder(AutoencoderSpec(width=8, code_size=3, family="linear"))
    directions = torch.linalg.qr(torch.randn(128, 3, generator=torch.Generator().manual_seed(0)))[0].T
    mean = torch.randn(128)
    with torch.no_grad():
        model.to_code.weight.copy_(directions)
        model.to_code.bias.copy_(-directions @ mean)
        model.from_code.weight.copy_(directions.T)
        model.from_code.bias.copy_(mean)
        x = torch.randn(5, 8, 4, 4)
        once = model(x)
        torch.testing.assert_close(model(once), once)
        off = (x - once).flatten(1)
        torch.testing.assert_close(off @ directions.T, torch.zeros(5, 3), atol=1e-5, rtol=0)
        torch.testing.assert_close(model(mean.view(1, 8, 4, 4)), mean.view(1, 8, 4, 4), atol=1e-5, rtol=1e-5)
    assert model.encode(x).min() < 0


def test_a_linear_autoencoder_has_no_relu_to_end_in() -> None:
    with pytest.raises(Refused, match="output"):
        AutoencoderSpec(width=8, code_size=3, output="relu", family="linear")


@pytest.mark.parametrize("family", ["conv", "linear"])
def test_images_of_another_crop_size_are_refused_by_that_name(family: str) -> None:
    model = build_autoencoder(AutoencoderSpec(width=16, family=family))  # type: ignore[arg-type]
    with pytest.raises(Refused, match="8 x 8 cells.* crop size"):
        model.encode(torch.randn(1, 16, 8, 8))
