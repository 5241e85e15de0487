"""Configs and parts of them that stand below the recipes: crops, targets, decoding, regularisation, augmentation.

Of the presets of an augmentation, ``newell`` has the ranges of Newell et al. 2016 (1603.06937, section 3.1), drawn
uniformly; their code draws from a clipped normal, leaves 60 % of the crops unrotated, and colours by 0.6 to 1.4.
``strong`` takes rotation, scale and half-body from HRNet's COCO configs (1902.09212), the hiding rectangle from
RTMPose's second stage (2303.07399, ``CoarseDropout``); a shift of a tenth is milder than MMPose's 0.16.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from shgae.config import Config, Count, Limit, Natural, Share
from shgae.errors import Refused

Decode = Literal["quarter", "argmax", "dark"]
Preset = Literal["auto", "none", "newell", "strong"]
Exif = Literal["ignore", "apply", "refuse"]


@dataclass(frozen=True)
class PrepareConfig(Config):
    """Photos and COCO JSON -> crops."""

    crop_size: Literal[256, 128] = 256
    """Side of a crop in pixels; heatmaps have a quarter of it."""
    crop_policy: Literal["pad", "inside"] = "pad"
    """pad keeps every person and fills what lies outside the photo with the mean colour; inside shifts, then shrinks
    the square to stay in the photo, and drops a person if the labelled joints no longer fit."""
    margin: Annotated[float, Limit(0, 100)] = 0.1
    """Growth of the square around box and labelled joints (0.1 = 10 %)."""
    context: Annotated[float, Limit(1, 3)] = 1.0
    """Side of the square that is stored, in sides of the crop: above 1, rotation and scaling in training bring in what
    lies around the crop; everything else sees the crop alone, the same to the bit."""
    square: Literal["study", "mpii", "coco"] = "study"
    """Square of a person: the original study's; MPII's (250 px x scale around the centre); or COCO's (1.25 x the box).
    The last two pad, with a margin of 0.25: --crop-policy and --margin belong to the first."""
    hold_out: Natural = 0
    """People moved from train to a test split of their own; whole photos move, so there may be a few more."""
    hold_out_val: Natural = 0
    """The same for a validation split, of those that are left: for data of one JSON."""
    split_by: Literal["photo", "crop"] = "photo"
    """Hold out whole photos, or single crops (then people of one photo fall into train and test)."""
    bad_people: Literal["refuse", "drop"] = "refuse"
    """What to do about a labelled person with a broken box or joint: end with an error, or drop and list it."""
    max_bad_photos: Natural = 0
    """Photos that may be missing, torn or of another size than the JSON says: their people are dropped and listed."""
    exif: Exif = "refuse"
    """Photos that EXIF says to turn: take the stored pixels, as COCO does (ignore); turn them, where boxes and joints
    are of the upright photo (apply); or ignore it where the JSON's sizes show that, and end with an error where they
    do not (refuse)."""
    category: str | None = None
    """Name of the category of the people, where several have keypoints."""
    limit: Count | None = None
    """Use only the first N people of each split."""
    seed: Natural = 0
    """Seed of the hold-out draw."""


NARROWEST = 0.125
"""Cells: a target Gaussian between cells of a smaller sigma would end before the next cell."""


@dataclass(frozen=True)
class HeatmapConfig(Config):
    """Joints -> target maps."""

    peak: Literal["one", "mass"] = "one"
    """Scale of a target Gaussian: its highest cell is 1 (one), or its cells sum to 1, roughly at borders (mass)."""
    sigma_visible: Annotated[float, Limit(0, 1000, above=True)] = 2.0
    """Standard deviation for a visible joint (v = 2), in heatmap cells."""
    sigma_hidden: Annotated[float, Limit(0, 1000, above=True)] = 2.0
    """Standard deviation for a labelled but hidden joint (v = 1), in heatmap cells."""
    unlabelled: Literal["masked", "empty"] = "masked"
    """Joints without a label (v = 0) or outside the crop: left out of the loss, or trained towards an empty map."""
    centres: Literal["cell", "subpixel"] = "cell"
    """Centre of a target Gaussian: the joint's cell, or the joint's own place between cells."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Refused` also for a Gaussian so narrow that it fits between cells."""
        super().__post_init__()
        for option, sigma in (("--sigma-visible", self.sigma_visible), ("--sigma-hidden", self.sigma_hidden)):
            if self.centres == "subpixel" and sigma < NARROWEST:
                why = f"with --centres subpixel it must be at least {NARROWEST:g}, but is {sigma:g}"
                raise Refused("value", option, why, f"{option} {NARROWEST:g}, or --centres cell")


@dataclass(frozen=True)
class DecodeConfig(Config):
    """Maps -> joints."""

    decode: Decode = "argmax"
    """Place of a joint in its map: the highest cell (argmax); that moved a quarter of a cell towards the higher
    neighbour on either axis (quarter); or the peak of the Gaussian that the map around it looks like (dark)."""
    flip_test: bool = False
    """Average the maps of the crop and of its mirror image."""


@dataclass(frozen=True)
class DetectionConfig(Config):
    """Joints of the people that a detector found -> results."""

    rescore: bool = False
    """Score a person as HRNet and Simple Baselines do: the detector's score x the mean score of the joints that are
    above 0.2 of a perfect map; without it, x the mean score of all joints."""
    nms: Annotated[float, Limit(0, 1, above=True)] | None = None
    """OKS above which, of two people of a photo, only the one of the higher score is kept (0.9 in HRNet)."""


