"""The names that other people gave to our tensors: one table a family of weight files.

A table translates our names to theirs, so that whatever is missing or left over is reported in the words of the
file. To add a family: its table, how its names begin, its sizes as a spec, and what its networks were trained on;
nothing else changes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shgae.errors import Refused
from shgae.models.specs import AutoencoderSpec, HourglassSpec
from shgae.recipes import CellRule, HeatmapConfig
from shgae.skeleton import COCO_PERSON, MPII_PERSON, Skeleton

Shapes = Mapping[str, tuple[int, ...]]
Table = tuple[tuple[str, str], ...]
"""Pairs of a regular expression over our names and its replacement, applied one after another."""


@dataclass(frozen=True)
class Upbringing:
    """What the hourglasses of a family were trained on, which their files do not tell."""

    skeleton: Skeleton
    """The joints of the family's own training set, in the order of its maps."""
    mean_rgb: tuple[float, float, float]
    """What it takes off its RGB images in [0, 1]."""
    crop_policy: Literal["pad", "inside"]
    """What it does where a square leaves the photo."""
    margin: float
    """By how much its squares are larger than the person, as a share."""
    heatmap: HeatmapConfig | None
    """Its target maps; None where that differs from file to file."""
    cell_rule: CellRule = "round"
    """Which cell of a map a joint falls on."""


@dataclass(frozen=True)
class CheckpointFormat:
    """How one family of weight files names its tensors."""

    family: str
    """What a person calls it."""
    known_by: str
    """How some names begin in every file of this family, and in no other family's."""
    table: Table
    """From our names to theirs."""
    spec: Callable[[Shapes], HourglassSpec | AutoencoderSpec]
    """Sizes from the shapes of a file's tensors, by their names; raises KeyError or IndexError for lack of one."""
    upbringing: Upbringing | None = None
    """None for autoencoders, which know neither joints nor colours."""
    unused: Callable[[Shapes], Shapes] = lambda _: {}
    """From the tensors that we want, by their names, to those next to them that are not used by any forward pass."""

    def name(self, ours: str) -> str:
        for pattern, replacement in self.table:
            ours = re.sub(pattern, replacement, ours)
        return ours


@dataclass(frozen=True)
class Declined:
    """A kind of weight file that is known and not taken."""

    known_by: str
    """A regular expression that the beginning of some name in it fits."""
    why: str
    fix: str


