"""How networks were trained, by the manifests of their lineage, and in what two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.lineage import found
from shgae.artifacts.manifest import Parent
from shgae.artifacts.store import Artifact
from shgae.artifacts.tables import read_rows
from shgae.config import from_stored
from shgae.errors import Inconsistent, Refused
from shgae.recipe_parts import PARTS, augment_in_words
from shgae.recipes import NEUTRAL, AutoencoderConfig, FinetuneConfig

BUDGET = ("stages", "epochs", "steps", "batch_size", "optimizer", "lr", "schedule", "data", "limit", "source")
"""What must be equal before a difference of scores can be put down to anything else."""
_OWN = {"stages": "made_by", "epochs": "epochs", "steps": "steps", "data": "data"}
"""Fields of a training by the name of what differs."""
_SEED = "seed"
_SHAPE = ("residual", "stacks", "width")
"""Options of the network, which its spec has."""
_CODE = ("code_size", "decoder_output", "stack")
"""Options of an autoencoder that the network's spec has, or that its place says."""
OF_THE_AUTOENCODER = "{} of the autoencoder"
"""How what differs in the making of autoencoders is named."""


@dataclass(frozen=True)
class Training:
    """One training of a network: its first, or one that went on from weights."""

    id: str
    """Of the network that came out."""
    made_by: str | None = None
    """The step: train, finetune, import or pretrain-ae; this and what follows are None where its folder is gone."""
    data: str | None = None
    """The id of the prepared data."""
    epochs: int | None = None
    steps: int | None = None
    """Of the optimizer, by its history."""
    options: Mapping[str, Any] | None = None
    """By their names on the command line, with underscores; ``augment`` in words, with its parts."""


@dataclass(frozen=True)
class Trained:
    """What made a network what it is."""

    network: Mapping[str, Any]
    """Its spec: residual block, stacks, width, autoencoders."""
    trainings: tuple[Training, ...]
    """The first comes first."""
    autoencoders: tuple[Training, ...] = ()
    """How each autoencoder was made before it was grafted in, of how many ``rows``; ``steps`` are not looked at."""

    def __post_init__(self) -> None:
        """Raises :class:`~shgae.errors.Inconsistent` for a network with grafts that are no autoencoders."""
        grafts = self.network.get("grafts", ())
        if not isinstance(grafts, list | tuple) or any("code_size" not in one for one in grafts if type(one) is dict):
            raise Inconsistent("a network with grafts that are no autoencoders")

    @property
    def code_sizes(self) -> tuple[int, ...]:
        """Of the autoencoders in the network."""
        return tuple(one["code_size"] for one in self.network.get("grafts", ()) if isinstance(one, dict))


class Control(StrEnum):
    """Whether two networks were trained equally, so that their scores may be compared for what they are."""

    EQUAL = "equal"
    """In everything but the seed, perhaps, and the network itself."""
    ONE_OPTION = "one_option"
    """But for a single option that is not of the budget, in equal networks: the comparison is one of this option."""
    NOT_CONTROLLED = "not_controlled"
    """They differ in the budget, or in several things, of which the network may be one."""
    UNKNOWN = "unknown"
    """Not known of one of them."""


@dataclass(frozen=True)
class Differing:
    """One thing that was not the same."""

    what: str
    """An option, or stages, epochs, steps, data, source; where one of these differs, the network too."""
    first: tuple[Any, ...]
    """Of each training of the first network; of a network its spec."""
    second: tuple[Any, ...]


@dataclass(frozen=True)
class Controlled:
    """How the trainings of two networks differ."""

    verdict: Control
    differences: tuple[Differing, ...]


NOT_KNOWN = Controlled(Control.UNKNOWN, ())


def trained(model: Artifact) -> Trained:
    """What made a network what it is, by its manifest and those of its ancestors that are still there."""
    autoencoders = tuple(_autoencoders(model.manifest.parents, model.path))
    return Trained(dict(model.facts["spec"]), tuple(_trainings(model)), autoencoders)


def _autoencoders(parents: Sequence[Parent], child: Path) -> Iterator[Training]:
    """Of every graft in the family of a network, the last one first."""
    for parent in parents:
        if parent.kind == "autoencoder":
            artifact = found(parent, child)
            if artifact is None:
                yield Training(parent.id)
                continue
            named = from_stored(AutoencoderConfig, artifact.manifest.config)
            wanted = {one.name for one in fields(AutoencoderConfig)} - {*_CODE, "epochs", "limit"}
            options = {name: value for name, value in named.items() if name in wanted}
            if rows := _samples(artifact):
                options["rows"] = rows[0]
            data = next((one.id for given in parent.parents for one in given.parents if one.role == "data"), None)
            facts = artifact.facts
            yield Training(parent.id, str(facts.get("made_by", "")), data, facts.get("epochs"), None, options)
        elif parent.role == "model":
            yield from _autoencoders(parent.parents, child / parent.path)


