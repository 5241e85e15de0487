"""shgae: does an autoencoder in the bottleneck earn its place in a Stacked Hourglass?

Importing this package imports neither torch nor numpy; its functions do, when called (torch only those of models).
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers read it: a Ctrl-C while typing is imported would show a traceback
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from shgae.artifacts.activation_splits import ActivationSplits
    from shgae.models.autoencoder import Autoencoder
    from shgae.models.hourglass import StackedHourglass

__version__ = "0.1.0"
__all__ = ["__version__", "open_activations", "open_autoencoder", "open_model", "write_reconstruction"]


def open_model(path: str | Path) -> StackedHourglass:
    """Opens an hourglass artefact or run directory (then its best model), in eval mode, on the CPU, in float32.

    The result maps images (N, 3, H, W), RGB in [0, 1] with the mean already subtracted, to heatmaps
    (N, S stacks, K keypoints, H / 4, W / 4); ``.bottleneck(images, stack=-1)`` gives (N, 256, 4, 4).

    Raises:
        shgae.errors.Refused: the path is not a complete hourglass artefact, or a file of it was changed.
    """
    from pathlib import Path

    from shgae.inference.torch_settings import settled
    from shgae.models.zoo import load_hourglass

    with settled():
        return load_hourglass(Path(path)).module


def open_autoencoder(path: str | Path) -> Autoencoder:
    """Opens an autoencoder artefact, in eval mode: ``encode`` (N, 256, 4, 4) -> (N, 50), ``decode`` back.

    ``shgae splice`` computes with weights in ``torch.channels_last``; moved there, equal batches give equal bits.

    Raises:
        shgae.errors.Refused: the path is not a complete autoencoder artefact, or a file of it was changed.
    """
    from pathlib import Path

    from shgae.inference.torch_settings import settled
    from shgae.models.zoo import load_autoencoder

    with settled():
        return load_autoencoder(Path(path)).module


def open_activations(path: str | Path, *, stack: int | None = None, data: str | Path | None = None) -> ActivationSplits:
    """Opens activations as a mapping of splits, at the last stack that they hold or at another.

    Of each split, ``read(rows)`` gives bottlenecks (n, C, 4, 4) float32; it has ``shape`` (N, C, 4, 4), ``mean``
    (C, 4, 4), and the people's ``annotation_id`` (N,) and ``photo_id`` (N,), which are read from the prepared data.

    Args:
        path: the folder that ``shgae extract`` made.
        stack: counted from 0.
        data: the prepared data, where it does not lie where it lay when the activations were made.

    Raises:
        shgae.errors.Refused: the path is not complete activations, or not of that stack, or a file was changed.
    """
    from pathlib import Path

    from shgae.artifacts.activation_splits import open_splits

    return open_splits(Path(path).absolute(), stack, None if data is None else Path(data).absolute())


def write_reconstruction(path: str | Path, bottleneck: Any, annotation_id: Any, activations: ActivationSplits) -> None:
    """Writes reconstructions of bottlenecks by any method, for ``--given NAME=FILE`` of splice and rate.

    Args:
        path: the file, replaced if there is one, its folder made if there is none; ``.safetensors`` by custom.
        bottleneck: (N, C, 4, 4) numbers, in any form that numpy takes; stored as float32.
        annotation_id: (N,) to which people they belong: of one split, each once, in any order, by their
            ``activations[SPLIT].annotation_id``.
        activations: of :func:`open_activations`; what they are reconstructions of.

    Raises:
        shgae.errors.Refused: shapes or ids do not fit the activations, or a number is not finite, or not as float32.
        shgae.errors.DiskError: the file cannot be written.
    """
    from shgae.artifacts.reconstructions import write_reconstruction as write

    write(path, bottleneck, annotation_id, activations)
