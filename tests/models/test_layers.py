"""The residual blocks and the stem, against the formulas in their docstrings."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shgae.models.layers import NewellResidual, OriginalResidual, Residual, Stem


def by_the_book(block: Residual, x: torch.Tensor) -> torch.Tensor:
    y = block.conv1(torch.relu(block.bn1(x)))
    y = block.conv2(torch.relu(block.bn2(y)))
    y = block.conv3(torch.relu(block.bn3(y)))
    return y + block.shortcut(x)


@pytest.mark.parametrize("block", [OriginalResidual(8, 8), OriginalResidual(8, 12), NewellResidual(8, 12)])
def test_a_residual_is_its_branch_plus_its_shortcut_without_a_relu_after(block: Residual) -> None:
    block.eval()
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(block(x), by_the_book(block, x))
    assert (block(x) < 0).any()


def test_a_residual_leaves_its_input_alone() -> None:
    x = torch.randn(2, 8, 5, 5)
    before = x.clone()
    NewellResidual(8, 8)(x)
    assert torch.equal(x, before)


def test_the_inner_width_is_half_the_outgoing_one() -> None:
    assert NewellResidual(64, 256).conv2.weight.shape == (128, 128, 3, 3)


def test_the_studys_shortcut_is_a_3x3_convolution_even_at_equal_widths() -> None:
    shortcut = OriginalResidual(8, 8).shortcut
    assert isinstance(shortcut, nn.Conv2d)
    assert shortcut.kernel_size == (3, 3)
    assert shortcut.bias is not None


def test_newells_shortcut_is_the_identity_and_1x1_where_widths_differ() -> None:
    assert isinstance(NewellResidual(8, 8).shortcut, nn.Identity)
    widening = NewellResidual(8, 12).shortcut
    assert isinstance(widening, nn.Conv2d)
    assert widening.kernel_size == (1, 1)


def test_the_stem_quarters_the_image() -> None:
    stem = Stem(channels=4, before_pool=NewellResidual(4, 8), after_pool=NewellResidual(8, 16))
    assert stem(torch.zeros(2, 3, 64, 32)).shape == (2, 16, 16, 8)