def _trainings(model: Artifact) -> list[Training]:
    parent = model.parent("model")
    own = [] if model.facts.get("made_by") == "graft" else [_training(model)]
    return (_before(parent, model.path) if parent else []) + own


def _before(parent: Parent, child: Path) -> list[Training]:
    """The trainings of a parent; of one that is gone what its child knows of it."""
    if artifact := found(parent, child):
        return _trainings(artifact)
    roles = {one.role.partition(" ")[0]: one for one in parent.parents}
    data, before = roles.get("data"), roles.get("model")
    own = [] if "autoencoder" in roles else [Training(parent.id, data=data.id if data else None)]
    return (_before(before, child / parent.path) if before else []) + own


def _training(model: Artifact) -> Training:
    manifest, data = model.manifest, model.parent("data")
    made_by, epochs = str(model.facts.get("made_by", "")), model.facts.get("epochs")
    if made_by == "import":
        config = manifest.config
        options = {"source": f"{config.get('family')}, {str(config.get('source_sha256'))[:12]}"}
    else:
        named = from_stored(FinetuneConfig, manifest.config)
        options = {name: value for name, value in named.items() if name not in (*_SHAPE, *PARTS, "epochs")}
        if (changes := augment_in_words(named)) != "none":
            options["augment"] = changes
    return Training(model.id, made_by, data.id if data else None, epochs, _steps(model), options)


def _steps(model: Artifact) -> int | None:
    """Steps of the optimizer, by the history; None without one."""
    size, samples = model.manifest.config.get("batch_size"), _samples(model)
    if not samples or type(size) is not int or size < 1:
        return None
    return sum(-(-count // size) for count in samples)


def _samples(model: Artifact) -> list[int]:
    """Of each epoch, by the history; of none without one."""
    if HISTORY not in model.manifest.files:
        return []
    try:
        return [int(row["samples"]) for row in read_rows(model.file(HISTORY))]
    except (Refused, KeyError, TypeError, ValueError):
        return []


def compare(first: Trained | None, second: Trained | None) -> Controlled:
    """In what the trainings of two networks differ; None is what nothing is known of."""
    if first is None or second is None:
        return NOT_KNOWN
    one, other = first.trainings, second.trainings
    differences = tuple(_differences(one, other))
    if len(first.autoencoders) == len(second.autoencoders):  # else the networks differ, which is what is compared
        found = list(_differences(first.autoencoders, second.autoencoders))
        differences += tuple(replace(each, what=OF_THE_AUTOENCODER.format(each.what)) for each in found)
        one, other = one + first.autoencoders, other + second.autoencoders
    seeds = (_SEED, OF_THE_AUTOENCODER.format(_SEED))
    names = [difference.what for difference in differences if difference.what not in seeds]
    if names and first.network != second.network:
        differences = (*differences, Differing("network", (first.network,), (second.network,)))
        return Controlled(Control.NOT_CONTROLLED, differences)
    if any(name in BUDGET for name in names) or len(names) > 1:
        return Controlled(Control.NOT_CONTROLLED, differences)
    shared = {training.id for training in one} & {training.id for training in other}
    if any(training.options is None for training in (*one, *other) if training.id not in shared):
        return Controlled(Control.UNKNOWN, differences)
    return Controlled(Control.ONE_OPTION if names else Control.EQUAL, differences)


def _differences(one: Sequence[Training], other: Sequence[Training]) -> Iterator[Differing]:
    for name in things_of((*one, *other)):
        first, second = values_of(one, name), values_of(other, name)
        if len(one) != len(other):
            # A training more is one in itself, and differs in an option where it brings in another value.
            known = [{repr(value) for value in values if value is not None} for values in (first, second)]
            differs = name in ("stages", "epochs", "steps") or (all(known) and known[0] != known[1])
        else:
            others = (pair[2:] for pair in zip(one, other, first, second, strict=True) if pair[0].id != pair[1].id)
            differs = any(None not in pair and pair[0] != pair[1] for pair in others)
        if differs:
            yield Differing(name, first, second)


def things_of(trainings: Sequence[Training]) -> list[str]:
    """The names of all that trainings can differ in."""
    return [*_OWN, *sorted({name for training in trainings for name in training.options or ()})]


def values_of(trainings: Sequence[Training], name: str) -> tuple[Any, ...]:
    """One thing of each training, by its name; None where it is not known, "none" where it is nothing."""
    if name in _OWN:
        return tuple(getattr(training, _OWN[name]) for training in trainings)
    found = []
    for training in trainings:
        options = training.options or {}
        # Manifests leave neutral options out.
        is_said = name in options or (name in NEUTRAL and "lr" in options)
        value = options.get(name, NEUTRAL.get(name))
        found.append(("none" if value is None else value) if is_said else None)
    return tuple(found)
