"""Every choice of the method: one frozen dataclass a stage, and the two recipes that fill them.

``original`` is the original study as it was done; ``improved`` (the default) differs in the fields that :data:`RECIPES`
names, each of which is an option of its own. A docstring under a field is its option's help; the ``Limit`` in its
annotation is enforced.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from shgae.config import Config, Count, Epochs, Limit, Natural, Parsed, Rate, Samples, Share, Stored, to_stored
from shgae.option_lists import ARMS_EXAMPLE, chosen_arms, cluster_range, code_sizes, component_numbers, wanted_parts
from shgae.recipe_parts import PARTS, AugmentConfig, CompareConfig, DetectionConfig, RegularisationConfig, ShowConfig
from shgae.recipe_parts import Decode as Decode
from shgae.recipe_parts import DecodeConfig as DecodeConfig
from shgae.recipe_parts import Exif as Exif
from shgae.recipe_parts import HeatmapConfig as HeatmapConfig
from shgae.recipe_parts import PrepareConfig as PrepareConfig

RecipeName = Literal["original", "improved"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
CellRule = Literal["round", "floor"]
"""Which cell a joint falls on, see :func:`shgae.data.heatmaps.cells`."""
Stack = Literal["last", "all", "0", "1", "2", "3", "4", "5", "6", "7"]
"""Stacks (hourglasses) of a network: one, counted from 0, the last one, or all of them."""
OneStack = Literal["last", "0", "1", "2", "3", "4", "5", "6", "7"]
"""One stack (hourglass) of a network, counted from 0, or the last one."""
EvaluatedSplit = Literal["auto", "train", "val", "test"]
"""A split, or test where there is one and val elsewhere."""
JOINT_MISMATCH = Stored("joints", {"error": "same", "reset": "new-head"})
"""How manifests, and command lines of before, spell --joint-mismatch."""


@dataclass(frozen=True)
class FitConfig(Config):
    """What the three trainings share."""

    epochs: Epochs = 50
    """Passes over the training split."""
    batch_size: Samples = 16
    """Samples a step, over all processes together."""
    micro_batches: Samples = 1
    """Micro-batches of a step: batch normalisation sees them one by one; their gradients add up."""
    optimizer: Literal["rmsprop", "adam", "sgd"] = "rmsprop"
    """Update rule: rmsprop (alpha 0.99), adam (0.9, 0.999) or sgd (momentum 0.9)."""
    lr: Rate = 1e-3
    """First learning rate; with the cosine schedule the highest one."""
    schedule: Literal["plateau", "halve", "cosine"] = "cosine"
    """Learning rate over epochs: plateau multiplies by 0.2 once, after 5 epochs without a better validation score;
    halve halves every 25 epochs; cosine falls smoothly to 1 % over the run, after a short warm-up."""
    shuffle: bool = True
    """Draw a new order of the samples every epoch."""
    precision: Precision = "auto"
    """Floating-point format of both passes; auto: what the hardware multiplies natively (bf16, fp16, else fp32)."""
    limit: Count | None = None
    """Use only the first N samples of each split."""
    seed: Natural = 0
    """Seed of weights, data order and noise."""


@dataclass(frozen=True)
class ModelConfig(Config):
    """Shape of a new hourglass."""

    residual: Literal["original", "newell"] = "original"
    """Residual block: the original study's (3x3 convolution on every shortcut) or Newell's (identity, 5 x cheaper)."""
    stacks: Annotated[int, Limit(1, 8)] = 1
    """Number of hourglasses in series, each with its own maps and loss."""
    width: Annotated[int, Limit(4, 1024, step=4)] = 256
    """Channels of the network and of its 4 x 4 bottleneck."""


@dataclass(frozen=True)
class FinetuneConfig(HeatmapConfig, AugmentConfig, RegularisationConfig, FitConfig):
    """An hourglass, grafted or not, and crops -> the same network, trained on."""

    epochs: Epochs = 15
    lr: Rate = 5e-4
    trainable: Annotated[Literal["all", "decoder", "autoencoder", "head"], Stored("train")] = "all"
    """What learns: all, all after the bottleneck (decoder), the autoencoders, or the heads; the rest is frozen."""
    joint_mismatch: Annotated[Literal["error", "match", "reset"], JOINT_MISMATCH] = "error"
    """Data of other joints than the model's: refuse (error), keep channels of equal names (match), or reset all."""


