"""Every choice of the method: one frozen dataclass a stage, and the two recipes that fill them.

``original`` is the study as it was done; ``improved`` (the default) differs in the fields that :data:`RECIPES`
names, each of which is an option of its own. A docstring under a field is the help text of its option.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

RecipeName = Literal["original", "improved"]
Precision = Literal["auto", "fp32", "bf16"]
Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Stack = Literal["last", "all", "0", "1", "2", "3", "4", "5", "6", "7"]
"""An hourglass of the row, counted from 0, the last one, or all of them."""
OneStack = Literal["last", "0", "1", "2", "3", "4", "5", "6", "7"]
"""An hourglass of the row, counted from 0, or the last one."""
EvaluatedSplit = Literal["auto", "train", "val", "test"]
"""A split, or test where there is one and val elsewhere."""


@dataclass(frozen=True)
class PrepareConfig:
    """Photos and COCO JSON -> crops."""

    crop_size: Literal[256, 128] = 256
    """Side of a crop in pixels; heatmaps have a quarter of it."""
    crop_policy: Literal["pad", "inside"] = "pad"
    """pad keeps every person and fills what lies outside the photo with the mean colour; inside shifts, then shrinks
    the square to stay in the photo, and drops a person whose labelled joints no longer fit."""
    margin: float = 0.1
    """Growth of the square around box and labelled joints (0.1 = 10 %)."""
    hold_out: int = 0
    """People moved from train to a test split of their own."""
    split_by: Literal["photo", "crop"] = "photo"
    """Hold out whole photos, or single crops (then people of one photo fall into train and test)."""
    bad_people: Literal["refuse", "drop"] = "refuse"
    """What to do about a labelled person with a broken box or joint: end with an error, or drop and list it."""
    max_bad_photos: int = 0
    """Photos that may be missing, torn or of another size than the JSON says: their people are dropped and listed."""
    limit: int | None = None
    """Use only the first N people of each split."""
    seed: int = 0
    """Seed of the hold-out draw."""


@dataclass(frozen=True)
class HeatmapConfig:
    """Joints -> target maps."""

    peak: Literal["one", "mass"] = "one"
    """Scale of a target Gaussian: its highest cell is 1 (one), or its cells sum to 1, roughly at borders (mass)."""
    sigma_visible: float = 2.0
    """Standard deviation for a visible joint (v = 2), in heatmap cells."""
    sigma_hidden: float = 2.0
    """Standard deviation for a labelled but hidden joint (v = 1), in heatmap cells."""
    unlabelled: Literal["masked", "empty"] = "masked"
    """Joints without a label (v = 0): left out of the loss, or trained towards an empty map."""


@dataclass(frozen=True)
class FitConfig:
    """What the three trainings share."""

    epochs: int = 50
    """Passes over the training split."""
    batch_size: int = 16
    """Samples a step, over all processes together."""
    micro_batches: int = 1
    """Portions of a step that batch normalisation sees one by one; their gradients add up."""
    optimizer: Literal["rmsprop", "adam", "sgd"] = "rmsprop"
    """Update rule: rmsprop (alpha 0.99), adam (0.9, 0.999) or sgd (momentum 0.9)."""
    lr: float = 1e-3
    """First learning rate; with the cosine schedule the highest one."""
    schedule: Literal["plateau", "halve", "cosine"] = "cosine"
    """Learning rate over epochs: plateau multiplies by 0.2 once, after 5 epochs without a better validation score;
    halve halves every 25 epochs; cosine falls smoothly to 1 % over the run, after a short warm-up."""
    shuffle: bool = True
    """Draw a new order of the samples every epoch."""
    precision: Precision = "auto"
    """Number format of the forward and backward pass; auto takes bf16 where the hardware multiplies it natively."""
    limit: int | None = None
    """Use only the first N samples of each split."""
    seed: int = 0
    """Seed of weights, data order and noise."""


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a new hourglass."""

    residual: Literal["original", "newell"] = "original"
    """Residual block: the study's (a 3x3 convolution on every shortcut) or Newell's (identity; 5 times cheaper)."""
    stacks: int = 1
    """Hourglasses in a row, each with its own maps and loss."""
    width: int = 256
    """Channels of the network and of its 4 x 4 bottleneck."""


@dataclass(frozen=True)
class FinetuneConfig(HeatmapConfig, FitConfig):
    """An hourglass, grafted or not, and crops -> the same network, trained on."""

    epochs: int = 15
    lr: float = 5e-4
    train: Literal["all", "decoder", "autoencoder", "head"] = "all"
    """What learns: everything; what comes after the bottleneck (way up, heads, merges); the autoencoders; or the
    heads. The rest stays as it is, its batch normalisation's statistics too."""
    joints: Literal["same", "match", "new-head"] = "same"
    """Data of other joints than the model's: an error (same); carry over what the heads know of joints of the same
    name (match); or start the heads' channels anew (new-head)."""


