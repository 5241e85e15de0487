"""What a splice is made from must belong together: data, activations and autoencoders of this very bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shgae.analysis.site import Site
from shgae.artifacts.activation_splits import origin_of
from shgae.artifacts.activations import Activations, stacks_of
from shgae.artifacts.command_line import typed
from shgae.artifacts.compatibility import (
    Bottlenecks,
    check_autoencoder,
    check_fits,
    find_stacks,
    from_start,
    is_tuned,
    scored_split,
)
from shgae.artifacts.crops import read_people
from shgae.artifacts.lineage import ancestors, ids_of, parent_of
from shgae.artifacts.reconstructions import GivenReconstruction, check_name, read_reconstruction
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.data.mean_pose import note_near_mean_pose
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.models.autoencoder import Autoencoder
from shgae.models.zoo import LoadedAutoencoder, load_autoencoder, load_hourglass
from shgae.recipes import EvaluatedSplit


def open_split(
    data: Path, split: EvaluatedSplit, site: Site, execution: Execution, *also: str
) -> tuple[Artifact, EvaluatedSplit]:
    """Opens prepared data of the network's joints, and says which split "auto" means: test, or val without one.
    ``also`` are beginnings of the names of further files that are going to be read.

    Raises:
        Refused: the data and the network do not belong together, or a file of it was changed.
    """
    prepared = open_artifact(data, "data", verify=False)
    check_fits(site.loaded.artifact, prepared, execution.progress)
    split = scored_split(prepared, split)
    verify_files(prepared, (f"{split}/", *also), execution)
    note_near_mean_pose(site.loaded.artifact, execution.progress)
    return prepared, split


def open_activations(path: Path, site: Site, data: Artifact, execution: Execution) -> Artifact:
    """Opens activations of this very bottleneck.

    Raises:
        Refused: they are another model's, or of other stacks only.
    """
    source = open_artifact(path, "activations", verify=False)
    made_from, mine = source.parent("model"), site.loaded.artifact
    extract = typed("extract", mine.path, data.path, "-o", "NAME")
    if made_from is None or made_from.id not in _same_bottleneck(site):
        whose = f"of model {made_from.id[:12]}" if made_from else "of no known model"
        why = f"{whose}, not of {mine.path} ({mine.short_id})"
        raise Refused("activations", path, why, extract)
    held = [from_start(stack, site.loaded.spec.stacks) for stack in stacks_of(source)]
    find_stacks(site.stack, held, path, f"{extract} --stack {site.stack}, or --stack {held[-1]}")
    theirs = source.parent("data")
    if theirs is not None and theirs.id != data.id:
        execution.progress.note(f"note: {path} are activations of other data; it may have seen these people")
    verify_files(source, ("train/",), execution)
    return source


def training_rows(source: Artifact, site: Site, limit: int | None) -> Activations:
    """The training bottlenecks of this stack; raises :class:`Refused` if the activations lack a train split."""
    return Activations(source, "train", limit, _picked(source, site))


def _picked(source: Artifact, site: Site) -> tuple[int, ...]:
    return tuple(stack for stack in stacks_of(source) if from_start(stack, site.loaded.spec.stacks) == site.stack)


def _same_bottleneck(site: Site) -> set[str]:
    """Ids of models that have this model's bottleneck: itself, and what it was grafted from, unless that graft lies
    in an earlier stack."""
    artifact = site.loaded.artifact
    parent = artifact.parent("model")
    if artifact.facts.get("made_by") != "graft" or parent is None:
        return {artifact.id}
    grafted = (from_start(stack, site.loaded.spec.stacks) for stack in artifact.config.get("stacks", [-1]))
    return {artifact.id, parent.id} if site.stack <= min(grafted) else {artifact.id}


def open_code(path: Path, site: Site, progress: Progress, *, compared: bool = False) -> LoadedAutoencoder:
    """Opens an autoencoder made for this bottleneck.

    ``compared`` is whether the network may carry one there; then this one is for it, or for one that it came from.

    Raises:
        Refused: see :func:`~shgae.artifacts.compatibility.check_autoencoder`.
    """
    code, mine, spec = load_autoencoder(path), site.loaded.artifact, site.loaded.spec
    same = _same_bottleneck(site) if site.own is None else set(ids_of(mine.manifest.parents))
    taken = () if compared or site.own is None else (site.stack,)
    into = Bottlenecks(mine, spec.width, spec.stacks, [site.stack], taken, same)
    check_autoencoder(code.artifact, code.spec.width, into, progress)
    return code


def open_given(
    given: Mapping[str, Path], source: Artifact | None, site: Site, data: Artifact, split: str, limit: int | None
) -> dict[str, GivenReconstruction]:
    """Opens reconstructions that another program made of the first ``limit`` people (None: of all) of this split's
    bottlenecks, which ``source`` holds; files by the name that reports give them.

    Raises:
        Refused: a name is one of shgae's own, there are no activations or they are of other data, or a file is not of
            these activations and people.
    """
    for name in given:
        check_name(name)
    if not given:
        return {}
    if source is None:
        why = "it needs the activations that the reconstructions were made from"
        raise Refused("option", "--given", why, "--activations DIR")
    theirs = source.parent("data")
    if theirs is None or theirs.id != data.id:
        why = f"they were not made from {data.path} ({data.short_id}), so their people are others"
        raise Refused("activations", source.path, why, "the data that they were extracted from")
    (stack,), known = _picked(source, site), read_people(data, split).annotation_id
    origin, channels = origin_of(source, stack), site.loaded.spec.width
    return {name: read_reconstruction(path, origin, channels, known[:limit], known) for name, path in given.items()}


def given_config(given: Mapping[str, GivenReconstruction]) -> dict[str, Any]:
    """The part of a config that tells what was given."""
    return {"given_sha256": {name: one.sha256 for name, one in given.items()}} if given else {}


def before_tuning(site: Site, progress: Progress) -> Autoencoder | None:
    """The autoencoder as it was before it and its trunk were tuned; None where that is gone."""
    artifact = site.loaded.artifact
    while is_tuned(artifact):
        before = parent_of(artifact, "model")
        if before is None:
            return _by_itself(site, progress)
        artifact = before
    graft = load_hourglass(artifact.path).module.hourglass(site.stack).graft
    return graft if isinstance(graft, Autoencoder) else None


def _by_itself(site: Site, progress: Progress) -> Autoencoder | None:
    family = [one for one in ancestors(site.loaded.artifact) if one.kind == "autoencoder"]
    there = {one.id: one.path for one in family if one.present}
    if len({one.id for one in family}) == len(there) == 1:
        (path,) = there.values()
        return load_autoencoder(path).module
    progress.note("note: the autoencoder from before fine-tuning is not on this disk; --ae says where it is")
    return None
