"""Two published training codes, as plain as theirs: what a step of ours is measured against on equal networks.

The networks name their tensors as the published ones do, so that weights go from one to the other through
:mod:`shgae.models.foreign`; the steps follow ``task/pose.py`` of princeton-vl/pytorch_stacked_hourglass and
``example/main.py`` of bearpaw/pytorch-pose. Float32 and channels first, as there. Photos are cropped before, for both
sides, which is kind to theirs: they crop one from its photo whenever they need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

CROP, MAP, SIGMA = 256, 64, 1
Item = tuple[Tensor, Tensor, Tensor]
Step = Callable[[Item], float]


# --- princeton-vl/pytorch_stacked_hourglass


class Conv(nn.Module):
    def __init__(self, channels_in: int, out: int, size: int, stride: int = 1, bn: bool = False, relu: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, out, size, stride, padding=size // 2)
        self.bn = nn.BatchNorm2d(out) if bn else None
        self.relu = nn.ReLU() if relu else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = x if self.bn is None else self.bn(x)
        return x if self.relu is None else self.relu(x)


class Residual(nn.Module):
    def __init__(self, channels_in: int, out: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.bn1, self.conv1 = nn.BatchNorm2d(channels_in), Conv(channels_in, out // 2, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(out // 2), Conv(out // 2, out // 2, 3)
        self.bn3, self.conv3 = nn.BatchNorm2d(out // 2), Conv(out // 2, out, 1)
        self.skip_layer = Conv(channels_in, out, 1)
        self.need_skip = channels_in != out

    def forward(self, x: Tensor) -> Tensor:
        residual = self.skip_layer(x) if self.need_skip else x
        out = self.conv1(self.relu(self.bn1(x)))
        out = self.conv2(self.relu(self.bn2(out)))
        out = self.conv3(self.relu(self.bn3(out)))
        out += residual
        return out


class Level(nn.Module):
    def __init__(self, n: int, width: int) -> None:
        super().__init__()
        self.up1, self.low1 = Residual(width, width), Residual(width, width)
        self.low2: nn.Module = Level(n - 1, width) if n > 1 else Residual(width, width)
        self.low3 = Residual(width, width)
        self.pool1, self.up2 = nn.MaxPool2d(2, 2), nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x: Tensor) -> Tensor:
        up1 = self.up1(x)
        up2: Tensor = self.up2(self.low3(self.low2(self.low1(self.pool1(x)))))
        return up1 + up2


class Merge(nn.Module):
    def __init__(self, channels_in: int, out: int) -> None:
        super().__init__()
        self.conv = Conv(channels_in, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Princeton(nn.Module):
    """Images (N, 256, 256, 3) -> maps (N, stacks, K, 64, 64)."""

    def __init__(self, stacks: int, keypoints: int, width: int = 256) -> None:
        super().__init__()
        stem = (Conv(3, 64, 7, 2, bn=True, relu=True), Residual(64, 128), nn.MaxPool2d(2, 2))
        self.pre = nn.Sequential(*stem, Residual(128, 128), Residual(128, width))
        self.hgs = nn.ModuleList(nn.Sequential(Level(4, width)) for _ in range(stacks))
        self.features = nn.ModuleList(
            nn.Sequential(Residual(width, width), Conv(width, width, 1, bn=True, relu=True)) for _ in range(stacks)
        )
        self.outs = nn.ModuleList(Conv(width, keypoints, 1) for _ in range(stacks))
        self.merge_features = nn.ModuleList(Merge(width, width) for _ in range(stacks - 1))
        self.merge_preds = nn.ModuleList(Merge(keypoints, width) for _ in range(stacks - 1))

    def forward(self, images: Tensor) -> Tensor:
        x, maps = self.pre(images.permute(0, 3, 1, 2)), []
        for i, hourglass in enumerate(self.hgs):
            features = self.features[i](hourglass(x))
            maps.append(self.outs[i](features))
            if i < len(self.merge_preds):
                x = x + self.merge_preds[i](maps[-1]) + self.merge_features[i](features)
        return torch.stack(maps, 1)


def princeton_step(network: nn.Module) -> Step:
    """Adam, the mean squared error of each stack."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def step(item: Item) -> float:
        images, targets, _ = item
        maps = network(images)
        losses = [((maps[:, i] - targets) ** 2).mean(dim=3).mean(dim=2).mean(dim=1) for i in range(maps.shape[1])]
        loss = torch.stack(losses, dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


# --- bearpaw/pytorch-pose


class Bottleneck(nn.Module):
    def __init__(self, channels_in: int, planes: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(channels_in), nn.Conv2d(channels_in, planes, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(planes), nn.Conv2d(planes, planes, 3, padding=1)
        self.bn3, self.conv3 = nn.BatchNorm2d(planes), nn.Conv2d(planes, 2 * planes, 1)
        self.relu = nn.ReLU(inplace=True)
        wider = channels_in != 2 * planes
        self.downsample = nn.Sequential(nn.Conv2d(channels_in, 2 * planes, 1)) if wider else None

    def forward(self, x: Tensor) -> Tensor:
        residual = x if self.downsample is None else self.downsample(x)
        out = self.conv1(self.relu(self.bn1(x)))
        out = self.conv2(self.relu(self.bn2(out)))
        out = self.conv3(self.relu(self.bn3(out)))
        out += residual
        return out


class BearpawHourglass(nn.Module):
    def __init__(self, planes: int, depth: int) -> None:
        super().__init__()
        self.depth, self.upsample = depth, nn.Upsample(scale_factor=2)
        self.hg = nn.ModuleList(
            nn.ModuleList(nn.Sequential(Bottleneck(2 * planes, planes)) for _ in range(4 if level == 0 else 3))
            for level in range(depth)
        )

    def _level(self, n: int, x: Tensor) -> Tensor:
        places: Any = self.hg[n - 1]
        up1: Tensor = places[0](x)
        low1 = places[1](F.max_pool2d(x, 2, stride=2))
        low2 = self._level(n - 1, low1) if n > 1 else places[3](low1)
        up2: Tensor = self.upsample(places[2](low2))
        return up1 + up2

    def forward(self, x: Tensor) -> Tensor:
        return self._level(self.depth, x)


class Bearpaw(nn.Module):
    """Images (N, 3, 256, 256) -> a stack's maps (N, K, 64, 64) each."""

    def __init__(self, stacks: int, keypoints: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, stride=2, padding=3), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(2, stride=2)
        self.layer1 = nn.Sequential(Bottleneck(64, 64))
        self.layer2 = nn.Sequential(Bottleneck(128, 128))
        self.layer3 = nn.Sequential(Bottleneck(256, 128))
        self.hg = nn.ModuleList(BearpawHourglass(128, 4) for _ in range(stacks))
        self.res = nn.ModuleList(nn.Sequential(Bottleneck(256, 128)) for _ in range(stacks))
        self.fc = nn.ModuleList(
            nn.Sequential(nn.Conv2d(256, 256, 1), nn.BatchNorm2d(256), nn.ReLU(inplace=True)) for _ in range(stacks)
        )
        self.score = nn.ModuleList(nn.Conv2d(256, keypoints, 1) for _ in range(stacks))
        self.fc_ = nn.ModuleList(nn.Conv2d(256, 256, 1) for _ in range(stacks - 1))
        self.score_ = nn.ModuleList(nn.Conv2d(keypoints, 256, 1) for _ in range(stacks - 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        x, maps = self.relu(self.bn1(self.conv1(x))), []
        x = self.layer3(self.layer2(self.maxpool(self.layer1(x))))
        for i, hourglass in enumerate(self.hg):
            y = self.fc[i](self.res[i](hourglass(x)))
            maps.append(self.score[i](y))
            if i < len(self.fc_):
                x = x + self.fc_[i](y) + self.score_[i](maps[-1])
        return maps


def bearpaw_step(network: nn.Module) -> Step:
    """RMSprop, the mean squared error of each stack joint by joint, and the accuracy of the last stack."""
    optimizer = torch.optim.RMSprop(network.parameters(), lr=2.5e-4)
    criterion = nn.MSELoss(reduction="mean")

    def joints_loss(maps: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        loss = torch.zeros(())
        for joint in range(maps.shape[1]):
            ours, wanted = maps[:, joint].flatten(1), targets[:, joint].flatten(1)
            loss = loss + 0.5 * criterion(ours * weight[:, joint], wanted * weight[:, joint])
        return loss / maps.shape[1]

    def step(item: Item) -> float:
        images, targets, weight = item
        outputs = network(images.permute(0, 3, 1, 2).contiguous())
        loss = sum((joints_loss(maps, targets, weight) for maps in outputs), torch.zeros(()))
        _accuracy(outputs[-1].detach(), targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.item()

    return step


def _accuracy(maps: Tensor, targets: Tensor) -> float:
    """The share of joints within half of a tenth of the map."""
    (_, found), (most, wanted) = maps.flatten(2).max(2), targets.flatten(2).max(2)
    columns, rows = found % MAP - wanted % MAP, found // MAP - wanted // MAP
    near = torch.hypot(columns.float(), rows.float()) / (MAP / 10) < 0.5
    return float(near[most > 0].float().mean())


# --- the data of both


class People(Dataset[Item]):
    """A person: the image (256, 256, 3), a drawn map (64, 64) a joint, and weights (K, 1), 1 where it is labelled."""

    def __init__(self, crops: npt.NDArray[np.uint8], xy: npt.NDArray[np.floating], visible: npt.NDArray[np.uint8]):
        self._crops, self._xy, self._visible = crops, xy, visible

    def __len__(self) -> int:
        return len(self._crops)

    def __getitem__(self, index: int) -> Item:
        image = self._crops[index].astype(np.float32) / 255
        maps = np.zeros((self._xy.shape[1], MAP, MAP), np.float32)
        for joint, (x, y) in enumerate(self._xy[index] * MAP / CROP):
            if self._visible[index, joint]:
                draw(maps[joint], int(x), int(y))
        weight = (self._visible[index] > 0).astype(np.float32)[:, None]
        return torch.from_numpy(image), torch.from_numpy(maps), torch.from_numpy(weight)


def draw(target: npt.NDArray[np.float32], x: int, y: int) -> None:
    """A Gaussian of height 1 at a cell, cut off at three standard deviations and at the map's edges."""
    reach = 3 * SIGMA + 1
    offsets = np.arange(-reach, reach + 1)
    patch = np.exp(-(offsets[None] ** 2 + offsets[:, None] ** 2) / (2 * SIGMA**2)).astype(np.float32)
    left, top, right, bottom = max(x - reach, 0), max(y - reach, 0), min(x + reach + 1, MAP), min(y + reach + 1, MAP)
    if left < right and top < bottom:
        cut = patch[top - y + reach : bottom - y + reach, left - x + reach : right - x + reach]
        target[top:bottom, left:right] = np.maximum(target[top:bottom, left:right], cut)


def batches(people: People, size: int) -> Iterator[Item]:
    """Shuffled batches without end."""
    while True:
        yield from DataLoader(people, batch_size=size, shuffle=True, drop_last=True)
