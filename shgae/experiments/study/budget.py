"""Equal budget is checked, not assumed: what every arm was given, read from its manifest and history."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.manifest import differences
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tables import read_rows
from shgae.errors import Refused
from shgae.evaluation.study_report import Budget
from shgae.experiments.study.plan import Plan


def check_budget(plan: Plan) -> Budget:
    """Reads from the manifests of all arms what each was given.

    Raises:
        Refused: it was not the same; in what and where is said.
    """
    data = open_artifact(plan.data, "data", verify=False)
    people = min(plan.config.limit or data.facts["splits"]["train"], data.facts["splits"]["train"])
    first: tuple[Mapping[str, Any], Path] | None = None
    for seed in plan.seeds:
        for arm in plan.arms:
            path = plan.finetuned(arm, seed)
            given = _given(open_artifact(path, "hourglass"))
            first = first or (given, path)
            changed = differences(given, {**first[0], "seed": seed})
            if changed:
                why = f"it was not given what {first[1]} was ({'; '.join(changed)})"
                raise Refused("budget", path, why, "--force to make it again")
    if first is None:
        raise ValueError("a study has an arm and a seed")
    own = ("model", "data", "steps", "samples", "seed", "epochs")
    shared = {key: value for key, value in first[0].items() if key not in own}
    return Budget(
        model=first[0]["model"],
        data=first[0]["data"],
        people=people,
        epochs=first[0]["epochs"],
        steps=first[0]["steps"],
        samples=first[0]["samples"],
        config=shared,
        seeds=tuple(plan.seeds),
    )


def _given(artifact: Artifact) -> dict[str, Any]:
    """What one network was given: options, data, and the plain model at its root."""
    manifest = artifact.manifest
    config = {key: value for key, value in manifest.config.items() if key != "train"}  # which part learns: the arm
    start, data = artifact.parent("model"), artifact.parent("data")
    if start is None or data is None:
        raise Refused("budget", artifact.path, "its manifest names no model and data", "--force to make it again")
    # A network without a graft starts from the plain model itself, one with it from the graft made of the plain model.
    before = {one.role: one.id for one in start.parents}
    plain = before["model"] if "autoencoder" in before else start.id
    history = list(read_rows(artifact.open(HISTORY)))
    steps = sum(-(-row["samples"] // int(config["batch_size"])) for row in history)
    samples = sum(row["samples"] for row in history)
    return {**config, "steps": steps, "samples": samples, "model": plain, "data": data.id}
