"""``shgae graft``: an hourglass and autoencoders of its own activations -> one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.compatibility import Bottlenecks, check_autoencoder, copied, find_stacks, in_words
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact
from shgae.config import some
from shgae.data.mean_pose import note_near_mean_pose
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.inference.torch_settings import settled
from shgae.models import grafting
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import LoadedAutoencoder, load_autoencoder, load_hourglass, state_arrays


@dataclass(frozen=True)
class GraftedStack:
    """A stack that carries an autoencoder."""

    stack: int
    """Counted from 0."""
    code_size: int
    """Numbers in the code."""
    shared_with: tuple[int, ...]
    """Other stacks that carry the very same one; none where it is this stack's own."""

    def to_json(self) -> dict[str, Any]:
        return {"stack": self.stack, "code_size": self.code_size, "shared_with": list(self.shared_with)}


@dataclass(frozen=True)
class GraftResult:
    artifact: Artifact
    parameters: int
    """Weights of hourglass and autoencoders together; shared ones count once."""
    sites: tuple[GraftedStack, ...]
    """Every stack that carries an autoencoder now, those that did before too."""

    def to_json(self) -> dict[str, Any]:
        return self.artifact.to_json() | {
            "parameters": self.parameters,
            "sites": [site.to_json() for site in self.sites],
        }


class _Planting(NamedTuple):
    """An autoencoder and the stacks that it goes into, all of which share it; the lowest comes first."""

    code: LoadedAutoencoder
    stacks: tuple[int, ...]


@settled()
def run(
    model: Path, autoencoders: Sequence[Path], output: Path, execution: Execution, stacks: Sequence[int] = (-1,)
) -> GraftResult:
    """Puts autoencoders after the last bottleneck residual of stacks and writes an hourglass artefact.

    Nothing is trained. One autoencoder for several stacks is shared: one set of weights. Otherwise there are as many
    autoencoders as stacks; one that is given twice becomes two, which fine-tuning pulls apart.

    Args:
        model: an hourglass artefact or run directory (then its best weights), not grafted at these stacks yet.
        autoencoders: pre-trained on activations of exactly this model, or imported.
        output: the folder to make.
        execution: force and progress.
        stacks: where they go, in their order; counted from 0, or from the end if negative.

    Raises:
        Refused: a stack is not there, not free or given twice; numbers of autoencoders and stacks do not match; an
            autoencoder was trained on another model's or another stack's activations, or is of another width.
    """
    some("autoencoders", autoencoders)
    some("stacks", stacks)
    loaded = load_hourglass(model)
    places = _places(stacks, loaded.spec, model)
    plantings = _plantings([load_autoencoder(path) for path in autoencoders], places)
    everywhere: dict[str, list[int]] = {}
    for code, into in plantings:
        everywhere.setdefault(code.artifact.id, []).extend(into)
    spec = loaded.spec
    for code in {code.artifact.id: code for code, _ in plantings}.values():
        there = Bottlenecks(loaded.artifact, spec.width, spec.stacks, sorted(everywhere[code.artifact.id]))
        check_autoencoder(code.artifact, code.spec.width, there, execution.progress)
    for code, (first, *others) in plantings:
        grafting.graft(loaded.module, code.module, first)
        spec = spec.with_graft(code.spec, first)
        for other in others:
            grafting.share(loaded.module, of=first, stack=other)
            spec = spec.with_graft(first, other)
    note_near_mean_pose(loaded.artifact, execution.progress)
    parameters = sum(parameter.numel() for parameter in loaded.module.parameters())
    facts: dict[str, Any] = {"made_by": "graft", "spec": spec.to_json(), "parameters": parameters}
    facts |= copied(loaded.artifact.facts)
    parents = {"model": loaded.artifact} | _named([code.artifact for code, _ in plantings])
    config = {"stacks": list(places)}
    with new_artifact(output, kind="hourglass", config=config, parents=parents, execution=execution) as draft:
        draft.write_tensors(MODEL, state_arrays(loaded.module))
        artifact = draft.commit(facts)
    return GraftResult(artifact, parameters, _sites(spec))


def _places(stacks: Sequence[int], spec: HourglassSpec, model: Path) -> tuple[int, ...]:
    """The stacks, counted from 0, that can take an autoencoder."""
    places: list[int] = []
    for stack in stacks:
        free = [str(i) for i in range(spec.stacks) if spec.grafts[i] is None and i not in places]
        fix = f"--stack {' or '.join(free)}" if free else "a model without one"
        (place,) = find_stacks(stack, range(spec.stacks), model, fix)
        if place in places:
            raise Refused(f"stack {place}", model, "it was given twice", "each --stack once")
        if spec.grafts[place] is not None:
            raise Refused(f"stack {place}", model, "it carries an autoencoder already", fix)
        places.append(place)
    return tuple(places)


def _plantings(codes: Sequence[LoadedAutoencoder], places: Sequence[int]) -> list[_Planting]:
    if len(codes) == 1 and places:
        return [_Planting(codes[0], tuple(sorted(places)))]
    if not codes or len(codes) != len(places):
        given = ", ".join(str(code.artifact.path) for code in codes)
        fix = "a --stack for each of them, in their order, or one autoencoder for all stacks"
        raise Refused("autoencoders", given, f"{len(codes)} of them for {in_words(places)}", fix)
    return [_Planting(code, (place,)) for code, place in zip(codes, places, strict=True)]


def _named(codes: Sequence[Artifact]) -> dict[str, Artifact]:
    if len(codes) == 1:
        return {"autoencoder": codes[0]}
    return {f"autoencoder {number}": code for number, code in enumerate(codes, 1)}


def _sites(spec: HourglassSpec) -> tuple[GraftedStack, ...]:
    owners = {stack: graft if isinstance(graft, int) else stack for stack, graft in enumerate(spec.grafts)}
    sites = []
    for stack in range(spec.stacks):
        autoencoder = spec.autoencoder(stack)
        if autoencoder is not None:
            others = tuple(other for other in owners if other != stack and owners[other] == owners[stack])
            sites.append(GraftedStack(stack, autoencoder.code_size, others))
    return tuple(sites)
