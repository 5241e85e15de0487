"""Equal budget is checked, not assumed: what every arm was given, read from its manifest and history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.manifest import differences
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tables import as_read, read_rows
from shgae.errors import Refused
from shgae.evaluation.study_report import Budget
from shgae.experiments.study import arms
from shgae.experiments.study.parts import Study
from shgae.recipes import as_json

_MADE = ("model", "data", "steps", "samples", "seed", "epochs")
_FIX = "remove that folder, then the same command again"


def check_budget(study: Study) -> Budget:
    """Reads from the manifests of all arms what each was given.

    Raises:
        Refused: it was not the same, but for the options that an arm is about; in what and where is said.
    """
    data = open_artifact(study.data, "data", verify=False)
    people = min(study.config.limit or data.facts["splits"]["train"], data.facts["splits"]["train"])
    # Arms without options of their own first: what these were given is what all arms share.
    by_arm = sorted((*study.arms, *study.repetitions), key=lambda name: bool(arms.arm_of(name).own))
    runs = [(arm, seed) for arm in by_arm for seed in study.seeds_of(arm)]
    networks = [open_artifact(study.finetuned(arm, seed), "hourglass") for arm, seed in runs]
    due = _given(networks[0])
    for (arm, seed), network in zip(runs, networks, strict=True):
        if changed := differences(_given(network), _due(study, arm, seed, due)):
            why = f"it was not given what {networks[0].path} was ({'; '.join(changed)})"
            raise Refused("budget", network.path, why, _FIX)
    return Budget(
        model=due["model"],
        data=due["data"],
        people=people,
        epochs=due["epochs"],
        steps=due["steps"],
        samples=due["samples"],
        config={key: value for key, value in due.items() if key not in _MADE},
        seeds=tuple(study.seeds),
    )


def _due(study: Study, arm: str, seed: int, first: Mapping[str, Any]) -> dict[str, Any]:
    """What an arm is to be given where the first one was given that."""
    own = arms.arm_of(arm).own
    planned = as_read(as_json(arms.finetuning(arm, study.config, seed)))
    shared = {key: value for key, value in first.items() if key not in own}
    return shared | {key: planned[key] for key in own if key in planned} | {"seed": seed}


def _given(artifact: Artifact) -> dict[str, Any]:
    """What one network was given: options, data, and the plain model at its root."""
    manifest = artifact.manifest
    config = {key: value for key, value in manifest.config.items() if key != "train"}  # which part learns: the arm
    start, data = artifact.parent("model"), artifact.parent("data")
    if start is None or data is None:
        raise Refused("budget", artifact.path, "its manifest names no model and data", _FIX)
    # A network without a graft starts from the plain model itself, one with it from the graft made of the plain model.
    before = {one.role: one.id for one in start.parents}
    plain = before["model"] if "autoencoder" in before else start.id
    counts: list[Any] = [row.get("samples") for row in read_rows(artifact.open(HISTORY))]
    if not all(type(count) is int and count >= 0 for count in counts):
        why = "an epoch says no number of samples"
        raise Refused("budget", artifact.path / HISTORY, why, _FIX)
    steps, samples = sum(-(-count // int(config["batch_size"])) for count in counts), sum(counts)
    return {**config, "steps": steps, "samples": samples, "model": plain, "data": data.id}
