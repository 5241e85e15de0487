"""Other people's names: every network survives them bit for bit, and means what its own code computed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from shgae.errors import Refused
from shgae.models.checkpoint_formats import CHECKPOINT_FORMATS, CheckpointFormat
from shgae.models.foreign import translate
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.models.zoo import build_hourglass, load_state, tensor_shapes
from shgae.recipes import RECIPES

HOURGLASS, AUTOENCODER, GRAFTED, BEARPAW, PRINCETON = CHECKPOINT_FORMATS

Weights = dict[str, np.ndarray[Any, Any]]
Maps = tuple[list[Tensor], Tensor]
"""The maps of each stack, and the last stack's bottleneck."""


def fill(name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """A tensor with numbers of its own."""
    numbers = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    if name.endswith("num_batches_tracked"):
        return np.array(zlib.crc32(name.encode()))
    if name.endswith("running_var"):
        return np.exp(0.1 * numbers).astype(np.float32)
    return (numbers / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


# ---- Round trips ----

widths = st.sampled_from([4, 8, 12])
even = st.integers(1, 6).map(lambda half: 2 * half)


@st.composite
def networks(draw: st.DrawFn) -> tuple[CheckpointFormat, HourglassSpec | AutoencoderSpec]:
    """A family and a network that it can hold, of any sizes."""
    checkpoint_format = draw(st.sampled_from(CHECKPOINT_FORMATS))
    width, keypoints = draw(widths), draw(st.integers(1, 5))
    code = AutoencoderSpec(width=width, code_size=draw(st.integers(1, 9)), output="relu")
    if checkpoint_format is AUTOENCODER:
        return checkpoint_format, code
    if checkpoint_format is HOURGLASS or checkpoint_format is GRAFTED:
        plain = HourglassSpec(keypoints, width=width)
        return checkpoint_format, plain.with_graft(code) if checkpoint_format is GRAFTED else plain
    stem = draw(st.tuples(even, even, even))
    stacks = draw(st.integers(1, 3))
    return checkpoint_format, HourglassSpec(
        keypoints, residual="newell", stacks=stacks, width=width, stem=stem, bottleneck=2, head="newell"
    )


def written(checkpoint_format: CheckpointFormat, spec: HourglassSpec | AutoencoderSpec) -> tuple[Weights, Weights]:
    """A network's tensors by our names, and the file that this family would have written of it."""
    ours = {name: fill(name, shape) for name, shape in tensor_shapes(spec).items()}
    theirs = {checkpoint_format.name(name): array for name, array in ours.items()}
    assert len(theirs) == len(ours), "two tensors got one name"
    if checkpoint_format is PRINCETON:
        for block in {name.removesuffix(".bn1.weight") for name in theirs if name.endswith(".bn1.weight")}:
            width = len(theirs[f"{block}.bn1.weight"])
            theirs.setdefault(f"{block}.skip_layer.conv.weight", fill(block, (width, width, 1, 1)))
            theirs.setdefault(f"{block}.skip_layer.conv.bias", fill(block, (width,)))
    return ours, theirs


@settings(max_examples=15)
@given(networks(), st.randoms())
def test_every_network_comes_back_bit_for_bit(
    network: tuple[CheckpointFormat, HourglassSpec | AutoencoderSpec], random: Any
) -> None:
    checkpoint_format, spec = network
    ours, theirs = written(checkpoint_format, spec)
    shuffled = random.sample(sorted(theirs), len(theirs))
    found = translate({name: theirs[name] for name in shuffled}, "x.pth")
    assert (found.family, found.spec) == (checkpoint_format.family, spec)
    assert list(found.arrays) == list(ours)
    assert all(np.array_equal(found.arrays[name], array) for name, array in ours.items())
    assert len(found.dropped) == len(theirs) - len(ours)


@settings(max_examples=24)
@given(networks(), st.sampled_from(["drop", "add", "reshape"]), st.data())
def test_whichever_tensor_is_lost_added_or_misshapen_is_named(
    network: tuple[CheckpointFormat, HourglassSpec | AutoencoderSpec], fault: str, data: st.DataObject
) -> None:
    checkpoint_format, spec = network
    ours, theirs = written(checkpoint_format, spec)
    unused = theirs.keys() - {checkpoint_format.name(name) for name in ours}
    victim = data.draw(st.sampled_from(sorted(theirs.keys() - unused if fault == "drop" else theirs)))
    if fault == "drop":
        del theirs[victim]
    elif fault == "add":
        near = data.draw(st.sampled_from([f"{victim}.more", victim.replace("conv", "bent"), "hg.7.x", "hgs.5.0.x"]))
        victim = f"{near}.new" if near in theirs else near
        theirs[victim] = np.zeros(3, np.float32)
    else:
        axes = theirs[victim].shape
        axis = data.draw(st.integers(0, len(axes)))
        shape = (*axes, 1) if axis == len(axes) else (*axes[:axis], axes[axis] + 1, *axes[axis + 1 :])
        theirs[victim] = np.zeros(shape, np.float32)
    with pytest.raises(Refused) as refused:
        translate(theirs, "x.pth")
    line = refused.value.line()
    # Only the weight and the bias of its last convolution tell how many joints a single stack has: when they disagree,
    # nobody can say which is wrong, and the other one may be named.
    names = {victim}
    if isinstance(spec, HourglassSpec) and spec.stacks == 1 and victim in ("score.0.weight", "outs.0.conv.weight"):
        names.add(victim.replace("weight", "bias"))
    assert any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w|\.\w)", line) for name in names)


# ---- What the networks compute, written down once more from their published code ----


class File(Weights):
    """The weights of a network that is being run for the first time: each is made when it is asked for."""

    def conv(self, x: Tensor, name: str, channels: int, size: int = 1, stride: int = 1) -> Tensor:
        weight = self._made(f"{name}.weight", channels, x.shape[1], size, size)
        return F.conv2d(x, weight, self._made(f"{name}.bias", channels), stride, size // 2)

    def norm(self, x: Tensor, name: str) -> Tensor:
        parts = ("running_mean", "running_var", "weight", "bias")
        mean, variance, weight, bias = (self._made(f"{name}.{part}", x.shape[1]) for part in parts)
        self._made(f"{name}.num_batches_tracked")
        return F.batch_norm(x, mean, variance, weight, bias)

    def _made(self, name: str, *shape: int) -> Tensor:
        self[name] = fill(name, shape)
        return torch.from_numpy(self[name])


def bearpaw(file: File, x: Tensor, stem: tuple[int, int, int], width: int, keypoints: int, stacks: int) -> Maps:
    def block(x: Tensor, name: str, channels: int = width) -> Tensor:
        shortcut = x if x.shape[1] == channels else file.conv(x, f"{name}.downsample.0", channels)
        x = file.conv(file.norm(x, f"{name}.bn1").relu(), f"{name}.conv1", channels // 2)
        x = file.conv(file.norm(x, f"{name}.bn2").relu(), f"{name}.conv2", channels // 2, 3)
        return file.conv(file.norm(x, f"{name}.bn3").relu(), f"{name}.conv3", channels) + shortcut

    def hourglass(x: Tensor, name: str, level: int) -> tuple[Tensor, Tensor]:
        skip = block(x, f"{name}.hg.{level}.0.0")
        x = block(F.max_pool2d(x, 2), f"{name}.hg.{level}.1.0")
        bottleneck = x
        if level:
            x, bottleneck = hourglass(x, name, level - 1)
        else:
            x = block(x, f"{name}.hg.{level}.3.0")
        x = block(x, f"{name}.hg.{level}.2.0")
        return skip + F.interpolate(x, scale_factor=2), bottleneck if level else x

    x = file.norm(file.conv(x, "conv1", stem[0], 7, 2), "bn1").relu()
    x = F.max_pool2d(block(x, "layer1.0", stem[1]), 2)
    x = block(block(x, "layer2.0", stem[2]), "layer3.0")
    maps = []
    for stack in range(stacks):
        y, bottleneck = hourglass(x, f"hg.{stack}", 3)
        y = file.norm(file.conv(block(y, f"res.{stack}.0"), f"fc.{stack}.0", width), f"fc.{stack}.1").relu()
        maps.append(file.conv(y, f"score.{stack}", keypoints))
        if stack < stacks - 1:
            x = x + file.conv(y, f"fc_.{stack}", width) + file.conv(maps[-1], f"score_.{stack}", width)
    return maps, bottleneck


def princeton(file: File, x: Tensor, stem: tuple[int, int, int], width: int, keypoints: int, stacks: int) -> Maps:
    def block(x: Tensor, name: str, channels: int = width) -> Tensor:
        projected = file.conv(x, f"{name}.skip_layer.conv", channels)
        shortcut = x if x.shape[1] == channels else projected
        x = file.conv(file.norm(x, f"{name}.bn1").relu(), f"{name}.conv1.conv", channels // 2)
        x = file.conv(file.norm(x, f"{name}.bn2").relu(), f"{name}.conv2.conv", channels // 2, 3)
        return file.conv(file.norm(x, f"{name}.bn3").relu(), f"{name}.conv3.conv", channels) + shortcut

    def hourglass(x: Tensor, name: str, levels: int) -> tuple[Tensor, Tensor]:
        up1 = block(x, f"{name}.up1")
        low1 = block(F.max_pool2d(x, 2), f"{name}.low1")
        if levels > 1:
            low2, bottleneck = hourglass(low1, f"{name}.low2", levels - 1)
            low3 = block(low2, f"{name}.low3")
        else:
            low3 = bottleneck = block(block(low1, f"{name}.low2"), f"{name}.low3")
        return up1 + F.interpolate(low3, scale_factor=2), bottleneck

    x = file.norm(file.conv(x, "pre.0.conv", stem[0], 7, 2), "pre.0.bn").relu()
    x = F.max_pool2d(block(x, "pre.1", stem[1]), 2)
    x = block(block(x, "pre.3", stem[2]), "pre.4")
    maps = []
    for stack in range(stacks):
        y, bottleneck = hourglass(x, f"hgs.{stack}.0", 4)
        y = file.conv(block(y, f"features.{stack}.0"), f"features.{stack}.1.conv", width)
        y = file.norm(y, f"features.{stack}.1.bn").relu()
        maps.append(file.conv(y, f"outs.{stack}.conv", keypoints))
        if stack < stacks - 1:
            merged = file.conv(maps[-1], f"merge_preds.{stack}.conv.conv", width)
            x = x + merged + file.conv(y, f"merge_features.{stack}.conv.conv", width)
    return maps, bottleneck


@torch.no_grad()
@pytest.mark.parametrize("stem", [(4, 6, 8), (4, 6, 6), (8, 8, 8)])
@pytest.mark.parametrize("stacks", [1, 3])
@pytest.mark.parametrize(
    ("checkpoint_format", "run"), [(BEARPAW, bearpaw), (PRINCETON, princeton)], ids=["bearpaw", "princeton"]
)
def test_the_import_computes_what_their_own_code_computes(
    checkpoint_format: CheckpointFormat, run: Callable[..., Maps], stem: tuple[int, int, int], stacks: int
) -> None:
    file = File()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(5)) - 0.5
    maps, bottleneck = run(file, images, stem, 8, 3, stacks)
    found = translate(file, "x.pth")
    assert found.family == checkpoint_format.family
    assert isinstance(found.spec, HourglassSpec)
    assert (found.spec.stacks, found.spec.keypoints, found.spec.width, found.spec.stem) == (stacks, 3, 8, stem)
    model = build_hourglass(found.spec).eval()
    load_state(model, found.arrays, "x.pth")
    torch.testing.assert_close(model(images), torch.stack(maps, 1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.bottleneck(images), bottleneck, rtol=1e-4, atol=1e-4)


# ---- Single facts ----


@pytest.mark.parametrize(
    ("our_name", "their_name"),
    [
        ("stem.after_pool.1.bn2.running_var", "pre_residual3.bn1.running_var"),
        ("stacks.0.hourglass.skips.2.shortcut.weight", "hourglasses.0.branch_cov.2.branch_cov.weight"),
        ("stacks.0.hourglass.bottleneck.0.bn1.bias", "hourglasses.0.bottlenecks.0.input_bn.bias"),
        ("stacks.0.head.maps.3.weight", "last_conv_2.weight"),
    ],
)
def test_the_studys_names_by_example(our_name: str, their_name: str) -> None:
    assert HOURGLASS.name(our_name) == their_name
    assert GRAFTED.name(our_name) == f"SHG_model.{their_name}"


@pytest.mark.parametrize(
    ("our_name", "bearpaws", "princetons"),
    [
        ("stem.before_pool.shortcut.bias", "layer1.0.downsample.0.bias", "pre.1.skip_layer.conv.bias"),
        ("stacks.7.hourglass.skips.0.bn1.bias", "hg.7.hg.3.0.0.bn1.bias", "hgs.7.0.up1.bn1.bias"),
        (
            "stacks.1.hourglass.downs.3.conv2.bias",
            "hg.1.hg.0.1.0.conv2.bias",
            "hgs.1.0.low2.low2.low2.low1.conv2.conv.bias",
        ),
        ("stacks.0.hourglass.bottleneck.0.bn3.bias", "hg.0.hg.0.3.0.bn3.bias", "hgs.0.0.low2.low2.low2.low2.bn3.bias"),
        ("stacks.0.hourglass.bottleneck.1.bn3.bias", "hg.0.hg.0.2.0.bn3.bias", "hgs.0.0.low2.low2.low2.low3.bn3.bias"),
        ("stacks.0.hourglass.ups.2.bn3.bias", "hg.0.hg.3.2.0.bn3.bias", "hgs.0.0.low3.bn3.bias"),
        ("stacks.1.head.features.2.running_mean", "fc.1.1.running_mean", "features.1.1.bn.running_mean"),
        ("stacks.0.merge.maps.weight", "score_.0.weight", "merge_preds.0.conv.conv.weight"),
    ],
)
def test_the_names_of_the_others_by_example(our_name: str, bearpaws: str, princetons: str) -> None:
    assert BEARPAW.name(our_name) == bearpaws
    assert PRINCETON.name(our_name) == princetons


def test_a_file_without_the_convolutions_that_princeton_never_calls_is_taken_too() -> None:
    spec = HourglassSpec(2, residual="newell", width=8, stem=(4, 8, 8), bottleneck=2, head="newell")
    _, theirs = written(PRINCETON, spec)
    unused = translate(theirs, "x.pth").dropped
    assert all(".skip_layer.conv." in name for name in unused)
    assert "pre.1.skip_layer.conv.weight" not in unused and "pre.4.skip_layer.conv.bias" in unused
    lean = translate({name: array for name, array in theirs.items() if name not in unused}, "x.pth")
    assert (lean.spec, lean.dropped) == (spec, ())


@pytest.mark.parametrize("blocks", [2, 4, 8])
def test_bearpaws_deeper_variants_are_declined_and_counted(blocks: int) -> None:
    file = File()
    bearpaw(file, torch.zeros(1, 3, 64, 64), (4, 4, 8), 8, 2, 1)
    for name in [name for name in file if name.startswith("hg.0.hg.0.0.0.")]:
        file |= {name.replace("0.0.0.", f"0.0.{block}.", 1): file[name] for block in range(1, blocks)}
    with pytest.raises(Refused, match=f"it has {blocks} .*only 1"):
        translate(file, "x.pth")


def test_a_group_norm_variant_lacks_running_statistics_by_name() -> None:
    file = File()
    bearpaw(file, torch.zeros(1, 3, 64, 64), (4, 4, 8), 8, 2, 1)
    without = {name: array for name, array in file.items() if "running_" not in name and "num_" not in name}
    with pytest.raises(Refused, match="missing: bn1.running_mean, bn1.running_var"):
        translate(without, "x.pth")


def test_a_file_from_before_batches_were_counted_is_taken() -> None:
    ours, theirs = written(BEARPAW, HourglassSpec(2, residual="newell", width=8, bottleneck=2, head="newell"))
    old = {name: array for name, array in theirs.items() if not name.endswith("num_batches_tracked")}
    found = translate(old, "x.pth")
    assert found.arrays.keys() == ours.keys()
    assert found.arrays["stem.bn.num_batches_tracked"] == 0


def test_the_studys_targets_are_those_of_the_original_recipe() -> None:
    for checkpoint_format in (HOURGLASS, GRAFTED):
        assert checkpoint_format.upbringing and checkpoint_format.upbringing.heatmap
        targets = checkpoint_format.upbringing.heatmap
        assert all(getattr(RECIPES["original"].train, name) == value for name, value in vars(targets).items())


@pytest.mark.parametrize("levels", [3, 5])
@pytest.mark.parametrize(("form", "level"), [(BEARPAW, "hg.0.hg.{}.0.0."), (PRINCETON, "hgs.0.0.{}.")])
def test_an_hourglass_of_other_levels_is_told_by_their_number(form: CheckpointFormat, level: str, levels: int) -> None:
    spec = HourglassSpec(3, residual="newell", width=8, bottleneck=2, head="newell")
    names = {form.name(ours): np.zeros(shape, np.float32) for ours, shape in tensor_shapes(spec).items()}
    deepest = level.format(levels - 1 if form is BEARPAW else ".".join(["low2"] * levels))
    names = {name: array for name, array in names.items() if "low2." * 4 not in name and "hg.3." not in name}
    names |= {f"{deepest}bn1.weight": np.zeros(8, np.float32)}
    if form is BEARPAW and levels == 5:
        names["hg.0.hg.3.0.0.bn1.weight"] = np.zeros(8, np.float32)
    with pytest.raises(Refused, match=f"its hourglass has {levels} levels, only 4 are taken"):
        translate(names, "x.pth")
