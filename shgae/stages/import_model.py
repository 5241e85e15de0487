"""``shgae import``: a weight file, somebody else's or tuned elsewhere -> an hourglass or autoencoder artefact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shgae.artifacts.checkpoint import MODEL
from shgae.artifacts.compatibility import copied
from shgae.artifacts.draft import new_artifact
from shgae.artifacts.store import Artifact
from shgae.data.coco_json import read_dataset
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.inference.torch_settings import settled
from shgae.models.checkpoint_formats import Upbringing
from shgae.models.foreign import read_foreign, read_tuned
from shgae.models.specs import HourglassSpec
from shgae.models.zoo import load_hourglass, state_arrays
from shgae.recipes import as_json
from shgae.skeleton import COCO_PERSON, Skeleton

_OURS = "shgae, tuned elsewhere"


@dataclass(frozen=True)
class ImportResult:
    artifact: Artifact
    family: str
    """What the file was recognised as."""
    parameters: int
    dropped_tensors: int
    """Tensors of the file that its network never used."""

    def to_json(self) -> dict[str, Any]:
        facts = self.artifact.facts
        found = {"family": self.family, "parameters": self.parameters}
        if self.artifact.manifest.kind == "hourglass":
            found |= {"stacks": facts["spec"]["stacks"], "joints": facts["skeleton"]["names"]}
            found |= {"mean_rgb": facts["mean_rgb"]}
        found |= {"network": facts["network"]} if "network" in facts else {}
        return self.artifact.to_json() | found | {"dropped_tensors": self.dropped_tensors}


@dataclass(frozen=True)
class _Joints:
    """What a COCO JSON says of the joints."""

    skeleton: Skeleton
    category_id: int
    sha256: str


@settled()
def run(
    file: Path,
    output: Path,
    execution: Execution,
    joints: Path | None = None,
    mean_rgb: Sequence[float] | None = None,
    category: str | None = None,
    like: Path | None = None,
) -> ImportResult:
    """Reads a weight file without running anything in it and writes an artefact of our own.

    Args:
        file: ``.pth`` or ``.safetensors``.
        output: the folder to make.
        execution: force and progress.
        joints: a COCO JSON with a category that names the K joints, in the order of the maps; without it, those of
            the family's training set, or COCO's for K = 17, or ``joint_0`` and so on.
        mean_rgb: three numbers in [0, 1], taken off images before the network sees them; without it, the family's.
        category: name of the category of ``joints`` to take, where several have keypoints.
        like: an hourglass artefact that the file holds other weights of, tuned in a loop of one's own. Its spec,
            joints, colour, crops and targets travel; it becomes the parent.

    Raises:
        Refused: no such file, no checkpoint, of no family we know, a tensor is missing, unexpected or misshapen, the
            JSON has another number of joints, or an option is out of range, given for an autoencoder, with ``like``, or
            (``category``) without ``joints``.
    """
    if category is not None and joints is None and like is None:
        raise Refused("option", "--category", "it changes nothing without --joints JSON", "--joints JSON too")
    if like is None:
        return _foreign(file, output, execution, joints, mean_rgb, category)
    for option, value in {"--joints": joints, "--mean-rgb": mean_rgb, "--category": category}.items():
        if value is not None:
            raise Refused("option", option, "--like says it already", f"--like or {option}")
    return _tuned(file, like, output, execution)


def _foreign(
    file: Path,
    output: Path,
    execution: Execution,
    joints: Path | None,
    mean_rgb: Sequence[float] | None,
    category: str | None,
) -> ImportResult:
    """A network of somebody else's."""
    if mean_rgb is not None and not (len(mean_rgb) == 3 and all(0 <= channel <= 1 for channel in mean_rgb)):
        shown = ",".join(f"{channel:g}" for channel in mean_rgb)
        raise Refused("value", "--mean-rgb", f"{shown} is not three numbers from 0 to 1", "--mean-rgb 0.44,0.44,0.43")
    named = None if joints is None else _read_joints(joints, category)
    foreign = read_foreign(file, execution.stop)
    if foreign.note:
        execution.progress.note(f"note: {foreign.note}")
    parameters = sum(array.size for name, array in foreign.arrays.items() if "running_" not in name and array.ndim)
    facts: dict[str, Any] = {"made_by": "import", "spec": foreign.spec.to_json(), "parameters": parameters}
    facts |= {"dropped_tensors": len(foreign.dropped)} | ({"network": foreign.chosen} if foreign.chosen else {})
    if isinstance(foreign.spec, HourglassSpec) and foreign.upbringing:
        facts |= _travels(foreign.spec, foreign.upbringing, named)
        if mean_rgb is not None:
            facts["mean_rgb"] = list(mean_rgb)
        elif facts["skeleton"]["names"] != list(foreign.upbringing.skeleton.names):
            taken = ", ".join(f"{channel:g}" for channel in facts["mean_rgb"])
            told = f"its joints are not those of {foreign.family}, so its mean colour may not be {taken} either"
            execution.progress.note(f"note: {told}; --mean-rgb sets it")
    elif named or mean_rgb is not None:
        option = "--joints" if named else "--mean-rgb"
        raise Refused("option", option, f"{file} is an autoencoder, which knows neither", f"without {option}")
    config = {
        "family": foreign.family,
        "source_sha256": foreign.sha256,
        "joints_sha256": None if named is None else named.sha256,
        "mean_rgb": None if mean_rgb is None else list(mean_rgb),
    }
    execution.stop.raise_if_set(file, "the same command again", saved=False)
    inputs = [file, *([joints] if joints else [])]
    with new_artifact(
        output, kind=foreign.kind, config=config, parents={}, execution=execution, inputs=inputs
    ) as draft:
        draft.write_tensors(MODEL, foreign.arrays)
        artifact = draft.commit(facts)
    return ImportResult(artifact, foreign.family, parameters, len(foreign.dropped))