@dataclass(frozen=True)
class TrainConfig(ModelConfig, HeatmapConfig, AugmentConfig, RegularisationConfig, FitConfig):
    """Crops -> baseline hourglass."""


@dataclass(frozen=True)
class ExtractConfig(Config):
    """An hourglass and crops -> bottleneck tensors."""

    stack: Stack = "last"
    """Stack (hourglass): its number from 0, the last one, or all of them."""
    dtype: Literal["fp32", "fp16"] = "fp32"
    """Floating-point format on disk."""
    batch_size: Samples = 32
    """Crops in one forward pass."""
    precision: Precision = "auto"
    """Floating-point format of the forward pass; auto: what the hardware multiplies natively (bf16, fp16, or fp32)."""
    limit: Count | None = None
    """Use only the first N samples of each split."""


@dataclass(frozen=True)
class AutoencoderConfig(FitConfig):
    """Bottleneck tensors -> autoencoder."""

    epochs: Epochs = 100
    optimizer: Literal["rmsprop", "adam", "sgd"] = "adam"
    lr: Rate = 3e-4
    code_size: Annotated[int, Limit(1, 4096)] = 50
    """Dimension of the code."""
    stack: Stack = "last"
    """Which stack's bottlenecks to learn: its number from 0, the last one, or all (one autoencoder, shared)."""
    decoder_output: Literal["identity", "relu"] = "identity"
    """What follows the decoder's last layer; a relu cannot reach the negative half of the bottleneck."""
    noise: Annotated[float, Limit(0, 1000)] = 0.1
    """Strength of the training noise: x becomes x + noise * x * e with e ~ N(0, 1); the target stays x."""


@dataclass(frozen=True)
class ScoredConfig(Config):
    """What every step that scores people on a split has."""

    split: EvaluatedSplit = "auto"
    """Which split to score; auto is test, or val where there is none."""
    batch_size: Samples = 32
    """Crops in one forward pass."""
    precision: Precision = "auto"
    """Floating-point format of the forward pass; auto: what the hardware multiplies natively (bf16, fp16, or fp32)."""
    limit: Count | None = None
    """Use only the first N people of each split."""
    seed: Natural = 0
    """Seed of everything that is drawn at random, such as the photos for intervals."""


@dataclass(frozen=True)
class EvaluateConfig(DecodeConfig, ScoredConfig):
    """Models and crops -> scores, intervals, predictions; the original study's PCK stays that of the highest cells."""

    resamples: Annotated[int, Limit(100, 1_000_000), Stored("draws")] = 10_000
    """Bootstrap resamples of photos for the intervals."""


@dataclass(frozen=True)
class PredictConfig(DetectionConfig, DecodeConfig):
    """A model and photos -> joints."""

    decode: Decode = "quarter"
    min_score: Annotated[float, Limit(0, 1)] = 0.1
    """Joints with a map lower than this share of a perfect one are drawn hollow, and limbs to them thin."""
    overlays: bool = True
    """Draw the joints on a copy of every photo."""
    exif: Exif = "refuse"
    """Photos that EXIF says to turn: take the stored pixels (ignore); turn them, boxes and results being of the upright
    photo (apply); or ignore it where the sizes in the JSON show that, and else end with an error (refuse)."""
    batch_size: Samples = 32
    """Crops in one forward pass."""
    precision: Precision = "auto"
    """Floating-point format of the forward pass; auto: what the hardware multiplies natively (bf16, fp16, or fp32)."""
    limit: Count | None = None
    """Use only the first N photos (with boxes: of those that have one)."""


