"""What a splice found, as it is written and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shgae.analysis.splice.checks import Check
from shgae.analysis.splice.code import CodeHealth
from shgae.analysis.splice.effects import MEASURES, UNTOUCHED, Effect, Recovered, SideBySide
from shgae.metrics.reconstruction import Fidelity
from shgae.metrics.statistics import Interval

BASELINES = ("zero", "mean", "shuffle")
"""Replacements that carry nothing of the person, the measures of what there is to give back."""


@dataclass(frozen=True)
class Replaced:
    """Something that stood in the bottleneck's place."""

    name: str
    meaning: str
    """What it is, in words."""
    fidelity: Fidelity
    """How near it comes to the bottleneck itself."""


@dataclass(frozen=True)
class Side:
    """All replacements with the stack's skips on, or all with them off."""

    effects: Mapping[str, Effect]
    """By replacement."""
    recovered: tuple[Recovered, ...]
    """Of each replacement that carries something, against each baseline, in each measure."""
    ae_ahead: Mapping[str, Interval | None]
    """PCK with the autoencoder minus PCK with each other replacement; empty without an autoencoder."""


@dataclass(frozen=True)
class SpliceReport:
    """What a splice found."""

    model: str
    """Its id."""
    data: str
    split: str
    persons: int
    photos: int
    stack: int
    """Counted from 0."""
    tuned: bool
    """Whether the network was trained with its autoencoder inside: then the bottleneck as it is, the autoencoder taken
    out, is no longer what the trunk expects, and shares of it say little; ``ae_ahead`` does."""
    training: str
    """What the training mean and the principal components were computed from."""
    bottleneck_effective_dimension: float | None
    """Participation ratio of the training bottleneck's principal components; None if the bottlenecks do not vary."""
    bottleneck_components_95: int | None
    """How many of them hold 95 % of its variance."""
    replacements: tuple[Replaced, ...]
    skips_on: Side
    skips_off: Side
    code: CodeHealth | None
    """Of the autoencoder on the split; None without one."""
    checks: tuple[Check, ...]
    says: tuple[str, ...]
    """What it means, a sentence each."""


def side_of(compared: SideBySide, names: Sequence[str]) -> Side:
    """Everything to say of replacements by name, skips alike."""
    carrying = [name for name in names if name not in (UNTOUCHED, *BASELINES)]
    return Side(
        effects={name: compared.effect(name) for name in names},
        recovered=tuple(
            compared.recovered(name, baseline, measure)
            for name in carrying
            for baseline in BASELINES
            if baseline in names
            for measure in MEASURES
        ),
        ae_ahead={name: compared.difference("ae", name) for name in names if name != "ae"} if "ae" in names else {},
    )
