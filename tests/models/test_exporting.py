"""ONNX graphs compute what the network does."""

from __future__ import annotations

import functools
import logging
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shgae.models import exporting
from shgae.models.exporting import MapsAndCodes, to_onnx
from shgae.models.hourglass import StackedHourglass
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_hourglass

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

CODE, OTHER = AutoencoderSpec(width=8, code_size=5), AutoencoderSpec(width=8, code_size=7, output="relu")
SPECS = {
    "two stacks that share an autoencoder, original": HourglassSpec(
        3, 128, stacks=2, width=8, bottleneck=2, head="newell", grafts=(CODE, 0)
    ),
    "plain": HourglassSpec(3, 128, residual="newell", width=8),
    "three stacks, two autoencoders, one of them shared": HourglassSpec(
        3, 128, residual="newell", width=8, stacks=3, grafts=(CODE, OTHER, 0)
    ),
}
# Each takes torch several seconds; a single stack with its code is exported by the stage's tests, and every graph is
# run next to torch before it is written.
every_network = pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in SPECS])


@functools.cache
def exported(name: str) -> tuple[StackedHourglass, MapsAndCodes, onnx.ModelProto]:
    """A network, its wrapper and its graph; making one takes seconds."""
    model = trained(SPECS[name])
    network = MapsAndCodes(model)
    return model, network, to_onnx(network, 128)


def trained(spec: HourglassSpec) -> StackedHourglass:
    """Weights as after a training: no two of them are equal, as all scales and means of a new batch norm are."""
    model = build_hourglass(spec, seed=2)
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                    tensor += 0.2 * torch.rand(tensor.shape, generator=random)
    return model.eval()


def wanted(model: StackedHourglass, images: Tensor, sites: tuple[int, ...]) -> list[Tensor]:
    """Maps and codes by the long way: a pass for the maps, and one for each code."""
    with torch.inference_mode():
        codes = [model.hourglass(stack).graft.encode(model.bottleneck(images, stack)) for stack in sites]
        return [model(images), *codes]


@every_network
def test_onnxruntime_gives_the_maps_and_codes_of_torch_for_any_number_of_images(name: str) -> None:
    model, network, graph = exported(name)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    assert [output.name for output in session.get_outputs()] == list(network.outputs)
    for count in (1, 3, 8):
        images = torch.rand(count, 3, 128, 128, generator=torch.Generator().manual_seed(count)) - 0.4
        outputs = wanted(model, images, network.sites)
        assert all(output.abs().max() > 0 for output in outputs)
        for mine, theirs in zip(outputs, session.run(None, {"images": images.numpy()}), strict=True):
            assert mine.shape == theirs.shape
            np.testing.assert_allclose(theirs, mine.numpy(), rtol=0, atol=1e-4 * mine.abs().max())


@every_network
def test_the_graph_has_every_weight_once_and_nothing_of_this_machine(name: str) -> None:
    _, network, graph = exported(name)
    onnx.checker.check_model(graph, full_check=True)
    data = graph.SerializeToString()
    for trace in (__file__, exporting.__file__, torch.__file__, "stack_trace", "forward"):
        assert trace.encode() not in data
    # Two linear layers for each site; a code that is computed a second time for its own sake would be a third.
    assert [node.op_type for node in graph.graph.node].count("Gemm") == 2 * len(network.sites)
    names = [tensor.name for tensor in graph.graph.initializer if "to_code.weight" in tensor.name]
    assert len(names) == sum(isinstance(graft, AutoencoderSpec) for graft in SPECS[name].grafts)


@pytest.mark.parametrize(
    ("grafts", "outputs"),
    [
        ((None, None), ("maps",)),
        ((CODE, None), ("maps", "code")),
        ((None, CODE), ("maps", "code")),
        ((CODE, OTHER), ("maps", "code_0", "code_1")),
        ((CODE, 0), ("maps", "code_0", "code_1")),
    ],
)
def test_a_code_has_the_number_of_its_stack_where_there_are_several(
    grafts: tuple[AutoencoderSpec | int | None, ...], outputs: tuple[str, ...], images: Tensor
) -> None:
    spec = HourglassSpec(3, 128, residual="newell", width=8, stacks=2, grafts=grafts)
    model = trained(spec)
    network = MapsAndCodes(model)
    assert network.outputs == outputs
    assert not network.training
    with torch.inference_mode():
        found = network(images)
    assert len(found) == len(outputs)
    for mine, theirs in zip(wanted(model, images, network.sites), found, strict=True):
        assert torch.equal(mine, theirs)


def test_only_the_two_needless_warnings_are_kept_back(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(exporting._REGISTRY)
    logger.addHandler(caplog.handler)
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            with exporting._without_needless_warnings():
                warnings.warn("`isinstance(treespec, LeafSpec)` is deprecated, use ...", FutureWarning, stacklevel=1)
                warnings.warn("something else is deprecated", FutureWarning, stacklevel=1)
                logger.warning("torchvision is not installed. Skipping %s", "torchvision::nms")
                logger.warning("something else is not installed")
            logger.warning("torchvision is not installed. Said by somebody else")
    finally:
        logger.removeHandler(caplog.handler)
    assert [str(one.message) for one in told] == ["something else is deprecated"]
    messages = dict.fromkeys(record.getMessage() for record in caplog.records)
    assert list(messages) == [
        "something else is not installed",
        "torchvision is not installed. Said by somebody else",
    ]