@dataclass(frozen=True)
class StudyConfig(HeatmapConfig, AugmentConfig, FitConfig):
    """A trained hourglass and crops -> arms that are fine-tuned equally, compared on the same people."""

    arms: Annotated[str, Parsed(chosen_arms, ARMS_EXAMPLE)] = "none,random,pca,frozen,full"
    """Which to compare, with commas: none, no autoencoder; random, a random one; pca, a linear one that starts as the
    principal components; frozen, a pre-trained one in a frozen trunk; full, a pre-trained one, all free; wide, the same
    with a code of 4,096; dropout and weight-decay, no autoencoder but this regulariser; none+augment and full+augment,
    with --augment none: those two with --arm-augment."""
    margin: Annotated[float, Limit(0, 100, above=True)] = 1.0
    """Equivalence margin: the smallest difference between arms, in points of PCK, that matters."""
    seeds: Annotated[int, Limit(1, 1000)] = 5
    """Number of repeats per arm, each with the next seed, the same one for all arms."""
    other_seeds: Annotated[int, Limit(1, 1000)] | None = None
    """The same for arms that are not in the primary comparison, if fewer."""
    code_sizes: Annotated[str, Parsed(code_sizes, "5,10,25,50,100,400")] = ""
    """Sizes of the code with which arm full is repeated, with commas, such as 5,10,25,50,100,400."""
    code_seeds: Annotated[int, Limit(1, 1000)] = 1
    """How many seeds these repetitions have."""
    arm_dropout: Annotated[float, Limit(0, 0.9)] = 0.1
    """Dropout in the bottleneck of arm dropout."""
    arm_weight_decay: Share = 0.05
    """Weight decay of arm weight-decay."""
    arm_augment: Literal["newell", "strong"] = "newell"
    """Augmentation of the arms none+augment and full+augment; that of all others is --augment."""
    epochs: Epochs = 15
    lr: Rate = 5e-4
    seed: Natural = 0
    """First seed of weights, data order and noise."""
    code_size: Annotated[int, Limit(1, 4096)] = 50
    """Dimension of the code."""
    decoder_output: Literal["identity", "relu"] = "identity"
    """What follows the autoencoder's last layer; a relu cannot reach the negative half of the bottleneck."""
    ae_epochs: Epochs = 100
    """Epochs of pre-training the autoencoder."""
    ae_batch_size: Samples = 16
    """Bottlenecks a step of pre-training."""
    ae_optimizer: Literal["rmsprop", "adam", "sgd"] = "adam"
    """Update rule of pre-training."""
    ae_lr: Rate = 3e-4
    """First learning rate of pre-training; with the cosine schedule the highest one."""
    ae_schedule: Literal["plateau", "halve", "cosine"] = "cosine"
    """Learning rate of pre-training over epochs, as for fine-tuning."""
    ae_shuffle: bool = True
    """Draw a new order of the bottlenecks every epoch of pre-training."""
    noise: Annotated[float, Limit(0, 1000)] = 0.1
    """Strength of the noise in pre-training: x becomes x + noise * x * e with e ~ N(0, 1); the target stays x."""

    def finetuning(self, seed: int, trainable: Literal["all", "autoencoder"]) -> FinetuneConfig:
        """How every arm is fine-tuned with a seed, but for what learns."""
        shared = {f.name: getattr(self, f.name) for f in dataclasses.fields(FinetuneConfig) if hasattr(self, f.name)}
        return FinetuneConfig(**shared | {"seed": seed, "trainable": trainable})

    def pretraining(self, seed: int) -> AutoencoderConfig:
        """How the autoencoder is pre-trained with a seed."""
        own = {name[3:]: value for name, value in vars(self).items() if name.startswith("ae_")}
        shared = {name: getattr(self, name) for name in ("code_size", "decoder_output", "noise", "precision")}
        return AutoencoderConfig(**own, **shared, seed=seed)


@dataclass(frozen=True)
class SpliceConfig(ScoredConfig):
    """A model and crops -> what replacements of the bottleneck cost."""

    stack: OneStack = "last"
    """Stack (hourglass) of the bottleneck: its number from 0, or the last one."""


@dataclass(frozen=True)
class RateConfig(SpliceConfig):
    """A model, activations and crops -> PCK against the number of principal components that pass the bottleneck."""

    components: Annotated[str, Parsed(component_numbers, "0,1,10,100"), Stored("ks")] = (
        "0,1,2,5,10,20,50,100,200,500,1000,2000,4096"
    )
    """Numbers of components, with commas, at most the bottleneck's size; near the autoencoder's PCK more are tried."""


@dataclass(frozen=True)
class AnalyzeConfig(SpliceConfig):
    """Activations, a model, crops and an autoencoder -> what the bottleneck holds and where the pose lives."""

    parts: Annotated[str, Parsed(wanted_parts, "all")] = "all"
    """Which parts, with commas: spectrum, clusters, traversals, skips, code-units; all does what the inputs allow."""
    clusters: Annotated[str, Parsed(cluster_range, "2-10")] = "2-10"
    """Numbers of clusters to try, from-to."""
    traversals: Annotated[int, Limit(0, 10), Stored("walks")] = 3
    """Principal components to traverse, of the bottleneck and of the code; 0 to 10."""
    unit_people: Annotated[int, Limit(2, 1_000_000), Stored("tried")] = 200
    """People of the split on whom the units of the code are tried, one unit after another."""