_STUDY_HOURGLASS: Table = (
    # Within a residual; from the third batch normalisation to the first, since theirs count from "input".
    (r"\.bn1\.(?=\w+$)", ".input_bn."),
    (r"\.bn2\.(?=\w+$)", ".bn1."),
    (r"\.bn3\.(?=\w+$)", ".bn2."),
    (r"\.shortcut\.", ".branch_cov."),
    (r"^stem\.conv\.", "pre_conv1."),
    (r"^stem\.bn\.", "bn_pre."),
    (r"^stem\.before_pool\.", "pre_residual1."),
    (r"^stem\.after_pool\.0\.", "pre_residual2."),
    (r"^stem\.after_pool\.1\.", "pre_residual3."),
    (r"^stacks\.0\.hourglass\.", "hourglasses.0."),
    (r"^(hourglasses\.0\.)skips\.", r"\1branch_cov."),
    (r"^(hourglasses\.0\.)downs\.", r"\1encoder_residuals."),
    (r"^(hourglasses\.0\.)bottleneck\.", r"\1bottlenecks."),
    (r"^(hourglasses\.0\.)ups\.", r"\1decoder_residuals."),
    (r"^stacks\.0\.head\.features\.", "last_res."),
    (r"^stacks\.0\.head\.maps\.0\.", "last_conv_1."),
    (r"^stacks\.0\.head\.maps\.1\.", "bn_last."),
    (r"^stacks\.0\.head\.maps\.3\.", "last_conv_2."),
)
_STUDY_AUTOENCODER: Table = (
    (r"to_code\.", "encoder_linear.0."),
    (r"from_code\.", "decoder_linear.0."),
)
_STUDY_GRAFTED: Table = (
    (r"^stacks\.0\.hourglass\.graft\.", "AE_model."),
    *_STUDY_AUTOENCODER,
    *_STUDY_HOURGLASS,
    (r"^(?!AE_model\.)", "SHG_model."),
)
_BEARPAW: Table = (
    (r"\.shortcut\.", ".downsample.0."),
    (r"^stem\.conv\.", "conv1."),
    (r"^stem\.bn\.", "bn1."),
    (r"^stem\.before_pool\.", "layer1.0."),
    (r"^stem\.after_pool\.0\.", "layer2.0."),
    (r"^stem\.after_pool\.1\.", "layer3.0."),
    # hg.STACK.hg.LEVEL.PLACE.0, the lowest level is 0; the places: skip, way down, way up, and one more at the lowest.
    (r"^stacks\.(\d)\.hourglass\.", r"hg.\1.hg."),
    *((rf"^(hg\.\d\.hg\.)skips\.{i}\.", rf"\g<1>{3 - i}.0.0.") for i in range(4)),
    *((rf"^(hg\.\d\.hg\.)downs\.{i}\.", rf"\g<1>{3 - i}.1.0.") for i in range(4)),
    (r"^(hg\.\d\.hg\.)bottleneck\.0\.", r"\g<1>0.3.0."),
    (r"^(hg\.\d\.hg\.)bottleneck\.1\.", r"\g<1>0.2.0."),
    *((rf"^(hg\.\d\.hg\.)ups\.{i}\.", rf"\g<1>{i + 1}.2.0.") for i in range(3)),
    (r"^stacks\.(\d)\.head\.features\.0\.", r"res.\1.0."),
    (r"^stacks\.(\d)\.head\.features\.1\.", r"fc.\1.0."),
    (r"^stacks\.(\d)\.head\.features\.2\.", r"fc.\1.1."),
    (r"^stacks\.(\d)\.head\.maps\.", r"score.\1."),
    (r"^stacks\.(\d)\.merge\.features\.", r"fc_.\1."),
    (r"^stacks\.(\d)\.merge\.maps\.", r"score_.\1."),
)
_PRINCETON: Table = (
    (r"\.(conv[123])\.(?=\w+$)", r".\1.conv."),
    (r"\.shortcut\.", ".skip_layer.conv."),
    (r"^stem\.conv\.", "pre.0.conv."),
    (r"^stem\.bn\.", "pre.0.bn."),
    (r"^stem\.before_pool\.", "pre.1."),
    (r"^stem\.after_pool\.0\.", "pre.3."),
    (r"^stem\.after_pool\.1\.", "pre.4."),
    # Each level holds the next one as its low2; the last low2 and low3 are the bottleneck.
    (r"^stacks\.(\d)\.hourglass\.", r"hgs.\1.0."),
    *((rf"^(hgs\.\d\.0\.)skips\.{i}\.", rf"\g<1>{'low2.' * i}up1.") for i in range(4)),
    *((rf"^(hgs\.\d\.0\.)downs\.{i}\.", rf"\g<1>{'low2.' * i}low1.") for i in range(4)),
    (r"^(hgs\.\d\.0\.)bottleneck\.0\.", rf"\g<1>{'low2.' * 4}"),
    (r"^(hgs\.\d\.0\.)bottleneck\.1\.", rf"\g<1>{'low2.' * 3}low3."),
    *((rf"^(hgs\.\d\.0\.)ups\.{i}\.", rf"\g<1>{'low2.' * (2 - i)}low3.") for i in range(3)),
    (r"^stacks\.(\d)\.head\.features\.0\.", r"features.\1.0."),
    (r"^stacks\.(\d)\.head\.features\.1\.", r"features.\1.1.conv."),
    (r"^stacks\.(\d)\.head\.features\.2\.", r"features.\1.1.bn."),
    (r"^stacks\.(\d)\.head\.maps\.", r"outs.\1.conv."),
    (r"^stacks\.(\d)\.merge\.features\.", r"merge_features.\1.conv.conv."),
    (r"^stacks\.(\d)\.merge\.maps\.", r"merge_preds.\1.conv.conv."),
)


