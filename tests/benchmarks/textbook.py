"""What shgae's speed is measured against: the same network and loops as a textbook would write them.

Float32, channels first, one sample or one file at a time where a first version would do so; no trick, and no slowness
that nobody would write. Nothing here comes from shgae, so nothing that is made faster there makes this faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class Residual(nn.Module):
    """The study's block: its shortcut is a 3x3 convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        inner = channels_out // 2
        self.branch = nn.Sequential(
            *(nn.BatchNorm2d(channels_in), nn.ReLU(), nn.Conv2d(channels_in, inner, 1)),
            *(nn.BatchNorm2d(inner), nn.ReLU(), nn.Conv2d(inner, inner, 3, padding=1)),
            *(nn.BatchNorm2d(inner), nn.ReLU(), nn.Conv2d(inner, channels_out, 1)),
        )
        self.shortcut = nn.Conv2d(channels_in, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.branch(x)


class Hourglass(nn.Module):
    """One level and everything below it; the innermost level holds the bottleneck's three residuals."""

    def __init__(self, levels: int, channels: int) -> None:
        super().__init__()
        self.skip = Residual(channels, channels)
        self.down = Residual(channels, channels)
        inner = [Residual(channels, channels) for _ in range(3)]
        self.inner: nn.Module = Hourglass(levels - 1, channels) if levels > 1 else nn.Sequential(*inner)
        self.up: nn.Module = Residual(channels, channels) if levels > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        below = self.up(self.inner(self.down(F.max_pool2d(x, 2))))
        return self.skip(x) + F.interpolate(below, scale_factor=2)


class Network(nn.Module):
    """Images (N, 3, 256, 256) -> maps (N, K, 64, 64)."""

    def __init__(self, keypoints: int = 17, channels: int = 256) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *(nn.Conv2d(3, channels, 7, stride=2, padding=3), nn.BatchNorm2d(channels), nn.ReLU()),
            *(
                Residual(channels, channels),
                nn.MaxPool2d(2),
                Residual(channels, channels),
                Residual(channels, channels),
            ),
        )
        self.hourglass = Hourglass(4, channels)
        self.head = nn.Sequential(
            *(Residual(channels, channels), nn.Conv2d(channels, keypoints, 1), nn.BatchNorm2d(keypoints), nn.ReLU()),
            nn.Conv2d(keypoints, keypoints, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.head(self.hourglass(self.stem(images)))
        return maps


def autoencoder(channels: int = 256, code_size: int = 50) -> nn.Sequential:
    """The study's autoencoder: (N, C, 4, 4) -> (N, C, 4, 4)."""
    wide, middle, narrow = 3 * channels // 4, channels // 2, channels // 4
    return nn.Sequential(
        *(nn.Conv2d(channels, wide, 3, padding=1), nn.ReLU(), nn.Conv2d(wide, middle, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(middle, narrow, 3, padding=1), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(16 * narrow, code_size), nn.ReLU(), nn.Linear(code_size, 16 * narrow), nn.ReLU()),
        *(nn.Unflatten(1, (narrow, 4, 4)), nn.ConvTranspose2d(narrow, middle, 3, padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(middle, wide, 3, padding=1), nn.ReLU()),
        nn.ConvTranspose2d(wide, channels, 3, padding=1),
    )


def training_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, targets: Tensor, *, bf16: bool = False
) -> float:
    """Forward, mean squared error, backward, step; ``bf16`` is torch's autocast and nothing more."""
    optimizer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        maps = network(images)
    loss = F.mse_loss(maps.float(), targets)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def gaussian(size: int, x: float, y: float, sigma: float = 2.0) -> np.ndarray:
    """One target map (size, size)."""
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)).astype(np.float32)


def extract(network: nn.Module, crops: np.ndarray, mean: Sequence[float], folder: Path) -> None:
    """The bottleneck of every crop (N, H, W, 3): one forward pass and one file a person, caught by a hook."""
    caught: list[Tensor] = []
    innermost = [module for module in network.modules() if isinstance(module, Hourglass)][-1].inner
    hook = innermost.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
    with torch.no_grad():
        for i, crop in enumerate(crops):
            image = torch.from_numpy(crop).permute(2, 0, 1).float() / 255 - torch.tensor(mean)[:, None, None]
            network(image[None])
            np.save(folder / f"{i}.npy", caught.pop()[0].numpy())
    hook.remove()


class Files(Dataset[Tensor]):
    """A tensor a file."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.glob("*.npy"))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(np.load(self.paths[index]))


def autoencoder_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """One epoch over files, 16 at a time, with the study's noise."""
    for clean in DataLoader(Files(folder), batch_size=16, shuffle=True):
        noisy = clean + 0.1 * clean * torch.randn_like(clean)
        loss = F.mse_loss(model(noisy), clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def predict(network: nn.Module, crops: np.ndarray, mean: Sequence[float]) -> list[list[tuple[int, int]]]:
    """The highest cell (x, y) of every joint of crops (N, H, W, 3)."""
    images = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255 - torch.tensor(mean)[:, None, None]
    with torch.no_grad():
        maps = network(images).numpy()
    places = [[np.unravel_index(one.argmax(), one.shape) for one in person] for person in maps]
    return [[(int(x), int(y)) for y, x in person] for person in places]
