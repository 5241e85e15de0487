"""What an arm is: which autoencoder it gets, what learns, and in which options of fine-tuning it alone differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shgae.errors import Refused
from shgae.models.autoencoder import SIDE
from shgae.models.specs import AutoencoderSpec
from shgae.option_lists import (
    DROPOUT,
    FROZEN,
    FULL,
    FULL_AUGMENT,
    LARGEST_CODE,
    NONE,
    NONE_AUGMENT,
    PCA,
    RANDOM,
    WEIGHT_DECAY,
    WIDE,
    size_of,
)
from shgae.recipe_parts import PARTS, with_parts
from shgae.recipes import AutoencoderConfig, FinetuneConfig, StudyConfig

Kind = Literal["none", "random", "linear", "pretrained"]


@dataclass(frozen=True)
class Arm:
    """How one arm differs from arm none."""

    autoencoder: Kind = "none"
    trainable: Literal["all", "autoencoder"] = "all"
    own: tuple[str, ...] = ()
    """Options of fine-tuning in which it may differ from the other arms."""


_AUGMENTED = ("augment", *PARTS)
_ARMS: Mapping[str, Arm] = {
    NONE: Arm(),
    RANDOM: Arm("random"),
    PCA: Arm("linear"),
    FROZEN: Arm("pretrained", "autoencoder"),
    FULL: Arm("pretrained"),
    WIDE: Arm("pretrained"),
    DROPOUT: Arm(own=("dropout",)),
    WEIGHT_DECAY: Arm(own=("weight_decay",)),
    NONE_AUGMENT: Arm(own=_AUGMENTED),
    FULL_AUGMENT: Arm("pretrained", own=_AUGMENTED),
}


Pair = tuple[str, str]
"""An arm, and what it is compared with."""
COMPARED: tuple[Pair, ...] = (
    (FULL, NONE),
    (FULL, RANDOM),
    (FULL, PCA),
    (PCA, NONE),
    (RANDOM, NONE),
    (FROZEN, NONE),
    (FULL, WIDE),
    (WIDE, NONE),
    (DROPOUT, NONE),
    (WEIGHT_DECAY, NONE),
    (FULL, DROPOUT),
    (FULL, WEIGHT_DECAY),
    (FULL_AUGMENT, NONE_AUGMENT),
    (NONE_AUGMENT, NONE),
)
"""Which arms are compared (the first minus the second), the study's own question first."""


def arm_of(name: str) -> Arm:
    """The arm of a name; ``code-N`` is arm full with a code of N numbers."""
    return _ARMS[FULL if size_of(name) else name]


def has_own_autoencoder(name: str) -> bool:
    """Whether the arm's autoencoder is made for it alone; the others share that of their seed."""
    return name in (RANDOM, WIDE) or size_of(name) is not None


def finetuning(name: str, config: StudyConfig, seed: int) -> FinetuneConfig:
    """How the arm is fine-tuned with a seed.

    Raises:
        Refused: the arm would not differ from the others.
    """
    arm = arm_of(name)
    shared = config.finetuning(seed, arm.trainable)
    strength: Mapping[str, dict[str, Any]] = {
        DROPOUT: {"dropout": config.arm_dropout},
        WEIGHT_DECAY: {"weight_decay": config.arm_weight_decay},
        **dict.fromkeys((NONE_AUGMENT, FULL_AUGMENT), {"augment": config.arm_augment, **dict.fromkeys(PARTS)}),
    }
    changed = with_parts(dataclasses.replace(shared, **strength.get(name, {})))
    if arm.own and changed == with_parts(shared):
        option = f"--arm-{arm.own[0].replace('_', '-')}"
        if arm.own == _AUGMENTED:
            why = f"all arms then have the augmentation of {name}"
            raise Refused("value", "--augment", why, f"--augment none, or another {option}")
        raise Refused("value", option, f"arm {name} is then the same as arm {NONE}", f"another {option}")
    return changed


def pretraining(name: str, config: StudyConfig, seed: int, width: int) -> AutoencoderConfig:
    """How the arm's autoencoder is pre-trained with a seed; ``width`` is the channels of the bottleneck."""
    shared = config.pretraining(seed)
    size = min(LARGEST_CODE, width * SIDE * SIDE) if name == WIDE else size_of(name) or shared.code_size
    return dataclasses.replace(shared, code_size=size)


def spec_of(name: str, config: StudyConfig, width: int) -> AutoencoderSpec | None:
    """The arm's autoencoder; None where it has none."""
    kind = arm_of(name).autoencoder
    if kind == "none":
        return None
    if kind == "linear":
        return AutoencoderSpec(width, config.code_size, family="linear")
    return AutoencoderSpec.of(pretraining(name, config, 0, width), width)
