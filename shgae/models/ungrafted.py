"""What a network was before its grafts, by the manifests of its lineage."""

from __future__ import annotations

from pathlib import Path

from shgae.artifacts.lineage import Ancestor, ancestors
from shgae.artifacts.store import open_artifact
from shgae.errors import Refused
from shgae.models.specs import HourglassSpec


def ungrafted(model: Path) -> Path | None:
    """Where the network of before all its grafts lies; None where it has no autoencoder, or that one is not there."""
    family = [one for one in ancestors(open_artifact(model, "hourglass", verify=False)) if one.kind == "hourglass"]
    if not _has_autoencoder(family[0]):
        return None
    plain = (one.path for one in family if one.present and not _has_autoencoder(one))
    return next(plain, None)


def is_graft_of(path: Path, plain: Path) -> bool:
    """Whether ``path`` holds a network that was made of ``plain`` by grafts; False too where something else lies."""
    try:
        return ungrafted(path) == plain.resolve()
    except Refused:
        return False


def _has_autoencoder(one: Ancestor) -> bool:
    spec = open_artifact(one.path, verify=False).facts["spec"]
    return any(graft is not None for graft in HourglassSpec.from_json(spec).grafts)
