"""Paths that a command reads, looked at before anything slow is imported: a wrong one is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shgae.artifacts.input_file import check_input
from shgae.errors import Refused


@dataclass(frozen=True)
class Folder:
    """Stands in the annotation of a parameter that takes artefacts."""

    kinds: tuple[str, ...] = ()
    """Which; any, where none is named."""
    or_file: bool = False
    """A file is fine too."""
    or_unfinished: bool = False
    """An interrupted artefact is fine too, or one that is being made."""

    def check(self, path: Path) -> None:
        """Raises :class:`Refused` where no such artefact lies there; its files are not hashed."""
        from shgae.artifacts.folders import report_of, unfinished
        from shgae.artifacts.store import open_artifact

        if (self.or_file and path.is_file()) or (self.or_unfinished and unfinished(path)):
            return
        open_artifact(path if self.kinds else report_of(path), *self.kinds, verify=False)


@dataclass(frozen=True)
class File:
    """Stands in the annotation of a parameter that takes a file."""

    what: str
    """What an error calls it."""
    wanted: str = "a file"
    """What it should be, where it is a folder."""

    def check(self, path: Path) -> None:
        """Raises :class:`Refused` where there is no such file, or one without an end, such as a FIFO."""
        check_input(path, self.what, self.wanted)


@dataclass(frozen=True)
class CocoAndPhotos:
    """Stands in the annotation of a parameter that takes a JSON and its folder of photos."""

    def check(self, pair: tuple[Path, Path]) -> None:
        """Raises :class:`Refused` where one of the two is not there."""
        annotations, photos = pair
        if annotations.is_dir():
            raise Refused("annotations", annotations, "it is a folder", "the JSON first, then the folder of photos")
        File("annotations").check(annotations)
        if not photos.exists():
            raise Refused("photos", photos, "no such folder", "the folder that holds the photos of the JSON")


@dataclass(frozen=True)
class NewFolder:
    """Stands in the annotation of a parameter that names the artefact to make."""


def check_paths(annotations: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Checks what a command was given, by parameter; raises :class:`Refused` for the first path that is wrong."""
    marks = [(kind, values[key]) for key, one in annotations.items() for kind in getattr(one, "__metadata__", ())]
    given: list[Path] = []
    for kind, value in marks:
        if isinstance(kind, Folder | File | CocoAndPhotos) and value is not None:
            for one in value if isinstance(value, list) else [value]:
                kind.check(one)
                given += one if isinstance(one, tuple) else [one]
    for kind, value in marks:
        if isinstance(kind, NewFolder) and value is not None and not values.get("force") and not values.get("dry_run"):
            from shgae.artifacts.folders import check_inputs, check_target

            check_inputs(value, given)
            check_target(value, force=False, resume=bool(values.get("resume")))