@dataclass(frozen=True)
class TrainConfig(ModelConfig, HeatmapConfig, FitConfig):
    """Crops -> baseline hourglass."""


@dataclass(frozen=True)
class ExtractConfig:
    """An hourglass and crops -> bottleneck tensors."""

    stack: Stack = "last"
    """Which hourglass of the row: its number from 0, the last one, or all of them."""
    dtype: Literal["fp32", "fp16"] = "fp32"
    """Number format on disk."""
    batch_size: int = 32
    """Crops in one forward pass."""
    precision: Precision = "auto"
    """Number format of the forward pass; auto takes bf16 where the hardware multiplies it natively."""
    limit: int | None = None
    """Use only the first N samples of each split."""


@dataclass(frozen=True)
class AutoencoderConfig(FitConfig):
    """Bottleneck tensors -> autoencoder."""

    epochs: int = 100
    optimizer: Literal["rmsprop", "adam", "sgd"] = "adam"
    lr: float = 3e-4
    code_size: int = 50
    """Numbers in the code."""
    stack: Stack = "last"
    """Which hourglass's bottleneck to learn, of the ones extracted: its number from 0, the last one, or all of them
    together (for one autoencoder that they are going to share)."""
    decoder_output: Literal["identity", "relu"] = "identity"
    """What follows the decoder's last layer; a relu cannot reach the negative half of the bottleneck."""
    noise: float = 0.1
    """Strength of the training noise: x becomes x + noise * x * e with e ~ N(0, 1); the target stays x."""


@dataclass(frozen=True)
class ScoredConfig:
    """What every step that scores people on a split has."""

    split: EvaluatedSplit = "auto"
    """Which split to score; auto is test, or val where there is none."""
    batch_size: int = 32
    """Crops in one forward pass."""
    precision: Precision = "auto"
    """Number format of the forward pass; auto takes bf16 where the hardware multiplies it natively."""
    limit: int | None = None
    """Use only the first N people of each split."""
    seed: int = 0
    """Seed of everything that is drawn at random, such as the photos for intervals."""


@dataclass(frozen=True)
class EvaluateConfig(ScoredConfig):
    """Models and crops -> scores, their intervals, and predictions."""

    draws: int = 10_000
    """How often photos are drawn anew for the intervals."""


@dataclass(frozen=True)
class PredictConfig:
    """A model and photos -> joints."""

    decode: Literal["quarter", "argmax"] = "quarter"
    """Where in a map a joint is: its highest cell (argmax), or that moved a quarter of a cell towards the higher
    neighbour on either axis (quarter)."""
    flip_test: bool = False
    """Average the maps of the crop and of its mirror image."""
    min_score: float = 0.1
    """Joints whose map is lower than this share of a perfect one are drawn hollow, and limbs to them thin."""
    overlays: bool = True
    """Draw the joints on a copy of every photo."""
    batch_size: int = 32
    """Crops in one forward pass."""
    precision: Precision = "auto"
    """Number format of the forward pass; auto takes bf16 where the hardware multiplies it natively."""
    limit: int | None = None
    """Use only the first N photos (with boxes: of those that have one)."""


