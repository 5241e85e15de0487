"""``shgae export``: an hourglass -> one ONNX file that runs without shgae and without torch."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from shgae import __version__
from shgae.artifacts.disk_space import readable
from shgae.artifacts.durable import write_bytes
from shgae.artifacts.output_file import ONNX, check_file, make_room
from shgae.data import heatmaps
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.inference.torch_settings import settled
from shgae.models.exporting import BATCHES, PACKAGES, MapsAndCodes, check, to_onnx
from shgae.models.zoo import LoadedHourglass, load_hourglass

if TYPE_CHECKING:
    import onnx

_MOST_BYTES = 2_000_000_000
"""Of weights: one ONNX file without a second one for its weights holds 2 GiB."""


@dataclass(frozen=True)
class ExportResult:
    """A file that was checked and kept."""

    path: Path
    sha256: str
    size: int
    """Bytes."""
    model: str
    """Id of the hourglass inside."""
    inputs: Mapping[str, tuple[int | str, ...]]
    """Name -> shape; "batch" stands for any number of images."""
    outputs: Mapping[str, tuple[int | str, ...]]
    """Likewise."""
    checked: Mapping[int, Mapping[str, float]]
    """Images at once -> output -> its largest difference from torch's, as a share of torch's largest value."""

    def to_json(self) -> dict[str, Any]:
        return {
            "output": str(self.path),
            "sha256": self.sha256,
            "bytes": self.size,
            "model": self.model,
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "outputs": {name: list(shape) for name, shape in self.outputs.items()},
            "checked": [{"batch": batch, "differences": dict(found)} for batch, found in self.checked.items()],
        }


@settled()
def run(model: Path, output: Path, execution: Execution) -> ExportResult:
    """Writes the network as ONNX, if onnxruntime makes of it what torch does; equal models give equal files.

    The file's one input is "images" (N, 3, H, W) float32, RGB in [0, 1] minus the mean colour. Its outputs are "maps"
    (N, S, K, H / 4, W / 4) and, where autoencoders are grafted, what they make of the bottleneck: "code"
    (N, code_size), or "code_STACK" for each when there are several. The file tells its joints, mean colour, crop
    and model in its metadata.

    Args:
        model: an hourglass artefact or run directory (then its best weights).
        output: the file to make; its name ends in ``.onnx``.
        execution: force and progress. All is computed in float32 on the CPU.

    Raises:
        Refused: the extra ``onnx`` is not installed, the output exists or has another ending, the model is too large
            for one file or gives numbers that are not finite, or an output differs from torch's by more than 1e-4 of
            its largest value. Then nothing is left at ``output``.
        Interrupted: a signal came; nothing was written.
    """
    _check_packages()
    check_file(output, ONNX, execution.force, example="model")
    loaded = load_hourglass(model)
    network = MapsAndCodes(loaded.module)
    _check_size(network, model)
    make_room(output.parent, output.name)
    execution.progress.start("export", 1 + len(BATCHES), "steps")
    graph = to_onnx(network, loaded.crop_size)
    _describe(graph, loaded, network)
    execution.progress.advance(facts="translated")
    execution.stop.raise_if_set("export", "the same command again", saved=False)
    data = graph.SerializeToString(deterministic=True)
    checked = check(data, network, loaded, execution)
    check_file(output, ONNX, execution.force, example="model")  # once more: it may have been made since
    write_bytes(output, data)
    execution.progress.finish()
    shapes = _shapes(graph.graph.input), _shapes(graph.graph.output)
    return ExportResult(output, hashlib.sha256(data).hexdigest(), len(data), loaded.artifact.id, *shapes, checked)


def _check_packages() -> None:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        are = "packages {} are" if len(missing) > 1 else "package {} is"
        why = f"the {are.format(', '.join(missing))} not installed"
        raise Refused("export", "this environment", why, "pip install onnx onnxscript onnxruntime")


def _check_size(network: MapsAndCodes, where: Path) -> None:
    size = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    if size > _MOST_BYTES:
        why = f"its weights take {readable(size)}, one ONNX file holds {readable(_MOST_BYTES)}"
        raise Refused("model", where, why, "a model of fewer stacks or channels")


def _describe(graph: onnx.ModelProto, loaded: LoadedHourglass, network: MapsAndCodes) -> None:
    """Writes what a reader of the file alone needs to know; every value is a text, lists and the spec are JSON."""
    skeleton, facts = loaded.skeleton, loaded.artifact.facts
    about = {
        "joints": list(skeleton.names),
        "flip_pairs": [list(pair) for pair in skeleton.flip_pairs],
        "limbs": [list(limb) for limb in skeleton.limbs],
        "mean_rgb": list(loaded.mean_rgb),
        "crop_size": loaded.crop_size,
        "crop_policy": facts["crop_policy"],
        "margin": facts["margin"],
        **({"square": facts["square"]} if "square" in facts else {}),
        "stride": heatmaps.STRIDE,
        "cell_to_pixel": _rule(loaded),
        "model_id": loaded.artifact.id,
        "spec": loaded.spec.to_json(),
        "shgae_version": __version__,
    }
    for key, value in about.items():
        graph.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    graph.doc_string = " ".join(_explained(graph, loaded, network.sites))


def _rule(loaded: LoadedHourglass) -> str:
    # Read off the codec itself: xy_crop of the first cell and of the next.
    first, second = heatmaps.map_to_crop(torch.tensor([0, 1]), loaded.cell_rule).tolist()
    return f"{second - first:g} * cell + {first:g}"


def _explained(graph: onnx.ModelProto, loaded: LoadedHourglass, sites: Sequence[int]) -> Iterator[str]:
    """What goes in and what comes out, in words."""
    yield f"A Stacked Hourglass for {len(loaded.skeleton)} joints of one person, exported by shgae {__version__}."
    [(images, shape)] = _shapes(graph.graph.input).items()
    yield f"In: {images} {_spelled(shape)} float32: square crops, a person each, RGB in [0, 1] minus mean_rgb; 0 where"
    yield "the photo does not reach."
    (maps, shape), *codes = _shapes(graph.graph.output).items()
    yield f"Out: {maps} {_spelled(shape)} float32: batch, stacks, joints, rows, columns of heatmaps; the last stack's"
    yield "are the prediction. A joint lies where its map is highest: x (column) and y (row) of that cell are"
    yield f"{_rule(loaded)} in pixels of the crop."
    for (code, shape), stack in zip(codes, sites, strict=True):
        autoencoder = loaded.spec.autoencoder(stack)
        sign = "of either sign" if autoencoder and autoencoder.family == "linear" else "0 or more"
        yield f"Out: {code} {_spelled(shape)} float32, {sign}: the code of the autoencoder in stack {stack}, counted"
        yield "from 0."


def _spelled(shape: Sequence[int | str]) -> str:
    return f"({', '.join(map(str, shape))})"


def _shapes(values: Sequence[onnx.ValueInfoProto]) -> dict[str, tuple[int | str, ...]]:
    return {
        value.name: tuple(size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim)
        for value in values
    }
