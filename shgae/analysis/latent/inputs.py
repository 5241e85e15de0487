"""What an analysis was given, and which of its parts that allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shgae.analysis.inputs import open_activations, open_code, open_split, training_rows
from shgae.analysis.site import Site, open_site
from shgae.artifacts.activations import Activations, stacks_of
from shgae.artifacts.compatibility import check_trained_on, find_stacks
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.errors import Refused
from shgae.execution import Execution, Progress
from shgae.models.autoencoder import Autoencoder
from shgae.models.zoo import load_autoencoder
from shgae.option_lists import PARTS, cluster_range, wanted_parts
from shgae.recipes import AnalyzeConfig, EvaluatedSplit
from shgae.wording import listed

_KINDS = {
    "activations": "activations (shgae extract)",
    "hourglass": "a model",
    "data": "its prepared data",
    "autoencoder": "an autoencoder (shgae pretrain-ae), or a grafted model",
}
_NEEDS = {
    "spectrum": ("activations",),
    "clusters": ("activations",),
    "traversals": ("activations", "hourglass", "data"),
    "skips": ("hourglass", "data"),
    "code-units": ("activations", "hourglass", "data", "autoencoder"),
}


@dataclass(frozen=True)
class Inputs:
    """Everything that was opened."""

    parents: dict[str, Artifact]
    """By role: activations, model, data, autoencoder."""
    site: Site | None
    rows: Activations | None
    """The training bottlenecks."""
    data: Artifact | None
    split: EvaluatedSplit
    """The one that is scored; "auto" without data."""
    code: Autoencoder | None
    """The grafted autoencoder, or else the given one."""
    same_people: bool
    """Whether the activations' rows are the people of the data, in their order."""

    @property
    def code_path(self) -> Path | None:
        """Where the autoencoder lies: its own artefact, or the model that carries it; None without one."""
        artifact = self.parents.get("autoencoder") or self.parents.get("model")
        return artifact.path if artifact and self.code else None


def open_inputs(paths: Sequence[Path], config: AnalyzeConfig, execution: Execution) -> Inputs:
    """Opens artefacts given in any order.

    Raises:
        Refused: two of one kind, one of another kind, or they do not belong together.
    """
    found: dict[str, Path] = {}
    for path in paths:
        kind = open_artifact(path, *_KINDS, verify=False).manifest.kind
        if kind in found:
            raise Refused("inputs", path, f"{found[kind]} is {_KINDS[kind].partition(' (')[0]} too", "one of each kind")
        found[kind] = path
    site = open_site(found["hourglass"], config.stack) if "hourglass" in found else None
    parents: dict[str, Artifact] = {"model": site.loaded.artifact} if site else {}
    split = config.split
    if "data" in found and site is not None:
        parents["data"], split = open_split(found["data"], config.split, site, execution, "train/")
    elif "data" in found:
        parents["data"] = open_artifact(found["data"], "data", only=("train/",), execution=execution)
    rows = None
    if "activations" in found:
        rows = _rows(found["activations"], site, parents, config, execution)
    code = _code(found.get("autoencoder"), site, parents, execution.progress)
    source, data = parents.get("activations"), parents.get("data")
    theirs = source.parent("data") if source else None
    same = data is not None and theirs is not None and theirs.id == data.id
    if source and data and not same:
        execution.progress.note(
            f"note: {source.path} was not made of {data.path}: no person is shown with a bottleneck"
        )
    return Inputs(parents, site, rows, data, split, code, same)


def _rows(
    path: Path, site: Site | None, parents: dict[str, Artifact], config: AnalyzeConfig, execution: Execution
) -> Activations:
    if site is not None and "data" in parents:
        parents["activations"] = open_activations(path, site, parents["data"], execution)
        return training_rows(parents["activations"], site, config.limit)
    source = parents["activations"] = open_artifact(path, "activations", verify=False)
    verify_files(source, ("train/",), execution)
    held = stacks_of(source)
    fix = f"--stack {'last' if held[-1] < 0 else held[-1]}"
    return Activations(source, "train", config.limit, find_stacks(config.stack, held, path, fix))


def _code(path: Path | None, site: Site | None, parents: dict[str, Artifact], progress: Progress) -> Autoencoder | None:
    if path is None:
        return site.own if site else None
    loaded = open_code(path, site, progress) if site else load_autoencoder(path)
    if site is None and "activations" in parents:
        check_trained_on(loaded.artifact, parents["activations"])
    parents["autoencoder"] = loaded.artifact
    return loaded.module


def choose_parts(text: str, inputs: Inputs, clusters: str = AnalyzeConfig.clusters) -> tuple[list[str], dict[str, str]]:
    """The parts to do, and why each other one is left out.

    A part that needs more people is left out too; one that is asked for by name, or by numbers of clusters other than
    the usual ones, refuses them itself.

    Raises:
        Refused: a part that is asked for by name and lacks an input, or none at all.
    """
    wanted = wanted_parts(text)
    has = {role.replace("model", "hourglass") for role in inputs.parents} | ({"autoencoder"} if inputs.code else set())
    left_out = {}
    for part in PARTS:
        missing = [_KINDS[kind] for kind in _NEEDS[part] if kind not in has]
        if part not in wanted:
            left_out[part] = "not asked for"
        elif missing:
            left_out[part] = f"it needs {listed(missing)}"
            if text != "all":
                raise Refused("inputs", f"--parts {part}", left_out[part], "one more input")
        elif text == "all" and inputs.rows is not None and len(inputs.rows) < (least := _least(part, clusters)):
            left_out[part] = f"it needs {least} training people or more"
    chosen = [part for part in PARTS if part not in left_out]
    if not chosen and inputs.rows is not None:
        raise Refused("activations", "train", "one person has no spectrum", "more people")
    if not chosen:
        given = " ".join(str(artifact.path) for artifact in inputs.parents.values())
        raise Refused("inputs", given, "no part can be done with that alone", "activations, or a model and its data")
    return chosen, {part: why for part, why in left_out.items() if why != "not asked for"}


def _least(part: str, clusters: str) -> int:
    """How many training people a part needs that nobody asked for by name."""
    if part == "clusters":
        return cluster_range(clusters)[0] + 1 if clusters == AnalyzeConfig.clusters else 0
    return 2 * ("activations" in _NEEDS[part])
