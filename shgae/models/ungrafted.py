"""What a network was before its grafts, by the manifests of its lineage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shgae.artifacts.lineage import found
from shgae.artifacts.manifest import Parent
from shgae.artifacts.store import Artifact, open_artifact
from shgae.errors import Refused
from shgae.models.specs import HourglassSpec


def ungrafted(model: Path) -> Path | None:
    """Where the network of before all its grafts lies; None where it has no autoencoder, or that one is not there."""
    network = open_artifact(model, "hourglass", verify=False)
    if not _has_autoencoder(network):
        return None
    parents, child = network.manifest.parents, network.path
    while parent := _model_of(parents):
        before = found(parent, child)
        if before is not None and not _has_autoencoder(before):
            return before.path
        if before is None and not _was_grafted(parent):  # the one that was meant, or nobody can tell
            return None
        parents, child = (before.manifest.parents, before.path) if before else (parent.parents, child / parent.path)
    return None


def is_graft_of(path: Path, plain: Path) -> bool:
    """Whether ``path`` holds a network that was made of ``plain`` by grafts; False too where something else lies."""
    try:
        return ungrafted(path) == plain.resolve()
    except Refused:
        return False


def _has_autoencoder(network: Artifact) -> bool:
    return any(graft is not None for graft in HourglassSpec.from_json(network.facts["spec"]).grafts)


def _was_grafted(network: Parent) -> bool:
    """Whether a network, of which only its child's manifest tells, came out of a graft."""
    before = _model_of(network.parents)
    has_own = any(parent.kind == "autoencoder" for parent in network.parents)
    return has_own or (before is not None and _was_grafted(before))


def _model_of(parents: Sequence[Parent]) -> Parent | None:
    return next((parent for parent in parents if parent.role == "model"), None)
