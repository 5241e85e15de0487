"""What a page is made of: artefacts in one order however they were given, and how far each was checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from shgae.artifacts.checkpoint import HISTORY
from shgae.artifacts.folders import report_of
from shgae.artifacts.lineage import parent_of
from shgae.artifacts.manifest import KINDS, REPORT, SHEET
from shgae.artifacts.store import Artifact, open_artifact, verify_files
from shgae.evaluation.report import EVALUATION
from shgae.execution import Execution
from shgae.plots.style import Looks, looks_of
from shgae.reporting.names import folder_of, shortest_ends

_SHOWN: dict[str, tuple[str, ...]] = {
    "hourglass": (HISTORY,),
    "autoencoder": (HISTORY,),
    "data": (),
    "activations": (),
    "predictions": (SHEET,),
}
"""Beginnings of the names of the files that a page shows; of kinds that are not named here, all."""


@dataclass
class Given:
    """One artefact of the page."""

    name: str
    """As people know it: its folder's name, see :func:`told_apart`."""
    artifact: Artifact
    execution: Execution = field(default_factory=Execution)
    """Where hashing is told if it takes long, and whether to stop."""
    checked: set[str] = field(default_factory=set)
    """Files with a hash that was computed again."""
    looks: Looks = field(default_factory=dict)
    """Those of names in every figure of the page."""

    @property
    def kind(self) -> str:
        """See :class:`~shgae.artifacts.manifest.Manifest`."""
        return self.artifact.manifest.kind

    @property
    def anchor(self) -> str:
        """Its place among the artefacts of the page."""
        return f"made-{self.artifact.short_id}"

    def check(self, only: tuple[str, ...]) -> None:
        """Hashes the files with names that begin so; raises :class:`Refused` if one is missing or was changed."""
        verify_files(self.artifact, only, self.execution)
        self.checked |= {name for name in self.artifact.manifest.files if name.startswith(only)}

    def has(self, name: str) -> bool:
        """Whether the artefact holds a file of that name."""
        return name in self.artifact.manifest.files


def open_given(paths: Sequence[Path], execution: Execution) -> list[Given]:
    """Opens artefacts, parents before children, each once; what a page shows of each is hashed again.

    A study's folder stands for the report in it.

    Raises:
        Refused: one is not a complete artefact, or a file that the page would show is missing or changed.
    """
    found: dict[str, Artifact] = {}
    for path in sorted(paths, key=str):
        artifact = open_artifact(report_of(path), verify=False)
        found.setdefault(artifact.id, artifact)
    names = told_apart({identity: folder_of(artifact) for identity, artifact in found.items()})
    opened = []
    for identity, artifact in sorted(found.items(), key=lambda one: _rank(one[1], names[one[0]])):
        given = Given(names[identity], artifact, execution)
        given.check(_SHOWN.get(given.kind, ("",)))
        opened.append(given)
    looks = _looks(opened)
    return [replace(one, looks=looks) for one in opened]


def _looks(given: Sequence[Given]) -> Looks:
    trained = [one.name for one in given if one.has(HISTORY)]
    reports = [
        EVALUATION.read(one.artifact.open(REPORT)) for one in given if one.kind == "evaluation" and one.has(REPORT)
    ]
    return looks_of([*trained, *(row.name for report in reports for row in report.models)])


def told_apart(folders: Mapping[str, Path]) -> dict[str, str]:
    """A name for each artefact, by its id: the end of its path, and the id too where one folder held both."""
    names = dict(zip(folders, shortest_ends(list(folders.values())), strict=True))
    taken = Counter(names.values())
    return {key: name if taken[name] == 1 else f"{name} ({key[:6]})" for key, name in names.items()}


def locate(data_id: str, child: Given, given: Iterable[Given]) -> Given | None:
    """The prepared data of that id: among the given ones, or where the child saw it; None if it is gone."""
    for one in given:
        if one.artifact.id == data_id:
            return one
    data = parent_of(child.artifact, "data")
    return Given(folder_of(data).name, data, child.execution) if data and data.id == data_id else None


def _rank(artifact: Artifact, name: str) -> tuple[int, int, str, str]:
    return _generations(artifact.manifest.parents), KINDS.index(artifact.manifest.kind), name, artifact.id


def _generations(parents: Sequence[object]) -> int:
    return max((1 + _generations(getattr(one, "parents", ())) for one in parents), default=0)