@dataclass(frozen=True)
class StudyConfig(HeatmapConfig, FitConfig):
    """A trained hourglass and crops -> arms that are fine-tuned alike, compared on the same people."""

    arms: str = "a,b,c,d,e"
    """Which to compare, with commas: a, no autoencoder; b, a random one; c, a linear one that starts as the principal
    components; d, a pre-trained one in a frozen trunk; e, a pre-trained one, all free."""
    seeds: int = 3
    """How often everything after the parent is done, each time with the next seed, the same one for all arms."""
    epochs: int = 15
    lr: float = 5e-4
    seed: int = 0
    """First seed of weights, data order and noise."""
    code_size: int = 50
    """Numbers in the code."""
    decoder_output: Literal["identity", "relu"] = "identity"
    """What follows the autoencoder's last layer; a relu cannot reach the negative half of the bottleneck."""
    ae_epochs: int = 100
    """Epochs of pre-training the autoencoder."""
    ae_batch_size: int = 16
    """Bottlenecks a step of pre-training."""
    ae_optimizer: Literal["rmsprop", "adam", "sgd"] = "adam"
    """Update rule of pre-training."""
    ae_lr: float = 3e-4
    """First learning rate of pre-training; with the cosine schedule the highest one."""
    ae_schedule: Literal["plateau", "halve", "cosine"] = "cosine"
    """Learning rate of pre-training over epochs, as for fine-tuning."""
    ae_shuffle: bool = True
    """Draw a new order of the bottlenecks every epoch of pre-training."""
    noise: float = 0.1
    """Strength of the noise in pre-training: x becomes x + noise * x * e with e ~ N(0, 1); the target stays x."""

    def finetuning(self, seed: int, train: Literal["all", "autoencoder"]) -> FinetuneConfig:
        """How every arm is fine-tuned with a seed, but for what learns."""
        names = {f.name for f in dataclasses.fields(FinetuneConfig)} & {f.name for f in dataclasses.fields(self)}
        return FinetuneConfig(**{name: getattr(self, name) for name in names} | {"seed": seed, "train": train})

    def pretraining(self, seed: int) -> AutoencoderConfig:
        """How the autoencoder is pre-trained with a seed."""
        names = [f.name for f in dataclasses.fields(self) if f.name.startswith("ae_")]
        own = {name.removeprefix("ae_"): getattr(self, name) for name in names}
        shared = {name: getattr(self, name) for name in ("code_size", "decoder_output", "noise", "precision")}
        return AutoencoderConfig(**own, **shared, seed=seed)


@dataclass(frozen=True)
class SpliceConfig(ScoredConfig):
    """A model and crops -> what its maps lose when something else stands in the bottleneck's place."""

    stack: OneStack = "last"
    """Which hourglass's bottleneck: its number from 0, or the last one."""


@dataclass(frozen=True)
class RateConfig(SpliceConfig):
    """A model, activations and crops -> PCK against the number of principal components that pass the bottleneck."""

    ks: str = "0,1,2,5,10,20,50,100,200,500,1000,2000,4096"
    """Numbers of components, with commas between; those beyond the size of the bottleneck become that size."""


@dataclass(frozen=True)
class AnalyzeConfig(SpliceConfig):
    """Activations, a model, crops and an autoencoder -> what the bottleneck holds and where the pose lives."""

    parts: str = "all"
    """Which parts, with commas between: spectrum, clusters, walks, skips, atlas; all does what the inputs allow."""
    clusters: str = "2-10"
    """Numbers of clusters to try, from-to."""
    walks: int = 3
    """Principal components to walk along, of the bottleneck and of the code; 0 to 10."""
    tried: int = 200
    """People of the split on whom the units of the code are tried, one unit after another."""


@dataclass(frozen=True)
class ReportConfig:
    """Artefacts -> one page."""

    title: str = "What shgae found"
    """What stands above the page."""
    people: int = 4
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
    report: ReportConfig = field(default_factory=ReportConfig)


_ORIGINAL_POSE: dict[str, Any] = {
    "peak": "mass",
    "sigma_visible": 0.5,
    "sigma_hidden": 1.0,
    "unlabelled": "empty",
    "lr": 2.5e-4,
    "schedule": "plateau",
    "precision": "fp32",
}

RECIPES: Mapping[RecipeName, Recipe] = {
    "improved": Recipe(),
    "original": Recipe(
        prepare=PrepareConfig(crop_policy="inside", split_by="crop"),
        train=TrainConfig(**_ORIGINAL_POSE),
        pretrain_ae=AutoencoderConfig(
            optimizer="sgd", lr=5e-4, schedule="halve", shuffle=False, decoder_output="relu", precision="fp32"
        ),
        finetune=FinetuneConfig(**_ORIGINAL_POSE),
        extract=ExtractConfig(precision="fp32"),
        evaluate=EvaluateConfig(precision="fp32"),
        predict=PredictConfig(decode="argmax", precision="fp32"),
        splice=SpliceConfig(precision="fp32"),
        rate=RateConfig(precision="fp32"),
        analyze=AnalyzeConfig(precision="fp32"),
        study=StudyConfig(
            **_ORIGINAL_POSE,
            ae_optimizer="sgd",
            ae_lr=5e-4,
            ae_schedule="halve",
            ae_shuffle=False,
            decoder_output="relu",
        ),
    ),
}
"""The two recipes. Numbers of ``original``: the study's text and published material (see docs/recipes.md)."""

NEUTRAL = (("micro_batches", 1), ("max_bad_photos", 0))
"""Options that came later, with the value that was meant before there was a choice."""


def as_json(config: Any) -> dict[str, Any]:
    """A config as the flat JSON object that manifests keep: without :data:`NEUTRAL`, so equal runs keep their id."""
    return {key: value for key, value in dataclasses.asdict(config).items() if (key, value) not in NEUTRAL}
