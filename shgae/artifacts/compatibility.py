"""Which artefacts fit together: networks and prepared data, autoencoders and their networks, stacks and their owner."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shgae.artifacts.activations import stacks_of
from shgae.artifacts.store import Artifact
from shgae.errors import Refused
from shgae.execution import Progress
from shgae.recipes import EvaluatedSplit, Split, Stack
from shgae.skeleton import Skeleton

TRAVELS = ("skeleton", "category_id", "mean_rgb", "crop_size", "crop_policy", "margin")
"""Facts of the prepared data that a network trained on it must keep: what it saw, and how."""
SQUARE = "square"
"""One more, where squares were not cut by the original study's rule; older networks lack it."""


def seen(prepared: Mapping[str, Any]) -> dict[str, Any]:
    """What a network keeps of the facts of the data that it is trained on."""
    return {key: prepared[key] for key in TRAVELS} | ({SQUARE: prepared[SQUARE]} if SQUARE in prepared else {})


def copied(network: Mapping[str, Any]) -> dict[str, Any]:
    """What a network that is made of another one keeps of its facts: what that saw, its targets and its cell rule."""
    return {key: network[key] for key in (*TRAVELS, SQUARE, "heatmap", "cell_rule") if key in network}


def check_fits(network: Artifact, data: Artifact, progress: Progress) -> None:
    """Refuses a network and prepared data of other joints or another crop size.

    Crops that were cut in another way than those the network was trained on are allowed, with a note.
    """
    check_crops(network, data, progress)
    mine, theirs = network.facts["skeleton"]["names"], data.facts["skeleton"]["names"]
    if mine != theirs:
        fix = f"data with the model's joints, in its order; or shgae finetune with {joint_mismatch(network, data)}"
        raise Refused("model", network.path, f"trained on {other_joints(mine, theirs, data.path)}", fix)


def check_crops(network: Artifact, data: Artifact, progress: Progress) -> None:
    """The part of :func:`check_fits` that has nothing to do with joints."""
    facts = network.facts
    if facts["crop_size"] != data.facts["crop_size"]:
        why = f"trained on crop size {facts['crop_size']}, the data in {data.path} has {data.facts['crop_size']}"
        raise Refused("model", network.path, why, "data prepared with the model's --crop-size")
    cut = {key: data.facts[key] for key in ("crop_policy", "margin")} | {SQUARE: data.facts.get(SQUARE, "study")}
    for key, theirs in cut.items():
        mine = facts.get(SQUARE, theirs) if key == SQUARE else facts[key]
        if mine != theirs:
            progress.note(f"note: {network.path} was trained with {key} = {mine}, this data has {theirs}")


def other_joints(mine: Sequence[str], theirs: Sequence[str], data: object) -> str:
    """In words: how the joints of a network differ from those of some data."""
    pairs = enumerate(zip(mine, theirs, strict=False), 1)
    first = next((f"joint {n} is {a} there, {b} here" for n, (a, b) in pairs if a != b), "the first ones agree")
    return f"{len(mine)} joints, the data in {data} has {len(theirs)} ({first})"


def joint_mismatch(network: Artifact, data: Artifact) -> str:
    """The option that fine-tunes a network on data of other joints."""
    mine, theirs = (Skeleton.from_json(one.facts["skeleton"]) for one in (network, data))
    match = "match (keep joints of the same name) or --joint-mismatch " if {*theirs.sources(mine)} != {None} else ""
    return f"--joint-mismatch {match}reset (start all joints again)"


def is_tuned(model: Artifact) -> bool:
    """Whether a network is another one, trained on: by ``finetune``, or elsewhere and imported with ``--like``."""
    made_by = model.facts.get("made_by")
    return made_by == "finetune" or (made_by == "import" and model.parent("model") is not None)


def scored_split(data: Artifact, split: EvaluatedSplit) -> Split:
    """The split that is scored: "auto" is test, or val where there is none."""
    if split != "auto":
        return split
    return "test" if data.facts["splits"].get("test") else "val"


def categories_of(data: Artifact, split: str) -> tuple[int, ...]:
    """The numbers of the people's category in results: that of the split's JSON, and train's, which networks keep."""
    trained: int = data.facts["category_id"]
    own: int = data.facts.get("category_ids", {}).get(split, trained)
    return (own,) if own == trained else (own, trained)