@dataclass(frozen=True)
class ReportConfig(Config):
    """Artefacts -> one page."""

    title: str = "What shgae found"
    """Heading of the page."""
    people: Annotated[int, Limit(0, 24)] = 4
    """How many people of an evaluation are drawn of each sort (best, worst, most gained, most lost); 0 draws none."""
    between: str = "first,last"
    """Two models of an evaluation between which people are compared, by name, with a comma between."""


@dataclass(frozen=True)
class Recipe:
    """One config for every stage."""

    prepare: PrepareConfig = field(default_factory=PrepareConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    extract: ExtractConfig = field(default_factory=ExtractConfig)
    pretrain_ae: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    predict: PredictConfig = field(default_factory=PredictConfig)
    splice: SpliceConfig = field(default_factory=SpliceConfig)
    rate: RateConfig = field(default_factory=RateConfig)
    analyze: AnalyzeConfig = field(default_factory=AnalyzeConfig)
    study: StudyConfig = field(default_factory=StudyConfig)
    compare: CompareConfig = field(default_factory=CompareConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    show: ShowConfig = field(default_factory=ShowConfig)


_IMPROVED: dict[str, Any] = {"augment": "auto"}
"""Not the default of the field: a manifest of before there was augmentation lacks it, and means none
(:data:`NEUTRAL`)."""
_ORIGINAL_MAPS: dict[str, Any] = {"peak": "mass", "sigma_visible": 0.5, "sigma_hidden": 1.0, "unlabelled": "empty"}
_ORIGINAL_POSE: dict[str, Any] = _ORIGINAL_MAPS | {"lr": 2.5e-4, "schedule": "plateau", "precision": "fp32"}
_ORIGINAL_AE: dict[str, Any] = {"optimizer": "sgd", "lr": 5e-4, "schedule": "halve", "shuffle": False}

RECIPES: Mapping[RecipeName, Recipe] = {
    "improved": Recipe(
        train=TrainConfig(**_IMPROVED), finetune=FinetuneConfig(**_IMPROVED), study=StudyConfig(**_IMPROVED)
    ),
    "original": Recipe(
        prepare=PrepareConfig(crop_policy="inside", split_by="crop"),
        train=TrainConfig(**_ORIGINAL_POSE),
        pretrain_ae=AutoencoderConfig(**_ORIGINAL_AE, decoder_output="relu", precision="fp32"),
        finetune=FinetuneConfig(**_ORIGINAL_POSE),
        extract=ExtractConfig(precision="fp32"),
        evaluate=EvaluateConfig(precision="fp32"),
        predict=PredictConfig(decode="argmax", precision="fp32"),
        splice=SpliceConfig(precision="fp32"),
        rate=RateConfig(precision="fp32"),
        analyze=AnalyzeConfig(precision="fp32"),
        study=StudyConfig(
            **_ORIGINAL_POSE, **{f"ae_{name}": value for name, value in _ORIGINAL_AE.items()}, decoder_output="relu"
        ),
        show=ShowConfig(**_ORIGINAL_MAPS),
    ),
}
"""The two recipes. Numbers of ``original``: the original study's text and published material (docs/recipes.md)."""

NEUTRAL: Mapping[str, Any] = {
    **{"micro_batches": 1, "max_bad_photos": 0, "context": 1.0, "square": "study", "augment": "none"},
    **{"hold_out_val": 0, "centres": "cell", "weight_decay": 0.0, "dropout": 0.0, "exif": "refuse", "rescore": False},
    **dict.fromkeys(("category", "nms", *PARTS)),
}
"""Options that came later, with the value that was meant before there was a choice."""
NEUTRAL_OF: Mapping[type, Mapping[str, Any]] = {EvaluateConfig: {"decode": "argmax", "flip_test": False}}
"""Those of one step alone; others had them before."""


def as_json(config: Config) -> dict[str, Any]:
    """A config as the flat JSON object that manifests keep: without :data:`NEUTRAL`, so equal runs keep their id."""
    neutral = {**NEUTRAL, **NEUTRAL_OF.get(type(config), {})}
    return {key: value for key, value in to_stored(config).items() if key not in neutral or value != neutral[key]}
