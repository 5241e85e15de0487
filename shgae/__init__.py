"""shgae: does an autoencoder in the bottleneck earn its place in a Stacked Hourglass?

Importing this package imports no torch; :func:`open_model` and :func:`open_autoencoder` do, when called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shgae.models.autoencoder import Autoencoder
    from shgae.models.hourglass import StackedHourglass

__version__ = "0.1.0"
__all__ = ["__version__", "open_autoencoder", "open_model"]


def open_model(path: str | Path) -> StackedHourglass:
    """Opens an hourglass artefact or run directory (then its best model), in eval mode, on the CPU, in float32.

    The result maps images (N, 3, H, W), RGB in [0, 1] with the mean already subtracted, to heatmaps
    (N, S stacks, K keypoints, H / 4, W / 4); ``.bottleneck(images, stack=-1)`` gives (N, 256, 4, 4).

    Raises:
        shgae.errors.Refused: the path is not a complete hourglass artefact, or a file of it was changed.
    """
    from shgae.models.zoo import load_hourglass

    return load_hourglass(Path(path)).module


def open_autoencoder(path: str | Path) -> Autoencoder:
    """Opens an autoencoder artefact, in eval mode: ``encode`` (N, 256, 4, 4) -> (N, 50), ``decode`` back.

    Raises:
        shgae.errors.Refused: the path is not a complete autoencoder artefact, or a file of it was changed.
    """
    from shgae.models.zoo import load_autoencoder

    return load_autoencoder(Path(path)).module
