"""Paths that a command reads, looked at before anything slow is imported: a wrong one is told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from shgae.artifacts.input_file import open_input, typed_path
from shgae.cli.launcher import say_once
from shgae.errors import Refused

_OF_FILES = (".png", ".svg", ".pdf", ".html", ".htm", ".onnx")
"""How no folder's name ends."""


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
        try:
            open_artifact(path if self.kinds else report_of(path), *self.kinds, verify=False)
        except Refused as fault:
            files = sorted(path.glob("predictions*.json")) if self.or_file and path.is_dir() else []
            raise Refused(fault.what, path, fault.why, f"{files[0]}, which is in it") if files else fault from None


@dataclass(frozen=True)
class File:
    """Stands in the annotation of a parameter that takes a file."""

    what: str
    """What an error calls it."""
    wanted: str = "a file"
    """What it should be, where it is a folder."""

    def check(self, path: Path) -> None:
        """Raises :class:`Refused` where there is no such file, or it may not be read, or has no end, such as a FIFO."""
        open_input(path, self.what, wanted=self.wanted).close()


class NamedFile(NamedTuple):
    """A file, and what reports call it."""

    name: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> NamedFile:
        """Of ``NAME=FILE``; raises :class:`Refused` for any other text."""
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise Refused("value", "--given", f"{text!r:.60} is not NAME=FILE", "--given nmf=nmf.safetensors")
        return cls(name, typed_path(path))


@dataclass(frozen=True)
class NamedFiles:
    """Stands in the annotation of a parameter that takes reconstructions, several of :class:`NamedFile`."""

    def check(self, one: NamedFile) -> None:
        """Raises :class:`Refused` where there is no such file, or it cannot be called that."""
        from shgae.artifacts.reconstructions import check_name

        check_name(one.name)
        File("reconstruction").check(one.path)


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
class Photos:
    """Stands in the annotation of a parameter that takes photos and folders of photos."""

    def check(self, paths: Sequence[Path]) -> None:
        """Raises :class:`Refused` where none of them is there."""
        if not any(path.exists() for path in paths):
            if paths[0].is_symlink():
                open_input(paths[0], "photos").close()
            raise Refused("photos", paths[0], "no such file or folder", "check the path")


@dataclass(frozen=True)
class NewFile:
    """Stands in the annotation of a parameter that names the file to make."""

    suffixes: tuple[str, ...]
    example: str
    """A name for it, without suffix."""


@dataclass(frozen=True)
class NewFolder:
    """Stands in the annotation of a parameter that names the artefact to make."""

    def check(self, path: Path) -> None:
        """Raises :class:`Refused` for a new folder that would be called as a picture, a page or an ONNX file is."""
        if path.suffix in _OF_FILES and not path.exists():
            why = f"it would be a folder, and a name in {path.suffix} is a file's"
            raise Refused("output", path, why, f"--output {path.with_suffix('')}, the folder that the files go into")


def as_typed(value: Any, words: Any) -> Any:
    """What the parser made of an option's words, with every path of it as :func:`typed_path` has it."""
    if isinstance(value, Path) and isinstance(words, str):
        return typed_path(words)
    if isinstance(value, list | tuple) and isinstance(words, list | tuple):
        return type(value)(as_typed(one, word) for one, word in zip(value, words, strict=True))
    return value


def check_paths(annotations: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Checks what a command was given, by parameter; raises :class:`Refused` for the first path that is wrong."""
    Path.cwd()  # raises where it was deleted: torch's libraries would end the process without a word of ours
    marks = [(kind, values[key]) for key, one in annotations.items() for kind in getattr(one, "__metadata__", ())]
    given: list[Path] = []
    for kind, value in marks:
        if isinstance(kind, Folder | File | CocoAndPhotos | NamedFiles) and value is not None:
            for one in value if isinstance(value, list) else [value]:
                kind.check(one)
                given += [path for path in one if isinstance(path, Path)] if isinstance(one, tuple) else [one]
        if isinstance(kind, Photos):
            kind.check(value)
    for kind, value in marks:
        if isinstance(kind, NewFile):
            from shgae.artifacts.output_file import check_file

            check_file(value, kind.suffixes, bool(values.get("force")), example=kind.example)
        if isinstance(kind, NewFolder) and value is not None:
            kind.check(value)
        if isinstance(kind, NewFolder) and value is not None and not values.get("force"):
            from shgae.artifacts.folders import check_inputs, check_target

            try:
                check_inputs(value, given)
                check_target(value, force=False, resume=bool(values.get("resume")))
            except Refused as fault:
                if not values.get("dry_run"):
                    raise
                if not values.get("quiet"):
                    say_once([f"note: without --dry-run this would be refused: {fault.line()}"])