def _size(shapes: Shapes, *places: tuple[str, int]) -> int:
    """What most of these tensors have on these axes, so that one that is lost or misshapen is told by its own name."""
    told = [shapes[name][axis] for name, axis in places if len(shapes.get(name, ())) > axis]
    if not told:
        raise KeyError(places[0][0])
    return max(told, key=told.count)


def _channels(shapes: Shapes, convolution: str, *beside: str) -> int:
    """What leaves a convolution, told by its weight, its bias, and others with as many channels."""
    names = (f"{convolution}.weight", f"{convolution}.bias", *beside)
    return _size(shapes, *((name, 0) for name in names))


def _count(shapes: Shapes, prefix: str) -> int:
    """How many there are of ``PREFIX0.``, ``PREFIX1.`` and so on."""
    numbers = {name.removeprefix(prefix).partition(".")[0] for name in shapes if name.startswith(prefix)}
    return next(n for n in itertools.count() if str(n) not in numbers)


def _study_hourglass(shapes: Shapes, prefix: str = "") -> HourglassSpec:
    keypoints = _channels(shapes, f"{prefix}last_conv_2", f"{prefix}bn_last.weight")
    return HourglassSpec(keypoints, width=_channels(shapes, f"{prefix}pre_conv1", f"{prefix}bn_pre.weight"))


def _study_autoencoder(shapes: Shapes, prefix: str = "") -> AutoencoderSpec:
    names = (("encoder.0.weight", 1), ("decoder.4.weight", 1), ("decoder.4.bias", 0))
    width = _size(shapes, *((f"{prefix}{name}", axis) for name, axis in names))
    names = (("encoder_linear.0.weight", 0), ("encoder_linear.0.bias", 0), ("decoder_linear.0.weight", 1))
    code_size = _size(shapes, *((f"{prefix}{name}", axis) for name, axis in names))
    return AutoencoderSpec(width=width, code_size=code_size, output="relu")


def _study_grafted(shapes: Shapes) -> HourglassSpec:
    return _study_hourglass(shapes, "SHG_model.").with_graft(_study_autoencoder(shapes, "AE_model."))


def _newell(shapes: Shapes, *, trunk: Sequence[tuple[str, str]], maps: Sequence[str]) -> HourglassSpec:
    """Newell's network, told by convolutions and batch norms of its trunk and the last convolution of each stack."""
    *stem, width = (_channels(shapes, convolution, norm) for convolution, norm in trunk)
    others = (f"{name}.{part}" for name in maps[1:] for part in ("weight", "bias"))
    keypoints = _channels(shapes, maps[0], *others)
    return HourglassSpec(
        keypoints, residual="newell", stacks=len(maps), width=width, stem=tuple(stem), bottleneck=2, head="newell"
    )


def _bearpaw(shapes: Shapes) -> HourglassSpec:
    blocks = _count(shapes, "hg.0.hg.0.0.")
    if blocks > 1:
        raise Refused("residuals", "the file", f"it has {blocks} at every place of the hourglass, only 1 is taken")
    trunk = (
        ("conv1", "bn1.weight"),
        ("layer1.0.conv3", "layer2.0.bn1.weight"),
        ("layer2.0.conv3", "layer3.0.bn1.weight"),
        ("layer3.0.conv3", "res.0.0.bn1.weight"),
    )
    return _newell(shapes, trunk=trunk, maps=[f"score.{stack}" for stack in range(_count(shapes, "hg."))])


