"""The smallest parts: two residual blocks and the stem."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """Pre-activated bottleneck block: three convolutions next to a shortcut, and no ReLU after their sum.

    branch: BN - ReLU - conv1x1 to half the outgoing width - BN - ReLU - conv3x3 - BN - ReLU - conv1x1.
    """

    def __init__(self, channels_in: int, channels_out: int, *, shortcut: nn.Module) -> None:
        super().__init__()
        inner = channels_out // 2
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, inner, 1)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, channels_out, 1)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, H, W) -> (N, channels_out, H, W)."""
        branch = self.conv1(_relu(self.bn1(x)))
        branch = self.conv2(_relu(self.bn2(branch)))
        branch = self.conv3(_relu(self.bn3(branch)))
        total: Tensor = self.shortcut(x) + branch
        return total


class OriginalResidual(Residual):
    """The original study's block: its shortcut is always a 3x3 convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, shortcut=nn.Conv2d(channels_in, channels_out, 3, padding=1))


class NewellResidual(Residual):
    """The block of Newell et al. (2016): its shortcut is the identity, or a 1x1 convolution where widths differ."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        same = channels_in == channels_out
        super().__init__(
            channels_in, channels_out, shortcut=nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)
        )


class Stem(nn.Module):
    """From the image to a quarter of its size: conv 7x7 stride 2, BN, ReLU, residual, max-pool 2, two residuals."""

    def __init__(self, *, channels: int, before_pool: nn.Module, after_pool: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 7, stride=2, padding=3)
        self.bn = nn.BatchNorm2d(channels)
        self.before_pool = before_pool
        self.after_pool = after_pool

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C, H / 4, W / 4)."""
        x = self.before_pool(_relu(self.bn(self.conv(images))))
        quarter: Tensor = self.after_pool(F.max_pool2d(x, 2))
        return quarter


def _relu(x: Tensor) -> Tensor:
    # In place: batch normalisation has just made this tensor, needs it no more, and training needs the memory.
    return F.relu(x, inplace=True)
