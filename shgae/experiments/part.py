"""One artefact of several that are made together: known by what it is, never by its folder alone."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.folders import interrupted, partial_of
from shgae.artifacts.manifest import MANIFEST, differences, has_manifest
from shgae.artifacts.store import Artifact, open_artifact
from shgae.artifacts.tables import as_read
from shgae.config import Config
from shgae.errors import Refused
from shgae.execution import Execution
from shgae.option_lists import ARMS
from shgae.recipes import as_json

SCORING = ("score", "rate")
"""Steps that see the people on whom the arms of a study are compared; they come after all others."""


@dataclass(frozen=True)
class Part:
    """One artefact of a study or of the demo."""

    step: str
    """extract, linear, random, pretrain, graft, finetune, score or rate; of the demo prepare and train too."""
    what: str
    """For people: ``fine-tuning``."""
    path: Path
    kind: str
    config: Mapping[str, Any]
    """As its manifest is going to say."""
    parents: Mapping[str, Path]
    """Where its parents lie, by role."""
    run: Callable[[Execution], object]
    """Makes it."""
    arm: str = ""
    """The arm that it belongs to; "" where it serves several, ``baseline`` for the baseline's."""
    place: str = ""
    """``seed 0 (1 of 3)``; "" where it serves all."""

    @classmethod
    def by(
        cls, stage: Callable[..., object], parents: Mapping[str, Path], path: Path, config: Config, **others: str
    ) -> Part:
        """What a stage makes of parents, which are its arguments in this order, at a path, with a config."""
        return cls(
            path=path,
            config=as_json(config),
            parents=parents,
            run=lambda execution: stage(*parents.values(), path, config, execution),
            **others,
        )

    @property
    def title(self) -> str:
        """For people: ``arm full, seed 0 (1 of 3): fine-tuning``."""
        whose = f"arm {self.arm}" if self.arm in ARMS else self.arm
        return ": ".join(part for part in (", ".join(one for one in (whose, self.place) if one), self.what) if part)

    def is_made(self, execution: Execution) -> bool:
        """Whether this very artefact is there, complete; with ``force`` its files are hashed too.

        Raises:
            Refused: something else lies there (unless ``force``); in what it differs is said.
            Interrupted: a signal came while the files were hashed.
        """
        if not self.path.exists():
            return False
        force = execution.force
        artifact = _opened(self.path, force, execution if force else None)
        if artifact is None:
            return False
        ids = {parent.role: parent.id for parent in artifact.manifest.parents}
        return self._is_this({"kind": artifact.manifest.kind, **artifact.manifest.config, **ids}, self.path, force)

    def is_begun(self, force: bool = False) -> bool:
        """Whether an interrupted run of it is there; raises as :meth:`is_made`."""
        begun = interrupted(self.path, force=force)
        return begun is not None and self._is_this(begun, partial_of(self.path), force)

    def make(self, execution: Execution) -> None:
        """Makes it, or goes on with it; with ``force`` puts aside what lies in its place and is no artefact."""
        is_there = self.path.exists() and not (self.path.is_dir() and not any(self.path.iterdir()))
        if execution.force and is_there and not has_manifest(self.path):
            aside = _free(self.path)
            self.path.rename(aside)
            execution.progress.note(f"note: what was in {self.path} is in {aside} now")
        self.run(dataclasses.replace(execution, resume=self.is_begun(execution.force)))

    def _is_this(self, found: Mapping[str, Any], where: Path, force: bool) -> bool:
        there = {role: path for role, path in self.parents.items() if (path / MANIFEST).is_file()}
        ids = {role: one.id for role, path in there.items() if (one := _opened(path, force))}
        # A parent that is still to be made has no id yet; once it is made, this is asked again.
        known = {key: value for key, value in found.items() if key in ids or key not in self.parents}
        changed = differences({"kind": self.kind, **as_read(self.config), **ids}, known)
        if changed and not force:
            why = f"it is another one than is wanted here ({'; '.join(changed)})"
            raise Refused(self.title, where, why, "another --output, or --force to make it again")
        return not changed


def _free(path: Path) -> Path:
    """A hidden name next to it that nothing has."""
    names = (path.with_name(f".{path.name}.damaged-{number}") for number in itertools.count(1))
    return next(name for name in names if not os.path.lexists(name))


def _opened(path: Path, force: bool, hashing: Execution | None = None) -> Artifact | None:
    """The artefact there; by ``force`` None where it is damaged, for then it is made again."""
    try:
        return open_artifact(path, verify=hashing is not None, execution=hashing)
    except Refused as error:
        if force:
            return None
        if has_manifest(path):
            raise
        fix = "the same command with --force, which puts it aside and makes the part again"
        raise Refused(error.what, error.where, error.why, fix) from error