def _tuned(file: Path, like: Path, output: Path, execution: Execution) -> ImportResult:
    """A network of ours with the weights of a file."""
    model = load_hourglass(like)
    arrays, note, chosen, sha256 = read_tuned(file, model.spec, execution.stop)
    before = state_arrays(model.module)
    moved = sum(not np.array_equal(array, before[name]) for name, array in arrays.items())
    if not moved:
        execution.progress.note(f"note: {file} holds the very weights of {like}")
    if note:
        execution.progress.note(f"note: {note}")
    parameters = sum(parameter.numel() for parameter in model.module.parameters())
    facts: dict[str, Any] = {"made_by": "import", "spec": model.spec.to_json(), "parameters": parameters}
    facts |= {"dropped_tensors": 0, "tuned_tensors": moved}
    facts |= copied(model.artifact.facts) | ({"network": chosen} if chosen else {})
    config = {"family": _OURS, "source_sha256": sha256}
    execution.stop.raise_if_set(file, "the same command again", saved=False)
    with new_artifact(
        output, kind="hourglass", config=config, parents={"model": model.artifact}, execution=execution, inputs=[file]
    ) as draft:
        draft.write_tensors(MODEL, arrays)
        artifact = draft.commit(facts)
    return ImportResult(artifact, _OURS, parameters, 0)


def _read_joints(path: Path, category: str | None) -> _Joints:
    file = read_dataset(path, category, needs_people=False)
    return _Joints(Skeleton.from_category(file.category), file.category["id"], file.sha256)


def _travels(spec: HourglassSpec, upbringing: Upbringing, named: _Joints | None) -> dict[str, Any]:
    skeleton = named.skeleton if named else _skeleton(spec.keypoints, upbringing)
    if len(skeleton) != spec.keypoints:
        why = f"its category has {len(skeleton)} joints, the network has maps for {spec.keypoints}"
        raise Refused("joints", "--joints", why, "the JSON that the network was trained on")
    return {
        "skeleton": skeleton.to_json(),
        "category_id": named.category_id if named else 1,
        "mean_rgb": list(upbringing.mean_rgb),
        "crop_size": spec.crop_size,
        "crop_policy": upbringing.crop_policy,
        "margin": upbringing.margin,
        **({"cell_rule": upbringing.cell_rule} if upbringing.cell_rule != "round" else {}),
        **({"heatmap": as_json(upbringing.heatmap)} if upbringing.heatmap else {}),
    }


def _skeleton(keypoints: int, upbringing: Upbringing) -> Skeleton:
    known = (one for one in (upbringing.skeleton, COCO_PERSON) if len(one) == keypoints)
    return next(known, Skeleton.from_names([f"joint_{joint}" for joint in range(keypoints)]))