def find_stacks(stack: Stack | int, there: Sequence[int], where: object, fix: str) -> tuple[int, ...]:
    """The stacks that an option or a number means, of those there; a negative number counts from their end.

    They belong to an artefact, ``where``: a network, or activations; ``fix`` is what else to try.

    Raises:
        Refused: it is not there.
    """
    if stack == "all":
        return tuple(there)
    number = -1 if stack == "last" else int(stack)
    if -len(there) <= number < 0:
        return (there[number],)
    if number not in there:
        raise Refused(f"stack {stack}", where, f"it has {in_words(there)} only", fix)
    return (number,)


def from_start(stack: int, count: int) -> int:
    """The number from 0 of a stack of so many; a negative one counts from the end."""
    return stack + count if stack < 0 else stack


@dataclass(frozen=True)
class Bottlenecks:
    """Where in a network an autoencoder goes, or what it is compared with."""

    model: Artifact
    """The hourglass."""
    width: int
    """Channels, C."""
    stack_count: int
    """Of the hourglass."""
    stacks: Sequence[int]
    """Those that are meant, counted from 0."""
    taken: Collection[int] = ()
    """Stacks with an autoencoder of their own that leaves no place for it."""
    same: Collection[str] = ()
    """Ids of other networks with the same bottlenecks."""


def check_autoencoder(code: Artifact, width: int, into: Bottlenecks, progress: Progress) -> None:
    """Refuses an autoencoder (made for so many channels) that does not belong to a network's bottlenecks.

    An imported autoencoder names no activations, so it is taken with a note; so is one that goes into further stacks.

    Raises:
        Refused: a stack has its own, the width is another, or it was not trained on this network's activations, or on
            none of these stacks.
    """
    model, stacks = into.model, into.stacks
    taken = [stack for stack in stacks if stack in into.taken]
    if taken:
        why = f"{model.path} carries an autoencoder of its own at {in_words(taken)}"
        raise Refused("autoencoder", code.path, why, "leave it out, or a model without one")
    if width != into.width:
        why = f"it is made for {width} channels, the bottleneck of {model.path} has {into.width}"
        raise Refused("autoencoder", code.path, why, "an autoencoder trained on this model's activations")
    activations = code.parent("activations")
    trained_on = next((one for one in activations.parents if one.role == "model"), None) if activations else None
    if trained_on is None:
        progress.note(f"note: {code.path} was imported: nothing tells which model's activations it was trained on")
        return
    if trained_on.id not in {model.id, *into.same}:
        why = f"pre-trained on activations of model {trained_on.id[:12]}, not of {model.path} ({model.short_id})"
        raise Refused("autoencoder", code.path, why, "shgae extract and pretrain-ae with this model")
    trained = [from_start(stack, into.stack_count) for stack in stacks_of(code)]
    others = [stack for stack in stacks if stack not in trained]
    if not others:
        return
    told = f"pre-trained on {in_words(trained)} of {model.path}"
    if len(others) == len(stacks):
        fix = f"--stack {trained[-1]}, or an autoencoder made by pretrain-ae --stack {others[0]}"
        raise Refused("autoencoder", code.path, f"{told}, not on {in_words(others)}", fix)
    progress.note(f"note: {code.path} was {told}; it goes into {in_words(others)} too")


def check_trained_on(code: Artifact, activations: Artifact) -> None:
    """Refuses an autoencoder that was not trained on these very activations; for where their network is not known."""
    made_from = code.parent("activations")
    if made_from is None or made_from.id != activations.id:
        why = f"not pre-trained on {activations.path} ({activations.short_id})"
        raise Refused("autoencoder", code.path, why, "the model too, or its own activations")


def in_words(stacks: Sequence[int]) -> str:
    """``stack 1``, ``stacks 0, 1 and 3``, or ``the last stack`` where it has no number."""
    if tuple(stacks) == (-1,):
        return "the last stack"
    *most, last = map(str, stacks)
    return f"stacks {', '.join(most)} and {last}" if most else f"stack {last}"
