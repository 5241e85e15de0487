"""An hourglass as an ONNX graph: one more way to wire finished modules, what torch's exporter makes of it, and whether
that computes the same.

The packages of the extra ``onnx`` are imported where they are used: nothing else needs them.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from shgae.arrays import Array
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.models.autoencoder import Autoencoder
from shgae.models.hourglass import StackedHourglass
from shgae.models.zoo import LoadedHourglass

if TYPE_CHECKING:
    import onnx

INPUT, MAPS, CODE = "images", "maps", "code"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
"""What the extra ``onnx`` brings."""
TOLERANCE = 1e-4
"""How far an output may be from torch's, as a share of torch's largest value."""
BATCHES = (1, 2, 5)
"""Numbers of images that a file is checked with."""
_SEED = 0
_REGISTRY = "torch.onnx._internal.exporter._registration"


class MapsAndCodes(nn.Module):
    """An hourglass that also tells the code of every autoencoder in it."""

    def __init__(self, model: StackedHourglass) -> None:
        """Wraps a finished network; nothing is copied."""
        super().__init__()
        self.model = model
        self.training = model.training
        graft = [model.hourglass(stack).graft for stack in range(len(model.stacks))]
        self.sites = tuple(stack for stack, one in enumerate(graft) if isinstance(one, Autoencoder))
        """The stacks that carry an autoencoder, their own or a shared one."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what :meth:`forward` returns: maps, and code; with several sites code_0, code_1, by stack."""
        if len(self.sites) == 1:
            return (MAPS, CODE)
        return (MAPS, *(f"{CODE}_{stack}" for stack in self.sites))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W), RGB in [0, 1] minus the mean -> maps (N, S, K, H / 4, W / 4), codes (N, code_size)."""
        maps, codes = [], []
        for stack, output in enumerate(self.model.passes(images)):
            maps.append(output.maps)
            if stack in self.sites:
                codes.append(cast(Autoencoder, self.model.hourglass(stack).graft).encode(output.bottleneck))
        return torch.stack(maps, dim=1), *codes


def to_onnx(network: MapsAndCodes, crop_size: int) -> onnx.ModelProto:
    """The network as one ONNX graph, weights inside, for any number of images at once.

    Its input is "images", (batch, 3, crop_size, crop_size) float32; its outputs are :attr:`MapsAndCodes.outputs`.
    Equal networks give equal graphs: what the exporter writes of this machine (paths, stack traces) is taken out.

    Args:
        network: in eval mode, float32, on the CPU.
        crop_size: rows and columns of the images.

    Raises:
        ImportError: onnx or onnxscript is not installed.
    """
    with _without_needless_warnings():
        program = torch.onnx.export(
            network,
            # Two images: the exporter takes a size of 1 for a constant.
            (torch.zeros(2, 3, crop_size, crop_size),),
            dynamo=True,
            external_data=False,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[INPUT],
            output_names=network.outputs,
            verbose=False,
        )
    graph = cast("torch.onnx.ONNXProgram", program).model_proto
    _forget_this_machine(graph.graph)
    return graph


@contextmanager
def _without_needless_warnings() -> Iterator[None]:
    """Keeps two things from the user that no user can change: torchvision is not part of it, and torch's own past."""

    def is_needed(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("torchvision is not installed")

    logger = logging.getLogger(_REGISTRY)
    logger.addFilter(is_needed)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            yield
    finally:
        logger.removeFilter(is_needed)


def _forget_this_machine(graph: onnx.GraphProto) -> None:
    graph.ClearField("metadata_props")
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def check(
    data: bytes, network: MapsAndCodes, loaded: LoadedHourglass, execution: Execution
) -> dict[int, dict[str, float]]:
    """Holds the very bytes that will be written to the format, and to torch.

    Returns:
        Images at once, N -> output -> its largest difference, as a share of the largest value that torch gives.

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
    checked = {}
    for batch in BATCHES:
        images = torch.rand(batch, 3, loaded.crop_size, loaded.crop_size, generator=random) - mean
        with torch.inference_mode():
            wanted = dict(zip(network.outputs, (tensor.numpy() for tensor in network(images)), strict=True))
        found = dict(zip(wanted, session.run(list(wanted), {INPUT: images.numpy()}), strict=True))
        checked[batch] = {name: _difference(name, wanted[name], found[name], loaded) for name in wanted}
        execution.progress.advance(facts=f"differs by {max(checked[batch].values()):.1e} with a batch of {batch}")
        execution.stop.raise_if_set("export", "the same command again", saved=False)
    return checked


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
