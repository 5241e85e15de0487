"""What an arm is: which autoencoder it gets, what learns, and in which options of fine-tuning it alone differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shgae.errors import Refused
from shgae.evaluation.study_report import (
    ARMS,
    DROPOUT,
    FROZEN,
    FULL,
    FULL_AUGMENT,
    LETTERS,
    NONE,
    NONE_AUGMENT,
    PCA,
    RANDOM,
    WEIGHT_DECAY,
    WIDE,
    size_of,
)
from shgae.models.autoencoder import SIDE
from shgae.models.specs import AutoencoderSpec
from shgae.recipe_parts import PARTS, with_parts
from shgae.recipes import AutoencoderConfig, FinetuneConfig, StudyConfig

Kind = Literal["none", "random", "linear", "pretrained"]
WIDEST = 4096
"""The largest code."""


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


def chosen(arms: str) -> tuple[str, ...]:
    """The arms of an option like ``none,full`` (or ``a,e``), each once, in the order of :data:`ARMS`.

    Raises:
        Refused: there is no such arm, or none is named.
    """
    of_letter = {letter: name for name, letter in LETTERS.items()}
    names = [of_letter.get(name.strip(), name.strip()) for name in arms.split(",") if name.strip()]
    unknown = [name for name in names if name not in ARMS]
    if unknown or not names:
        why = f"{unknown[0]!r} is not an arm" if unknown else "no arm is named"
        raise Refused("value", "--arms", why, f"--arms {','.join(ARMS)}")
    return tuple(arm for arm in ARMS if arm in names)


def code_sizes(text: str) -> tuple[int, ...]:
    """The sizes of an option like ``5,10,25``, rising, each once.

    Raises:
        Refused: one is not a whole number from 1 to 4096.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    wrong = [word for word in words if not (word.isascii() and word.isdecimal() and 1 <= int(word[:9]) <= WIDEST)]
    if wrong:
        why = f"{wrong[0]!r:.40} is not a whole number from 1 to {WIDEST}"
        raise Refused("value", "--code-sizes", why, "--code-sizes 5,10,25,50,100,400")
    return tuple(sorted({int(word) for word in words}))


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
    size = min(WIDEST, width * SIDE * SIDE) if name == WIDE else size_of(name) or shared.code_size
    return dataclasses.replace(shared, code_size=size)


def spec_of(name: str, config: StudyConfig, width: int) -> AutoencoderSpec | None:
    """The arm's autoencoder; None where it has none."""
    kind = arm_of(name).autoencoder
    if kind == "none":
        return None
    if kind == "linear":
        return AutoencoderSpec(width, config.code_size, family="linear")
    return AutoencoderSpec.of(pretraining(name, config, 0, width), width)
