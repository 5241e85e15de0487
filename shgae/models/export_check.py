"""Whether an ONNX file computes what torch does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from shgae.arrays import Array
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.exporting import INPUT, MapsAndCodes
from shgae.models.zoo import LoadedHourglass

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
"""What the extra ``onnx`` brings."""
TOLERANCE = 1e-4
"""How far an output may be from torch's, as a share of torch's largest value."""
BATCHES = (1, 2, 5)
"""Numbers of images that a file is checked with."""
_SEED = 0


@dataclass(frozen=True)
class Checked:
    """One comparison with torch."""

    batch: int
    """Images at once, N."""
    differences: Mapping[str, float]
    """Output -> its largest difference, as a share of the largest value that torch gives."""


def check(data: bytes, network: MapsAndCodes, loaded: LoadedHourglass, execution: Execution) -> tuple[Checked, ...]:
    """Holds the very bytes that will be written to the format, and to torch.

    Raises:
        Refused: an output is not finite, or differs from torch's by more than :data:`TOLERANCE` of its largest value.
        Interrupted: a signal came.
    """
    import onnx
    import onnxruntime

    onnx.checker.check_model(data, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    random = torch.Generator().manual_seed(_SEED)
    mean = torch.tensor(loaded.mean_rgb)[:, None, None]
    checked = []
    for batch in BATCHES:
        images = torch.rand(batch, 3, loaded.crop_size, loaded.crop_size, generator=random) - mean
        with torch.inference_mode():
            wanted = dict(zip(network.outputs, (tensor.numpy() for tensor in network(images)), strict=True))
        found = dict(zip(wanted, session.run(list(wanted), {INPUT: images.numpy()}), strict=True))
        differences = {name: _difference(name, wanted[name], found[name], loaded) for name in wanted}
        checked.append(Checked(batch, differences))
        execution.progress.advance(facts=f"differs by {max(differences.values()):.1e} with a batch of {batch}")
        execution.stop.raise_if_set("export", "the same command again", saved=False)
    return tuple(checked)


def _difference(name: str, wanted: Array, found: Array, loaded: LoadedHourglass) -> float:
    where = loaded.artifact.path
    if not np.isfinite(wanted).all():
        why = f"its output {name} holds numbers that are not finite"
        raise Refused("model", where, why, "a model that did not diverge in training")
    if found.shape != wanted.shape:
        difference = math.inf
    else:
        # The code of dead units is all zeros: then the plain difference counts.
        difference = float(np.abs(found - wanted).max() / (np.abs(wanted).max() or 1))
    if not difference <= TOLERANCE:
        why = f"output {name} in a batch of {len(wanted)} is off torch's by {difference:.2g} of its largest value"
        fix = f"other versions of {', '.join(PACKAGES)} or torch"
        raise Refused("export", where, f"{why}, {TOLERANCE:g} is allowed", fix)
    return difference