def _princeton(shapes: Shapes) -> HourglassSpec:
    trunk = (
        ("pre.0.conv", "pre.0.bn.weight"),
        ("pre.1.conv3.conv", "pre.3.bn1.weight"),
        ("pre.3.conv3.conv", "pre.4.bn1.weight"),
        ("pre.4.conv3.conv", "features.0.0.bn1.weight"),
    )
    return _newell(shapes, trunk=trunk, maps=[f"outs.{stack}.conv" for stack in range(_count(shapes, "hgs."))])


def _princeton_unused(wanted: Shapes) -> Shapes:
    """Every residual has a convolution for its shortcut; where widths agree, it is made and saved and never called."""
    unused: dict[str, tuple[int, ...]] = {}
    for name, shape in wanted.items():
        block, is_block, _ = name.partition(".bn1.weight")
        if is_block and f"{block}.skip_layer.conv.weight" not in wanted:
            unused[f"{block}.skip_layer.conv.weight"] = (*shape, *shape, 1, 1)
            unused[f"{block}.skip_layer.conv.bias"] = shape
    return unused


_STUDY = Upbringing(
    skeleton=COCO_PERSON,
    mean_rgb=(0.4103, 0.3741, 0.3536),
    crop_policy="inside",
    margin=0.1,
    heatmap=HeatmapConfig(peak="mass", sigma_visible=0.5, sigma_hidden=1.0, unlabelled="empty"),
)
# MPII's scale is a person's height / 200 px; both take squares of 250 px times that scale, black beyond the photo.
_MPII_BY_BEARPAW = Upbringing(
    skeleton=MPII_PERSON,
    mean_rgb=(0.4404, 0.4440, 0.4327),  # anibali's Mpii.DATA_INFO; bearpaw's color_normalize divides by nothing
    crop_policy="pad",
    margin=0.25,
    heatmap=None,  # sigma and shape are options of its training
    cell_rule="floor",  # transform() ends in astype(int); final_preds() adds half a cell
)
_MPII_BY_PRINCETON = Upbringing(
    skeleton=MPII_PERSON,
    mean_rgb=(0.0, 0.0, 0.0),  # its data/MPII/dp.py divides by 255 and leaves it at that
    crop_policy="pad",
    margin=0.25,
    heatmap=HeatmapConfig(peak="one", sigma_visible=1.0, sigma_hidden=1.0, unlabelled="empty"),
    cell_rule="floor",  # GenerateHeatmap takes int(pt); its test adds half a cell
)

CHECKPOINT_FORMATS = (
    CheckpointFormat("the study's hourglass", "pre_conv1.", _STUDY_HOURGLASS, _study_hourglass, _STUDY),
    CheckpointFormat("the study's autoencoder", "encoder_linear.", _STUDY_AUTOENCODER, _study_autoencoder),
    CheckpointFormat("the study's grafted hourglass", "SHG_model.", _STUDY_GRAFTED, _study_grafted, _STUDY),
    CheckpointFormat(
        "bearpaw/pytorch-pose or anibali/pytorch-stacked-hourglass", "hg.0.hg.", _BEARPAW, _bearpaw, _MPII_BY_BEARPAW
    ),
    CheckpointFormat(
        "princeton-vl/pytorch_stacked_hourglass",
        "hgs.0.0.",
        _PRINCETON,
        _princeton,
        _MPII_BY_PRINCETON,
        _princeton_unused,
    ),
)

OWN = "stem.conv."
"""How some names of every hourglass of ours begin."""

DECLINED = (
    Declined(
        r"(backbone\.)?hourglass_modules\.",
        "MMPose's hourglass, which keeps 512 x 2 x 2 at its bottleneck and not the 256 x 4 x 4 of the method",
        "a file of one of the other families that shgae import --help names",
    ),
    Declined(
        r"(model\.)?(stem\.(conv|bn)\.|stacks\.0\.(hourglass|head)\.|(to|from)_code\.)",
        "weights under shgae's own names, which do not say joints, mean colour and crop size",
        "--like MODEL, the model that they were tuned from; or, not tuned, the folder that holds them, as MODEL",
    ),
)