@dataclass(frozen=True)
class CompareConfig(Config):
    """Predictions of arms on one split -> a study's report."""

    split: Literal["auto", "train", "val", "test"] = "auto"
    """Which split the predictions are of; auto is test, or val where there is none."""
    margin: Annotated[float, Limit(0, 100, above=True)] = 1.0
    """Equivalence margin: the smallest difference, in points of PCK, that matters."""
    paired: bool = False
    """Whether the n-th runs of arms with equally many had one seed."""
    sd: Annotated[float, Limit(0, 100, above=True)] | None = None
    """Standard deviation of the difference of two runs, in points of PCK, known from before: for the minimum detectable
    difference."""
    limit: Count | None = None
    """Use only the first N people of the split."""


@dataclass(frozen=True)
class RegularisationConfig(Config):
    """What keeps a network from learning its training people by heart."""

    weight_decay: Share = 0.0
    """Share of each weight that a step takes off, times the learning rate, apart from the gradient (as AdamW does);
    biases and batch normalisation are left alone."""
    dropout: Annotated[float, Limit(0, 0.9)] = 0.0
    """Share of the numbers in the bottleneck that a training step sets to 0, the others growing to make up for it."""


@dataclass(frozen=True)
class AugmentConfig(Config):
    """Random changes of the training crops; none by default, where ``shgae train`` has the improved recipe's ``auto``.

    In Python start from a recipe: ``dataclasses.replace(RECIPES["improved"].train, epochs=20)``.
    """

    augment: Preset = "none"
    """Preset of random changes of the training crops, new ones every epoch: none; newell (rotation 30, scale 0.25,
    flip 0.5, colour 0.2); strong (rotation 45, scale 0.35, flip 0.5, translation 0.1, colour 0.2, half-body 0.3,
    occlusion 0.5); auto is newell, without flip where no mirror pairs are known. Each part can be set by its own
    option too; 0 switches it off."""
    rotation: Annotated[float, Limit(0, 180)] | None = None
    """Largest rotation about the crop's centre, in degrees, either way."""
    scale: Annotated[float, Limit(0, 0.9)] | None = None
    """Largest change of size: 0.25 shows the person at 0.75 to 1.25 times the size."""
    flip: Share | None = None
    """Probability of a mirror image; mirror pairs of the skeleton change places."""
    translation: Share | None = None
    """Largest shift along either axis, as a share of the crop's side."""
    colour: Share | None = None
    """Largest change of brightness of each colour channel: 0.2 multiplies by 0.8 to 1.2."""
    half_body: Share | None = None
    """Probability of moving the crop to the upper or the lower body, of people with enough labelled joints."""
    occlusion: Share | None = None
    """Probability of a rectangle of the mean colour, 0.2 to 0.4 of the crop's side long and wide."""


@dataclass(frozen=True)
class ShowConfig(HeatmapConfig, AugmentConfig):
    """Crops, and maybe predictions -> a sheet of pictures."""

    split: Literal["auto", "train", "val", "test"] = "auto"
    """Which split to draw; auto is train, or with predictions test, or val where there is none."""
    people: Annotated[int, Limit(1, 64)] = 16
    """How many people to draw: those that the seed draws, or with predictions those with the largest errors."""
    targets: bool = False
    """Draw everybody's target maps too, as a training with these options makes them."""
    dropped: bool = False
    """List why people were left out."""
    limit: Count | None = None
    """Use only the first N people of the split."""
    seed: Natural = 0
    """Seed of the people that are drawn, and of the random changes: those of a training with this seed."""


ConfigT = TypeVar("ConfigT", bound=AugmentConfig)

PARTS = tuple(field.name for field in dataclasses.fields(AugmentConfig) if field.name != "augment")
"""Options that are parts of an augmentation."""

AUTO: Preset = "newell"
"""What ``auto`` stands for: the best of the three by measurement, see docs/results.md."""
PRESETS: Mapping[Preset, Mapping[str, float]] = {
    "none": {},
    "newell": {"rotation": 30.0, "scale": 0.25, "flip": 0.5, "colour": 0.2},
    "strong": {
        "rotation": 45.0,
        "scale": 0.35,
        "flip": 0.5,
        "translation": 0.1,
        "colour": 0.2,
        "half_body": 0.3,
        "occlusion": 0.5,
    },
}
"""Parts of the presets; those not named are 0."""


def with_parts(config: ConfigT) -> ConfigT:
    """A config in which every part has a number: its own, or the preset's.

    Where all of them are 0, it becomes the config without augmentation, so that equal trainings have equal configs.
    """
    name = AUTO if config.augment == "auto" else config.augment
    preset = PRESETS[name]
    own = {part: getattr(config, part) for part in PARTS}
    parts: dict[str, Any] = {part: preset.get(part, 0.0) if value is None else value for part, value in own.items()}
    if not any(parts.values()):
        return dataclasses.replace(config, augment="none", **dict.fromkeys(PARTS))
    return dataclasses.replace(config, augment=name, **parts)


def augment_in_words(named: Mapping[str, Any]) -> str:
    """The preset of a config's fields by name, or none, and the parts that differ from it: ``newell, rotation 10``."""
    name = named.get("augment", "none")
    preset = PRESETS.get(name, {})
    own = [f"{part} {named[part]:g}" for part in PARTS if named.get(part) not in (None, preset.get(part, 0.0))]
    return ", ".join((str(name), *own))
